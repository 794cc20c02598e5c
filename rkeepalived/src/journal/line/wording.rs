//! The wording of each line: keepalived's, and after it what was seen.

use std::fmt;

use super::{Line, Part};
use crate::kernel::ping::Widened;
use crate::lvs::change::Change;
use crate::lvs::operator::Operator;
use crate::track::verdict::Ended;

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Line::Starting { version } => write!(f, "Starting {version}"),
            Line::RunningOn { system } => write!(f, "Running on {system}"),
            Line::CommandLine { arguments } => {
                f.write_str("Command line:")?;
                arguments
                    .iter()
                    .try_for_each(|argument| write!(f, " '{argument}'"))
            }
            Line::ConfigurationFile { path } => write!(f, "Configuration file {}", path.display()),
            Line::Finding { text, .. } | Line::Dump { text } => f.write_str(text),
            Line::CannotStart { status } => write!(
                f,
                "Not starting with this configuration (exit status {status}): mend the errors above; `keepalived -t` shows each with its line"
            ),
            Line::OptionWithoutEffect { option, reason } => {
                write!(f, "Option {option} has no effect: {reason}")
            }
            Line::LeftOut { what, .. } => f.write_str(what),
            Line::StartupComplete => f.write_str("Startup complete"),
            Line::Reloading => f.write_str("Reloading ..."),
            Line::ReloadComplete => f.write_str("Reload complete"),
            Line::ReloadChanged { done, failed: 0 } => {
                write!(f, "Reload changed {done} IPVS entries")
            }
            Line::ReloadChanged { done, failed } => {
                write!(
                    f,
                    "Reload changed {done} IPVS entries; the kernel refused {failed}"
                )
            }
            Line::ReloadRefused { reason } => {
                write!(
                    f,
                    "Reload abandoned, the running configuration stays: {reason}"
                )
            }
            Line::Stopping => f.write_str("Stopping"),
            Line::Stopped { version } => write!(f, "Stopped {version}"),
            Line::Fatal { reason, .. } | Line::Trouble { reason, .. } => f.write_str(reason),
            Line::Vrrp(notice) => notice.fmt(f),
            Line::Bfd(notice) => notice.fmt(f),
            Line::ProcessQuorum { name, gained } => write!(
                f,
                "Quorum {} for tracked process {name}",
                if *gained { "gained" } else { "lost" }
            ),
            Line::SessionTurned {
                instance,
                session,
                up,
            } => write!(
                f,
                "VRRP_Instance({instance}) Tracked BFD instance {session} is {}",
                if *up { "UP" } else { "DOWN" }
            ),
            Line::UnknownVrid {
                vrid,
                interface,
                peer,
            } => write!(
                f,
                "Unknown VRID({vrid}) received on interface({}). ignoring... (from {peer}; further ones are only counted)",
                interface.as_deref().unwrap_or("any")
            ),
            Line::Announcing {
                instance,
                interface,
                address,
            } => {
                let what = if address.is_ipv6() {
                    "Unsolicited Neighbour Adverts"
                } else {
                    "gratuitous ARPs"
                };
                write!(
                    f,
                    "({instance}) Sending/queueing {what} on {interface} for {address}"
                )
            }
            Line::GratuitousArp { interface, address } => {
                let what = if address.is_ipv6() {
                    "unsolicited Neighbour Advert"
                } else {
                    "gratuitous ARP"
                };
                write!(f, "Sending {what} on {interface} for {address}")
            }
            Line::DeviceMade {
                instance,
                interface,
                found: true,
                ..
            } => write!(f, "({instance}) Found matching interface {interface}"),
            Line::DeviceMade {
                instance,
                interface,
                ipvlan,
                ..
            } => {
                let kind = if *ipvlan { "ipvlan" } else { "VMAC" };
                write!(
                    f,
                    "({instance}): Success creating {kind} interface {interface}"
                )
            }
            Line::DeviceRemoved {
                instance,
                interface,
            } => write!(
                f,
                "({instance}) Success removing VMAC interface {interface}"
            ),
            Line::AddressDropped { instance, address } => {
                write!(f, "({instance}) ip address {address}, no longer exist")
            }
            Line::AddressRefused {
                instance,
                act,
                address,
                reason,
            } => write!(f, "({instance}) cannot {act} VIP {address}: {reason}"),
            Line::Network(line) => line.fmt(f),
            Line::Appointed(line) => line.fmt(f),
            Line::LinkState { interface, up } => {
                write!(
                    f,
                    "Netlink reports {interface} {}",
                    if *up { "up" } else { "down" }
                )
            }
            Line::Pool(change) => pool(f, change),
            Line::Checked(checked) => checked.fmt(f),
            Line::ShuttingDown { server, service } => {
                write!(f, "Shutting down service {server} from VS {service}")
            }
            Line::CannotChange { what } => write!(
                f,
                "Cannot change {what} at a reload - please restart keepalived"
            ),
            Line::IpvsRefused { reason } => write!(f, "IPVS: {reason}"),
            Line::IpvsUnreadable { reason } => write!(f, "IPVS: cannot read the table: {reason}"),
            Line::LeftBehind { failed } => write!(
                f,
                "IPVS: the kernel refused to remove {failed} entries; `ipvsadm -Ln` shows them, `ipvsadm -C` removes all"
            ),
            Line::FileIgnored { path, text } => write!(
                f,
                "Invalid number {text} read from {} - ignoring (it must fit 32 bits; the last one holds)",
                path.display()
            ),
            Line::ScriptNotRun {
                lane,
                script,
                reason,
                remedy,
            } => write!(
                f,
                "Script {script} of {lane} cannot be executed, so nobody was told: {reason}; {remedy}"
            ),
            Line::ScriptReturns { name, status } => {
                write!(f, "Script `{name}` now returning {status}")
            }
            Line::ScriptTurned { name, ended, after } => {
                write!(f, "VRRP_Script({name}) ")?;
                match ended {
                    Ended::Exited(0) => f.write_str("succeeded"),
                    Ended::Exited(status) => write!(f, "failed (exited with status {status})"),
                    Ended::Signalled(signal) => write!(f, "failed due to signal {signal}"),
                    Ended::TimedOut => write!(f, "timed_out (after {:.1} s)", after.as_secs_f64()),
                    Ended::NotRun => f.write_str("failed (it could not be executed)"),
                }
            }
            Line::TrackScriptNotRun {
                name,
                reason,
                remedy,
            } => write!(
                f,
                "VRRP_Script({name}) cannot be executed, which counts as a failure: {reason}; {remedy}"
            ),
            // keepalived's words.
            Line::HookRuns { word, script } => {
                write!(f, "Running {} {script}", word.replace('_', " "))
            }
            Line::ScriptFailed {
                lane,
                script,
                status,
            } => write!(f, "Script {script} of {lane} failed: {status}"),
            Line::ScriptEndless {
                lane,
                script,
                patience,
                goes_on,
            } => write!(
                f,
                "Script {script} of {lane} does not end: after {} s {}",
                patience.as_secs(),
                match goes_on {
                    true => "the next one is run beside it",
                    false =>
                        "it is ended, since others before it do not end either, and the next one is run",
                }
            ),
            Line::ScriptDropped {
                lane,
                script,
                waiting,
            } => write!(
                f,
                "Script {script} of {lane} is NOT run: {waiting} wait already for one that does not end"
            ),
            Line::MailSent { subject } => {
                write!(f, "SMTP alert successfully sent. ({subject})")
            }
            Line::MailLost { subject, reason } => {
                write!(f, "SMTP alert NOT sent: {reason} ({subject})")
            }
            Line::FifoMissing { path, reason } => write!(
                f,
                "Unable to open FIFO {}, so nobody hears of changes by it: {reason}",
                path.display()
            ),
            Line::FifoFull { path, reason } => write!(
                f,
                "FIFO {} takes no more, since nobody reads it ({reason}); what happens meanwhile is lost for it",
                path.display()
            ),
            Line::FifoLost { path, lost } => {
                write!(
                    f,
                    "FIFO {} is read again; {lost} lines were lost",
                    path.display()
                )
            }
            Line::FifoScriptEnded { script, status } => write!(
                f,
                "FIFO script {script} ended by itself ({status}); a reload starts it anew"
            ),
            Line::PingGroups(Widened { from, to }) => write!(
                f,
                "Warning: /proc/sys/net/ipv4/ping_group_range being expanded from {} {} to {} {}",
                from.0, from.1, to.0, to.1
            ),
            Line::LogLevel { verbosity } => {
                write!(f, "Operator sets the log level to {}", verbosity.name())
            }
            Line::Dumped { part, what } => match part {
                Part::Vrrp => write!(
                    f,
                    "Printing VRRP {what} for process({}) on signal",
                    std::process::id()
                ),
                Part::Parent => write!(
                    f,
                    "Printing parent {what} for process({}) on signal",
                    std::process::id()
                ),
                Part::Checkers => write!(
                    f,
                    "Printing checker {what} for process({}) on signal",
                    std::process::id()
                ),
                Part::Bfd => write!(
                    f,
                    "Printing BFD {what} for process({}) on signal",
                    std::process::id()
                ),
            },
        }
    }
}

