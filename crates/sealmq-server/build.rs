//! Gives the crate the date of its build, below which no clock is believed.
//!
//! `SOURCE_DATE_EPOCH` where it is set, else the date of the commit that is built, else now: the same source gives the
//! same binary wherever one of the first two is there.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a build script reads the environment and speaks to cargo"
)]

use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

fn main() {
    println!("cargo::rerun-if-env-changed=SOURCE_DATE_EPOCH");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-env=SEALMQ_BUILD_EPOCH_SECS={}", build_epoch_secs());
}

fn build_epoch_secs() -> u64 {
    let from_environment = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|text| text.trim().parse().ok());
    from_environment.or_else(commit_secs).unwrap_or_else(now_secs)
}

fn commit_secs() -> Option<u64> {
    let output = Command::new("git").args(["log", "-1", "--format=%ct"]).output().ok()?;
    if !output.status.success() {
        return None;
    }
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

fn now_secs() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
