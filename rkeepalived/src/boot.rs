//! From the command line to a running process: options, configuration test, permissions, pid files, the
//! background, the log. Everything that must happen before there are threads.

use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use keepalived_conf::print::Show;
use keepalived_conf::{Code, Diagnostic, Global, IpvsNamespace, Loaded, effective};
use nix::sys::signal::SigSet;
use nix::sys::stat::{Mode, umask};
use nix::syslog::Facility;

use crate::cli::{Options, signal_number};
use crate::daemon::{self, Place};
use crate::home::Home;
use crate::journal::sink::{Destinations, Sink};
use crate::journal::{Line, Part, show_detail, write};
use crate::kernel::permission::{Capability, missing};
use crate::kernel::processes::ProcessEvents;
use crate::namespace::{self, Unreachable};
use crate::pidfile::{PidFileError, PidFiles};
use crate::plan::{About, Plan, plan};
use crate::{VERSION, command, config, exit, genhash, status};

/// Runs the program with these arguments, the program's name first; answers the exit status.
#[must_use]
pub fn main(arguments: Vec<OsString>) -> u8 {
    let name = arguments.first().map(PathBuf::from).unwrap_or_default();
    if name.file_name().is_some_and(|name| name == "genhash") {
        return genhash::main(arguments);
    }
    if arguments
        .get(1)
        .is_some_and(|first| first == "-T" || first == "--genhash")
    {
        let rest = std::iter::once(OsString::from("genhash")).chain(arguments.into_iter().skip(2));
        return genhash::main(rest);
    }
    if command::is_command(&arguments) {
        return command::run(&arguments);
    }
    let options = match Options::read(&arguments) {
        Ok(options) => options,
        Err(error) => {
            // clap's own words name the option and show the usage. Nobody is left to tell if stderr is closed.
            let _ = writeln!(std::io::stderr(), "{error}Try --help for the options.");
            return if matches!(
                error.kind(),
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
            ) {
                exit::OK
            } else {
                exit::FATAL
            };
        }
    };
    if options.version {
        eprintln!("{VERSION}\n\nCopyright the rkeepalived maintainers. MIT OR Apache-2.0.");
        return exit::OK;
    }
    if options.help {
        eprint!("{}", Options::help_text());
        return exit::OK;
    }
    if let Some(function) = &options.signum {
        return match signal_number(function) {
            Some(number) => {
                println!("{number}");
                exit::OK
            }
            None => {
                eprintln!("Unknown sigfunc {function}");
                exit::FATAL
            }
        };
    }
    if let Some(output) = &options.config_test {
        return test_config(&options, output.as_deref());
    }
    start(&options.anchored(), &arguments)
}

/// `-t`: every finding with the text it is about; the exit status is keepalived's.
fn test_config(options: &Options, output: Option<&Path>) -> u8 {
    let mut loaded = config::examined(options);
    let status = match loaded.test_status() {
        // keepalived behaviour: a missing file is an error to -t only with -e.
        0 if options.all_config && loaded.start_status() == Some(exit::NO_CONFIG) => 4,
        status => status,
    };
    let mut text = String::new();
    for diagnostic in &loaded.diagnostics {
        text.push_str(loaded.render(diagnostic).trim_end());
        text.push('\n');
    }
    if options.dump_conf {
        let dump = effective(
            &options.config(),
            &config::Host::of(options),
            Show::default(),
        );
        // Nobody is left to tell if stdout is closed.
        let _ = std::io::stdout().write_all(&dump);
    }
    // keepalived would have no complaint, so the status stays; but whoever tests the file has to know.
    let headings = std::mem::take(&mut loaded.headings);
    let model = std::mem::take(&mut loaded.model);
    for left_out in plan(model, options, &config::Host::of(options)).left_out {
        let heading = match left_out.about {
            About::Instance(at) => headings.instances.get(at),
            About::VirtualServer(at) => headings.virtual_servers.get(at),
            // Reading the file has told of unsafe scripts already, at their own lines.
            About::Vrrp => None,
        };
        if let Some(heading) = heading {
            let note = Diagnostic::left_out(*heading, left_out.text);
            text.push_str(loaded.render(&note).trim_end());
            text.push('\n');
        }
    }
    let written = match output {
        Some(path) => std::fs::write(path, &text),
        None => std::io::stderr().write_all(text.as_bytes()),
    };
    if let (Err(error), Some(path)) = (written, output) {
        eprintln!("cannot write the findings to {}: {error}", path.display());
        return exit::FATAL;
    }
    status
}

/// What has been made sure of before the process goes to the background.
struct Prepared {
    /// What was found in the configuration, and with `-d` what was understood.
    said: Vec<Line>,
    global: Global,
    plan: Plan,
    pid_files: PidFiles,
    home: Home,
    /// The namespace that IPVS is in, where that is another.
    ipvs: Option<File>,
}

