//! The gate: every step that must pass, in the order in which a failure is cheapest to see.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use crate::{needs, root, tidy};

/// Runs every step; stops at the first that fails and names it.
pub(crate) fn run() -> Result<()> {
    let started = Instant::now();
    step("needs", needs::install)?;
    step("tidy", tidy::run)?;
    for (name, arguments) in CARGO_STEPS {
        step(name, || cargo(arguments))?;
    }
    println!("ci: all passed in {} s", started.elapsed().as_secs());
    Ok(())
}

const CARGO_STEPS: &[(&str, &[&str])] = &[
    ("format", &["fmt", "--all", "--check"]),
    ("clippy", &["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]),
    ("tests", &["test", "--workspace", "--locked"]),
    ("benchmarks run", &["test", "--workspace", "--benches", "--locked"]),
    ("documentation", &["doc", "--workspace", "--no-deps", "--document-private-items", "--locked"]),
    ("fuzz targets compile", &["check", "--manifest-path", "fuzz/Cargo.toml", "--target-dir", "target"]),
];

fn step(name: &str, body: impl FnOnce() -> Result<()>) -> Result<()> {
    println!("ci: {name}");
    let started = Instant::now();
    body().with_context(|| format!("step '{name}'"))?;
    println!("ci: {name}: passed in {} s", started.elapsed().as_secs());
    Ok(())
}

fn cargo(arguments: &[&str]) -> Result<()> {
    let path = std::env::var("PATH").unwrap_or_default();
    let status = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(root())
        .env("CI", "true")
        .env("PATH", format!("{}:{path}", needs::venv().join("bin").display()))
        .env("NODE_PATH", needs::node_modules())
        .env("RUSTDOCFLAGS", "-D warnings")
        .status()
        .context("start cargo")?;
    if !status.success() {
        bail!("cargo {} ended with {status}", arguments.join(" "));
    }
    Ok(())
}
