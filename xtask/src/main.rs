//! Development commands: `cargo xtask ci` is the whole gate, `cargo xtask tidy` its house rules alone.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a development command talks to its terminal")]
#![allow(clippy::disallowed_methods, reason = "a development command reads the clock and the environment")]

mod ci;
mod conformance;
mod needs;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let task = std::env::args().nth(1).unwrap_or_default();
    let outcome = match task.as_str() {
        "ci" => ci::run(),
        "tidy" => tidy::run(),
        "needs" => needs::install(),
        "conformance" => conformance::write(),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask {task}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The repository's root folder.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the root").to_owned()
}

const USAGE: &str = "usage: cargo xtask <task>

  ci      everything that must pass before a change lands
  tidy    the house rules: arrows between crates, documented dependencies, file shapes
  needs   install what the tests use (Debian, PyPI and npm packages), or say what is missing
  conformance  write docs/reference/conformance.md from the citations in the sources";
