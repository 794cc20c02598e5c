//! Mixed pairs in every tongue of VRRP: versions, families, groups and peers. One master, a takeover, a return, a goodbye.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use support::capture::{Advert, PROGRAMS};
use support::daemon::{Daemon, Director};
use support::stage::{DIRECTOR, PATIENCE, Stage};
use support::story::{Kernel, Story, Told};
use support::wait;

use super::takeover::complains;

/// A virtual address that no other story uses, as `ip address` lists it.
const V4: &str = "eth1 172.16.1.201/24";
const V6: &str = "eth1 2001:db8:16::201/64";
/// Ten intervals of the fastest, three of the slowest: a disagreement would show.
const SETTLED: Duration = Duration::from_secs(2);

/// What a pair speaks.
#[derive(Debug, Clone, Copy)]
enum Tongue {
    Password,
    V3,
    V3OverIpv6,
    UnicastV2,
    UnicastV3,
    UnicastIpv6,
    OldUnicast,
    Authenticated,
    UnicastAuthenticated,
    Owner,
    Signed,
}

impl Tongue {
    fn vip(self) -> &'static str {
        match self {
            Tongue::V3OverIpv6 | Tongue::UnicastIpv6 => V6,
            _ => V4,
        }
    }

    /// What is said of it in the instance.
    fn lines(self, own: usize) -> String {
        let [first, second] = DIRECTOR;
        let (own, peer) = if own == 0 {
            (first, second)
        } else {
            (second, first)
        };
        let unicast =
            format!("unicast_src_ip {own}\nunicast_peer {{\n{peer}\n}}\ncheck_unicast_src\n");
        match self {
            Tongue::Owner => "advert_int 1\n".to_owned(),
            Tongue::Password => {
                "advert_int 1\nauthentication {\nauth_type PASS\nauth_pass secretlo\n}\n".to_owned()
            }
            Tongue::Authenticated => {
                "advert_int 1\nauthentication {\nauth_type AH\nauth_pass secretlo\n}\n".to_owned()
            }
            Tongue::UnicastAuthenticated => format!(
                "advert_int 1\nauthentication {{\nauth_type AH\nauth_pass secret\n}}\n{unicast}"
            ),
            Tongue::V3 => "version 3\nadvert_int 0.2\n".to_owned(),
            Tongue::V3OverIpv6 => "advert_int 0.2\n".to_owned(),
            Tongue::UnicastV2 => format!(
                "advert_int 1\nauthentication {{\nauth_type PASS\nauth_pass secretlo\n}}\n{unicast}"
            ),
            Tongue::UnicastV3 => format!("version 3\nadvert_int 0.2\n{unicast}"),
            Tongue::UnicastIpv6 => {
                let address = |of: std::net::Ipv4Addr| format!("2001:db8:16::{}", of.octets()[3]);
                let (own, peer) = (address(own), address(peer));
                format!("advert_int 0.2\nunicast_src_ip {own}\nunicast_peer {{\n{peer}\n}}\n")
            }
            Tongue::Signed => {
                "version 3\nadvert_int 0.2\nauth_hmac {\nkey 1 0123456789abcdef0123456789abcdef\n\
                active_key 1\n}\n"
                    .to_owned()
            }
            Tongue::OldUnicast => {
                format!("version 3\nadvert_int 0.2\nold_unicast_checksum\n{unicast}")
            }
        }
    }

    fn text(self, own: usize) -> String {
        let vip = self.vip().trim_start_matches("eth1 ");
        let priority = match self {
            Tongue::Owner if own == 0 => 255,
            _ => 150 - 50 * own,
        };
        let lines = self.lines(own);
        format!(
            "vrrp_instance V {{\nstate BACKUP\ninterface eth1\nvirtual_router_id 77\npriority {priority}\n{lines}\
             virtual_ipaddress {{\n{vip}\n}}\n}}\n"
        )
    }
}

pub fn stories() -> Vec<Story> {
    macro_rules! told {
        ($($name:literal $tongue:ident;)*) => {
            [$(
                Story::two(concat!("tongues/", $name), Daemon::Ours, Daemon::Keepalived, |stage, a, b| pair(stage, a, b, Tongue::$tongue)),
                Story::two(concat!("tongues/", $name), Daemon::Keepalived, Daemon::Ours, |stage, a, b| pair(stage, a, b, Tongue::$tongue)),
            )*]
        };
    }
    let stories = told! {
        "pass" Password;
        "v3" V3;
        "v3-ipv6" V3OverIpv6;
        "unicast-v2" UnicastV2;
        "unicast-v3" UnicastV3;
        "unicast-ipv6" UnicastIpv6;
        "unicast-old-checksum" OldUnicast;
        "ah" Authenticated;
        "unicast-ah" UnicastAuthenticated;
        "owner" Owner;
    };
    // Debian's keepalived knows no auth_hmac.
    let signed = Story::two(
        "tongues/signed",
        Daemon::Ours,
        Daemon::Ours,
        |stage, a, b| pair(stage, a, b, Tongue::Signed),
    );
    let stories = stories.into_iter().chain([signed]);
    stories
        .map(|story| story.on(Kernel::Machine).with(PROGRAMS))
        .collect()
}

