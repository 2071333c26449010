//! Behaviour of the server as its clients and its owner see it.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, missing_docs)]

mod audit_log;
mod control;
mod corpus;
mod data_plane;
mod expiry;
mod fail_open;
mod home;
mod inventory;
mod log_destinations;
#[path = "../../../../tests/ports.rs"]
mod ports;
mod reference_pages;
mod reload;
mod restore;
mod schema;
