//! What a mosquitto.conf means here, told by behaviour.

#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm)] // tests may; the lint's own exception ends at helpers

mod every_key;
mod reading;
mod reference_page;
mod the_guide;
