//! The broker core, driven with virtual time through real bytes: what goes in was encoded, what comes out is decoded.
#![allow(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test says no by panicking, to whatever it does not expect"
)]

mod harness;

mod acl;
mod acl_attributes;
mod aliases;
mod anything;
mod authentication;
mod connect;
mod control;
mod corpus;
mod costs;
mod counters;
mod exchange;
mod expiry;
mod gates;
mod keep_alive;
mod limits;
mod matching;
mod memory;
mod qos_in;
mod qos_out;
mod reloading;
mod retained;
mod sessions;
mod shards;
mod shared;
mod subscribe;
mod takeover;
mod trust;
mod wills;
