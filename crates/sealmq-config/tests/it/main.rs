//! What a mosquitto.conf means here, told by behaviour.

#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm)] // tests may; the lint's own exception ends at helpers

mod acl_files;
mod bridges;
mod error_texts;
mod every_key;
mod files_and_paths;
mod for_the_broker;
mod listeners;
mod password_files;
mod plugins;
mod proxies;
mod reading;
mod reference_page;
mod restrictions;
mod robustness;
mod scram_files;
mod texts_of_mosquitto;
mod the_guide;