fn pair(stage: &mut Stage, a: Daemon, b: Daemon, tongue: Tongue) -> Told {
    for (host, own) in stage.director.iter().zip(DIRECTOR) {
        host.ip_batch(&format!(
            "address add 2001:db8:16::{}/64 dev eth1 nodad\n",
            own.octets()[3]
        ))?;
    }
    // Of addresses that are still being checked for duplicates no advert can leave.
    for host in &stage.director {
        wait::until("a link-local address", PATIENCE, || {
            let tentative = host.output("ip", &["-6", "address", "show", "tentative"])?;
            Ok(tentative.is_empty().then_some(()))
        })?;
    }
    let capture = stage.capture()?;
    let mut first = stage.prepare(0, a, &tongue.text(0))?;
    let mut second = stage.prepare(1, b, &tongue.text(1))?;
    first.start()?;
    second.start()?;
    agreed(&first, &second, tongue).context("after the start")?;

    first.kill()?;
    // As after a reboot: on a quick machine Debian's takes the process that was just killed for another copy of itself.
    for file in first.pid_files() {
        fs::remove_file(first.folder().join(file))?;
    }
    held(&second, tongue, true).context("after the master died")?;

    let mark = second.mark();
    first.start()?;
    first.wait_log("Entering MASTER STATE", PATIENCE)?;
    second.wait_log_after(mark, "Entering BACKUP STATE", PATIENCE)?;
    agreed(&first, &second, tongue).context("after the return")?;

    let mark = second.mark();
    ensure!(
        first.stop()?.code() == Some(0),
        "the master did not stop cleanly"
    );
    second.wait_log_after(mark, "Entering MASTER STATE", PATIENCE)?;
    held(&first, tongue, false).context("after the stop")?;
    for one in [&first, &second] {
        if let Some(line) = one.log().lines().find(|line| complains(line)) {
            bail!("{} complains: {line}", one.daemon());
        }
    }
    let adverts = match tongue {
        // keepalived behaviour, which tshark does not know: the checksum does not cover the trailer; that of long ago is over a
        // pseudo header with the multicast group.
        Tongue::Signed | Tongue::OldUnicast => {
            let decoded = capture.stop()?;
            let expected = |complaint: &&String| complaint.contains("(Bad checksum [should be");
            if let Some(other) = decoded.complaints.iter().find(|one| !expected(one)) {
                bail!("tshark complains: {other}");
            }
            decoded.adverts
        }
        _ => capture.faultless()?,
    };
    on_the_wire(&adverts, tongue)
}

/// Adverts of both routers and a goodbye, and tshark finds nothing wrong with any.
fn on_the_wire(adverts: &[Advert], tongue: Tongue) -> Told {
    let version = match tongue {
        Tongue::Password
        | Tongue::UnicastV2
        | Tongue::Authenticated
        | Tongue::UnicastAuthenticated
        | Tongue::Owner => 2,
        _ => 3,
    };
    let best = if matches!(tongue, Tongue::Owner) {
        255
    } else {
        150
    };
    for priority in [best, 100, 0] {
        let seen = adverts.iter().any(|one| one.priority == priority);
        ensure!(seen, "no advert of priority {priority}");
    }
    let right = |one: &&Advert| (one.vrid, one.version) == (77, version);
    if let Some(odd) = adverts.iter().find(|one| !right(one)) {
        bail!("{odd:?}");
    }
    Ok(format!("{} adverts", adverts.len()))
}

fn holds(director: &Director, tongue: Tongue) -> Result<bool> {
    let addresses = director.host().addresses()?;
    Ok(addresses.iter().any(|address| address == tongue.vip()))
}

fn held(director: &Director, tongue: Tongue, wanted: bool) -> Result<()> {
    wait::until("the VIP to come or go", PATIENCE, || {
        Ok((holds(director, tongue)? == wanted).then_some(()))
    })
}

/// The first holds the VIP, the second does not, and that lasts.
fn agreed(first: &Director, second: &Director, tongue: Tongue) -> Result<()> {
    wait::until("the VIP on director-a alone", PATIENCE, || {
        Ok((holds(first, tongue)? && !holds(second, tongue)?).then_some(()))
    })?;
    wait::throughout(SETTLED, || {
        let agreed = holds(first, tongue)? && !holds(second, tongue)?;
        Ok((!agreed).then(|| "the VIP moved again".to_owned()))
    })
}
