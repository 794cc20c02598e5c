//! One message of the generic netlink family `IPVS`.

use netlink_packet_core::{DecodeError, Emitable, ParseableParametrized};
use netlink_packet_generic::{GenlFamily, GenlHeader};

use crate::attr::{CommandAttr, InfoAttr, parse_list};
use crate::uapi::*;

/// What a message asks for or tells: `IPVS_CMD_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Add a service.
    NewService,
    /// Change a service.
    SetService,
    /// Delete a service.
    DelService,
    /// Ask for services.
    GetService,
    /// Add a destination.
    NewDest,
    /// Change a destination.
    SetDest,
    /// Delete a destination.
    DelDest,
    /// Ask for destinations.
    GetDest,
    /// Start a synchronisation daemon.
    NewDaemon,
    /// Stop a synchronisation daemon.
    DelDaemon,
    /// Ask for synchronisation daemons.
    GetDaemon,
    /// Set timeouts.
    SetConfig,
    /// Ask for timeouts.
    GetConfig,
    /// The answer to `GetInfo`.
    SetInfo,
    /// Ask for the version.
    GetInfo,
    /// Zero counters.
    Zero,
    /// Delete everything.
    Flush,
    /// What we do not know.
    Other(u8),
}

impl Command {
    /// The kernel's number.
    pub fn number(self) -> u8 {
        match self {
            Command::NewService => IPVS_CMD_NEW_SERVICE,
            Command::SetService => IPVS_CMD_SET_SERVICE,
            Command::DelService => IPVS_CMD_DEL_SERVICE,
            Command::GetService => IPVS_CMD_GET_SERVICE,
            Command::NewDest => IPVS_CMD_NEW_DEST,
            Command::SetDest => IPVS_CMD_SET_DEST,
            Command::DelDest => IPVS_CMD_DEL_DEST,
            Command::GetDest => IPVS_CMD_GET_DEST,
            Command::NewDaemon => IPVS_CMD_NEW_DAEMON,
            Command::DelDaemon => IPVS_CMD_DEL_DAEMON,
            Command::GetDaemon => IPVS_CMD_GET_DAEMON,
            Command::SetConfig => IPVS_CMD_SET_CONFIG,
            Command::GetConfig => IPVS_CMD_GET_CONFIG,
            Command::SetInfo => IPVS_CMD_SET_INFO,
            Command::GetInfo => IPVS_CMD_GET_INFO,
            Command::Zero => IPVS_CMD_ZERO,
            Command::Flush => IPVS_CMD_FLUSH,
            Command::Other(number) => number,
        }
    }

    /// The command of a number.
    pub fn from_number(number: u8) -> Command {
        match number {
            IPVS_CMD_NEW_SERVICE => Command::NewService,
            IPVS_CMD_SET_SERVICE => Command::SetService,
            IPVS_CMD_DEL_SERVICE => Command::DelService,
            IPVS_CMD_GET_SERVICE => Command::GetService,
            IPVS_CMD_NEW_DEST => Command::NewDest,
            IPVS_CMD_SET_DEST => Command::SetDest,
            IPVS_CMD_DEL_DEST => Command::DelDest,
            IPVS_CMD_GET_DEST => Command::GetDest,
            IPVS_CMD_NEW_DAEMON => Command::NewDaemon,
            IPVS_CMD_DEL_DAEMON => Command::DelDaemon,
            IPVS_CMD_GET_DAEMON => Command::GetDaemon,
            IPVS_CMD_SET_CONFIG => Command::SetConfig,
            IPVS_CMD_GET_CONFIG => Command::GetConfig,
            IPVS_CMD_SET_INFO => Command::SetInfo,
            IPVS_CMD_GET_INFO => Command::GetInfo,
            IPVS_CMD_ZERO => Command::Zero,
            IPVS_CMD_FLUSH => Command::Flush,
            other => Command::Other(other),
        }
    }
}

/// A message with the attributes of its level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IpvsMessage {
    /// The answer to [`Command::GetInfo`], [`Command::SetInfo`], which has attributes of its own.
    Info(Vec<InfoAttr>),
    /// Every other command.
    Command(Command, Vec<CommandAttr>),
}

impl GenlFamily for IpvsMessage {
    fn family_name() -> &'static str {
        IPVS_GENL_NAME
    }

    fn command(&self) -> u8 {
        match self {
            IpvsMessage::Info(_) => IPVS_CMD_SET_INFO,
            IpvsMessage::Command(command, _) => command.number(),
        }
    }

    fn version(&self) -> u8 {
        IPVS_GENL_VERSION
    }
}