/// Why the daemon does not start.
struct Refusal {
    said: Vec<Line>,
    line: Line,
    status: u8,
}

fn start(options: &Options, arguments: &[OsString]) -> u8 {
    let destinations = match destinations(options) {
        Ok(destinations) => destinations,
        Err(message) => {
            eprintln!("{message}");
            return exit::FATAL;
        }
    };
    if let Err(message) = set_umask(options) {
        eprintln!("{message}");
        return exit::FATAL;
    }
    // Whoever started us may have blocked the signals that we are steered by; a blocked SIGTERM would mean no stop.
    if let Err(error) = SigSet::empty().thread_set_mask() {
        eprintln!("cannot unblock signals: {error}");
        return exit::FATAL;
    }
    // The namespaces of `-s` before the file is read: which interfaces there are is judged there.
    // Of processes the kernel tells in the first one only; where it does not at all, that is said when it matters.
    let processes = ProcessEvents::open().ok();
    let start = match Start::enter(options) {
        Ok(start) => start,
        Err(error) => {
            eprintln!("{error}");
            return exit::FATAL;
        }
    };
    show_detail(options.log_detail > 0);
    let prepared = prepare(options, start);
    if let Ok(prepared) = &prepared {
        follow_umask(options, &prepared.global);
    }
    if prepared.is_ok()
        && !options.dont_fork
        && let Err(error) = nix::unistd::daemon(false, false)
    {
        eprintln!("cannot go to the background: {error}");
        return exit::FATAL;
    }
    let suffix = prepared
        .as_ref()
        .map_or(String::new(), |prepared| prepared.home.suffix());
    let _sink = match Sink::install(destinations, suffix) {
        Ok(sink) => sink,
        Err(message) => {
            eprintln!("{message}");
            return exit::FATAL;
        }
    };
    greet(options, arguments);
    match prepared {
        Ok(prepared) => {
            prepared.said.iter().for_each(write);
            drop(prepared.said);
            daemon::main(
                options.clone(),
                prepared.plan,
                prepared.pid_files,
                &prepared.global,
                Place {
                    home: prepared.home,
                    ipvs: prepared.ipvs,
                    processes,
                },
            )
        }
        Err(refusal) => {
            refusal.said.iter().for_each(write);
            if !destinations.console && Path::new("/dev/log").exists() {
                // Whoever started it by hand should not have to look for the reason in syslog.
                eprintln!("{}", refusal.line);
            }
            write(&refusal.line);
            refusal.status
        }
    }
}

/// The way into the network namespaces.
pub(crate) struct Start {
    /// The one that we were started in; none where that cannot be had, which matters only to `net_namespace_ipvs`.
    initial: Option<File>,
    entered: bool,
}

impl Start {
    /// Enters the namespace of `-s`. Before there are threads: each has its own.
    pub(crate) fn enter(options: &Options) -> Result<Start, Unreachable> {
        let initial = namespace::initial();
        if let Some(name) = &options.namespace {
            namespace::enter(name)?;
        }
        Ok(Start {
            initial,
            entered: options.namespace.is_some(),
        })
    }

    /// Enters the one that the configuration names, and answers the one that IPVS is in, where that is another.
    pub(crate) fn settle(self, home: &Home) -> Result<Option<File>, Unreachable> {
        let ipvs = match &home.ipvs {
            None => None,
            Some(IpvsNamespace::Named(name)) => Some(namespace::open(name)?),
            Some(IpvsNamespace::Initial) => self.initial,
        };
        if let Some(name) = home.namespace.as_ref().filter(|_| !self.entered) {
            namespace::enter(name)?;
        }
        Ok(ipvs)
    }
}

