//! The door: everything between `accept` and an admitted client.

pub mod hashing;
pub mod limits;
pub mod stream;
