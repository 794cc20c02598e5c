//! The configuration as it was understood (`-d`), how late timers were, and where dumps go.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use keepalived_conf::{Authentication, Model, VirtualServerKey};

use crate::failover::lateness::Lateness;

/// Writes a dump, whole or not at all: under a temporary name first, then renamed.
///
/// # Errors
/// When it cannot be written, with its name. Nothing is left of it then.
pub fn write(path: &Path, text: &str) -> io::Result<()> {
    replace(path, text)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.{}", std::process::id()));
    // Somebody else's file or link under that name must not be followed: /tmp is everybody's.
    match std::fs::remove_file(&temporary) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&temporary)?;
    let written = file.write_all(text.as_bytes());
    let renamed = written.and_then(|()| std::fs::rename(&temporary, path));
    if renamed.is_err() {
        // Half of it helps nobody, and takes room where there is none.
        let _ = std::fs::remove_file(&temporary);
    }
    renamed
}

/// keepalived behaviour: `$TMPDIR` if it is absolute, else /tmp.
#[must_use]
pub fn folder() -> PathBuf {
    match std::env::var_os("TMPDIR").map(PathBuf::from) {
        Some(folder) if folder.is_absolute() => folder,
        _ => "/tmp".into(),
    }
}

/// The configuration, a line an entry, in the form of keepalived's `-d`. Passwords are never shown.
#[must_use]
pub fn configuration(model: &Model) -> Vec<String> {
    let mut lines = vec!["------< Global definitions >------".to_owned()];
    if let Some(router_id) = &model.global.router_id {
        lines.push(format!(" Router ID = {router_id}"));
    }
    lines.push(format!(" LVS flush = {}", model.global.lvs_flush));
    lines.push("------< VRRP Topology >------".to_owned());
    for instance in &model.instances {
        lines.push(format!(" VRRP Instance = {}", instance.name));
        lines.push(format!("   VRRP Version = {}", instance.version));
        lines.push(format!(
            "   Wantstate = {}",
            format!("{:?}", instance.state).to_uppercase()
        ));
        let interface = instance.interface.as_deref().unwrap_or("none");
        lines.push(format!("   Interface = {interface}"));
        lines.push(format!("   Virtual Router ID = {}", instance.vrid));
        lines.push(format!("   Priority = {}", instance.priority));
        lines.push(format!(
            "   Advert interval = {}.{:02} sec",
            instance.advert_interval.0 / 100,
            instance.advert_interval.0 % 100
        ));
        lines.push(format!(
            "   Preempt = {}",
            if instance.nopreempt {
                "disabled"
            } else {
                "enabled"
            }
        ));
        let authentication = match &instance.auth {
            Authentication::None => None,
            Authentication::Simple(_) => Some("SIMPLE_PASSWORD"),
            Authentication::Ah(_) => Some("IPSEC_AH"),
            Authentication::Hmac(_) => Some("HMAC"),
        };
        if let Some(kind) = authentication {
            lines.push(format!("   Authentication type = {kind}"));
            lines.push("   Password = ***".to_owned());
        }
        lines.push(format!("   Virtual IP ({}):", instance.addresses.len()));
        for address in &instance.addresses {
            let device = address.device.as_deref().unwrap_or(interface);
            lines.push(format!(
                "     {}/{} dev {device}",
                address.address, address.prefix_len
            ));
        }
    }
    for group in &model.sync_groups {
        lines.push(format!(" VRRP Sync Group = {}", group.name));
        lines.extend(
            group
                .members
                .iter()
                .map(|member| format!("   monitor = {member}")),
        );
    }
    lines.push("------< LVS Topology >------".to_owned());
    for server in &model.virtual_servers {
        let key = match &server.key {
            VirtualServerKey::Address(address) => address.to_string(),
            VirtualServerKey::Fwmark(mark) => format!("FWM {mark}"),
            VirtualServerKey::Group(name) => format!("group {name}"),
        };
        lines.push(format!(" VIP = {key}, protocol = {:?}", server.protocol));
        lines.push(format!(
            "   lb_algo = {}, lb_kind = {:?}",
            server.scheduler.name(),
            server.forwarding
        ));
        lines.push(format!(
            "   delay_loop = {:?}, quorum = {}",
            server.delay_loop, server.quorum
        ));
        for real in &server.real_servers {
            lines.push(format!(
                "   RIP = {}, weight = {}, checks = {}",
                real.address,
                real.weight,
                real.checks.len()
            ));
        }
    }
    lines
}

/// How late the failover thread's timers were, since the start.
#[must_use]
pub fn lateness(lateness: &Lateness) -> String {
    let mut text = format!(
        "------< Timers of the failover thread >------\n Served = {}\n Late at most, 50% / 99% / 99.9% / worst = {} / {} / {} / {} us\n",
        lateness.count(),
        lateness.permille(500),
        lateness.permille(990),
        lateness.permille(999),
        lateness.worst_us()
    );
    for (bound, count) in lateness.buckets().filter(|(_, count)| *count > 0) {
        text.push_str(&match bound {
            Some(bound) => format!("   up to {bound} us: {count}\n"),
            None => format!("   later: {count}\n"),
        });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{configuration, write};
    use crate::plan::tests::{INSTANCE, model};

    #[test]
    fn a_dump_names_the_instance_and_hides_its_password() {
        let text = configuration(&model(INSTANCE)).join("\n");
        assert!(text.contains(" VRRP Instance = VI_1"), "{text}");
        assert!(text.contains("   Password = ***"), "{text}");
        assert!(!text.contains("secret"), "{text}");
    }

    #[test]
    fn a_dump_that_cannot_be_written_is_named_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        // A folder is in its place, so that it cannot be renamed to that.
        let path = folder.path().join("keepalived.data");
        std::fs::create_dir(&path).unwrap();
        let error = write(&path, "text").unwrap_err().to_string();
        assert!(error.starts_with(&path.display().to_string()), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
