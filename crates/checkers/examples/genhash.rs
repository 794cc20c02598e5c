//! The `genhash` program without the rest of rkeepalived, for the tests of this crate to run.

use std::io::{stderr, stdout};
use std::process::ExitCode;

use checkers::genhash;

fn main() -> ExitCode {
    let arguments = std::env::args_os()
        .skip(1)
        .map(|word| word.to_string_lossy().into_owned());
    let ran = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .and_then(|runtime| {
            runtime.block_on(genhash::run(arguments, &mut stdout(), &mut stderr()))
        });
    match ran {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            eprintln!("genhash: {error}");
            ExitCode::FAILURE
        }
    }
}
