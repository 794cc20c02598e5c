//! What the kernel tells of processes: the process connector (linux/cn_proc.h) over netlink, and /proc.

use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use bytes::BytesMut;
use keepalived_conf::ReceiveBuffer;
use netlink_sys::{Socket, SocketAddr};
use nix::libc;

use super::room::make_room;

/// linux/netlink.h.
const NETLINK_CONNECTOR: isize = 11;
/// linux/connector.h: CN_IDX_PROC, CN_VAL_PROC.
const CONNECTOR: [u32; 2] = [1, 1];
/// linux/cn_proc.h: PROC_CN_MCAST_LISTEN, PROC_CN_MCAST_IGNORE.
const LISTEN: u32 = 1;
const IGNORE: u32 = 2;
/// linux/cn_proc.h.
const FORK: u32 = 0x1;
const EXEC: u32 = 0x2;
const COMM: u32 = 0x200;
const EXIT: u32 = 0x8000_0000;

/// What happened to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessEvent {
    /// It began, or is something else than before.
    Changed(u32),
    /// It ended.
    Gone(u32),
    /// Some were not told: only a look at all of them helps.
    Lost,
}

/// The socket. Silent until it is asked to listen.
pub struct ProcessEvents(Socket);

impl ProcessEvents {
    /// Opens the socket, not blocking, in the calling thread's network namespace: only in the first one is there
    /// anything to hear.
    ///
    /// # Errors
    /// When the kernel gives none.
    pub fn open() -> io::Result<ProcessEvents> {
        let mut socket = Socket::new(NETLINK_CONNECTOR)?;
        socket.bind(&SocketAddr::new(0, CONNECTOR[0]))?;
        socket.set_non_blocking(true)?;
        Ok(ProcessEvents(socket))
    }

    /// Asks the kernel to tell, or not to tell any more.
    ///
    /// # Errors
    /// `ConnectionRefused` in another than the first network namespace, and where the kernel has no process events.
    pub fn listen(&self, on: bool) -> io::Result<()> {
        let message = request(if on { LISTEN } else { IGNORE }, std::process::id());
        self.0.send_to(&message, &SocketAddr::new(0, 0), 0)?;
        Ok(())
    }

    /// Gives the socket room for so much.
    ///
    /// # Errors
    /// When it may not be forced.
    pub fn make_room(&self, buffer: ReceiveBuffer) -> io::Result<()> {
        make_room(self, buffer)
    }

    /// Reads what there is.
    ///
    /// # Errors
    /// `WouldBlock` when there is nothing; anything else is a broken socket.
    pub fn receive(&self) -> io::Result<Vec<ProcessEvent>> {
        let mut events = Vec::new();
        let mut buffer = BytesMut::with_capacity(1 << 12);
        loop {
            buffer.clear();
            match self.0.recv(&mut buffer, 0) {
                Ok(_) => events.extend(parse(&buffer)),
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {
                    events.push(ProcessEvent::Lost);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && !events.is_empty() => {
                    return Ok(events);
                }
                Err(error) => return Err(error),
            }
        }
    }
}

impl AsRawFd for ProcessEvents {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

impl AsFd for ProcessEvents {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl std::fmt::Debug for ProcessEvents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ProcessEvents")
    }
}

/// struct nlmsghdr, struct cn_msg, enum proc_cn_mcast_op.
fn request(operation: u32, pid: u32) -> Vec<u8> {
    const DONE: u16 = 3;
    let mut message = Vec::with_capacity(40);
    message.extend(40_u32.to_ne_bytes());
    message.extend(DONE.to_ne_bytes());
    message.extend(0_u16.to_ne_bytes());
    message.extend(0_u32.to_ne_bytes());
    message.extend(pid.to_ne_bytes());
    for word in [CONNECTOR[0], CONNECTOR[1], 0, 0] {
        message.extend(word.to_ne_bytes());
    }
    message.extend(4_u16.to_ne_bytes());
    message.extend(0_u16.to_ne_bytes());
    message.extend(operation.to_ne_bytes());
    message
}

/// The event of a message, if it is one that matters: threads do not.
fn parse(message: &[u8]) -> Option<ProcessEvent> {
    let word = |at: usize| {
        let bytes = message.get(at..at.checked_add(4)?)?;
        Some(u32::from_ne_bytes(bytes.try_into().ok()?))
    };
    if [word(16)?, word(20)?] != CONNECTOR {
        return None;
    }
    // Behind both headers: what, processor, nanoseconds, then what belongs to the kind.
    let what = word(36)?;
    let (process, group) = match what {
        FORK => (word(60)?, word(64)?),
        EXEC | COMM | EXIT => (word(52)?, word(56)?),
        _ => return None,
    };
    (process == group).then_some(match what {
        EXIT => ProcessEvent::Gone(process),
        _ => ProcessEvent::Changed(process),
    })
}

/// What is known of a process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Process {
    /// Its name, of which the kernel keeps 15 bytes.
    pub comm: Vec<u8>,
    /// Its command line.
    pub argv: Vec<Vec<u8>>,
}

/// Looks at one; nothing once it has ended.
#[must_use]
pub fn look(pid: u32) -> Option<Process> {
    let mut comm = fs::read(format!("/proc/{pid}/comm")).ok()?;
    if comm.last() == Some(&b'\n') {
        comm.pop();
    }
    let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let line = line.strip_suffix(b"\0").unwrap_or(&line);
    let argv = match line {
        [] => Vec::new(),
        line => line.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect(),
    };
    Some(Process { comm, argv })
}

/// All that there are.
#[must_use]
pub fn all() -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(what: u32, words: &[u32]) -> Vec<u8> {
        let mut message = request(what, 0);
        message.extend([0; 12]);
        for word in words {
            message.extend(word.to_ne_bytes());
        }
        message
    }

    /// Layouts of linux/cn_proc.h.
    #[test]
    fn events_are_read_and_those_of_threads_are_not() {
        assert_eq!(parse(&event(EXEC, &[7, 7])), Some(ProcessEvent::Changed(7)));
        assert_eq!(
            parse(&event(COMM, &[7, 7, 0, 0])),
            Some(ProcessEvent::Changed(7))
        );
        assert_eq!(parse(&event(COMM, &[8, 7, 0, 0])), None);
        assert_eq!(
            parse(&event(FORK, &[1, 1, 9, 9])),
            Some(ProcessEvent::Changed(9))
        );
        assert_eq!(parse(&event(FORK, &[1, 1, 9, 1])), None);
        assert_eq!(
            parse(&event(EXIT, &[9, 9, 0, 0])),
            Some(ProcessEvent::Gone(9))
        );
        assert_eq!(parse(&event(4, &[9, 9])), None);
        for length in 0..60 {
            assert_eq!(parse(&event(EXEC, &[7, 7])[..length.min(59)]), None);
        }
    }

    #[test]
    fn we_are_a_process() {
        let own = std::process::id();
        assert!(all().contains(&own));
        let process = look(own).unwrap();
        assert_eq!(process.argv.len(), std::env::args_os().count());
        assert_eq!(look(u32::MAX), None);
    }
}
