//! The client's session in memory, with virtual time, against packets written by hand.
#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "helpers of tests fail as tests do")]

mod publishing;
mod receiving;
mod scram;
mod sessions;
mod story;
mod url;
mod websocket;
