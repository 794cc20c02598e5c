//! What VRRP instances and groups of the model depend on, as the failover thread and the trackers want it.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use keepalived_conf::{Model, ParamMatch, ReceiveBuffer, TrackEntry, TrackKind};

use super::Programs;
use super::script::Scripts;
use crate::notify::Script;

/// What is to be run and watched for VRRP.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrackPlan {
    /// Scripts that instances or groups track.
    pub scripts: Vec<TrackedScript>,
    /// Files that they track.
    pub files: Vec<TrackedFile>,
    /// Processes that they track.
    pub processes: Vec<TrackedProcess>,
    /// `process_monitor_rcv_bufs`.
    pub process_buffer: ReceiveBuffer,
}

/// `vrrp_track_process`.
#[derive(Clone, Debug, PartialEq)]
pub struct TrackedProcess {
    /// Its name.
    pub name: String,
    /// Path or name, then parameters.
    pub argv: Vec<String>,
    /// How parameters are compared; they do not matter without.
    pub parameters: Option<ParamMatch>,
    /// The whole first word of the command line counts, not the name that the kernel keeps.
    pub full_command: bool,
    /// So many must run.
    pub quorum: u16,
    /// More than that may not.
    pub quorum_max: Option<u16>,
    /// What ended counts that much longer.
    pub terminate_delay: Duration,
    /// What began counts only after that.
    pub fork_delay: Duration,
}

/// `vrrp_script`.
#[derive(Clone, Debug, PartialEq)]
pub struct TrackedScript {
    /// Its name.
    pub name: String,
    /// What is run, and as whom.
    pub script: Script,
    /// From one start to the next.
    pub interval: Duration,
    /// After this it has failed, and is ended.
    pub timeout: Duration,
    /// Successes in a row that make it succeed.
    pub rise: NonZeroU32,
    /// Failures in a row that make it fail.
    pub fall: NonZeroU32,
}

/// `track_file`.
#[derive(Clone, Debug, PartialEq)]
pub struct TrackedFile {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
}

/// A line of a `track_..` block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedTrack {
    /// What kind of thing.
    pub kind: TrackKind,
    /// Its name.
    pub name: String,
    /// How much it counts.
    pub weight: i16,
    /// The other way round.
    pub reverse: bool,
}

/// What somebody watches.
pub(super) struct Known<'a> {
    /// Scripts that are run.
    pub scripts: BTreeSet<&'a str>,
    /// BFD sessions that instances may track.
    pub sessions: BTreeSet<&'a str>,
}

impl Known<'_> {
    fn has(&self, entry: &TrackEntry) -> bool {
        let name = entry.name.as_str();
        match entry.kind {
            TrackKind::Interface | TrackKind::File | TrackKind::Process => true,
            TrackKind::Script => self.scripts.contains(name),
            TrackKind::Bfd => self.sessions.contains(name),
        }
    }
}

/// The entries of an instance or a group that mean something. A script that was disabled is not in the model any more.
pub(super) fn entries(tracked: &[TrackEntry], known: &Known<'_>) -> Vec<PlannedTrack> {
    tracked
        .iter()
        .filter(|entry| known.has(entry))
        .map(|entry| PlannedTrack {
            kind: entry.kind,
            name: entry.name.clone(),
            weight: entry.weight.points,
            reverse: entry.weight.reverse,
        })
        .collect()
}

/// Plans the scripts that may be run; also answers what had to be left out.
pub(super) fn scripts(model: &Model, programs: &dyn Programs) -> (Vec<TrackedScript>, Vec<String>) {
    let mut left_out = Vec::new();
    let rules = Scripts::new(programs, model.global.enable_script_security);
    let mut planned = Vec::new();
    for script in &model.scripts {
        match rules.user(&script.script, &mut left_out) {
            Ok(user) => planned.push(TrackedScript {
                name: script.name.clone(),
                script: Script {
                    argv: script.script.argv.clone(),
                    user,
                },
                interval: script.interval,
                timeout: script.timeout,
                rise: script.rise,
                fall: script.fall,
            }),
            Err(reason) => left_out.push(format!(
                "vrrp_script {} left out, so nothing depends on it: {reason}",
                script.name
            )),
        }
    }
    (planned, left_out)
}

/// The processes of the model.
pub(super) fn processes(model: &Model) -> Vec<TrackedProcess> {
    model
        .track_processes
        .iter()
        .map(|process| TrackedProcess {
            name: process.name.clone(),
            argv: process.argv.clone(),
            parameters: process.parameters,
            full_command: process.full_command,
            quorum: process.quorum,
            quorum_max: process.quorum_max,
            terminate_delay: process.terminate_delay,
            fork_delay: process.fork_delay,
        })
        .collect()
}

/// The files of the model.
pub(super) fn files(model: &Model) -> Vec<TrackedFile> {
    model
        .track_files
        .iter()
        .map(|file| TrackedFile {
            name: file.name.clone(),
            path: PathBuf::from(&file.path),
        })
        .collect()
}
