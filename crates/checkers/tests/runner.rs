//! The runner with real probes.
#![allow(clippy::unwrap_used, reason = "a test")]

mod servers;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::{Duration, Instant};

use checkers::{
    Check, CheckId, Failure, Health, MiscProbe, Outcome, Probe, Report, Runner, RuntimeTimer,
    Timing,
};
use nix::sys::resource::{Resource, getrlimit};
use servers::{dial, refusing};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

const LONG: Duration = Duration::from_secs(30);
const TICK: Duration = Duration::from_millis(20);

fn timing(retry: u32) -> Timing {
    Timing {
        delay_loop: TICK,
        retry,
        delay_before_retry: TICK,
        warmup: Duration::ZERO,
        alpha: false,
    }
}

fn tcp(id: u64, target: SocketAddr, retry: u32) -> Check {
    Check {
        id: CheckId(id),
        probe: Probe::Tcp(dial(target, LONG)).into(),
        timing: timing(retry).into(),
    }
}

fn misc(id: u64, script: &str) -> Check {
    Check {
        id: CheckId(id),
        probe: Probe::Misc(MiscProbe {
            command: vec!["/bin/sh".into(), "-c".into(), script.into()],
            timeout: LONG,
            dynamic: true,
            user: None,
        })
        .into(),
        timing: timing(0).into(),
    }
}

async fn next(reports: &mut mpsc::Receiver<Report>) -> Report {
    tokio::time::timeout(LONG, reports.recv())
        .await
        .unwrap()
        .unwrap()
}

fn runner(reports: mpsc::Sender<Report>) -> Runner {
    let here = Handle::current();
    Runner::new(reports, &here, &here, RuntimeTimer)
}

async fn listening() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

#[tokio::test]
async fn a_server_goes_down_after_its_retries_and_comes_up_again() {
    let (listener, address) = listening().await;
    let (sender, mut reports) = mpsc::channel(1);
    let mut runner = runner(sender);
    runner.configure(vec![tcp(1, address, 2)]);
    let first = next(&mut reports).await;
    assert_eq!(
        (first.outcome.is_success(), first.change, first.attempt),
        (true, Some(Health::Up), 0)
    );
    drop(listener);
    let mut seen = Vec::new();
    while seen.last() != Some(&(3, Some(Health::Down))) {
        let report = next(&mut reports).await;
        if !report.outcome.is_success() {
            assert_eq!(
                (report.outcome, report.retry),
                (Outcome::Failure(Failure::Refused), 2)
            );
            seen.push((report.attempt, report.change));
        }
    }
    assert_eq!(seen, [(1, None), (2, None), (3, Some(Health::Down))]);
    let _listener = TcpListener::bind(address).await.unwrap();
    loop {
        let report = next(&mut reports).await;
        if report.outcome.is_success() {
            assert_eq!(report.change, Some(Health::Up));
            break;
        }
    }
}

