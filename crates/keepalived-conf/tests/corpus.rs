//! Files that people published, where a folder of them is at hand: none may panic, none may take a second.
//!
//! `RKEEPALIVED_CORPUS` names the folder; it holds `keepalived/*.conf`, and `expected.tsv` with, per file, its name in
//! the first column, its interfaces in the third, keepalived's exit status in the fifth, `yes` in the seventh where
//! that is to be matched.

mod support;

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use keepalived_conf::load;

#[test]
fn published_files() {
    let Some(folder) = std::env::var_os("RKEEPALIVED_CORPUS").map(PathBuf::from) else {
        println!("not run: RKEEPALIVED_CORPUS does not name a folder of published files");
        return;
    };
    let table = std::fs::read_to_string(folder.join("expected.tsv")).unwrap();
    let (mut files, mut judged, mut same, mut slow) = (0, 0, 0, Vec::new());
    for row in table.lines().skip(1) {
        let columns: Vec<&str> = row.split('\t').collect();
        let path = folder.join("keepalived").join(columns[0]);
        let content = std::fs::read(&path).unwrap();
        let host = support::Host {
            files: HashMap::from([(path.clone(), content)]),
            interfaces: columns[2].split(' ').map(str::to_owned).collect(),
            scripts: Vec::new(),
        };
        let started = Instant::now();
        let loaded = load(&path, &host);
        let text = support::rendered(&loaded);
        if started.elapsed() > Duration::from_secs(1) {
            slow.push(columns[0].to_owned());
        }
        files += 1;
        if columns[6] == "yes" {
            judged += 1;
            let ours = loaded.test_status().to_string();
            same += usize::from(ours == columns[4]);
            if ours != columns[4] {
                println!(
                    "{}: exits {ours}, keepalived {} ({} bytes of complaints)",
                    columns[0],
                    columns[4],
                    text.len()
                );
            }
        }
    }
    println!("{files} files read; {same} of {judged} exit as keepalived does");
    assert!(files > 0);
    assert!(slow.is_empty(), "more than a second: {slow:?}");
}
