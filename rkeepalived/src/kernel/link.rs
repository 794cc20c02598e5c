//! Links of our own on other links: macvlans with a virtual router's MAC address, and ipvlans. Made, set and removed over
//! rtnetlink.
//!
//! What rtnetlink has no message for (`disable_ipv6`, the settings of `all` interfaces) goes through `/proc/sys`.

use std::fs;
use std::io;

use netlink_packet_core::{DefaultNla, Emitable, NLA_F_NESTED, NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{
    AfSpecInet, AfSpecInet6, AfSpecUnspec, In6AddrGenMode, InfoData, InfoIpVlan, InfoKind,
    InfoMacVlan, InfoVrf, IpVlanFlags, IpVlanMode, LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
    MacVlanMode,
};

use super::route::RouteSocket;
use super::{Arp, Device, DeviceKind, IpvlanMode, LinkKind};

/// `IFLA_INET_CONF` of linux/if_link.h.
const INET_CONF: u16 = 1;
/// Of `enum` in linux/ip.h: `IPV4_DEVCONF_*`.
const RP_FILTER: u16 = 8;
const ARP_FILTER: u16 = 13;
const ARP_IGNORE: u16 = 19;
const PROMOTE_SECONDARIES: u16 = 20;
const ACCEPT_LOCAL: u16 = 23;

/// What is in force where a macvlan has IPv4 addresses: it answers for its own addresses only, takes packets that come
/// from another interface of the host, from wherever they come, and keeps its other addresses when the first goes.
const VMAC: [(u16, u32); 4] = [
    (ARP_IGNORE, 1),
    (ACCEPT_LOCAL, 1),
    (RP_FILTER, 0),
    (PROMOTE_SECONDARIES, 1),
];

impl RouteSocket {
    /// Makes a link, which is down and without addresses.
    ///
    /// # Errors
    /// When the kernel refuses: the name is taken, the link below is gone, the kernel has no such kind.
    pub fn make(&mut self, device: &Device) -> io::Result<()> {
        let (kind, data) = match device.kind {
            DeviceKind::Macvlan { .. } => (
                InfoKind::MacVlan,
                InfoData::MacVlan(vec![InfoMacVlan::Mode(MacVlanMode::Private)]),
            ),
            DeviceKind::Ipvlan { mode } => (
                InfoKind::IpVlan,
                InfoData::IpVlan(vec![
                    InfoIpVlan::Mode(IpVlanMode::L2),
                    InfoIpVlan::Flags(match mode {
                        IpvlanMode::Bridge => IpVlanFlags::empty(),
                        IpvlanMode::Private => IpVlanFlags::Private,
                        IpvlanMode::Vepa => IpVlanFlags::Vepa,
                    }),
                ]),
            ),
        };
        let mut message = LinkMessage::default();
        message.attributes = vec![
            LinkAttribute::IfName(device.name.clone()),
            LinkAttribute::Link(device.base),
            LinkAttribute::LinkInfo(vec![LinkInfo::Kind(kind), LinkInfo::Data(data)]),
        ];
        if let DeviceKind::Macvlan { mac, .. } = device.kind {
            message
                .attributes
                .push(LinkAttribute::Address(mac.to_vec()));
        }
        self.ask(
            RouteNetlinkMessage::NewLink(message),
            NLM_F_CREATE | NLM_F_EXCL,
        )
    }

    /// Gives a link that was made, or was there already, its settings, and sets it up.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn settle(&mut self, device: &Device) -> io::Result<()> {
        let mut message = named(&device.name);
        if let Some(group) = device.group {
            message.attributes.push(LinkAttribute::Group(group));
        }
        if let Some(controller) = device.controller {
            message
                .attributes
                .push(LinkAttribute::Controller(controller));
        }
        if let DeviceKind::Macvlan { inet, inet6, .. } = device.kind {
            let mut families = vec![AfSpecUnspec::Inet6(vec![AfSpecInet6::AddrGenMode(
                In6AddrGenMode::None,
            )])];
            if inet {
                families.push(AfSpecUnspec::Inet(vec![conf(&VMAC)]));
            }
            message
                .attributes
                .push(LinkAttribute::AfSpecUnspec(families));
            // A kernel without IPv6 has no such file, and no need of it.
            let path = format!("/proc/sys/net/ipv6/conf/{}/disable_ipv6", device.name);
            match fs::write(path, if inet6 { "0" } else { "1" }) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        if message.attributes.len() > 1 {
            self.ask(RouteNetlinkMessage::SetLink(message), 0)?;
        }
        let mut message = named(&device.name);
        message.header.flags = LinkFlags::Up;
        message.header.change_mask = LinkFlags::Up;
        self.ask(RouteNetlinkMessage::SetLink(message), 0)
    }

    /// Removes a link, with its addresses.
    ///
    /// # Errors
    /// When the kernel refuses: it is gone.
    pub fn unmake(&mut self, index: u32) -> io::Result<()> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        self.ask(RouteNetlinkMessage::DelLink(message), 0)
    }

    /// Sets for which addresses a link answers ARP requests.
    ///
    /// # Errors
    /// When the kernel refuses: the link is gone.
    pub fn set_arp(&mut self, index: u32, arp: Arp) -> io::Result<()> {
        self.configure(index, &[(ARP_IGNORE, arp.ignore), (ARP_FILTER, arp.filter)])
    }

    /// Sets whether a link takes packets only by the way that an answer would go (RFC 3704).
    ///
    /// # Errors
    /// When the kernel refuses: the link is gone.
    pub fn set_rp_filter(&mut self, index: u32, mode: u32) -> io::Result<()> {
        self.configure(index, &[(RP_FILTER, mode)])
    }

    fn configure(&mut self, index: u32, settings: &[(u16, u32)]) -> io::Result<()> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        message
            .attributes
            .push(LinkAttribute::AfSpecUnspec(vec![AfSpecUnspec::Inet(vec![
                conf(settings),
            ])]));
        self.ask(RouteNetlinkMessage::SetLink(message), 0)
    }

    /// One message, and the kernel's answer to it.
    fn ask(&mut self, message: RouteNetlinkMessage, flags: u16) -> io::Result<()> {
        match self.transact(vec![(message, flags)])?.pop() {
            Some((_, error)) => Err(error),
            None => Ok(()),
        }
    }
}