#[tokio::test]
async fn the_first_attempt_decides_alone_and_comes_after_a_second() {
    let (_kept, address) = refusing();
    let (sender, mut reports) = mpsc::channel(1);
    let started = Instant::now();
    let mut runner = runner(sender);
    runner.configure(vec![tcp(1, address, 5)]);
    assert_eq!(next(&mut reports).await.change, Some(Health::Down));
    assert!(started.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_check_of_the_same_runs_on_with_its_verdict_whatever_its_times() {
    let (_kept, address) = refusing();
    let (sender, mut reports) = mpsc::channel(64);
    let mut runner = runner(sender);
    runner.configure(vec![tcp(1, address, 0)]);
    assert_eq!(next(&mut reports).await.change, Some(Health::Down));
    for retry in [0, 0, 9] {
        runner.configure(vec![tcp(1, address, retry)]);
        let report = next(&mut reports).await;
        assert_eq!(report.change, None, "it is down already");
        assert!(report.attempt > 1);
    }
}

#[tokio::test]
async fn a_success_like_the_last_is_seen_and_not_reported() {
    let (listener, address) = listening().await;
    let (sender, mut reports) = mpsc::channel(64);
    let mut runner = runner(sender);
    runner.configure(vec![tcp(1, address, 0)]);
    assert_eq!(next(&mut reports).await.change, Some(Health::Up));
    for _ in 0..4 {
        listener.accept().await.unwrap();
    }
    assert!(reports.try_recv().is_err());
    let seen = runner
        .sight()
        .seen([CheckId(1)])
        .remove(&CheckId(1))
        .unwrap();
    assert!(seen.shown.starts_with("+++"), "{seen:?}");
    let (_, _, last) = seen.last.unwrap();
    assert!(last.is_success());
    assert_eq!(seen.failure, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_that_is_gone_reports_no_more() {
    let (_kept, address) = refusing();
    // Room for one: the checks are always about to send.
    let (sender, mut reports) = mpsc::channel(1);
    let mut runner = runner(sender);
    runner.configure((0..20).map(|id| tcp(id, address, 0)).collect());
    next(&mut reports).await;
    for round in 1..4_u64 {
        let ids = round * 100..round * 100 + 20;
        runner.configure(ids.clone().map(|id| tcp(id, address, 0)).collect());
        // What was sent before may still be there: one at most.
        let sent_before = reports
            .try_recv()
            .is_ok_and(|report| !ids.contains(&report.id.0));
        let report = next(&mut reports).await;
        assert!(ids.contains(&report.id.0), "{sent_before} {report:?}");
    }
}

#[tokio::test]
async fn a_shutdown_leaves_no_command_behind() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("process");
    let (sender, _reports) = mpsc::channel(1);
    let mut runner = runner(sender);
    let script = format!(
        "trap '' TERM; echo $$ > {0}.new; mv {0}.new {0}; sleep 600 & wait",
        file.display()
    );
    runner.configure(vec![misc(1, &script)]);
    let started = Instant::now();
    while !file.exists() {
        assert!(started.elapsed() < LONG);
        tokio::time::sleep(TICK).await;
    }
    let process = std::fs::read_to_string(&file).unwrap();
    runner.shutdown().await;
    let stat = format!("/proc/{}/stat", process.trim());
    while std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z")) {
        assert!(started.elapsed() < LONG);
        tokio::time::sleep(TICK).await;
    }
}

#[tokio::test]
async fn a_dynamic_weight_is_reported() {
    let (sender, mut reports) = mpsc::channel(1);
    let mut runner = runner(sender);
    runner.configure(vec![misc(1, "exit 7")]);
    let report = next(&mut reports).await;
    assert_eq!(
        (report.dynamic_weight, report.outcome.is_success()),
        (Some(5), true)
    );
}

/// The most memory of this process that was resident so far, in bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number
        .and_then(|number| number.parse::<u64>().ok())
        .unwrap()
        * 1024
}

#[tokio::test]
async fn many_checks_that_time_out_do_not_delay_another() {
    const MANY: u64 = 10_000;
    let (_, allowed) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    if allowed < 2 * MANY {
        eprintln!(
            "not run: many_checks_that_time_out_do_not_delay_another (only {allowed} open files allowed)"
        );
        return;
    }
    // Accepts in the kernel as long as its queue has room, and never answers: each of these probes holds a
    // socket until its deadline.
    let hanging = tokio::net::TcpSocket::new_v4().unwrap();
    hanging.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let hanging = hanging.listen(4096).unwrap();
    let silent = hanging.local_addr().unwrap();
    let (listener, good) = listening().await;
    let (tell, mut visits) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            tell.send(Instant::now()).unwrap();
        }
    });
    let hangs = |id| {
        let mut probe = servers::http(silent, LONG);
        probe.dial.timeout = Duration::from_secs(2);
        Check {
            id: CheckId(id),
            probe: Probe::Http(probe).into(),
            timing: timing(0).into(),
        }
    };
    let before = resident();
    let (sender, mut reports) = mpsc::channel(1024);
    let mut runner = runner(sender);
    let mut checks: Vec<Check> = (1..=MANY).map(hangs).collect();
    checks.push(tcp(0, good, 0));
    runner.configure(checks);
    let mut failed = BTreeSet::new();
    while failed.len() < usize::try_from(MANY).unwrap() {
        let report = next(&mut reports).await;
        if report.id == CheckId(0) {
            assert!(report.outcome.is_success());
        } else {
            assert!(!report.outcome.is_success());
            failed.insert(report.id);
        }
    }
    let mut at = Vec::new();
    while let Ok(visit) = visits.try_recv() {
        at.push(visit);
    }
    assert!(at.len() > 1);
    let longest = at.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
    // Behind all of the others, or half of them at a time, it would wait a round of 2 s after the other.
    assert!(longest < Duration::from_secs(4), "{longest:?}");
    // Sockets apart, which are the kernel's, each of them takes less than 8 KiB while it waits.
    let grown = resident().saturating_sub(before);
    assert!(grown < MANY * 8192, "{grown}");
}

