//! `rkeepalived check --explain CODE`.

use keepalived_conf::Code;

use super::{CLEAN, ERRORS, print};

/// What a code means; without one, all codes.
pub fn explain(name: Option<&str>) -> u8 {
    let Some(name) = name else {
        let names = Code::ALL.iter().map(|code| format!("{code}\n"));
        print(names.collect::<String>().as_bytes());
        return CLEAN;
    };
    match Code::ALL.iter().find(|code| code.name() == name) {
        Some(code) => {
            print(format!("{code}\n\n{}\n", code.explanation()).as_bytes());
            CLEAN
        }
        None => {
            eprintln!("there is no code `{name}`: `rkeepalived check --explain` lists them");
            ERRORS
        }
    }
}