fn pool(f: &mut fmt::Formatter<'_>, change: &Change) -> fmt::Result {
    match change {
        Change::Activating { server, service } => {
            write!(
                f,
                "Activating healthchecker for service {server} for VS {service}"
            )
        }
        Change::ServerUp {
            server,
            service,
            inhibited: false,
        } => write!(f, "Adding service {server} to VS {service}"),
        Change::ServerUp {
            server, service, ..
        } => write!(f, "Enabling service {server} of VS {service}"),
        Change::ServerDown {
            server,
            service,
            inhibited: false,
        } => write!(f, "Removing service {server} from VS {service}"),
        Change::ServerDown {
            server, service, ..
        } => write!(f, "Disabling service {server} of VS {service}"),
        Change::Weight {
            server,
            service,
            from,
            to,
            active,
        } => write!(
            f,
            "Changing weight from {from} to {to} for {} service {server} of VS {service}",
            if *active { "active" } else { "inactive" }
        ),
        Change::Place {
            place,
            more,
            group,
            added,
        } => {
            write!(f, "VS [{place}]")?;
            if *more > 0 {
                write!(f, " and {more} more")?;
            }
            f.write_str(if *added {
                " added into group "
            } else {
                " in group "
            })?;
            f.write_str(group)?;
            f.write_str(if *added { "" } else { " no longer exists" })
        }
        Change::QuorumGained {
            service,
            quorum,
            hysteresis,
            weight,
        } => write!(
            f,
            "Gained quorum {quorum}+{hysteresis}={} <= {weight} for VS {service}",
            u64::from(*quorum).saturating_add(u64::from(*hysteresis))
        ),
        Change::QuorumLost {
            service,
            quorum,
            hysteresis,
            weight,
        } => write!(
            f,
            "Lost quorum {quorum}-{hysteresis}={} > {weight} for VS {service}",
            quorum.saturating_sub(*hysteresis)
        ),
        Change::QuorumDown {
            service,
            quorum,
            hysteresis,
            weight,
        } => write!(
            f,
            "Starting with quorum down {quorum}-{hysteresis}={} > {weight} for VS {service}",
            quorum.saturating_sub(*hysteresis)
        ),
        Change::Alive { service, joins } => write!(
            f,
            "{} for VS {service}",
            match joins {
                true => "Adding alive servers to the pool",
                false => "Removing alive servers from the pool",
            }
        ),
        Change::Operator {
            server,
            service,
            operator,
        } => match operator {
            Some(Operator::Drained) => {
                write!(f, "Operator drains service {server} of VS {service}")
            }
            Some(Operator::Disabled) => {
                write!(f, "Operator disables service {server} of VS {service}")
            }
            Some(Operator::Weight(weight)) => write!(
                f,
                "Operator sets weight {weight} for service {server} of VS {service}"
            ),
            None => write!(f, "Operator enables service {server} of VS {service}"),
        },
        Change::File {
            server,
            file,
            fails,
        } => write!(
            f,
            "({server}): tracked file {file} {} FAULT state",
            if *fails { "now" } else { "leaving" }
        ),
        Change::Session {
            server,
            session,
            up,
        } => write!(
            f,
            "BFD check of [{session}] RS({server}) is {}",
            if *up { "UP" } else { "DOWN" }
        ),
        Change::ServerGone { server } => write!(f, "service {server} no longer exist"),
        Change::ServiceGone { service } => write!(f, "Removing Virtual Server {service}"),
        Change::Suspending {
            server,
            service,
            start,
        } => write!(
            f,
            "{} healthchecker for service {server} for VS {service}",
            if *start { "Deactivating" } else { "Suspending" }
        ),
        Change::Address { address, added } => write!(
            f,
            "Netlink reflector reports IP {address} {}",
            if *added { "added" } else { "removed" }
        ),
        Change::Sorry {
            server,
            service,
            serves,
            inhibited,
        } => {
            let (act, to) = match (serves, inhibited) {
                (true, false) => ("Adding", "to"),
                (false, false) => ("Removing", "from"),
                (true, true) => ("Enabling", "to"),
                (false, true) => ("Disabling", "from"),
            };
            write!(f, "{act} sorry server {server} {to} VS {service}")
        }
    }
}
