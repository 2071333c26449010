//! Stories of a bridge in virtual time: two fake brokers that read and write real packets, and the machine between them.
#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "a test that cannot go on panics")]

mod acknowledgements;
mod addresses;
mod connecting;
mod limits;
mod restarts;
mod scene;
mod topics;
