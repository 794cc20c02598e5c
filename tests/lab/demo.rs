//! The main job, narrated: two directors, two web servers, a client, and what goes wrong in a day.

use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use support::client::{Loop, Tally};
use support::config::{PAGE, Role, VIP};
use support::daemon::{Daemon, genhash};
use support::netns::{Ground, Netns};
use support::stage::{CLIENT, DIRECTOR, PATIENCE, Stage, WEB, holds_vip};
use support::table::{self, Table};
use support::wait;
use support::watch::AddressWatch;

use crate::failover::left_nothing;

/// One request this often, and how long the client waits for its answer.
const PACE: Duration = Duration::from_millis(50);
const GIVEN_UP: Duration = Duration::from_millis(500);
/// How many requests show that things are quiet again.
const QUIET: u32 = 20;

const STAGE: &str = "
   client            director-a          director-b          web-1             web-2
   172.16.1.100      172.16.1.2          172.16.1.3          172.16.1.10       172.16.1.11
      |                 |                   |                   |                 |
   ===+=================+===================+===================+=================+===  one bridge
                        '--- 172.16.1.1 ----'
                      the virtual address: on one of the two, never on both
";

/// Tells the story as it happens.
struct Narrator {
    start: Instant,
    client: Option<Loop>,
    chapters: Vec<(String, f64, Tally)>,
}

impl Narrator {
    fn line(&self, stamp: &str, text: &str) {
        println!("{stamp:>8}  {text}");
        // The demo goes on even if nobody watches.
        let _nobody_watches = std::io::stdout().flush();
    }

    fn chapter(&self, title: &str) {
        println!();
        self.line(
            "",
            &format!("{title}\n          {}", "-".repeat(title.len())),
        );
    }

    fn say(&self, text: &str) {
        self.line(
            &format!("{:.1} s", self.start.elapsed().as_secs_f64()),
            text,
        );
    }

    fn table(&self, name: &str, host: &Netns) -> Result<()> {
        let vip = if holds_vip(host)? {
            ", has the virtual address"
        } else {
            ""
        };
        self.line("", &format!("  kernel's table on {name}{vip}:"));
        for line in Table::read(host)?.to_string().lines() {
            self.line("", &format!("    {line}"));
        }
        Ok(())
    }

    /// Lets the client go on until things have been quiet, and says what it saw since the chapter began.
    fn close(&mut self, title: &str, began: Instant) -> Result<()> {
        let Some(client) = &self.client else {
            return Ok(());
        };
        let mut seen = client.take();
        let quiet = seen.requests() + QUIET;
        wait::until("the client's requests", PATIENCE, || {
            seen.add(&client.take());
            Ok((seen.requests() >= quiet).then_some(()))
        })?;
        self.say(&format!("client: {seen}"));
        self.chapters
            .push((title.to_owned(), began.elapsed().as_secs_f64(), seen));
        Ok(())
    }

    fn summary(&self) {
        println!(
            "\n          {:<38} {:>8} {:>9} {:>6}",
            "what happened", "seconds", "requests", "lost"
        );
        println!("          {}", "-".repeat(64));
        for (title, seconds, tally) in &self.chapters {
            println!(
                "          {title:<38} {seconds:>8.1} {:>9} {:>6}",
                tally.requests(),
                tally.lost
            );
        }
    }
}

/// Runs the demo with this daemon on both directors.
pub fn run(daemon: Daemon) -> Result<ExitCode> {
    daemon.program().context("the daemon to show")?;
    let _ground = Ground::take()?;
    println!("{STAGE}");
    let mut narrator = Narrator {
        start: Instant::now(),
        client: None,
        chapters: Vec::new(),
    };
    let mut stage = Stage::build("demo")?;
    let told = tell(&mut narrator, &mut stage, daemon);
    if told.is_err() {
        println!("\n{}", support::stage::log_tails(stage.folder(), 25));
    }
    drop(narrator.client.take());
    told?;
    narrator.summary();
    Ok(ExitCode::SUCCESS)
}

