//! Runs the chosen stories and prints how each ended.

use std::collections::VecDeque;
use std::io::Write;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::{Mutex, PoisonError};

use anyhow::Result;
use support::netns::Ground;
use support::story::{Abilities, Kernel, Story};
use support::twins::Twins;

#[derive(Debug, Default)]
struct Count {
    passed: u32,
    failed: u32,
    skipped: u32,
}

/// Whether the running kernel has IPVS, loading the module if need be.
fn has_ipvs() -> bool {
    let there = || Path::new("/proc/net/ip_vs").exists();
    there()
        || (Command::new("modprobe")
            .args(["-q", "ip_vs"])
            .status()
            .is_ok()
            && there())
}

/// Whether the running kernel takes chains of nftables. (It is only asked; nothing is made.)
fn has_nftables() -> bool {
    let chain = "add table ip lab; add chain ip lab lab { type filter hook input priority 0; }";
    Command::new("nft")
        .args(["--check", chain])
        .output()
        .is_ok_and(|asked| asked.status.success())
}

/// Runs them, the timed ones alone at the end, and gives a failing exit status when one failed.
pub fn run(stories: Vec<Story>, jobs: usize) -> Result<ExitCode> {
    let count = Mutex::new(Count::default());
    let has = Abilities {
        ipvs: has_ipvs(),
        nftables: stories.iter().any(|story| story.kernel == Kernel::Nftables) && has_nftables(),
    };
    let root = nix::unistd::geteuid().is_root();
    let mut able = Vec::new();
    for story in stories {
        let hindrance = if root {
            story.hindrance(has)
        } else {
            Some("the lab must run as root".to_owned())
        };
        if let Some(reason) = hindrance {
            println!("skipped {}: {reason}", story.name);
            lock(&count).skipped += 1;
        } else {
            able.push(story);
        }
    }
    let _ground = if able.is_empty() {
        None
    } else {
        Some(Ground::take()?)
    };
    let numbered = able.into_iter().enumerate();
    let (timed, free): (VecDeque<_>, VecDeque<_>) = numbered.partition(|(_, story)| story.timed);
    let (waiting, free): (VecDeque<_>, VecDeque<_>) =
        free.into_iter().partition(|(_, story)| story.waits());
    work(free, jobs, &count);
    work(waiting, 3 * jobs, &count);
    Twins::end_idle();
    work(timed, 1, &count);
    let Count {
        passed,
        failed,
        skipped,
    } = count.into_inner().unwrap_or_else(PoisonError::into_inner);
    println!("{passed} passed, {failed} failed, {skipped} skipped");
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn work(stories: VecDeque<(usize, Story)>, jobs: usize, count: &Mutex<Count>) {
    let queue = Mutex::new(stories);
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                loop {
                    let next = lock(&queue).pop_front();
                    let Some((number, story)) = next else { return };
                    let outcome = story.tell(number);
                    let took = outcome.took.as_secs_f64();
                    let mut count = lock(count);
                    match outcome.told {
                        Ok(remark) => {
                            count.passed += 1;
                            let remark = if remark.is_empty() {
                                remark
                            } else {
                                format!(": {remark}")
                            };
                            println!("ok {} ({took:.1} s){remark}", story.name);
                        }
                        Err(error) => {
                            count.failed += 1;
                            println!(
                                "FAILED {} ({took:.1} s): {error:#}\n{}",
                                story.name,
                                outcome.tails.trim_end()
                            );
                        }
                    }
                    // A pipe that nobody reads any more is no reason to leave the lab standing.
                    let _nobody_reads = std::io::stdout().flush();
                }
            });
        }
    });
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
