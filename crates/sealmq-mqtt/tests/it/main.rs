//! What the codec promises: each module one promise.

#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm)] // Generators and wire helpers are no `#[test]`s.

mod corpus;
mod differential;
mod first_packet;
mod generators;
mod hostile;
mod matching;
mod properties;
mod round_trip;
mod shared_publish;
mod strictness;
mod topics;
mod websocket;
mod wire;
