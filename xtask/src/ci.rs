//! The gate: every step that must pass, in the order in which a failure is cheapest to see.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use crate::{conformance, needs, root, tidy};

/// Runs every step; stops at the first that fails and names it.
pub(crate) fn run() -> Result<()> {
    let started = Instant::now();
    step("needs", needs::install)?;
    step("tidy", tidy::run)?;
    step("conformance", conformance::check)?;
    let mut tests_passed = 0;
    for (name, arguments) in CARGO_STEPS {
        step(name, || {
            tests_passed += cargo(arguments)?;
            Ok(())
        })?;
    }
    if tests_passed == 0 {
        bail!("no test ran");
    }
    println!("ci: all passed in {} s", started.elapsed().as_secs());
    println!("ci: {tests_passed} passed, 0 failed");
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

/// Runs cargo, shows what it prints, and counts the tests that passed.
fn cargo(arguments: &[&str]) -> Result<usize> {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut child = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(root())
        .env("CI", "true")
        .env("PATH", format!("{}:{path}", needs::venv().join("bin").display()))
        .env("NODE_PATH", needs::node_modules())
        .env("RUSTDOCFLAGS", "-D warnings")
        .stdout(Stdio::piped())
        .spawn()
        .context("start cargo")?;
    let output = child.stdout.take().context("cargo's output is piped")?;
    let mut passed = 0;
    for line in BufReader::new(output).lines() {
        let line = line.context("read what cargo prints")?;
        println!("{line}");
        passed += tests_passed(&line);
    }
    let status = child.wait().context("wait for cargo")?;
    if !status.success() {
        bail!("cargo {} ended with {status}", arguments.join(" "));
    }
    Ok(passed)
}

/// `test result: ok. 52 passed; 0 failed; …` is 52, any other line 0.
fn tests_passed(line: &str) -> usize {
    let counted = line.strip_prefix("test result: ok. ").and_then(|rest| rest.split_once(" passed;"));
    counted.and_then(|(number, _)| number.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::tests_passed;

    #[test]
    fn only_the_closing_line_of_a_test_program_counts() {
        assert_eq!(tests_passed("test result: ok. 52 passed; 0 failed; 0 ignored; finished in 44.1s"), 52);
        assert_eq!(tests_passed("test result: FAILED. 51 passed; 1 failed; 0 ignored"), 0);
        assert_eq!(tests_passed("test every_row ... ok"), 0);
    }
}
