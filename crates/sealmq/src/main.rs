//! The `sealmq` binary.
fn main() {}
