//! genhash prints what keepalived's prints, so that digests in old files and scripts around it stay right.

use anyhow::{Context, Result, ensure};
use support::config::PAGE;
use support::daemon::{Daemon, Ended, run_to_end};
use support::stage::{PATIENCE, Stage, WEB};
use support::story::{Kernel, Story, Told};

pub fn stories() -> Vec<Story> {
    vec![
        Story::two("genhash/same", Daemon::Ours, Daemon::Keepalived, same).on(Kernel::Machine),
        Story::two("genhash/same", Daemon::Keepalived, Daemon::Keepalived, same)
            .on(Kernel::Machine),
    ]
}

fn run(stage: &Stage, daemon: Daemon, arguments: &str) -> Result<Ended> {
    let mut command = stage.client.command(&daemon.genhash_program()?);
    command.args(arguments.split_whitespace());
    run_to_end(command, stage.folder(), PATIENCE)
        .with_context(|| format!("genhash of {daemon} {arguments}"))
}

fn same(stage: &mut Stage, a: Daemon, b: Daemon) -> Told {
    stage.servers[0].page("/long.html", &"A line of a longer page.\n".repeat(4000))?;
    stage.servers[0].page("/empty.html", "")?;
    let [web, other] = WEB;
    let cases = [
        format!("-s {web} -p 80 -u {PAGE}"),
        format!("-s {other} -p 80 -u {PAGE}"),
        format!("-s {web} -p 80 -u /long.html"),
        format!("-s {web} -p 80 -u /empty.html"),
        format!("-s {web} -p 80 -u /not-there.html"),
        format!("--server {web} --port 80 --url {PAGE} --use-virtualhost www.example.org"),
        format!("-s {web} -p 81 -u {PAGE}"),
    ];
    for case in &cases {
        let (a, b) = (run(stage, a, case)?, run(stage, b, case)?);
        ensure!(
            a.status == b.status && a.said == b.said,
            "genhash {case}: {} {:?} is not {} {:?}",
            a.status,
            a.said,
            b.status,
            b.said
        );
    }
    let incomplete = run(stage, a, "-s 172.16.1.10")?;
    ensure!(
        incomplete.status.code() == Some(1),
        "without -p and -u it ends with {}",
        incomplete.status
    );
    let first = run(stage, a, &cases[0])?.said;
    ensure!(
        first.trim_end().len() == 32 && first.ends_with('\n'),
        "it prints {first:?}"
    );
    Ok(format!("{} cases", cases.len()))
}
