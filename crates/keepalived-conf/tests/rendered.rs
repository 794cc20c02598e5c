//! Every complaint about the fixtures, as people read it.

mod support;

#[test]
fn complaints_about_the_fixtures() {
    for name in support::fixtures() {
        let loaded = support::fixture(&name);
        let text = format!(
            "{}\n-t: {}, start: {:?}",
            support::rendered(&loaded),
            loaded.test_status(),
            loaded.start_status()
        );
        insta::assert_snapshot!(name.trim_end_matches(".conf"), text);
    }
}
