//! Prints what this crate makes of a configuration file: `cargo run --example report FILE [model]`.

use std::path::Path;
use std::{env, fs, io, process::ExitCode};

use keepalived_conf::{Loader, load};

struct Host;

impl Loader for Host {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(path)
    }

    fn has_interface(&self, name: &str) -> bool {
        !name.contains('/') && Path::new("/sys/class/net").join(name).exists()
    }
}

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let Some(file) = arguments.next() else {
        eprintln!("usage: report FILE [model]");
        return ExitCode::FAILURE;
    };
    let loaded = load(Path::new(&file), &Host);
    for diagnostic in &loaded.diagnostics {
        println!("{}", loaded.render(diagnostic));
    }
    if arguments.next().is_some() {
        println!("{:#?}", loaded.model);
    }
    println!(
        "-t status {}, start {:?}",
        loaded.test_status(),
        loaded.start_status()
    );
    ExitCode::from(loaded.test_status())
}
