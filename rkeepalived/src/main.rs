//! The daemon.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(rkeepalived::boot::main(std::env::args_os().collect()))
}