#[tokio::test]
async fn where_more_is_due_than_can_be_done_attempts_begin_late_and_do_not_take_longer() {
    const MANY: u64 = 4000;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let target = listener.local_addr().unwrap();
    std::thread::spawn(move || while listener.accept().is_ok() {});
    let (sender, mut reports) = mpsc::channel(1024);
    let mut runner = runner(sender);
    // All of them are due at the same time.
    let once = |id| {
        let mut check = tcp(id, target, 0);
        check.timing = Timing {
            delay_loop: LONG,
            ..timing(0)
        }
        .into();
        check
    };
    runner.configure((0..MANY).map(once).collect());
    let first = next(&mut reports).await;
    let begun = Instant::now();
    let mut took = vec![first.elapsed];
    // The last ones may have met a full queue of the listener, and wait for the second SYN.
    while took.len() < usize::try_from(MANY * 9 / 10).unwrap() {
        took.push(next(&mut reports).await.elapsed);
    }
    let all = begun.elapsed();
    took.sort_unstable();
    let median = took[took.len() / 2];
    // If all began before any is looked at, it would be a good part of the whole.
    assert!(median < all / 5, "{median:?} of {all:?}");
}

#[tokio::test]
async fn silent_servers_take_half_of_the_descriptors_and_leave_the_rest_to_others() {
    const DESCRIPTORS: u32 = 16;
    const SILENT: u64 = 30;
    let (serving, good) = listening().await;
    let visits = Arc::new(AtomicU32::new(0));
    let counter = visits.clone();
    tokio::spawn(async move {
        while serving.accept().await.is_ok() {
            counter.fetch_add(1, SeqCst);
        }
    });
    let (silent, address) = listening().await;
    // Takes each connection, never answers, and knows how many there are at a time.
    let (open, most) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let seen = most.clone();
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = silent.accept().await {
            seen.fetch_max(open.fetch_add(1, SeqCst) + 1, SeqCst);
            let open = open.clone();
            tokio::spawn(async move {
                let _ = tokio::io::copy(&mut connection, &mut tokio::io::sink()).await;
                open.fetch_sub(1, SeqCst);
            });
        }
    });
    let hangs = |id| {
        let mut probe = servers::http(address, LONG);
        // Longer than what counts as quick.
        probe.dial.timeout = Duration::from_millis(600);
        Check {
            id: CheckId(id),
            probe: Probe::Http(probe).into(),
            timing: timing(0).into(),
        }
    };
    let (sender, mut reports) = mpsc::channel(64);
    let mut runner = Runner::limited(
        sender,
        &Handle::current(),
        &Handle::current(),
        RuntimeTimer,
        DESCRIPTORS,
    );
    let mut checks: Vec<Check> = (1..=SILENT).map(hangs).collect();
    checks.push(tcp(0, good, 0));
    runner.configure(checks);
    let (mut failed, mut between, mut worst, mut before) = (BTreeSet::new(), 0, 0, 0);
    while failed.len() < usize::try_from(SILENT).unwrap() {
        let report = next(&mut reports).await;
        if report.id == CheckId(0) {
            assert!(report.outcome.is_success());
            continue;
        }
        failed.insert(report.id);
        let visits = visits.load(SeqCst);
        between = if visits == before { between + 1 } else { 1 };
        before = visits;
        worst = worst.max(between);
    }
    // Eight fail at a time, 600 ms apart; without its share the other one would wait until all have failed.
    assert!(worst <= DESCRIPTORS, "{worst}");
    // Half of them; the server hears of an end a little later than the next one begins.
    let most = most.load(SeqCst);
    assert!((1..=DESCRIPTORS).contains(&most), "{most}");
}

#[tokio::test]
async fn reports_that_nobody_takes_hold_the_checks_up() {
    // Whoever closes without a word is a failure each time, and a failure is always reported.
    let (listener, address) = listening().await;
    let tried = Arc::new(AtomicU32::new(0));
    let counter = tried.clone();
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counter.fetch_add(1, SeqCst);
        }
    });
    let (sender, mut reports) = mpsc::channel(1);
    let mut runner = runner(sender);
    let mute = |id| Check {
        id: CheckId(id),
        probe: Probe::Http(servers::http(address, LONG)).into(),
        timing: timing(0).into(),
    };
    runner.configure((0..20).map(mute).collect());
    // The first attempts come after a second, and the first of them tells something new.
    tokio::time::sleep(Duration::from_millis(1200)).await;
    let before = tried.load(SeqCst);
    assert!((1..=20).contains(&before), "{before}");
    tokio::time::sleep(10 * TICK).await;
    assert_eq!(tried.load(SeqCst), before);
    // And they go on as soon as somebody does.
    while tried.load(SeqCst) < 100 {
        next(&mut reports).await;
    }
}
