//! `group NAME` of `use_vmac` and `use_ipvlan`, where the host has no number for the name.

use keepalived_conf::{Device, Model};

use super::{About, LeftOut};

/// Where `iproute_etc_dir` does not say otherwise.
const ETC: &str = "/etc/iproute2";

/// Names without a number are left out, and said.
pub(super) fn number(model: &mut Model) -> Vec<LeftOut> {
    let mut left_out = Vec::new();
    let etc = model.global.files.iproute_etc_dir.as_deref();
    let etc = etc.unwrap_or(ETC).trim_end_matches('/');
    for (at, instance) in model.instances.iter_mut().enumerate() {
        let (word, group) = match &mut instance.device {
            Device::Interface => continue,
            Device::Vmac(vmac) => ("use_vmac", &mut vmac.group),
            Device::Ipvlan(ipvlan) => ("use_ipvlan", &mut ipvlan.group),
        };
        let Some(name) = group.as_deref().filter(|name| !is_number(name)) else {
            continue;
        };
        left_out.push(LeftOut {
            about: About::Instance(at),
            text: format!(
                "({}) {word}: there is no interface group `{name}`, the link stays in `default`; name it in {etc}/group \
                 (`100 {name}`), or write its number",
                instance.name
            ),
        });
        *group = None;
    }
    left_out
}

fn is_number(name: &str) -> bool {
    // That one is everywhere.
    name == "default" || name.parse::<u32>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::super::tests::planned;

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
