//! What went over a wire, recorded by tcpdump and decoded by tshark, which knows nothing of us: each VRRP advert, and
//! everything that tshark finds wrong.
//!
//! Checksums are verified: those of IPv4's header too, which tshark leaves alone by default. That one address is seen with two
//! hardware addresses is not counted: that is what a takeover looks like.

use std::fs::{self, File};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use nix::sys::signal::Signal;

use crate::netns::Netns;
use crate::{process, wait};

/// The programs.
pub const PROGRAMS: &[&str] = &["/usr/bin/tcpdump", "/usr/bin/tshark"];

/// Enough for either program to start or end on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is asked of each frame.
const FIELDS: [&str; 12] = [
    "frame.time_epoch",
    "ip.src",
    "ipv6.src",
    "vrrp.virt_rtr_id",
    "vrrp.prio",
    "vrrp.version",
    "vrrp.checksum.status",
    "ip.checksum.status",
    "icmpv6.checksum.status",
    "_ws.expert.severity",
    "_ws.expert.message",
    "_ws.col.Info",
];

/// A recording that goes on until it is stopped or dropped.
#[derive(Debug)]
pub struct Capture {
    child: Option<Child>,
    file: PathBuf,
}

/// One advert.
#[derive(Debug, Clone, PartialEq)]
pub struct Advert {
    /// Seconds since 1970, by the kernel's clock.
    pub at: f64,
    /// The sender.
    pub source: IpAddr,
    /// Virtual router id.
    pub vrid: u8,
    /// Priority.
    pub priority: u8,
    /// VRRP's version.
    pub version: u8,
}

/// What a recording holds.
#[derive(Debug, Default)]
pub struct Decoded {
    /// The adverts, in order.
    pub adverts: Vec<Advert>,
    /// What tshark finds wrong, a frame each.
    pub complaints: Vec<String>,
}

impl Capture {
    /// Starts to record; every frame from now on is seen.
    ///
    /// # Errors
    /// When tcpdump cannot be started or does not get to listen.
    pub fn start(host: &Netns, interface: &str, file: PathBuf) -> Result<Self> {
        let said = file.with_extension("said");
        let output = File::create(&said).context("make a file for tcpdump's output")?;
        let mut command = host.command("tcpdump");
        command
            .args([
                "-i",
                interface,
                "--immediate-mode",
                "-U",
                "-n",
                "-Z",
                "root",
                "-w",
            ])
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(output);
        let child = command.spawn().context("start tcpdump")?;
        let capture = Self {
            child: Some(child),
            file,
        };
        wait::until("tcpdump to listen", PATIENCE, || {
            let said = fs::read_to_string(&said).unwrap_or_default();
            Ok(said.contains("listening on").then_some(()))
        })?;
        Ok(capture)
    }

    /// Stops and decodes.
    ///
    /// # Errors
    /// When either program fails, or nothing was recorded.
    pub fn stop(mut self) -> Result<Decoded> {
        let mut child = self.child.take().context("it runs no more")?;
        process::signal(child.id(), Signal::SIGINT)?;
        process::wait_for_end(&mut child, PATIENCE)?;
        decode(&self.file)
    }

    /// Stops, and gives the adverts of a recording without fault.
    ///
    /// # Errors
    /// As [`Capture::stop`], when tshark complains, or when there was no advert.
    pub fn faultless(self) -> Result<Vec<Advert>> {
        let decoded = self.stop()?;
        ensure!(
            decoded.complaints.is_empty(),
            "tshark complains: {}",
            decoded.complaints.join("; ")
        );
        ensure!(!decoded.adverts.is_empty(), "no advert was recorded");
        Ok(decoded.adverts)
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            process::kill_tree(child.id());
            let _gone = child.wait();
        }
    }
}

fn decode(file: &Path) -> Result<Decoded> {
    let mut command = Command::new("tshark");
    command.arg("-r").arg(file).args(["-n", "-T", "fields"]);
    for preference in ["ip.check_checksum:TRUE", "arp.detect_duplicate_ips:FALSE"] {
        command.args(["-o", preference]);
    }
    for field in FIELDS {
        command.args(["-e", field]);
    }
    let done = command
        .stdin(Stdio::null())
        .output()
        .context("start tshark")?;
    if !done.status.success() {
        bail!(
            "tshark: {}: {}",
            done.status,
            String::from_utf8_lossy(&done.stderr).trim()
        );
    }
    let mut decoded = Decoded::default();
    // An ICMP error quotes the packet that it is about, and that has a source of its own: it is no advert.
    let quotes = |source: &str| source.contains(',');
    for line in String::from_utf8_lossy(&done.stdout).lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let fields: [&str; FIELDS.len()] = fields
            .try_into()
            .map_err(|_| anyhow!("tshark printed {line:?}"))?;
        let [_, source, source6, ..] = fields;
        if quotes(source) || quotes(source6) {
            continue;
        }
        decoded.complaints.extend(complaint(&fields));
        decoded.adverts.extend(advert(&fields)?);
    }
    Ok(decoded)
}

/// Warnings and worse (`PI_WARN` of epan/proto.h in the field's numbers), what is malformed, and checksums that are wrong.
fn complaint(fields: &[&str; FIELDS.len()]) -> Option<String> {
    const WARNING: u32 = 0x0060_0000;
    let [at, source, source6, .., severity, message, info] = fields;
    let [_, _, _, _, _, _, vrrp, ip, icmp, ..] = fields;
    let worst = severity
        .split(',')
        .filter_map(|one| one.parse::<u32>().ok())
        .max();
    let bad = [vrrp, ip, icmp]
        .into_iter()
        .any(|status| status.split(',').any(|one| one == "0"));
    (bad || worst >= Some(WARNING)).then(|| {
        format!("{at} {source}{source6}: {info} ({message}, checksums {vrrp} {ip} {icmp})")
    })
}

fn advert(fields: &[&str; FIELDS.len()]) -> Result<Option<Advert>> {
    let [at, source, source6, vrid, priority, version, ..] = fields;
    if vrid.is_empty() {
        return Ok(None);
    }
    let advert = || -> Result<Advert> {
        Ok(Advert {
            at: at.parse()?,
            source: format!("{source}{source6}").parse()?,
            vrid: vrid.parse()?,
            priority: priority.parse()?,
            version: version.parse()?,
        })
    };
    let advert = advert().with_context(|| format!("an advert that tshark shows as {fields:?}"))?;
    Ok(Some(advert))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_checksum_and_a_warning_are_complaints_and_a_note_is_none() {
        let mut fields = [
            "1.5",
            "10.9.0.1",
            "",
            "51",
            "150",
            "3",
            "1",
            "1",
            "",
            "",
            "",
            "Announcement",
        ];
        assert_eq!(complaint(&fields), None);
        let seen = advert(&fields).unwrap().unwrap();
        assert_eq!(
            (
                seen.vrid,
                seen.priority,
                seen.version,
                seen.source.to_string().as_str()
            ),
            (51, 150, 3, "10.9.0.1")
        );
        fields[9] = "4194304";
        assert_eq!(complaint(&fields), None);
        fields[9] = "4194304,6291456";
        assert!(complaint(&fields).unwrap().starts_with("1.5 10.9.0.1"));
        fields[9] = "";
        fields[6] = "0";
        assert!(complaint(&fields).is_some());
    }

    #[test]
    fn what_is_no_advert_is_none() {
        let fields = ["1.5", "", "", "", "", "", "", "", "", "", "", "ARP"];
        assert_eq!(advert(&fields).unwrap(), None);
    }
}
