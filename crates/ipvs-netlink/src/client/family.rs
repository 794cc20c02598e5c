//! The number that the kernel gave to the generic netlink family `IPVS`.
//!
//! The one question that is asked through `genetlink`. That crate is asynchronous and sends one
//! message at a time, so the table itself goes through `wire`.

use genetlink::GenetlinkError;
use nix::errno::Errno;

use crate::error::IpvsError;
use crate::message::IpvsMessage;

const ACT: &str = "ask for the netlink family IPVS";

/// Asks for it. Where it can, the kernel loads its module for this question.
pub(super) async fn resolve() -> Result<u16, IpvsError> {
    let (connection, handle, _) =
        genetlink::new_connection().map_err(|source| IpvsError::Socket { act: ACT, source })?;
    let connection = tokio::spawn(connection);
    let answer = handle.resolve_family::<IpvsMessage>().await;
    connection.abort();
    answer.map(|family| family.id).map_err(explain)
}

fn explain(error: GenetlinkError) -> IpvsError {
    let GenetlinkError::NetlinkError(refusal) = &error else {
        return IpvsError::Socket {
            act: ACT,
            source: std::io::Error::other(error),
        };
    };
    match refusal.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ENOENT) => IpvsError::NoIpvs,
        Some(Errno::EPERM | Errno::EACCES) => IpvsError::NotPermitted,
        Some(errno) => IpvsError::Failed { act: ACT, errno },
        None => IpvsError::Socket {
            act: ACT,
            source: std::io::Error::other(error),
        },
    }
}
