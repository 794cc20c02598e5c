//! Configurations that people published for other systems, each as a keepalived.conf of ours in `config/`: the kernel's
//! table is as it was published, and goes and comes back with the servers.
//!
//! `config/blog.conf`, which was keepalived's already, is what the other rooms use. Enter at [`stories`]. Tests: this is one.

mod fallback;
mod farm;
mod marks;
mod print;

use std::net::SocketAddrV4;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use support::daemon::Director;
use support::netns::Netns;
use support::stage::{Stage, WEB};
use support::story::Story;
use support::table;
use support::web::WebServer;

/// All stories of this room.
pub fn stories() -> Vec<Story> {
    [
        marks::stories(),
        print::stories(),
        farm::stories(),
        fallback::stories(),
    ]
    .concat()
}

/// Until a server has left or is back: its check is due after 1 or 2 s, and may have to be repeated once. The rest is for
/// the test kernel, on which other stories run beside.
const SOON: Duration = Duration::from_secs(8);

/// Text of a published file that must be in it, changed for the lab. What stands here is all that differs.
fn with(text: &str, changes: &[(&str, &str)]) -> Result<String> {
    changes
        .iter()
        .try_fold(text.to_owned(), |text, (old, new)| {
            ensure!(text.contains(old), "the file has no `{old}`");
            Ok(text.replace(old, new))
        })
}

/// Ends the stage's own web servers and puts their hosts behind director-a, which routes: `servers` are their addresses there, `gateway` is the
/// director's, all with the length of their network.
fn behind_the_director(
    stage: &mut Stage,
    gateway: Option<&str>,
    servers: [&[&str]; 2],
    route: &str,
) -> Result<()> {
    // They listen on port 80 of all addresses there are.
    stage.servers.iter_mut().for_each(WebServer::kill);
    let [director, _] = &stage.director;
    if let Some(gateway) = gateway {
        director.ip_batch(&format!("address add {gateway} dev eth1\n"))?;
    }
    director.sysctl(&[
        ("ipv4/ip_forward", "1"),
        // All are on one wire here: without this it would tell them the short way.
        ("ipv4/conf/all/send_redirects", "0"),
        ("ipv4/conf/eth1/send_redirects", "0"),
    ])?;
    for ((host, addresses), old) in stage.web.iter().zip(servers).zip(WEB) {
        let mut lines = format!("address del {old}/24 dev eth1\n");
        for address in addresses {
            lines.push_str(&format!("address add {address} dev eth1\n"));
        }
        lines.push_str(&format!("route add default via {route}\n"));
        host.ip_batch(&lines)?;
    }
    Ok(())
}

/// A web server that shows `page`, running on `host`.
fn web_server(
    folder: &Path,
    host: &Netns,
    address: SocketAddrV4,
    name: &str,
    page: Option<(&str, &str)>,
) -> Result<WebServer> {
    let root = folder.join(format!("{name}-{address}"));
    let mut server = WebServer::new(name, &root)?.at(address);
    if let Some((path, text)) = page {
        server.page(path, text)?;
    }
    server.start(host)?;
    Ok(server)
}

/// Waits until the table is this, as `ipvsadm -Sn` prints it, in whatever order.
fn wait_for_table(director: &Director, wanted: &[String], limit: Duration) -> Result<()> {
    let mut wanted = wanted.to_vec();
    wanted.sort_unstable();
    table::wait_for(director.host(), table::saved, &wanted, limit)
        .with_context(|| director.daemon().to_string())
}

/// The lines of a table, as the caller wrote them.
fn lines(text: &str) -> Vec<String> {
    text.lines()
        .map(|line| line.trim().to_owned())
        .filter(|line| !line.is_empty())
        .collect()
}
