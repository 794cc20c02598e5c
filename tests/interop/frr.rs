//! Our daemon, or Debian's keepalived, and FRR's vrrpd as each other's peer, in both roles: a takeover from a dead master, a
//! return, a goodbye in either direction. What is asserted on is the kernel's addresses and links, and the wire.

use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use support::capture::Advert;
use support::daemon::{Daemon, Director};
use support::frames::{Frames, Said};
use support::frr::{Frr, PROGRAMS, Router};
use support::stage::{PATIENCE, Stage};
use support::story::{Kernel, Story, Told};
use support::wait;

use super::takeover::complains;

/// Ours, between FRR's two.
const PRIORITY: u8 = 100;
/// FRR's as the better one and as the worse one.
const ABOVE: u8 = 150;
const BELOW: u8 = 50;
/// How late a timer may be served on a busy machine.
const SLACK: f64 = 1.5;
const SETTLED: Duration = Duration::from_secs(2);

/// What both speak.
#[derive(Debug, Clone, Copy)]
enum Tongue {
    V2,
    V3,
    V3OverIpv6,
    /// With a VMAC on our side too, so that the virtual router has one hardware address.
    Vmac,
    VmacOverIpv6,
}

impl Tongue {
    fn router(self) -> Router {
        Router {
            vrid: 71,
            version: if matches!(self, Tongue::V2) { 2 } else { 3 },
            interval: self.interval(),
            address: match self {
                Tongue::V3OverIpv6 | Tongue::VmacOverIpv6 => "2001:db8:16::203/64",
                _ => "172.16.1.203/24",
            },
        }
    }

    /// In milliseconds.
    fn interval(self) -> u32 {
        if matches!(self, Tongue::V2) {
            1000
        } else {
            200
        }
    }

    /// Seconds of skew for a priority: of a second in version 2 (RFC 3768 6.1), of the interval in version 3 (RFC 9568 6.1).
    /// Both are the same number here.
    fn skew(self, priority: u8) -> f64 {
        f64::from(256 - u16::from(priority)) / 256.0 * f64::from(self.interval()) / 1000.0
    }

    fn master_down(self, priority: u8) -> f64 {
        3.0 * f64::from(self.interval()) / 1000.0 + self.skew(priority)
    }

    /// The interface with our address.
    fn interface(self) -> &'static str {
        match self {
            Tongue::Vmac => "vrrp.71",
            Tongue::VmacOverIpv6 => "vrrp6.71",
            _ => "eth1",
        }
    }

    fn text(self) -> String {
        let version = match self {
            Tongue::V2 => "version 2\nadvert_int 1\n",
            _ => "version 3\nadvert_int 0.2\n",
        };
        let vmac = match self {
            Tongue::Vmac => "use_vmac\n",
            Tongue::VmacOverIpv6 => "use_vmac vrrp6.71\n",
            _ => "",
        };
        let address = self.router().address;
        format!(
            "vrrp_instance V {{\nstate BACKUP\ninterface eth1\nvirtual_router_id 71\npriority {PRIORITY}\n{version}{vmac}\
             virtual_ipaddress {{\n{address}\n}}\n}}\n"
        )
    }
}

pub fn stories() -> Vec<Story> {
    macro_rules! told {
        ($($name:literal $tongue:ident;)*) => {
            [$(Story::each(concat!("frr/", $name), |stage, daemon| there_and_back(stage, daemon, Tongue::$tongue)),)*]
        };
    }
    let stories = told! {
        "v2" V2;
        "v3" V3;
        "v3-ipv6" V3OverIpv6;
        "vmac" Vmac;
        "vmac-ipv6" VmacOverIpv6;
    };
    stories
        .concat()
        .into_iter()
        .map(|story| story.on(Kernel::Machine).with(PROGRAMS))
        .collect()
}

