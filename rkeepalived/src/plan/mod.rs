//! From the configuration's model to what each driver is to bring about. Pure.
//!
//! Must not know: the kernel, the clock, what is running. Enter at [`plan`]. Tests: beside each part.

mod audience;
mod bfd;
mod buffer;
mod check;
mod device;
pub mod difference;
mod dumps;
mod group;
mod hooks;
mod implied;
mod ipvs;
mod lvs;
mod mail;
mod page;
mod place;
mod script;
mod statics;
mod timeliness;
mod track;
mod vrrp;

use std::path::PathBuf;

use keepalived_conf::Model;

pub use self::bfd::PlannedSession;
pub use self::buffer::Buffer;
pub use self::device::PlannedDevice;
pub use self::dumps::Dumps;
pub use self::hooks::Hooks;
pub use self::lvs::services;
pub use self::mail::Sender;
pub use self::statics::PlannedStatics;
pub use self::timeliness::{Raising, Timeliness};
pub use self::track::{PlannedTrack, TrackPlan, TrackedFile, TrackedProcess, TrackedScript};
pub use self::vrrp::{By, Pace, PlannedAddress, PlannedGroup, PlannedInstance, VrrpPlan};
use crate::cli::Options;
use crate::lvs::settings::Settings;
use crate::lvs::wanted::WantedService;
use crate::notify::WantedFifo;
use crate::notify::audience::Audience;
use crate::notify::mail::Mailing;

/// All that a configuration asks for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// VRRP's part.
    pub vrrp: VrrpPlan,
    /// BFD sessions.
    pub bfd: Vec<PlannedSession>,
    /// The virtual servers.
    pub services: Vec<WantedService>,
    /// What is asked of IPVS besides them.
    pub ipvs: Settings,
    /// Who is told of VRRP.
    pub audience: Audience,
    /// The FIFOs that changes are written to.
    pub fifos: Vec<WantedFifo>,
    /// Where mail goes, if it goes.
    pub mailing: Option<Mailing>,
    /// `fifo_write_vrrp_states_on_reload`.
    pub states_on_reload: bool,
    /// What runs before and after everything else.
    pub hooks: Hooks,
    /// What dumps need of the configuration.
    pub dumps: Dumps,
    /// Files that are written at start (`init_file`).
    pub files: Vec<WantedInit>,
    /// What the configuration asks for and this version leaves out: VRRP's, then the services'.
    pub left_out: Vec<LeftOut>,
}

/// A tracked file that is given a number at start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedInit {
    /// Where it is.
    pub path: PathBuf,
    /// The number.
    pub number: i32,
    /// Also where the file is there already.
    pub overwrite: bool,
}

/// Something that the configuration asks for and this version leaves out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// What it belongs to.
    pub about: About,
    /// What is left out, and why, as a log line.
    pub text: String,
}

/// A block of the configuration, by its place in the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// `Model::instances`.
    Instance(usize),
    /// What instances depend on.
    Vrrp,
    /// `Model::virtual_servers`.
    VirtualServer(usize),
}

/// What planning asks of this host.
pub trait Programs {
    /// Why a program is not safe to run as root, or nothing.
    fn script_fault(&self, program: &str) -> Option<String>;
    /// Whether there is a program of that name, to be run without a path.
    fn is_there(&self, program: &str) -> bool;
    /// In whose name mail is sent.
    fn sender(&self) -> Sender {
        Sender::default()
    }
}