fn prepare(options: &Options, start: Start) -> Result<Prepared, Box<Refusal>> {
    let path = options.config();
    let loaded = config::read(options);
    let mut said: Vec<Line> = config::findings(&loaded).collect();
    if let Some(status) = loaded.start_status() {
        let missing = |diagnostic: &&Diagnostic| diagnostic.code == Code::FileMissing;
        let line = match loaded.diagnostics.iter().find(missing) {
            Some(missing) => Line::Fatal {
                part: Part::Parent,
                reason: format!(
                    "No configuration file {} ({}): write one, or name another with -f",
                    path.display(),
                    missing.help.as_deref().unwrap_or_default()
                ),
            },
            None => Line::CannotStart { status },
        };
        return Err(Box::new(Refusal { said, line, status }));
    }
    let Loaded { model, sources, .. } = loaded;
    drop(sources);
    if options.dump_conf {
        let dump = status::dump::configuration(&model).into_iter();
        said.extend(dump.map(|text| Line::Dump { text }));
    }
    let global = model.global.clone();
    if options.umask.is_none() {
        umask(Mode::from_bits_truncate(global.files.umask.into()));
    }
    let home = Home::of(options, &global);
    let ipvs = match start.settle(&home) {
        Ok(ipvs) => ipvs,
        Err(error) => {
            return Err(Box::new(Refusal {
                said,
                line: Line::Fatal {
                    part: Part::Parent,
                    reason: error.to_string(),
                },
                status: exit::FATAL,
            }));
        }
    };
    let plan = plan(model, options, &config::Host::of(options));
    let needed: &[Capability] = match (plan.vrrp.instances.is_empty(), plan.services.is_empty()) {
        (false, _) => &[Capability::NetAdmin, Capability::NetRaw],
        (true, false) => &[Capability::NetAdmin],
        (true, true) => &[],
    };
    let lacking = missing(
        &std::fs::read_to_string("/proc/self/status").unwrap_or_default(),
        needed,
    );
    if !lacking.is_empty() {
        let named: Vec<_> = lacking.iter().map(ToString::to_string).collect();
        return Err(Box::new(Refusal {
            said,
            line: Line::Fatal {
                part: Part::Parent,
                reason: format!(
                    "Missing {}: start it as root, or give it the capability (systemd: AmbientCapabilities=)",
                    named.join(" and ")
                ),
            },
            status: exit::MISSING_PERMISSION,
        }));
    }
    let pid_files = PidFiles::lock(options, &home, &plan).map_err(|(error, path)| Refusal {
        said: Vec::new(),
        line: Line::Fatal {
            part: Part::Parent,
            reason: match &error {
                PidFileError::Running => {
                    format!("daemon is already running (pid file {})", path.display())
                }
                PidFileError::Io { .. } => error.to_string(),
            },
        },
        status: match error {
            PidFileError::Running => exit::OK,
            PidFileError::Io { .. } => exit::FATAL,
        },
    })?;
    Ok(Prepared {
        said,
        global,
        plan,
        pid_files,
        home,
        ipvs,
    })
}

fn greet(options: &Options, arguments: &[OsString]) {
    write(&Line::Starting { version: VERSION });
    if let Ok(system) = nix::sys::utsname::uname() {
        let words = [system.sysname(), system.release(), system.version()]
            .map(|word| word.to_string_lossy());
        write(&Line::RunningOn {
            system: words.join(" "),
        });
    }
    write(&Line::CommandLine {
        arguments: arguments
            .iter()
            .map(|argument| argument.to_string_lossy().into_owned())
            .collect(),
    });
    write(&Line::ConfigurationFile {
        path: options.config(),
    });
    for (option, reason) in options.without_effect() {
        write(&Line::OptionWithoutEffect { option, reason });
    }
}

fn destinations(options: &Options) -> Result<Destinations, String> {
    let facility = match options.log_facility.as_deref() {
        None | Some("daemon") => Facility::LOG_DAEMON,
        Some("user") => Facility::LOG_USER,
        Some("0" | "local0") => Facility::LOG_LOCAL0,
        Some("1" | "local1") => Facility::LOG_LOCAL1,
        Some("2" | "local2") => Facility::LOG_LOCAL2,
        Some("3" | "local3") => Facility::LOG_LOCAL3,
        Some("4" | "local4") => Facility::LOG_LOCAL4,
        Some("5" | "local5") => Facility::LOG_LOCAL5,
        Some("6" | "local6") => Facility::LOG_LOCAL6,
        Some("7" | "local7") => Facility::LOG_LOCAL7,
        Some(other) => {
            return Err(format!(
                "Unknown log facility '{other}': use 0 to 7, local0 to local7, user or daemon"
            ));
        }
    };
    Ok(Destinations {
        console: options.log_console && options.dont_fork,
        syslog: (!options.no_syslog).then_some(facility),
    })
}

/// Sets the configuration's `umask`, which `-u` overrides.
pub(crate) fn follow_umask(options: &Options, global: &Global) {
    if options.umask.is_none() {
        umask(Mode::from_bits_truncate(global.files.umask.into()));
    }
}

fn set_umask(options: &Options) -> Result<(), String> {
    // keepalived behaviour: 0177 unless said otherwise, so that dumps are for their owner alone.
    let bits = match &options.umask {
        None => 0o177,
        Some(text) => u32::from_str_radix(text.trim_start_matches("0o"), 8)
            .ok()
            .filter(|bits| *bits <= 0o777)
            .ok_or_else(|| format!("Invalid umask '{text}': octal digits up to 777"))?,
    };
    umask(Mode::from_bits_truncate(bits));
    Ok(())
}
