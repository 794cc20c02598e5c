//! The command line: keepalived's options, both spellings.
//!
//! Every option of keepalived 2.4 is taken, so that the arguments in `/etc/default/keepalived` go on
//! working; those that have no effect here are listed by [`Options::without_effect`] and logged at start.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{ArgAction, CommandFactory, Parser};

/// Where keepalived looks for its configuration.
pub const DEFAULT_CONFIG: &str = "/etc/keepalived/keepalived.conf";

/// What the daemon was asked to do.
#[derive(Parser, Debug, Clone, Default)]
#[command(
    name = "keepalived",
    about = "IPVS director: reads keepalived.conf, checks real servers, speaks VRRP",
    override_usage = "keepalived [OPTION...]",
    after_help = "Commands of rkeepalived's own, without privileges and off the host (`rkeepalived check --help`):\n  \
                  check  Say what is wrong with configuration files, and what may be; --json for editors\n  \
                  fmt    Print a file in canonical layout; --dump-conf for the effective configuration",
    disable_help_flag = true,
    disable_version_flag = true,
    args_override_self = true,
    infer_long_args = true
)]
pub struct Options {
    /// Use the specified configuration file, or files if it has wildcards or braces [default: /etc/keepalived/keepalived.conf]
    #[arg(short = 'f', long = "use-file", value_name = "FILE")]
    pub use_file: Option<PathBuf>,
    /// Only run the VRRP subsystem
    #[arg(short = 'P', long)]
    pub vrrp: bool,
    /// Only run the health checking subsystem
    #[arg(short = 'C', long)]
    pub check: bool,
    /// Don't run the BFD subsystem
    #[arg(short = 'B', long = "no_bfd")]
    pub no_bfd: bool,
    /// Run every subsystem, even without configuration for it
    #[arg(long)]
    pub all: bool,
    /// Log to standard error too (together with -n)
    #[arg(short = 'l', long)]
    pub log_console: bool,
    /// Log in more detail (twice: more still)
    #[arg(short = 'D', long, action = ArgAction::Count)]
    pub log_detail: u8,
    /// Syslog facility: 0-7, local0-local7, user or daemon [default: daemon]
    #[arg(short = 'S', long, value_name = "FACILITY")]
    pub log_facility: Option<String>,
    /// Don't log to syslog
    #[arg(short = 'G', long)]
    pub no_syslog: bool,
    /// umask for the files that are created, in octal
    #[arg(short = 'u', long, value_name = "MASK")]
    pub umask: Option<String>,
    /// Drop VIPs on transition from signal
    #[arg(short = 'X', long)]
    pub release_vips: bool,
    /// Keep VIPs and routes when the daemon stops
    #[arg(short = 'V', long)]
    pub dont_release_vrrp: bool,
    /// Keep the IPVS table when the daemon stops
    #[arg(short = 'I', long)]
    pub dont_release_ipvs: bool,
    /// Don't respawn child processes (there are none)
    #[arg(short = 'R', long)]
    pub dont_respawn: bool,
    /// Don't go to the background
    #[arg(short = 'n', long)]
    pub dont_fork: bool,
    /// Log the configuration at start; with -t, print the effective one: all files resolved
    #[arg(short = 'd', long)]
    pub dump_conf: bool,
    /// Pid file of the daemon [default: /run/keepalived.pid]
    #[arg(short = 'p', long = "pid", value_name = "FILE")]
    pub pid: Option<PathBuf>,
    /// Pid file written while VRRP is configured [default: /run/vrrp.pid]
    #[arg(short = 'r', long = "vrrp_pid", value_name = "FILE")]
    pub vrrp_pid: Option<PathBuf>,
    /// Pid file written while virtual servers are configured [default: /run/checkers.pid]
    #[arg(short = 'c', long = "checkers_pid", value_name = "FILE")]
    pub checkers_pid: Option<PathBuf>,
    /// Report all address additions and deletions
    #[arg(short = 'a', long)]
    pub address_monitoring: bool,
    /// Pid file of the BFD subsystem
    #[arg(short = 'b', long = "bfd_pid", value_name = "FILE")]
    pub bfd_pid: Option<PathBuf>,
    /// Enable SNMP
    #[arg(short = 'x', long)]
    pub snmp: bool,
    /// Socket of the SNMP master agent
    #[arg(short = 'A', long, value_name = "FILE")]
    pub snmp_agent_socket: Option<PathBuf>,
    /// Run in this network namespace
    #[arg(short = 's', long, value_name = "NAME")]
    pub namespace: Option<String>,
    /// Dump core when terminating abnormally
    #[arg(short = 'm', long)]
    pub core_dump: bool,
    /// Set the kernel's core_pattern
    #[arg(short = 'M', long, value_name = "PATTERN", num_args = 0..=1, require_equals = true)]
    pub core_dump_pattern: Option<Option<String>>,
    /// A missing configuration file is an error
    #[arg(short = 'e', long)]
    pub all_config: bool,
    /// Which `@ID` lines of the configuration to use [default: the node name]
    #[arg(short = 'i', long, value_name = "ID")]
    pub config_id: Option<String>,
    /// Print the number of the signal for STOP, RELOAD, DATA, STATS, STATS_CLEAR or JSON
    #[arg(long, value_name = "FUNCTION")]
    pub signum: Option<String>,
    /// Check the configuration and exit; findings go to standard error or FILE
    #[arg(short = 't', long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    pub config_test: Option<Option<PathBuf>>,
    /// Log to a file; keepalived's Debian build does not have it either
    #[arg(short = 'g', long, value_name = "FILE", num_args = 0..=1, require_equals = true, hide = true)]
    pub log_file: Option<Option<PathBuf>>,
    /// With a log to a file
    #[arg(long, hide = true)]
    pub flush_log_file: bool,
    /// keepalived's children read their configuration from here
    #[arg(long, value_name = "FD", hide = true)]
    pub config_fd: Option<String>,
    /// Of keepalived's debugging builds
    #[arg(long, value_name = "WHAT", num_args = 0..=1, require_equals = true, hide = true)]
    pub debug: Option<Option<String>>,
    /// Of keepalived's debugging builds
    #[arg(long, value_name = "WHAT", num_args = 0..=1, require_equals = true, hide = true)]
    pub perf: Option<Option<String>>,
    /// Of keepalived's debugging builds
    #[arg(long, hide = true)]
    pub no_mem_check: bool,
    /// Of keepalived's debugging builds
    #[arg(long, hide = true)]
    pub ignore_sigint: bool,
    /// Folder of the control sockets [default: /run/rkeepalived]
    #[arg(long, value_name = "DIR")]
    pub socket: Option<PathBuf>,
    /// Group that may look through status.sock [default: rkeepalived, where there is one]
    #[arg(long, value_name = "GROUP")]
    pub socket_group: Option<String>,
    /// Serve the status over HTTP, read only, at this address and port: a page at /, /metrics, /status.json, /livez, /readyz
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub http: Option<SocketAddr>,
    /// Print the version and exit
    #[arg(short = 'v', long)]
    pub version: bool,
    /// Print this help and exit
    #[arg(short = 'h', long)]
    pub help: bool,
}