fn named(name: &str) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.attributes = vec![LinkAttribute::IfName(name.to_owned())];
    message
}

/// Only the settings that are named change.
fn conf(settings: &[(u16, u32)]) -> AfSpecInet {
    let mut bytes = Vec::new();
    for (number, value) in settings {
        let setting = DefaultNla::new(*number, value.to_ne_bytes().to_vec());
        let at = bytes.len();
        bytes.resize(at + setting.buffer_len(), 0);
        if let Some(room) = bytes.get_mut(at..) {
            setting.emit(room);
        }
    }
    AfSpecInet::Other(DefaultNla::new(INET_CONF | NLA_F_NESTED, bytes))
}

/// What kind of link the kernel says it is.
pub(super) fn kind(message: &LinkMessage) -> LinkKind {
    match data(message) {
        Some(InfoData::MacVlan(data)) => LinkKind::Macvlan {
            private: data.contains(&InfoMacVlan::Mode(MacVlanMode::Private)),
        },
        Some(InfoData::IpVlan(data)) => LinkKind::Ipvlan {
            mode: data
                .iter()
                .find_map(|one| match one {
                    InfoIpVlan::Flags(flags) if flags.contains(IpVlanFlags::Private) => {
                        Some(IpvlanMode::Private)
                    }
                    InfoIpVlan::Flags(flags) if flags.contains(IpVlanFlags::Vepa) => {
                        Some(IpvlanMode::Vepa)
                    }
                    _ => None,
                })
                .unwrap_or_default(),
        },
        _ => LinkKind::Other,
    }
}

/// The table of a VRF.
pub(super) fn vrf_table(message: &LinkMessage) -> Option<u32> {
    let Some(InfoData::Vrf(data)) = data(message) else {
        return None;
    };
    data.iter().find_map(|one| match one {
        InfoVrf::TableId(table) => Some(*table),
        _ => None,
    })
}

fn data(message: &LinkMessage) -> Option<&InfoData> {
    let infos = message
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            LinkAttribute::LinkInfo(infos) => Some(infos),
            _ => None,
        });
    infos.into_iter().flatten().find_map(|info| match info {
        LinkInfo::Data(data) => Some(data),
        _ => None,
    })
}

/// For which addresses a link answers ARP requests, and whether it takes packets only by the way back.
pub(super) fn inet_conf(message: &LinkMessage) -> (Arp, u32) {
    let families = message
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            LinkAttribute::AfSpecUnspec(families) => Some(families),
            _ => None,
        });
    let conf = families
        .into_iter()
        .flatten()
        .find_map(|family| match family {
            AfSpecUnspec::Inet(settings) => settings.iter().find_map(|setting| match setting {
                AfSpecInet::DevConf(conf) => Some(conf),
                _ => None,
            }),
            _ => None,
        });
    let number = |value: i32| u32::try_from(value).unwrap_or(0);
    conf.map_or((Arp::default(), 0), |conf| {
        let arp = Arp {
            ignore: number(conf.arp_ignore),
            filter: number(conf.arpfilter),
        };
        (arp, number(conf.rp_filter))
    })
}

/// One of the settings of all interfaces together, or of those to come.
///
/// # Errors
/// When there is no such file, or no number in it.
pub(super) fn shared_rp_filter(of: &str) -> io::Result<u32> {
    let text = fs::read_to_string(format!("/proc/sys/net/ipv4/conf/{of}/rp_filter"))?;
    text.trim().parse().map_err(io::Error::other)
}

/// Sets it.
///
/// # Errors
/// When the kernel refuses, as it does where `/proc/sys` is not to be written to.
pub(super) fn set_shared_rp_filter(of: &str, mode: u32) -> io::Result<()> {
    fs::write(
        format!("/proc/sys/net/ipv4/conf/{of}/rp_filter"),
        mode.to_string(),
    )
}

/// Sets whether groups of 224.0.0.0/24 are reported, and answers how it was.
///
/// # Errors
/// When the kernel refuses, or has no such setting.
pub(super) fn set_group_reports(report: bool) -> io::Result<bool> {
    let path = "/proc/sys/net/ipv4/igmp_link_local_mcast_reports";
    let before = fs::read_to_string(path)?.trim() != "0";
    fs::write(path, if report { "1" } else { "0" })?;
    Ok(before)
}
