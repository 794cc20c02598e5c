//! Mail through a real postfix: VRRP's transitions and servers that die, of both daemons, to one mailbox each. Subjects, senders,
//! readers, headers and texts are the same; a mail server that is away, mute or unwilling delays nothing.

use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use nix::unistd::{User, chown};
use support::daemon::{Daemon, Director};
use support::server::{Port, Server};
use support::stage::{DIRECTORS, PATIENCE, Stage, WEB};
use support::story::{Kernel, Story, Told};
use support::{table, wait};

const POSTFIX: &str = "/usr/lib/postfix/sbin/master";
const SMTP: u16 = 25;
/// Refuses every recipient.
const UNWILLING: u16 = 2525;

pub fn stories() -> Vec<Story> {
    let (ours, theirs) = (Daemon::Ours, Daemon::Keepalived);
    vec![
        Story::two("mail/vrrp", ours, theirs, vrrp)
            .on(Kernel::Machine)
            .with(&[POSTFIX]),
        Story::two("mail/servers", ours, theirs, servers).with(&[POSTFIX]),
        Story::one("mail/trouble", ours, trouble)
            .on(Kernel::Machine)
            .with(&[POSTFIX]),
    ]
}

/// A mail server with its queue and its mailboxes in a folder, on the first web server's host.
struct Post {
    server: Server,
    boxes: PathBuf,
}

impl Post {
    fn start(stage: &Stage) -> Result<Post> {
        let folder = stage.folder().join("postfix");
        let mut server = Server::new(POSTFIX, &folder, &[Port::Tcp(SMTP), Port::Tcp(UNWILLING)])?
            .args(["-c", &folder.display().to_string(), "-d"]);
        let owner = User::from_name("postfix")?.context("no user postfix")?;
        let here = folder.display();
        // Mail is put into a file a reader, by postfix's own virtual(8), as the user of postfix.
        fs::write(
            folder.join("main.cf"),
            format!(
                "compatibility_level = 3.6\nqueue_directory = {here}/queue\ndata_directory = {here}/data\n\
                 myhostname = mail.example.org\nmydestination =\ninet_protocols = ipv4\nalias_maps =\n\
                 virtual_mailbox_domains = example.org\nvirtual_mailbox_base = {here}/boxes\n\
                 virtual_mailbox_maps = inline:{{ {{ours@example.org=ours}}, {{theirs@example.org=theirs}} }}\nvirtual_uid_maps = static:{uid}\nvirtual_gid_maps = static:{gid}\n\
                 virtual_minimum_uid = 1\nvirtual_transport = virtual\n\
                 smtpd_client_connection_count_limit = 0\nsmtpd_client_connection_rate_limit = 0\n\
                 mynetworks = 0.0.0.0/0\nmaillog_file =\nqueue_run_delay = 1s\n",
                uid = owner.uid,
                gid = owner.gid
            ),
        )?;
        let services = [
            "smtp inet n - n - - smtpd",
            "2525 inet n - n - - smtpd -o smtpd_recipient_restrictions=reject -o smtpd_relay_restrictions=reject",
            "cleanup unix n - n - 0 cleanup",
            "qmgr unix n - n 300 1 qmgr",
            "rewrite unix - - n - - trivial-rewrite",
            "bounce unix - - n - 0 bounce",
            "defer unix - - n - 0 bounce",
            "trace unix - - n - 0 bounce",
            "virtual unix - n n - - virtual",
            "anvil unix - - n - 1 anvil",
            "proxymap unix - - n - - proxymap",
            "error unix - - n - - error",
            "retry unix - - n - - error",
        ];
        fs::write(folder.join("master.cf"), services.join("\n") + "\n")?;
        let queues = [
            "active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming",
            "maildrop", "private", "public", "saved", "trace",
        ];
        fs::create_dir_all(folder.join("queue/pid"))?;
        for path in queues
            .map(|name| format!("queue/{name}"))
            .into_iter()
            .chain(["data".into(), "boxes".into()])
        {
            let path = folder.join(path);
            fs::create_dir_all(&path)?;
            chown(&path, Some(owner.uid), None).context("give a folder away")?;
        }
        fs::set_permissions(
            stage.folder(),
            std::os::unix::fs::PermissionsExt::from_mode(0o755),
        )?;
        server.start(stage.web.first().context("a web server")?)?;
        Ok(Post {
            server,
            boxes: folder.join("boxes"),
        })
    }

    /// The mails to a reader, each with its lines from `From:` on, in no order; what postfix and time put in is left out.
    fn mails(&self, reader: &str) -> Vec<String> {
        let path = fs::read_dir(&self.boxes)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .find(|path| {
                path.file_name()
                    .is_some_and(|name| name.to_string_lossy() == *reader)
            });
        let text = path
            .and_then(|path| fs::read_to_string(path).ok())
            .unwrap_or_default();
        split(&text)
    }

