//! What may be asked for at the desk besides looking: each answer is for people and for programs.

use std::collections::BTreeSet;
use std::path::PathBuf;

use ipvs_netlink::differences;
use vrrp::HandoverRefusal;

use super::protocol::{Code, Complaint, Connections, Planned, Reloaded, SteeredView};
use super::server::stopping;
use crate::journal::{self, Line, Verbosity, write};
use crate::lvs::operator::{Operator, Steered, Target, Unknown};
use crate::plan::difference;
use crate::status::desk::{Ask, Desk, Foreseen};

/// The largest weight that a configuration may give.
const HEAVIEST: u32 = 65_535;
/// Whether weight 0 ends persistence; beside the table that it is about.
const EXPIRE: &str = "/proc/sys/net/ipv4/vs/expire_quiescent_template";

impl Desk {
    /// No new clients for a server.
    ///
    /// # Errors
    /// Why not, for people and programs; so for all others.
    pub async fn drain(&self, server: &str) -> Result<Vec<SteeredView>, Complaint> {
        self.steer(server, Some(Operator::Drained)).await
    }

    /// Takes a server out of the pool.
    ///
    /// # Errors
    /// As above.
    pub async fn disable(&self, server: &str) -> Result<Vec<SteeredView>, Complaint> {
        self.steer(server, Some(Operator::Disabled)).await
    }

    /// Gives a server back to configuration and checks.
    ///
    /// # Errors
    /// As above.
    pub async fn enable(&self, server: &str) -> Result<Vec<SteeredView>, Complaint> {
        self.steer(server, None).await
    }

    /// Gives a server a weight.
    ///
    /// # Errors
    /// As above.
    pub async fn weigh(&self, server: &str, weight: u32) -> Result<Vec<SteeredView>, Complaint> {
        if weight > HEAVIEST {
            let text = format!("weight {weight} is too large: 0 to {HEAVIEST}");
            return Err(Complaint::new(Code::Refused, text));
        }
        self.steer(server, Some(Operator::Weight(weight))).await
    }

    async fn steer(
        &self,
        server: &str,
        operator: Option<Operator>,
    ) -> Result<Vec<SteeredView>, Complaint> {
        let target = target(server)?;
        let steered = self
            .ask(|answer| Ask::Steer(target, operator, answer))
            .await
            .ok_or_else(stopping)?
            .map_err(unknown)?;
        let keeps = || std::fs::read_to_string(EXPIRE).is_ok_and(|text| text.trim() == "0");
        let draining = operator == Some(Operator::Drained);
        let persistent = draining && steered.iter().any(|one| one.persistent) && keeps();
        let view = |one: Steered| {
            SteeredView {
            server: one.server.to_string(),
            service: one.service.to_string(),
            from: one.from,
            to: one.to,
            up: one.alive,
            note: (one.persistent && persistent).then(|| {
                "clients bound by persistence still come: `sysctl net.ipv4.vs.expire_quiescent_template=1` ends that".to_owned()
            }),
        }
        };
        Ok(steered.into_iter().map(view).collect())
    }

    /// How many connections a server has now.
    ///
    /// # Errors
    /// As above.
    pub async fn connections(&self, server: &str) -> Result<Connections, Complaint> {
        let target = target(server)?;
        let seats = self
            .ask(|answer| Ask::Seats(target, answer))
            .await
            .ok_or_else(stopping)?
            .map_err(unknown)?;
        let keys = seats.iter().map(|(key, _)| *key).collect();
        let services = self.destinations(keys).await;
        let services = services.map_err(|reason| Complaint::new(Code::Refused, reason))?;
        let mut connections = Connections::default();
        for (key, address) in seats {
            let destinations = services.get(&key);
            if let Some(view) = destinations.and_then(|service| service.get(&address)) {
                connections.there = true;
                connections.active += u64::from(view.active_connections);
                connections.inactive += u64::from(view.inactive_connections);
            }
        }
        Ok(connections)
    }

