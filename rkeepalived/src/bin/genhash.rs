//! Prints the digest of a page.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(rkeepalived::genhash::main(std::env::args_os()))
}
