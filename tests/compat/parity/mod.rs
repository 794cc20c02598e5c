//! The same file and the same events give the same table as Debian's keepalived.
//!
//! A case is one file of `config/parity/`: a keepalived.conf with events in its comments, and after each event what it changes in
//! the kernel's table, in the words of `ipvsadm -Sn` ([`case`] tells the form). [`play`] tells it on both daemons at once, on the
//! same real servers, and asserts on the tables of both; [`record`] writes down what keepalived does, which is how a case is
//! made: write the file and its events, `cargo xtask lab -- record NAME`, read the difference. Enter at [`stories`]. Tests: in
//! [`case`] for the form; the story `parity/fails` shows that a wrong expectation is found.

mod case;
mod event;
mod observe;
mod play;
mod record;
mod table;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use support::stage::PATIENCE;
use support::story::{Story, Told};
use support::twins::Twins;

use self::case::Case;
use self::play::{Astray, Patience};

pub use self::record::record;

/// Enough on a slow kernel.
const PATIENT: Patience = Patience {
    start: PATIENCE,
    later: PATIENCE,
};

pub fn stories() -> Vec<Story> {
    let mut stories = table::stories();
    match files() {
        Ok(files) => stories.extend(files.into_iter().map(|(name, path)| story(&name, path))),
        Err(error) => stories.push(broken("parity/cases", &format!("{error:#}"))),
    }
    stories.push(Story::beside("parity/fails", fails));
    stories
}

/// The cases by name, in order.
fn files() -> Result<Vec<(String, PathBuf)>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/parity");
    let entries = fs::read_dir(&folder).with_context(|| format!("read {}", folder.display()))?;
    let mut files: Vec<(String, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| {
            let path = entry.path();
            let name = path.file_stem()?.to_str()?.to_owned();
            (path.extension()? == "conf").then_some((name, path))
        })
        .collect();
    files.sort_unstable();
    ensure!(!files.is_empty(), "no cases in {}", folder.display());
    Ok(files)
}

fn read(path: &Path) -> Result<Case> {
    let text = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    Case::parse(&text)
}

fn story(name: &str, path: PathBuf) -> Story {
    match read(&path) {
        Ok(case) => {
            let case = Arc::new(case);
            Story::beside(&format!("parity/{name}"), move |twins| tell(twins, &case))
        }
        Err(error) => broken(&format!("parity/{name}"), &format!("{error:#}")),
    }
}

/// Once more where it was keepalived that went astray: ours is on trial here.
fn tell(twins: &mut Twins, case: &Case) -> Told {
    let told = play::play(twins, case, PATIENT);
    let astray = |error: &anyhow::Error| error.chain().any(|cause| cause.is::<Astray>());
    match told {
        Err(error) if astray(&error) && !case.touches() => {
            twins.clear()?;
            let remark = play::play(twins, case, PATIENT)?;
            Ok(format!("{remark}, told twice, since {error:#}"))
        }
        told => told,
    }
}

/// A story that says why it cannot be told.
fn broken(name: &str, why: &str) -> Story {
    let why = why.to_owned();
    Story::beside(name, move |_| Err(anyhow::anyhow!("{why}")))
}

/// Both daemons do the same and the case expects something else: that is found, in each kind of expectation.
fn fails(twins: &mut Twins) -> Told {
    let right = "\
# A server that is closed leaves.
#: serve tcp 172.16.1.10:80 172.16.1.11:80; start
#+ -A -t 10.0.0.1:80 -s rr
#+ -a -t 10.0.0.1:80 -r 172.16.1.10:80 -g -w 1
#+ -a -t 10.0.0.1:80 -r 172.16.1.11:80 -g -w 1
#: close 172.16.1.10:80
#- -a -t 10.0.0.1:80 -r 172.16.1.10:80 -g -w 1
#> DEL_DEST 1
#: stop
#- all
virtual_server 10.0.0.1 80 {
    lb_algo rr
    lb_kind DR
    protocol TCP
    delay_loop 0.2
    retry 0
    real_server 172.16.1.10 80 {
        TCP_CHECK {
        }
    }
    real_server 172.16.1.11 80 {
        TCP_CHECK {
        }
    }
}
";
    let closed = "#- -a -t 10.0.0.1:80 -r 172.16.1.10:80 -g -w 1\n";
    let wrong = [
        ("-s rr\n", "-s wrr\n", "line 2"),
        (
            closed,
            "#- -a -t 10.0.0.1:80 -r 172.16.1.11:80 -g -w 1\n",
            "line 6",
        ),
        (closed, "#=\n", "line 6"),
        ("DEL_DEST 1", "DEL_DEST 1, SET_DEST 1", "line 6"),
        ("#- all\n", "#=\n", "line 9"),
    ];
    let hasty = |start| Patience {
        start,
        later: Duration::from_secs(2),
    };
    for (text, other, place) in wrong {
        let case = Case::parse(&right.replacen(text, other, 1))?;
        let start = if place == "line 2" {
            Duration::from_secs(2)
        } else {
            PATIENCE
        };
        let Err(error) = play::play(twins, &case, hasty(start)) else {
            anyhow::bail!("`{other}` instead of `{text}` was not noticed");
        };
        let told = format!("{error:#}");
        ensure!(
            told.contains(place),
            "`{other}` was noticed elsewhere: {told}"
        );
        twins.clear()?;
    }
    play::play(twins, &Case::parse(right)?, PATIENT)
}
