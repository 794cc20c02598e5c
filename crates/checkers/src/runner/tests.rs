//! What the driver does with panics, exit statuses and chance.

use super::*;
use crate::spec::MiscProbe;

#[tokio::test]
async fn a_panic_is_contained() {
    let broken = async {
        if random().is_multiple_of(1) {
            panic!("bug {}", 7)
        }
    };
    assert_eq!(contain(broken).await, Err("bug 7".into()));
    assert_eq!(contain(async { 7 }).await, Ok(7));
}

#[test]
fn exit_statuses_from_2_are_weights() {
    let misc = |dynamic| {
        Probe::Misc(MiscProbe {
            command: vec!["/bin/check".into()],
            timeout: Duration::from_secs(1),
            dynamic,
            user: None,
        })
    };
    let exited = |status| Outcome::Success(Evidence::Exited { status });
    assert_eq!(dynamic_weight(&misc(true), &exited(2)), Some(0));
    assert_eq!(dynamic_weight(&misc(true), &exited(255)), Some(253));
    assert_eq!(dynamic_weight(&misc(true), &exited(0)), None);
    assert_eq!(dynamic_weight(&misc(false), &exited(0)), None);
}

#[test]
fn random_numbers_differ() {
    let numbers: std::collections::BTreeSet<u32> = (0..100).map(|_| random()).collect();
    assert!(numbers.len() > 90);
}
