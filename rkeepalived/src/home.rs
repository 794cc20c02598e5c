//! Where the daemon lives: its network namespaces and the name that tells it from others. Set at start, for good.

use keepalived_conf::{Global, IpvsNamespace};

use crate::cli::Options;

/// Where the daemon lives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Home {
    /// `-s`, else `net_namespace`.
    pub namespace: Option<String>,
    /// `net_namespace_ipvs`: where IPVS is, if not there as well.
    pub ipvs: Option<IpvsNamespace>,
    /// `instance`.
    pub instance: Option<String>,
    /// `use_pid_dir`, or what implies it.
    pub pid_dir: bool,
    /// `nftables_ipvs`.
    pub ipvs_table: Option<String>,
}

impl Home {
    /// As the command line has it, else the configuration.
    #[must_use]
    pub fn of(options: &Options, global: &Global) -> Home {
        let home = &global.home;
        let namespace = options.namespace.as_ref().or(home.net_namespace.as_ref());
        Home {
            namespace: namespace.cloned(),
            ipvs: home.net_namespace_ipvs.clone(),
            instance: home.instance.clone(),
            pid_dir: home.use_pid_dir || namespace.is_some(),
            ipvs_table: global.firewall.ipvs_table.clone(),
        }
    }

    /// What a reload that would lead to `wanted` may not change, in keepalived's words.
    #[must_use]
    pub fn forbidden(&self, wanted: &Home) -> Option<&'static str> {
        let checks = [
            (self.namespace != wanted.namespace, "network namespace"),
            (self.ipvs != wanted.ipvs, "IPVS network namespace"),
            (self.instance != wanted.instance, "instance name"),
            (
                self.ipvs_table != wanted.ipvs_table,
                "IPVS nftables table name",
            ),
        ];
        checks
            .into_iter()
            .find_map(|(changed, what)| changed.then_some(what))
    }

    /// What follows the name in syslog: `_NAMESPACE_INSTANCE`.
    #[must_use]
    pub fn suffix(&self) -> String {
        let names = self.namespace.iter().chain(&self.instance);
        names.map(|name| format!("_{name}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The words of keepalived 2.2.7.
    #[test]
    fn a_reload_cannot_move_the_daemon() {
        let home = Home {
            namespace: Some("foo".into()),
            ..Home::default()
        };
        assert_eq!(home.forbidden(&home), None);
        assert_eq!(home.forbidden(&Home::default()), Some("network namespace"));
        let named = Home {
            instance: Some("one".into()),
            ..home.clone()
        };
        assert_eq!(home.forbidden(&named), Some("instance name"));
        assert_eq!(named.suffix(), "_foo_one");
        let elsewhere = Home {
            ipvs: Some(IpvsNamespace::Initial),
            ..home.clone()
        };
        assert_eq!(home.forbidden(&elsewhere), Some("IPVS network namespace"));
        // The folder of pid files is looked at by nobody after the start.
        let moved = Home {
            pid_dir: true,
            ..home.clone()
        };
        assert_eq!(home.forbidden(&moved), None);
    }

    #[test]
    fn the_command_line_comes_before_the_configuration() {
        let mut global = Global::default();
        global.home.net_namespace = Some("foo".into());
        let options = Options {
            namespace: Some("bar".into()),
            ..Options::default()
        };
        let of = |options: &Options| Home::of(options, &global).namespace;
        assert_eq!(of(&options).as_deref(), Some("bar"));
        assert_eq!(of(&Options::default()).as_deref(), Some("foo"));
    }
}
