//! The daemon on a pretended IPVS table, for measurements on kernels without IPVS.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(rkeepalived::boot::main(std::env::args_os().collect()))
}