    fn expect(&self, reader: &str, wanted: &[(&str, &str)]) -> Result<()> {
        let mut wanted: Vec<String> = wanted
            .iter()
            .map(|(subject, text)| {
                format!(
                    "From: keep@example.org\nSubject: [LAB] {subject}\nX-Mailer: Keepalived\nTo: {reader}@example.org\n\n=> {text} <=\n"
                )
            })
            .collect();
        wanted.sort_unstable();
        wait::until(
            &format!("{} mails to {reader}", wanted.len()),
            PATIENCE,
            || Ok((self.mails(reader).len() >= wanted.len()).then_some(())),
        )
        .with_context(|| format!("mails: {:#?}", self.mails(reader)))?;
        let seen = self.mails(reader);
        ensure!(seen == wanted, "to {reader}: {seen:#?}, wanted {wanted:#?}");
        Ok(())
    }
}

/// Mails of a mailbox, sorted, without the headers of the servers that they went through, their dates and their numbers.
fn split(text: &str) -> Vec<String> {
    let mut mails: Vec<String> = Vec::new();
    let (mut body, mut skips) = (false, false);
    for line in text.lines() {
        if line.starts_with("From ") {
            mails.push(String::new());
            body = false;
            continue;
        }
        body |= line.is_empty();
        let folded = line.starts_with([' ', '\t']) && !body;
        let added = [
            "Return-Path:",
            "X-Original-To:",
            "Delivered-To:",
            "Received:",
            "Message-Id:",
            "Date:",
        ];
        skips = !body && (folded && skips || added.iter().any(|name| line.starts_with(name)));
        if let Some(mail) = mails.last_mut().filter(|_| !skips) {
            mail.push_str(line);
            mail.push('\n');
        }
    }
    let mut mails: Vec<String> = mails
        .iter()
        .map(|mail| format!("{}\n", mail.trim_end()))
        .collect();
    mails.sort_unstable();
    mails
}

fn globals(reader: &str, port: u16) -> String {
    format!(
        "global_defs {{\nrouter_id LAB\nnotification_email {{\n{reader}@example.org\n}}\n\
         notification_email_from keep@example.org\nsmtp_server {} {port}\nsmtp_connect_timeout 2\n}}\n",
        WEB[0]
    )
}

fn instance(name: &str, vrid: usize) -> String {
    format!(
        "vrrp_instance {name} {{\ninterface eth1\nvirtual_router_id {vrid}\nversion 3\nadvert_int 0.2\nsmtp_alert\n\
         virtual_ipaddress {{\n172.16.1.{vrid}/24\n}}\n}}\n"
    )
}

/// Master, fault and master again of an instance and its group.
fn vrrp(stage: &mut Stage, ours: Daemon, theirs: Daemon) -> Told {
    let post = Post::start(stage)?;
    let readers = ["ours", "theirs"];
    let mut directors = Vec::new();
    for (index, (daemon, reader)) in [ours, theirs].into_iter().zip(readers).enumerate() {
        let group = "vrrp_sync_group G {\ngroup {\nV\n}\nsmtp_alert\n}\n";
        let text = [&globals(reader, SMTP), group, &instance("V", 240 + index)].concat();
        let mut director = stage.prepare(index, daemon, &text)?;
        director.start()?;
        director.wait_log("(V) Entering MASTER STATE", PATIENCE)?;
        directors.push(director);
    }
    let master = [
        (
            "VRRP Instance V - Entering MASTER state",
            "VRRP Instance is now owning VRRP VIPs",
        ),
        (
            "VRRP Group G - Entering MASTER state",
            "All VRRP group instances are now in MASTER state",
        ),
    ];
    let backup = [
        (
            "VRRP Instance V - Entering BACKUP state",
            "VRRP Instance is no longer owning VRRP VIPs",
        ),
        (
            "VRRP Group G - Entering BACKUP state",
            "All VRRP group instances are now in BACKUP state",
        ),
    ];
    for reader in readers {
        post.expect(reader, &[backup, master].concat())?;
    }
    // A master with a higher priority.
    for (director, vrid) in directors.iter().zip(240..) {
        let other = format!(
            "vrrp_instance V {{\ninterface eth1\nvirtual_router_id {vrid}\nversion 3\nadvert_int 0.2\npriority 200\n\
             virtual_ipaddress {{\n172.16.1.{vrid}/24\n}}\n}}\n"
        );
        let host = std::sync::Arc::clone(if vrid == 240 {
            &stage.director[1]
        } else {
            &stage.director[0]
        });
        let folder = stage.folder().join(format!("rival-{vrid}"));
        let mut rival = Director::prepare(Daemon::Ours, &host, folder, &other)?;
        rival.start()?;
        rival.wait_log("(V) Entering MASTER STATE", PATIENCE)?;
        wait::until("the yielding", PATIENCE, || {
            Ok((director.log().matches("(V) Entering BACKUP STATE").count() >= 2).then_some(()))
        })?;
        rival.stop()?;
    }
    let all = [backup, master, backup, master].concat();
    for reader in readers {
        post.expect(reader, &all)?;
    }
    for mut director in directors {
        director.stop()?;
    }
    // keepalived is gone before the server greets.
    wait::until("the mail of the stop", PATIENCE, || {
        let mut mails = post.mails("ours").into_iter();
        let words = "Subject: [LAB] VRRP Instance V - Stopping\n";
        Ok(mails.any(|mail| mail.contains(words)).then_some(()))
    })?;
    drop(post.server);
    Ok(format!("{} mails each", all.len()))
}

