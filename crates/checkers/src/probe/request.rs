//! The request, byte for byte as keepalived sends it: servers are known to answer by its headers.

use std::net::SocketAddr;

use crate::spec::HttpVersion;

/// A GET request for `path`. Without a `virtualhost` the target's address and port stand in `Host`.
///
/// keepalived behaviour: `User-Agent: KeepAliveClient`, `Connection: close` for 1.0c and 1.1, `Host`, in this order
/// and nothing else; the port is there even when it is 80.
#[must_use]
pub fn emit(
    version: HttpVersion,
    path: &str,
    virtualhost: Option<&str>,
    target: SocketAddr,
) -> Vec<u8> {
    let number = match version {
        HttpVersion::V1_0 | HttpVersion::V1_0Close => "1.0",
        HttpVersion::V1_1 => "1.1",
    };
    let connection = match version {
        HttpVersion::V1_0 => "",
        HttpVersion::V1_0Close | HttpVersion::V1_1 => "Connection: close\r\n",
    };
    let host = virtualhost.map_or_else(|| address(target), str::to_owned);
    format!("GET {path} HTTP/{number}\r\nUser-Agent: KeepAliveClient\r\n{connection}Host: {host}\r\n\r\n").into_bytes()
}

/// Address and port without an IPv6 scope, which means nothing to the peer.
fn address(target: SocketAddr) -> String {
    SocketAddr::new(target.ip(), target.port()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(version: HttpVersion, path: &str, virtualhost: Option<&str>, target: &str) -> String {
        String::from_utf8(emit(version, path, virtualhost, target.parse().unwrap())).unwrap()
    }

    // Recorded from the genhash of keepalived 2.2.7 with a listener on the other side.
    #[test]
    fn requests_are_as_recorded() {
        let target = "127.0.0.1:18080";
        assert_eq!(
            text(HttpVersion::V1_0, "/x", None, target),
            "GET /x HTTP/1.0\r\nUser-Agent: KeepAliveClient\r\nHost: 127.0.0.1:18080\r\n\r\n"
        );
        assert_eq!(
            text(HttpVersion::V1_0Close, "/x", None, target),
            "GET /x HTTP/1.0\r\nUser-Agent: KeepAliveClient\r\nConnection: close\r\nHost: 127.0.0.1:18080\r\n\r\n"
        );
        assert_eq!(
            text(HttpVersion::V1_1, "/x", Some("www.example.org"), target),
            "GET /x HTTP/1.1\r\nUser-Agent: KeepAliveClient\r\nConnection: close\r\nHost: www.example.org\r\n\r\n"
        );
        assert_eq!(
            text(HttpVersion::V1_0, "/x", None, "[::1]:18082"),
            "GET /x HTTP/1.0\r\nUser-Agent: KeepAliveClient\r\nHost: [::1]:18082\r\n\r\n"
        );
    }
}