/// Plans what `model` asks for, as far as the command line lets it run. Consumes the model: of a large one, what is
/// planned takes the memory that its original gives up.
#[must_use]
pub fn plan(mut model: Model, options: &Options, programs: &dyn Programs) -> Plan {
    let bfd = if options.no_bfd {
        Vec::new()
    } else {
        bfd::plan(&model)
    };
    let groups = group::number(&mut model);
    let (vrrp, mut left_out) = if options.runs_vrrp() {
        vrrp::plan(&model, programs, &bfd)
    } else {
        Default::default()
    };
    left_out.extend(groups);
    let (audience, more) = if options.runs_vrrp() {
        audience::plan(&model, programs)
    } else {
        Default::default()
    };
    left_out.extend(more);
    let runs = (
        !vrrp.instances.is_empty(),
        options.runs_checkers() && !model.virtual_servers.is_empty(),
    );
    let (fifos, more) = audience::fifos(&model, runs, programs);
    left_out.extend(more);
    let mailing = mail::mailing(&model.global, &programs.sender());
    let dumps = dumps::dumps(&model);
    let (hooks, more) = hooks::plan(&model, programs);
    left_out.extend(more);
    let states_on_reload = model.global.fifos.states_on_reload;
    let mut ipvs = ipvs::settings(&model, options, &vrrp, !bfd.is_empty());
    match ipvs::firewall(&model, programs) {
        Ok(firewall) => ipvs.firewall = firewall.filter(|_| options.runs_checkers()),
        Err(text) => {
            // Told where it concerns somebody: at the first virtual server of a group.
            let is_of_group = |server: &keepalived_conf::VirtualServer| {
                matches!(server.key, keepalived_conf::VirtualServerKey::Group(_))
            };
            let at = model.virtual_servers.iter().position(is_of_group);
            let about = at
                .filter(|_| options.runs_checkers())
                .map(About::VirtualServer);
            left_out.extend(about.map(|about| LeftOut { about, text }));
        }
    }
    let files = model.track_files.iter().filter_map(|file| {
        let init = file.init?;
        Some(WantedInit {
            path: PathBuf::from(&file.path),
            number: init.value,
            overwrite: init.overwrite,
        })
    });
    let files = files.collect();
    let (services, services_left_out) = if options.runs_checkers() {
        lvs::services(model, programs, ipvs.firewall.is_some(), &bfd)
    } else {
        Default::default()
    };
    left_out.extend(services_left_out);
    Plan {
        vrrp,
        bfd,
        services,
        ipvs,
        audience,
        fifos,
        mailing,
        states_on_reload,
        hooks,
        dumps,
        files,
        left_out,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io;
    use std::path::Path;

    use checkers::Probe;
    use ipvs_netlink::Forwarding;
    use keepalived_conf::{Loader, load};

    use super::*;

    struct Text<'t>(&'t str);

    impl Loader for Text<'_> {
        fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
            let text = match path.file_name().is_some_and(|name| name == "group") {
                true => "100\tvips\n",
                false => self.0,
            };
            Ok(text.into())
        }

        fn has_interface(&self, name: &str) -> bool {
            ["lo", "eth0", "eth1", "eth2", "eth3"].contains(&name)
        }

        fn user(&self, name: &str) -> Option<(u32, u32)> {
            (name == "root").then_some((0, 0))
        }
    }

    pub(crate) struct Nobody;

    impl Programs for Nobody {
        fn script_fault(&self, program: &str) -> Option<String> {
            (program == "/tmp/check").then(|| "/tmp/check has mode 0777".to_owned())
        }

        fn is_there(&self, program: &str) -> bool {
            program == "nft"
        }
    }

    /// The model of a text without errors.
    pub(crate) fn model(text: &str) -> Model {
        let loaded = load(Path::new("keepalived.conf"), &Text(text));
        assert_eq!(loaded.start_status(), None, "{:?}", loaded.diagnostics);
        loaded.model
    }

    pub(crate) fn planned(text: &str) -> Plan {
        plan(model(text), &Options::default(), &Nobody)
    }

    fn left_out(plan: &Plan) -> Vec<&str> {
        let texts = plan.left_out.iter().map(|left_out| &*left_out.text);
        texts.collect()
    }

    pub(crate) const INSTANCE: &str = "
        vrrp_instance VI_1 {
            state MASTER
            interface eth1
            virtual_router_id 50
            priority 100
            authentication {
                auth_type PASS
                auth_pass secret
            }
            virtual_ipaddress {
                172.16.1.1/24
            }
        }";

    const SERVICE: &str = "
        virtual_server 172.16.1.1 80 {
            delay_loop 1
            lb_algo rr
            lb_kind DR
            protocol TCP
            real_server 172.16.1.10 80 {
                weight 2
                HTTP_GET {
                    url {
                        path /
                    }
                    connect_timeout 1
                }
            }
            real_server 172.16.1.11 80 {
                MISC_CHECK {
                    misc_path /bin/check
                    user somebody
                }
            }
        }";

    #[test]
    fn an_instance_is_planned_with_its_addresses() {
        let plan = planned(INSTANCE);
        let [instance] = &plan.vrrp.instances[..] else {
            panic!("{plan:?}");
        };
        assert_eq!(instance.interface.as_deref(), Some("eth1"));
        assert_eq!(instance.config.vrid.get(), 50);
        assert_eq!(instance.config.auth, ::vrrp::Auth::Simple(*b"secret\0\0"));
        assert_eq!(
            instance.config.addresses,
            ["172.16.1.1".parse::<std::net::Ipv4Addr>().unwrap()]
        );
        assert_eq!(instance.addresses[0].interface, "eth1");
        assert_eq!(instance.addresses[0].address.prefix_len, 24);
    }

    #[test]
    fn a_virtual_server_is_planned_in_the_kernels_terms() {
        let plan = planned(SERVICE);
        let [service] = &plan.services[..] else {
            panic!("{plan:?}");
        };
        assert_eq!(service.places.len(), 1);
        assert_eq!(service.places[0].to_string(), "TCP 172.16.1.1:80");
        assert_eq!(service.name.to_string(), "[172.16.1.1]:tcp:80");
        assert_eq!(service.spec.scheduler.to_string(), "rr");
        assert_eq!(service.servers[0].spec.weight, 2);
        assert_eq!(service.servers[0].spec.forwarding, Forwarding::DirectRoute);
        assert!(
            matches!(&*service.servers[0].checks[0].probe, Probe::Http(http) if http.urls[0].path == "/")
        );
    }

    #[test]
    fn a_service_of_a_group_has_all_its_places() {
        let group = "virtual_server_group web {\n172.16.1.1-3 80\nfwmark 5\n}\n";
        let text = SERVICE.replace("172.16.1.1 80", "group web");
        let plan = planned(Box::leak(format!("{group}{text}").into()));
        let [service] = &plan.services[..] else {
            panic!("{plan:?}");
        };
        assert_eq!(service.name.to_string(), "[web]:0");
        assert_eq!(service.places.len(), 4);
    }

    #[test]
    fn of_two_services_in_one_place_the_first_has_it_and_that_is_told() {
        let group = "virtual_server_group web {\n172.16.1.1-2 80\n}\n";
        let text = SERVICE.replace("172.16.1.1 80", "group web");
        let plan = planned(Box::leak(format!("{SERVICE}{group}{text}").into()));
        let places: Vec<_> = plan
            .services
            .iter()
            .map(|service| service.places.len())
            .collect();
        assert_eq!(places, [1, 1]);
        assert_eq!(
            left_out(&plan),
            [
                "virtual server [web]:0: TCP 172.16.1.1:80 belongs to virtual server [172.16.1.1]:tcp:80, \
                 which comes first"
            ]
        );
    }

    #[test]
    fn a_check_whose_user_is_not_there_is_left_out() {
        let plan = planned(SERVICE);
        assert!(plan.services[0].servers[1].checks.is_empty());
        let named: &'static str = Box::leak(SERVICE.replace("somebody", "root").into());
        let plan = planned(named);
        assert_eq!(plan.services[0].servers[1].checks.len(), 1);
    }

    #[test]
    fn an_instance_in_a_vrf_needs_a_place_for_each_address() {
        let plan = planned(
            "global_defs {\ndynamic_interfaces\n}\nvrrp_instance V {\nvrf blue\nvirtual_router_id 1\nversion 3\n\
             unicast_src_ip 10.1.0.2\nunicast_peer {\n10.1.0.3\n}\n\
             virtual_ipaddress {\n10.1.0.100/24 dev eth1\n10.1.0.101/24\n}\n}\n",
        );
        let [instance] = &plan.vrrp.instances[..] else {
            panic!("{plan:?}");
        };
        assert_eq!(instance.named().map(String::as_str), Some("blue"));
        assert!(!instance.config.anywhere);
        assert_eq!(instance.addresses.len(), 1);
        assert_eq!(
            left_out(&plan),
            [
                "(V) 10.1.0.101/24 is put nowhere: the instance has no interface; write `dev NAME` behind it"
            ]
        );
    }

    #[test]
    fn what_is_not_there_yet_is_told() {
        let mut lacking = model(INSTANCE);
        lacking.instances[0].not_yet = vec!["teleport"];
        let lacking = plan(lacking, &Options::default(), &Nobody);
        assert_eq!(lacking.vrrp.instances.len(), 1);
        assert_eq!(
            left_out(&lacking),
            ["(VI_1) runs without teleport: not there yet"]
        );
        let bfd = planned(checked_by("BFD_CHECK {\nname b\n}"));
        assert_eq!(left_out(&bfd), [] as [&str; 0]);
        let [session] = &bfd.services[0].servers[1].sessions[..] else {
            panic!("{bfd:?}");
        };
        assert_eq!((&*session.name, session.alpha), ("b", false));
        let without = Options {
            no_bfd: true,
            ..Options::default()
        };
        let without = plan(
            model(checked_by("BFD_CHECK {\nname b\n}")),
            &without,
            &Nobody,
        );
        assert_eq!(without.bfd, []);
        assert_eq!(
            left_out(&without),
            [
                "real server 172.16.1.11:80 is NOT checked by BFD_CHECK b: that session does not run, or is for vrrp only"
            ]
        );
    }

    /// A service whose second server has this check.
    fn checked_by(check: &str) -> &'static str {
        let script = "MISC_CHECK {\n                    misc_path /bin/check\n                    user somebody\n                }";
        assert!(SERVICE.contains(script));
        let text = SERVICE.replace(script, check);
        Box::leak(format!("bfd_instance b {{\nneighbor_ip 172.16.1.9\n}}\n{text}").into())
    }

    #[test]
    fn checks_over_the_network_are_planned_as_written() {
        let probe = |check: &str| {
            let plan = planned(checked_by(check));
            assert_eq!(left_out(&plan), [""; 0]);
            let checks = &plan.services[0].servers[1].checks;
            assert_eq!(checks.len(), 1);
            (*checks[0].probe).clone()
        };
        let Probe::Smtp(smtp) = probe("SMTP_CHECK {\nconnect_port 25\nhelo_name me.example\n}")
        else {
            panic!("SMTP_CHECK")
        };
        assert_eq!(
            (
                smtp.dial.target.to_string().as_str(),
                smtp.helo_name.as_str()
            ),
            ("172.16.1.11:25", "me.example")
        );
        let dial = "connect_ip 172.16.1.12\nbindto 172.16.1.2\nbind_port 5000\nfwmark 7\nconnect_timeout 2.5\n";
        let Probe::Dns(dns) = probe(&format!(
            "DNS_CHECK {{\n{dial}name example.com.\ntype DNSKEY\n}}"
        )) else {
            panic!("DNS_CHECK")
        };
        assert_eq!((dns.name.as_str(), dns.kind), ("example.com", 48));
        let wanted = checkers::Dial {
            target: "172.16.1.12:80".parse().unwrap(),
            bind: Some("172.16.1.2:5000".parse().unwrap()),
            bind_interface: None,
            fwmark: Some(7),
            timeout: std::time::Duration::from_millis(2500),
        };
        assert_eq!(dns.dial, wanted);
        let udp = "UDP_CHECK {\npayload 0aff\nrequire_reply 3X\nmin_reply_length 2\n}";
        let Probe::Udp(udp) = probe(udp) else {
            panic!("UDP_CHECK")
        };
        assert_eq!(udp.payload, [0x0a, 0xff]);
        let reply = udp.reply.unwrap();
        assert_eq!((reply.length, reply.bytes.len()), (2..=255, 1));
        assert!(reply.bytes[0].accepts(0x3f) && !reply.bytes[0].accepts(0x2f));
        assert_eq!(
            probe(&format!("PING_CHECK {{\n{dial}}}")),
            Probe::Ping(wanted)
        );
    }

    #[test]
    fn a_page_is_planned_with_its_pattern_and_a_pattern_that_is_none_is_left_out() {
        let with = |lines: &str| {
            let text = SERVICE.replace("path /", &format!("path /\n{lines}"));
            planned(Box::leak(text.into()))
        };
        let plan = with(
            "regex fo+\nregex_options caseless dotall\nregex_min_offset 3\nregex_max_offset 9\nregex_no_match",
        );
        let Probe::Http(http) = &*plan.services[0].servers[0].checks[0].probe else {
            panic!("{plan:?}");
        };
        let wanted = http.urls[0].pattern.as_ref().unwrap();
        assert_eq!(wanted.pattern.text(), "fo+");
        assert!(wanted.negate);
        assert_eq!((wanted.range.from, wanted.range.until), (3, Some(9)));
        assert!(left_out(&plan).is_empty());
        let plan = with("regex foo(");
        assert_eq!(plan.services[0].servers[0].checks.len(), 1);
        assert_eq!(
            left_out(&plan),
            [
                "Invalid regex: 'foo(' at offset 4: missing closing parenthesis; \
                 pages of 172.16.1.10:80 are NOT compared with it"
            ]
        );
    }

    const SCRIPT: &str = "
        virtual_server 172.16.1.1 80 {
            delay_loop 1
            lb_algo rr
            lb_kind DR
            protocol TCP
            real_server 172.16.1.10 80 {
                MISC_CHECK {
                    misc_path /tmp/check
                }
            }
        }";

    #[test]
    fn an_unsafe_script_of_roots_is_told_and_with_script_security_not_run() {
        let plan = planned(SCRIPT);
        assert_eq!(plan.services[0].servers[0].checks.len(), 1);
        assert_eq!(
            left_out(&plan),
            ["Unsafe permissions found for script '/tmp/check': /tmp/check has mode 0777"]
        );
        let secure: &'static str = Box::leak(
            format!("global_defs {{\nscript_user root\nenable_script_security\n}}\n{SCRIPT}")
                .into(),
        );
        let plan = planned(secure);
        assert!(plan.services[0].servers[0].checks.is_empty());
        assert_eq!(
            left_out(&plan),
            [
                "a check of real server 172.16.1.10:80 left out, so it is NOT checked by it: \
                 Unsafe permissions found for script '/tmp/check' - disabling: /tmp/check has mode 0777"
            ]
        );
    }

    #[test]
    fn the_command_line_takes_subsystems_away() {
        let only = |options: Options| plan(model(SERVICE), &options, &Nobody).services.len();
        assert_eq!(
            only(Options {
                check: true,
                ..Options::default()
            }),
            1
        );
        assert_eq!(
            only(Options {
                vrrp: true,
                ..Options::default()
            }),
            0
        );
    }
}
