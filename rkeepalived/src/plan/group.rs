//! `group NAME` of `use_vmac` and `use_ipvlan`: the host has numbers for names.

use keepalived_conf::{Device, Model};

use super::{About, LeftOut, Programs};

/// Puts numbers in the place of names. A name without one is left out, and said.
pub(super) fn number(model: &mut Model, programs: &dyn Programs) -> Vec<LeftOut> {
    let mut left_out = Vec::new();
    for (at, instance) in model.instances.iter_mut().enumerate() {
        let (word, group) = match &mut instance.device {
            Device::Interface => continue,
            Device::Vmac(vmac) => ("use_vmac", &mut vmac.group),
            Device::Ipvlan(ipvlan) => ("use_ipvlan", &mut ipvlan.group),
        };
        let Some(name) = group.as_deref().filter(|name| !is_number(name)) else {
            continue;
        };
        let found = programs.link_group(name).map(|number| number.to_string());
        if found.is_none() {
            left_out.push(LeftOut {
                about: About::Instance(at),
                text: format!(
                    "({}) {word}: there is no interface group `{name}`, the link stays in `default`; name it in \
                     /etc/iproute2/group (`100 {name}`), or write its number",
                    instance.name
                ),
            });
        }
        *group = found;
    }
    left_out
}

fn is_number(name: &str) -> bool {
    // That one is everywhere.
    name == "default" || name.parse::<u32>().is_ok()
}

/// The number of a group in the text of a file `group` of iproute2: `NUMBER NAME` a line, `#` begins a comment.
#[must_use]
pub fn numbered(text: &str, name: &str) -> Option<u32> {
    text.lines().find_map(|line| {
        let line = line.split('#').next().unwrap_or_default();
        let (number, named) = line.trim().split_once(char::is_whitespace)?;
        if named.trim() != name {
            return None;
        }
        match number.strip_prefix("0x") {
            Some(digits) => u32::from_str_radix(digits, 16).ok(),
            None => number.parse().ok(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::planned;
    use super::numbered;

    /// Debian's file, with one line more.
    #[test]
    fn a_group_has_the_number_of_its_name() {
        let file = "# device group names\n0\tdefault\n 0x64 vips # ours\n";
        assert_eq!(numbered(file, "default"), Some(0));
        assert_eq!(numbered(file, "vips"), Some(100));
        assert_eq!(numbered(file, "device"), None);
    }

    #[test]
    fn a_name_is_looked_up_and_an_unknown_one_is_said() {
        let text = "vrrp_instance A {\ninterface eth1\nvirtual_router_id 5\nuse_vmac group vips\n\
                    virtual_ipaddress {\n10.9.0.1\n}\n}\n\
                    vrrp_instance B {\ninterface eth1\nvirtual_router_id 6\nuse_vmac group strangers\n\
                    virtual_ipaddress {\n10.9.0.2\n}\n}\n";
        let plan = planned(text);
        let groups = plan.vrrp.instances.iter().map(|one| one.devices[0].group);
        assert_eq!(groups.collect::<Vec<_>>(), [Some(100), None]);
        let [left_out] = &plan.left_out[..] else {
            panic!("{:?}", plan.left_out);
        };
        assert!(left_out.text.starts_with(
            "(B) use_vmac: there is no interface group `strangers`, the link stays in `default`;"
        ));
    }
}
