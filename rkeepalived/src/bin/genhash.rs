//! genhash
fn main() {}