fn there_and_back(stage: &mut Stage, daemon: Daemon, tongue: Tongue) -> Told {
    let capture = stage.capture()?;
    let frames = Frames::start(&stage.client)?;
    // Of addresses that are still being checked for duplicates no advert can leave.
    for host in &stage.director {
        wait::until("a link-local address", PATIENCE, || {
            let tentative = host.output("ip", &["-6", "address", "show", "tentative"])?;
            Ok(tentative.is_empty().then_some(()))
        })?;
    }
    let mut frr = Frr::prepare(&stage.director[1], tongue.router())?;
    let mut ours = stage.prepare(0, daemon, &tongue.text())?;

    frr.start(ABOVE)?;
    frr.wait(true).context("FRR alone")?;
    speaks(&frr, &frames, ABOVE)?;
    ours.start()?;
    ours.wait_log("Entering BACKUP STATE", PATIENCE)?;
    settled(&ours, &frr, tongue, false).context("FRR is better")?;
    frr.kill()?;
    held(&ours, tongue, true).context("after FRR died")?;

    let mark = ours.mark();
    frr.start(ABOVE)?;
    frr.wait(true).context("FRR is back")?;
    ours.wait_log_after(mark, "Entering BACKUP STATE", PATIENCE)?;
    settled(&ours, &frr, tongue, false).context("FRR is back")?;
    frr.stop()?;
    held(&ours, tongue, true).context("after FRR said goodbye")?;

    frr.start(BELOW)?;
    frr.wait(false).context("FRR is worse")?;
    settled(&ours, &frr, tongue, true).context("FRR is worse")?;
    ensure!(
        ours.stop()?.code() == Some(0),
        "it did not stop cleanly as master"
    );
    held(&ours, tongue, false).context("after the stop")?;
    frr.wait(true).context("after our goodbye")?;
    speaks(&frr, &frames, BELOW)?;
    if let Some(line) = ours.log().lines().find(|line| complains(line)) {
        bail!("{daemon} complains: {line}");
    }
    on_the_wire(&capture.faultless()?, tongue)
}

/// Who says what after whom, and how soon.
fn on_the_wire(adverts: &[Advert], tongue: Tongue) -> Told {
    let theirs = |advert: &&Advert| advert.priority == ABOVE || advert.priority == BELOW;
    let peer = adverts.iter().find(theirs).context("no advert of FRR")?;
    let peer = peer.source;
    let version = tongue.router().version;
    if let Some(odd) = adverts
        .iter()
        .find(|one| one.vrid != 71 || one.version != version)
    {
        bail!("{odd:?}");
    }
    let steps: Vec<(&Advert, &Advert)> = adverts.iter().zip(adverts.iter().skip(1)).collect();
    // Where one advert is the last of somebody, and the next is another's first.
    let change = |from: u8, to: u8, by_peer: bool| -> Result<f64> {
        let is = |source: IpAddr| (source == peer) == by_peer;
        let found = steps
            .iter()
            .find(|(last, first)| last.priority == from && first.priority == to && is(last.source));
        let (last, first) =
            found.with_context(|| format!("no {to} after {from} in {:?}", brief(adverts)))?;
        ensure!(
            last.source != first.source,
            "{to} after {from} from one sender"
        );
        Ok(first.at - last.at)
    };
    let mut told = Vec::new();
    for (what, seconds, due) in [
        (
            "FRR died",
            change(ABOVE, PRIORITY, true)?,
            tongue.master_down(PRIORITY),
        ),
        (
            "FRR stopped",
            change(0, PRIORITY, true)?,
            tongue.skew(PRIORITY),
        ),
        ("we stopped", change(0, BELOW, false)?, tongue.skew(BELOW)),
    ] {
        // A clock of the wire and one of the timer: a millisecond is nothing.
        ensure!(
            seconds > due - 0.005 && seconds < due + SLACK,
            "{what}: the next one's advert came after {seconds:.3} s, due after {due:.3} s"
        );
        told.push(format!("{what}: {seconds:.3} s (due {due:.3} s)"));
    }
    Ok(told.join(", "))
}

/// Priorities in order, each once.
fn brief(adverts: &[Advert]) -> Vec<u8> {
    let mut order: Vec<u8> = adverts.iter().map(|one| one.priority).collect();
    order.dedup();
    order
}

fn holds(ours: &Director, tongue: Tongue) -> Result<bool> {
    let address = format!("{} {}", tongue.interface(), tongue.router().address);
    Ok(ours.host().addresses()?.contains(&address))
}

fn held(ours: &Director, tongue: Tongue, wanted: bool) -> Result<()> {
    wait::until("the VIP to come or go", PATIENCE, || {
        Ok((holds(ours, tongue)? == wanted).then_some(()))
    })
}

/// FRR's adverts are on the wire. (Over IPv6 the first comes an interval after the carrier, once the address is there.)
fn speaks(frr: &Frr, frames: &Frames, priority: u8) -> Result<()> {
    wait::until("FRR's adverts", PATIENCE, || {
        let mut heard = frames.heard().into_iter();
        Ok(heard
            .find(|frame| frame.said == Said::Advert(71, priority))
            .map(drop))
    })
    .with_context(|| frr.log())
}

/// One of both is master, and that lasts.
fn settled(ours: &Director, frr: &Frr, tongue: Tongue, master: bool) -> Result<()> {
    let agreed =
        || -> Result<bool> { Ok(holds(ours, tongue)? == master && frr.holds()? != master) };
    wait::until("one master", PATIENCE, || Ok(agreed()?.then_some(())))?;
    wait::throughout(SETTLED, || {
        Ok((!agreed()?).then(|| format!("mastership moved again; FRR: {}", frr.log())))
    })
}