    /// Reads the configuration again.
    pub async fn reload(&self) -> Option<Reloaded> {
        let (foreseen, reload) = self.ask(Ask::Reload).await?;
        let findings = foreseen.as_ref().map(|foreseen| foreseen.findings.clone());
        let changes = match foreseen {
            Some(foreseen) if reload.done => self.changes(foreseen).await,
            _ => Vec::new(),
        };
        Some(Reloaded {
            done: reload.done,
            changes,
            findings: findings.unwrap_or_default(),
            changed: reload.changed,
            refused: reload.refused,
            reason: reload.reason,
        })
    }

    /// What a reload would change.
    ///
    /// # Errors
    /// As above.
    pub async fn plan(&self, file: Option<PathBuf>) -> Result<Planned, Complaint> {
        let foreseen = self
            .ask(|answer| Ask::Foresee(file, answer))
            .await
            .ok_or_else(stopping)?
            .map_err(|reason| Complaint::new(Code::Refused, reason))?;
        let mut foreseen = foreseen;
        let mut drift = Vec::new();
        if !(foreseen.have.services.is_empty() && foreseen.want.services.is_empty()) {
            let snapshot = self.snapshot().await;
            let snapshot = snapshot.map_err(|reason| Complaint::new(Code::Refused, reason))?;
            let kernel = snapshot.into_table();
            drift = difference::drift(&foreseen.have, &kernel);
            let known: BTreeSet<_> = foreseen.have.services.keys().copied().collect();
            let new: BTreeSet<_> = foreseen.want.services.keys().copied().collect();
            // What somebody made there already is taken over, as a reload does.
            let theirs = kernel.services.into_iter();
            let theirs = theirs.filter(|(key, _)| new.contains(key) && !known.contains(key));
            foreseen.have.services.extend(theirs);
        }
        if !drift.is_empty() {
            // What the daemon changed itself between the two looks is no drift.
            let again = self.drift().await?;
            drift.retain(|line| again.contains(line));
        }
        Ok(Planned {
            drift,
            findings: foreseen.findings.clone(),
            changes: self.changes(foreseen).await,
        })
    }

    /// What somebody else did to the services that are ours in the kernel's table.
    async fn drift(&self) -> Result<Vec<String>, Complaint> {
        let refused = |reason| Complaint::new(Code::Refused, reason);
        let have = self.ask(Ask::Table).await.ok_or_else(stopping)?;
        let snapshot = self.snapshot().await.map_err(refused)?;
        Ok(difference::drift(&have, &snapshot.into_table()))
    }

    async fn changes(&self, foreseen: Foreseen) -> Vec<String> {
        let changes = move || {
            let Foreseen {
                mut lines,
                have,
                want,
                ..
            } = foreseen;
            lines.extend(difference::kernel(&have, differences(&have, &want)));
            lines
        };
        tokio::task::spawn_blocking(changes)
            .await
            .unwrap_or_default()
    }

    /// Gives mastership away, or takes it back.
    ///
    /// # Errors
    /// As above.
    pub async fn hand_over(&self, instance: String, back: bool) -> Result<(), Complaint> {
        let outcome = self
            .ask(|answer| Ask::Handover(instance, back, answer))
            .await
            .flatten()
            .ok_or_else(stopping)?;
        outcome.map_err(|refusal| {
            let code = match refusal {
                HandoverRefusal::Unknown(_) => Code::Unknown,
                _ => Code::Refused,
            };
            Complaint::new(code, refusal.to_string())
        })
    }

    /// Sets what is logged.
    ///
    /// # Errors
    /// As above.
    pub fn log(&self, level: &str) -> Result<(), Complaint> {
        let Some(verbosity) = Verbosity::named(level) else {
            let text = format!("{level:?} is no level: error, warning, info or detail");
            return Err(Complaint::new(Code::Unknown, text));
        };
        write(&Line::LogLevel { verbosity });
        journal::set_level(verbosity);
        Ok(())
    }
}

fn target(server: &str) -> Result<Target, Complaint> {
    let target = server.parse();
    target.map_err(|error: crate::lvs::operator::NotATarget| {
        Complaint::new(Code::Unknown, error.to_string())
    })
}

fn unknown(unknown: Unknown) -> Complaint {
    Complaint::new(Code::Unknown, unknown.to_string())
}
