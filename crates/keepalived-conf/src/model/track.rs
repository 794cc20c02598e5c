//! What is tracked: scripts, files, processes and BFD sessions, and how much each of them counts.

use std::num::NonZeroU32;
use std::time::Duration;

use super::Script;

/// What a tracked thing does to a priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct TrackWeight {
    /// Added to the priority while all is well if positive, taken from it while not if negative; 0 means FAULT while not.
    /// -253..=253, for files and processes -254..=254.
    pub points: i16,
    /// `reverse`: the sign is turned round.
    pub reverse: bool,
}

/// Which kind of thing an entry of a `track_..` block names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TrackKind {
    /// `track_interface`.
    Interface,
    /// `track_script`: a [`VrrpScript`].
    Script,
    /// `track_file`: a [`TrackFile`].
    File,
    /// `track_process`: a [`TrackProcess`].
    Process,
    /// `track_bfd`: a [`BfdInstance`](super::BfdInstance).
    Bfd,
}

/// One line of a `track_..` block. What it names was defined before it; a script that was disabled since (it is not
/// there, or not safe) is not in [`Model::scripts`](super::Model::scripts), and the entry means nothing then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackEntry {
    /// What kind of thing.
    pub kind: TrackKind,
    /// Its name.
    pub name: String,
    /// The weight of the entry, or that of the thing.
    pub weight: TrackWeight,
}

/// `vrrp_script`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VrrpScript {
    /// Its name.
    pub name: String,
    /// What is executed, and as whom.
    pub script: Script,
    /// `interval`: from one start to the next, at least 1 ms.
    pub interval: Duration,
    /// `timeout`: it is killed after that, and has failed; the interval where nothing was said.
    pub timeout: Duration,
    /// `weight`.
    pub weight: TrackWeight,
    /// `rise`: successes in a row that make it up.
    pub rise: NonZeroU32,
    /// `fall`: failures in a row that make it down.
    pub fall: NonZeroU32,
}

/// `track_file`, or `vrrp_track_file`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackFile {
    /// Its name.
    pub name: String,
    /// `file`: its path.
    pub path: String,
    /// `weight`: times the number in the file.
    pub weight: TrackWeight,
    /// `init_file`.
    pub init: Option<FileInit>,
}

/// `init_file`: what is done to the file at start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileInit {
    /// The number that is written.
    pub value: i32,
    /// `overwrite`: also where the file is there already.
    pub overwrite: bool,
}

/// `vrrp_track_process`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackProcess {
    /// Its name.
    pub name: String,
    /// `process`: path or name, then the parameters it is to have.
    pub argv: Vec<String>,
    /// `param_match`; `None`: parameters do not matter.
    pub parameters: Option<ParamMatch>,
    /// `full_command`: the whole first word of the command line counts, not the 15 bytes that the kernel keeps.
    pub full_command: bool,
    /// `weight`.
    pub weight: TrackWeight,
    /// `quorum`: so many must run.
    pub quorum: u16,
    /// `quorum_max`: more than that may not.
    pub quorum_max: Option<u16>,
    /// `terminate_delay`: what ended counts that much longer.
    pub terminate_delay: Duration,
    /// `fork_delay`: what began counts only after that.
    pub fork_delay: Duration,
}

/// How the parameters of a process are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParamMatch {
    /// All of them, and no others.
    Exact,
    /// `initial`: those, then any others.
    Initial,
    /// `partial`: the last one may go on, then any others.
    Partial,
}

/// `track_group`: instances that the addresses, routes and rules of `static_..` blocks belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackGroup {
    /// Its name.
    pub name: String,
    /// Names of instances; keepalived does not mind names that do not exist.
    pub members: Vec<String>,
}