impl Emitable for IpvsMessage {
    fn buffer_len(&self) -> usize {
        match self {
            IpvsMessage::Info(list) => list.as_slice().buffer_len(),
            IpvsMessage::Command(_, list) => list.as_slice().buffer_len(),
        }
    }

    fn emit(&self, buffer: &mut [u8]) {
        match self {
            IpvsMessage::Info(list) => list.as_slice().emit(buffer),
            IpvsMessage::Command(_, list) => list.as_slice().emit(buffer),
        }
    }
}

impl ParseableParametrized<[u8], GenlHeader> for IpvsMessage {
    fn parse_with_param(bytes: &[u8], header: GenlHeader) -> Result<Self, DecodeError> {
        match Command::from_number(header.cmd) {
            Command::SetInfo => parse_list(bytes).map(IpvsMessage::Info),
            command => parse_list(bytes).map(|list| IpvsMessage::Command(command, list)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::repr::codec::*;
    use crate::sample;

    fn parse(number: u8, bytes: &[u8]) -> Result<IpvsMessage, DecodeError> {
        let header = GenlHeader {
            cmd: number,
            version: IPVS_GENL_VERSION,
        };
        IpvsMessage::parse_with_param(bytes, header)
    }

    fn emit(message: &IpvsMessage) -> Vec<u8> {
        let mut bytes = vec![0; message.buffer_len()];
        message.emit(&mut bytes);
        bytes
    }

    proptest! {
        #[test]
        fn no_bytes_panic(number: u8, bytes: Vec<u8>) {
            if let Ok(message) = parse(number, &bytes) {
                prop_assert_eq!(parse(number, &emit(&message)).unwrap(), message);
            }
        }

        // Attributes in attributes, mostly of sound lengths, so that the inner levels are reached.
        #[test]
        fn no_nested_bytes_panic(
            number in 0..20u8,
            outer in 0..8u16,
            inner: Vec<(u8, Vec<u8>)>,
            cut in 0..8usize,
        ) {
            let mut nested = Vec::new();
            for (kind, value) in inner {
                nested.extend(u16::try_from(value.len() + 4).unwrap().to_ne_bytes());
                nested.extend(u16::from(kind % 18).to_ne_bytes());
                nested.extend(&value);
                nested.resize(nested.len().next_multiple_of(4), 0);
            }
            let mut bytes = u16::try_from(nested.len() + 4).unwrap().to_ne_bytes().to_vec();
            bytes.extend(outer.to_ne_bytes());
            bytes.extend(nested);
            bytes.truncate(bytes.len() - cut.min(bytes.len()));
            if let Ok(message) = parse(number, &bytes) {
                prop_assert_eq!(parse(number, &emit(&message)).unwrap(), message.clone());
                if let IpvsMessage::Command(_, attributes) = message {
                    for attribute in attributes {
                        match attribute {
                            CommandAttr::Service(list) => drop(parse_service(&list)),
                            CommandAttr::Destination(list) => {
                                drop(parse_destination(crate::Family::Inet, &list));
                            }
                            _ => {}
                        }
                    }
                }
            }
        }

        #[test]
        fn services_survive(key in sample::key(), spec in sample::service_spec(crate::Family::Inet6)) {
            prop_assume!(key.family() == crate::Family::Inet6);
            let list = emit_service(&key, &spec);
            let message =
                IpvsMessage::Command(Command::NewService, vec![CommandAttr::Service(list)]);
            let parsed = parse(IPVS_CMD_NEW_SERVICE, &emit(&message)).unwrap();
            prop_assert_eq!(&parsed, &message);
            let IpvsMessage::Command(_, attributes) = parsed else { panic!() };
            let [CommandAttr::Service(list)] = attributes.as_slice() else { panic!() };
            let (parsed_key, parsed_spec, _) = parse_service(list).unwrap();
            prop_assert_eq!((parsed_key, parsed_spec), (key, spec));
        }

        #[test]
        fn destinations_survive((address, spec) in sample::destination()) {
            let list = emit_destination(&address, &spec);
            let (parsed, view) = parse_destination(crate::Family::Inet, &list).unwrap();
            prop_assert_eq!((parsed, view.spec), (address, spec));
        }
    }
}