impl Options {
    /// The configuration file to read.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.use_file
            .clone()
            .unwrap_or_else(|| DEFAULT_CONFIG.into())
    }

    /// Reads the arguments, the program's name first.
    ///
    /// # Errors
    /// clap's, which names the argument and shows the usage.
    pub fn read(arguments: &[OsString]) -> Result<Options, clap::Error> {
        // getopt takes the optional value of a short option glued to it, clap after an equals sign of the long one.
        let unglued = arguments.iter().enumerate().map(|(at, argument)| {
            let text = argument.to_str().filter(|_| at > 0).unwrap_or_default();
            for (short, long) in [("-t", "--config-test="), ("-M", "--core-dump-pattern=")] {
                match text.strip_prefix(short) {
                    Some("") | None => {}
                    Some(value) => return OsString::from(format!("{long}{value}")),
                }
            }
            argument.clone()
        });
        Options::try_parse_from(unglued)
    }

    /// The same with absolute paths, which stay true when the daemon leaves the current folder.
    #[must_use]
    pub fn anchored(mut self) -> Options {
        self.use_file = Some(self.config());
        for path in [
            &mut self.use_file,
            &mut self.pid,
            &mut self.vrrp_pid,
            &mut self.checkers_pid,
            &mut self.socket,
        ] {
            if let Some(anchored) = path
                .as_deref()
                .and_then(|path| std::path::absolute(path).ok())
            {
                *path = Some(anchored);
            }
        }
        self
    }

    /// Whether VRRP may run (`-C` alone excludes it).
    #[must_use]
    pub fn runs_vrrp(&self) -> bool {
        self.vrrp || !self.check
    }

    /// Whether virtual servers may run (`-P` alone excludes them).
    #[must_use]
    pub fn runs_checkers(&self) -> bool {
        self.check || !self.vrrp
    }

    /// The options given that change nothing in this version, with the reason.
    #[must_use]
    pub fn without_effect(&self) -> Vec<(&'static str, &'static str)> {
        let mut found = Vec::new();
        let mut given = |is: bool, option, reason| {
            if is {
                found.push((option, reason));
            }
        };
        given(
            self.release_vips,
            "-X",
            "VIPs are always released when an instance leaves MASTER",
        );
        given(
            self.dont_respawn,
            "-R",
            "there are no child processes to respawn",
        );
        given(
            self.address_monitoring,
            "-a",
            "address changes are not reported one by one yet",
        );
        given(
            self.snmp || self.snmp_agent_socket.is_some(),
            "-x/-A",
            "SNMP is not offered",
        );
        given(
            self.log_file.is_some() || self.flush_log_file,
            "-g/--flush-log-file",
            "logs go to syslog, or with -l to standard error",
        );
        given(
            self.config_fd.is_some()
                || self.debug.is_some()
                || self.perf.is_some()
                || self.no_mem_check
                || self.ignore_sigint,
            "--config-fd, --debug, --perf, --no-mem-check, --ignore-sigint",
            "they are for keepalived's children and debugging builds",
        );
        given(
            self.core_dump || self.core_dump_pattern.is_some(),
            "-m/-M",
            "core dumps are left to the system's settings",
        );
        found
    }

    /// The help text.
    #[must_use]
    pub fn help_text() -> String {
        Options::command().render_long_help().to_string()
    }
}

