//! The broker core, driven with virtual time through real bytes: what goes in was encoded, what comes out is decoded.
#![allow(clippy::unwrap_used, reason = "a test says no by panicking")]

mod harness;

mod acl;
mod aliases;
mod connect;
mod exchange;
mod expiry;
mod gates;
mod keep_alive;
mod limits;
mod matching;
mod qos_in;
mod qos_out;
mod retained;
mod sessions;
mod shards;
mod shared;
mod subscribe;
mod takeover;
mod trust;
mod wills;