#[allow(clippy::too_many_lines, reason = "a story is read from top to bottom")]
fn tell(narrator: &mut Narrator, stage: &mut Stage, daemon: Daemon) -> Result<()> {
    narrator.chapter("Start");
    narrator.say(&format!(
        "Five hosts stand, in network namespaces of their own; the client is {CLIENT}."
    ));
    for server in WEB {
        let digest = genhash(daemon, &stage.director[0], server, PAGE)?;
        narrator.say(&format!(
            "genhash -s {server} -p 80 -u {PAGE}  prints {digest}"
        ));
    }
    let mut a = stage.prepare(0, daemon, stage.blog(daemon, Role::First)?.text())?;
    let mut b = stage.prepare(1, daemon, stage.blog(daemon, Role::Second)?.text())?;
    let watches = [
        AddressWatch::start(a.host())?,
        AddressWatch::start(b.host())?,
    ];
    let began = Instant::now();
    a.start()?;
    b.start()?;
    narrator.say("Both directors start with the published keepalived.conf, corrected; a has priority 100, b has 90.");
    let up = watches[0].wait(VIP, true, PATIENCE)?;
    narrator.say(&format!(
        "director-a is master: {VIP} is on it {}.",
        after(up, began)
    ));
    table::wait_for_servers(a.host(), &WEB, PATIENCE)?;
    table::wait_for_servers(b.host(), &WEB, PATIENCE)?;
    narrator.table("director-a", a.host())?;
    narrator.table("director-b", b.host())?;

    narrator.chapter("Balancing");
    let began = Instant::now();
    narrator.client = Some(Loop::start(&stage.client, &stage.url(), PACE, GIVEN_UP));
    narrator.say(&format!(
        "The client asks for {} twenty times a second, one connection each.",
        stage.url()
    ));
    narrator.close("balancing", began)?;

    narrator.chapter("A web server dies and comes back");
    let began = Instant::now();
    stage.servers[0].kill();
    narrator.say("web-1 is killed.");
    table::wait_for_servers(a.host(), &WEB[1..], PATIENCE)?;
    narrator.say(&format!(
        "web-1 has left the table {}.",
        after(Instant::now(), began)
    ));
    narrator.table("director-a", a.host())?;
    narrator.close("web-1 killed", began)?;
    let began = Instant::now();
    stage.servers[0].start(&stage.web[0])?;
    narrator.say("web-1 is started again.");
    table::wait_for_servers(a.host(), &WEB, PATIENCE)?;
    narrator.say(&format!(
        "web-1 is back in the table {}.",
        after(Instant::now(), began)
    ));
    narrator.close("web-1 started again", began)?;

    narrator.chapter("A page changes, so that its digest no longer fits");
    let began = Instant::now();
    stage.servers[1].page(PAGE, "<html><body>Database error.</body></html>\n")?;
    narrator.say("web-2 now shows an error, with status 200.");
    table::wait_for_servers(a.host(), &WEB[..1], PATIENCE)?;
    narrator.say(&format!(
        "web-2 has left the table {}.",
        after(Instant::now(), began)
    ));
    narrator.table("director-a", a.host())?;
    narrator.close("web-2 shows a wrong page", began)?;
    let began = Instant::now();
    stage.servers[1].page(PAGE, &Stage::page_of("web-2"))?;
    narrator.say("web-2 shows the right page again.");
    table::wait_for_servers(a.host(), &WEB, PATIENCE)?;
    narrator.say(&format!(
        "web-2 is back in the table {}.",
        after(Instant::now(), began)
    ));
    narrator.close("web-2 shows the right page again", began)?;

    narrator.chapter("The master's host loses power");
    let began = a.kill()?;
    stage.unplug("director-a")?;
    narrator.say(&format!(
        "director-a ({}) is killed with SIGKILL and its cable is out.",
        DIRECTOR[0]
    ));
    let up = watches[1].wait(VIP, true, PATIENCE)?;
    narrator.say(&format!(
        "director-b has taken {VIP} over {} (at most 3.65 s by RFC 3768).",
        after(up, began)
    ));
    narrator.table("director-b", b.host())?;
    narrator.close("director-a without power", began)?;
    let began = Instant::now();
    // A host that lost power comes up with neither address nor table.
    a.host()
        .ip_batch(&format!("address del {VIP}/24 dev eth1\n"))?;
    a.host().output("ipvsadm", &["-C"])?;
    while watches[0].moved(VIP) {}
    stage.plug("director-a")?;
    a.start()?;
    narrator.say("director-a boots.");
    let up = watches[0].wait(VIP, true, PATIENCE)?;
    narrator.say(&format!(
        "director-a has the higher priority and is master again {}.",
        after(up, began)
    ));
    narrator.close("director-a boots and takes over", began)?;

    narrator.chapter("A clean stop");
    while watches[1].moved(VIP) {}
    let began = Instant::now();
    a.stop()?;
    narrator.say(&format!(
        "director-a is asked to stop, and has stopped {}.",
        after(Instant::now(), began)
    ));
    let up = watches[1].wait(VIP, true, PATIENCE)?;
    narrator.say(&format!(
        "director-b has taken {VIP} over {} (0.65 s by RFC 3768).",
        after(up, began)
    ));
    left_nothing(&a)?;
    narrator.table("director-a", a.host())?;
    narrator.table("director-b", b.host())?;
    narrator.close("director-a stopped", began)?;
    drop(narrator.client.take());
    b.stop()?;
    left_nothing(&b)?;
    narrator.say("director-b is stopped too. Nothing is left: no address, no table, no pid file.");
    Ok(())
}

fn after(moment: Instant, began: Instant) -> String {
    format!(
        "after {:.2} s",
        moment.saturating_duration_since(began).as_secs_f64()
    )
}