/// The signal number behind one of keepalived's `--signum` names (signals of `keepalived.8`).
#[must_use]
pub fn signal_number(function: &str) -> Option<i32> {
    // SIGRTMIN and SIGRTMAX as glibc gives them to programs: 34 and 64.
    Some(match function {
        "STOP" => 15,
        "RELOAD" => 1,
        "DATA" => 10,
        "STATS" => 12,
        "STATS_CLEAR" => 63,
        "JSON" => 36,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Options {
        let words = std::iter::once(&"keepalived").chain(arguments);
        Options::read(&words.map(OsString::from).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn both_spellings_mean_the_same() {
        let short = parse(&[
            "-f", "a.conf", "-n", "-l", "-D", "-p", "1", "-r", "2", "-c", "3", "-P",
        ]);
        let long = parse(&[
            "--use-file=a.conf",
            "--dont-fork",
            "--log-console",
            "--log-detail",
            "--pid=1",
            "--vrrp_pid=2",
            "--checkers_pid=3",
            "--vrrp",
        ]);
        assert_eq!(format!("{short:?}"), format!("{long:?}"));
        assert!(short.runs_vrrp() && !short.runs_checkers());
    }

    #[test]
    fn clustered_and_glued_short_options() {
        let options = parse(&["-nlDD", "-fa.conf"]);
        assert!(options.dont_fork && options.log_console);
        assert_eq!(options.log_detail, 2);
        assert_eq!(options.config(), PathBuf::from("a.conf"));
    }

    #[test]
    fn config_test_takes_its_file_only_after_an_equals_sign() {
        assert_eq!(parse(&["-t"]).config_test, Some(None));
        assert_eq!(parse(&["-t", "-f", "x"]).config(), PathBuf::from("x"));
        assert_eq!(
            parse(&["--config-test=out"]).config_test,
            Some(Some("out".into()))
        );
    }

    #[test]
    fn values_may_be_glued_and_long_names_cut_short() {
        assert_eq!(
            parse(&["-t/tmp/out"]).config_test,
            Some(Some("/tmp/out".into()))
        );
        assert!(parse(&["--dont-f"]).dont_fork);
        assert!(parse(&["--perf=all", "--no-mem-check"]).no_mem_check);
    }

    #[test]
    fn unknown_options_are_refused() {
        assert!(Options::try_parse_from(["keepalived", "--no-such-option"]).is_err());
    }

    #[test]
    fn signal_numbers_are_keepaliveds() {
        // Seen: keepalived --signum=NAME.
        assert_eq!(signal_number("STATS_CLEAR"), Some(63));
        assert_eq!(signal_number("JSON"), Some(36));
        assert_eq!(signal_number("nonsense"), None);
    }
}