/// A server that dies and comes back, and its quorum, as each check and each daemon words it.
fn servers(stage: &mut Stage, ours: Daemon, theirs: Daemon) -> Told {
    let post = Post::start(stage)?;
    let readers = ["ours", "theirs"];
    let life = stage.folder().join("life");
    fs::write(&life, "")?;
    let mut directors = Vec::new();
    for (index, (daemon, reader)) in [ours, theirs].into_iter().zip(readers).enumerate() {
        let text = format!(
            "{}virtual_server 172.16.1.1 80 {{\ndelay_loop 1\nlb_algo rr\nlb_kind DR\nprotocol TCP\nsmtp_alert\n\
             real_server {} 80 {{\nMISC_CHECK {{\nmisc_path \"/usr/bin/test -e {}\"\nmisc_timeout 5\n}}\n}}\n}}\n",
            globals(reader, SMTP),
            WEB[0],
            life.display()
        );
        let mut director = stage.prepare(index, daemon, &text)?;
        director.start()?;
        table::wait_for_servers(director.host(), &WEB[..1], PATIENCE)?;
        directors.push(director);
    }
    let server = "Realserver [172.16.1.10]:tcp:80 of virtual server [172.16.1.1]:tcp:80";
    let service = "Virtualserver [172.16.1.1]:tcp:80";
    let (down, up) = (format!("{server} - DOWN"), format!("{server} - UP"));
    let (lost, gained) = (format!("{service} - DOWN"), format!("{service} - UP"));
    for director in &mut directors {
        director.wait_log("succe", PATIENCE)?;
    }
    fs::remove_file(&life)?;
    for director in &directors {
        wait::until("the empty table", PATIENCE, || {
            Ok(table::Table::read(director.host())?
                .servers()
                .is_empty()
                .then_some(()))
        })?;
    }
    fs::write(&life, "")?;
    for director in &directors {
        table::wait_for_servers(director.host(), &WEB[..1], PATIENCE)?;
    }
    let has = |reader: &str, subject: &str, text: &str| {
        wait::until(&format!("`{subject}` to {reader}"), PATIENCE, || {
            let wanted = format!("Subject: [LAB] {subject}\nX-Mailer: Keepalived\nTo: {reader}@example.org\n\n=> {text}");
            Ok(post.mails(reader).iter().any(|mail| mail.contains(&wanted)).then_some(()))
        })
        .with_context(|| format!("{:#?}", post.mails(reader)))
    };
    for reader in readers {
        has(reader, &down, "MISC CHECK failed on service <=")?;
        has(reader, &up, "MISC CHECK succeeded on service <=")?;
        has(reader, &lost, "Lost quorum 1")?;
        has(reader, &gained, "Gained quorum 1+0=1 <= 1 <=")?;
    }
    for mut director in directors {
        director.stop()?;
    }
    drop(post.server);
    Ok(String::new())
}

/// A server that is away, one that never greets, one that refuses: the failover thread keeps its pace, a stop ends, and the log
/// says which mail was not sent and why.
fn trouble(stage: &mut Stage, daemon: Daemon) -> Told {
    let post = Post::start(stage)?;
    let web = stage.web.first().context("a web server")?;
    let mute = web.run(|| {
        let address = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 2626);
        TcpListener::bind(address).context("listen")
    })?;
    let mut figures = Vec::new();
    for (what, port, reason) in [
        ("away", 2727, "refused"),
        ("mute", 2626, "does not answer"),
        ("unwilling", UNWILLING, "554"),
    ] {
        let text = [globals("nobody", port), instance("V", 240)].concat();
        let mut director = stage.prepare(0, daemon, &text)?;
        director.start()?;
        director.wait_log("(V) Entering MASTER STATE", PATIENCE)?;
        for _ in 0..3 {
            let mark = director.mark();
            stage.unplug(DIRECTORS[0])?;
            director.wait_log_after(mark, "(V) Entering FAULT STATE", PATIENCE)?;
            let begun = Instant::now();
            stage.plug(DIRECTORS[0])?;
            director.wait_log_after(mark, "(V) Entering MASTER STATE", PATIENCE)?;
            // Three adverts and the skew time are 0.72 s.
            ensure!(
                begun.elapsed() < Duration::from_secs(8),
                "{what}: {:?}",
                begun.elapsed()
            );
        }
        let line = director.wait_log("SMTP alert NOT sent", PATIENCE)?;
        ensure!(line.contains(reason), "{what}: {line}");
        let begun = Instant::now();
        director.signal(Signal::SIGTERM)?;
        ensure!(director.wait_for_end(PATIENCE)?.code() == Some(0), "{what}");
        ensure!(
            begun.elapsed() < Duration::from_secs(8),
            "{what}: the stop took {:?}",
            begun.elapsed()
        );
        figures.push(format!("{what}: stopped in {:.1?}", begun.elapsed()));
    }
    drop((mute, post.server));
    Ok(figures.join(", "))
}
