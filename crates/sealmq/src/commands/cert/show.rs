//! `sealmq cert show FILE…`: what stands in certificates, requests and lists, whoever made them.

use std::path::PathBuf;
use std::process::ExitCode;

use sealmq_pki::csr::Csr;
use sealmq_pki::{Crl, Timestamp};

use super::files::{self, Block, Kind, UNREADABLE};
use super::rows::{CertificateRow, CrlRow, RequestRow};
use crate::commands::device::text_failure;
use crate::report::{self, Failure};

/// Options of this command.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// PEM (any number of blocks) or DER; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// One JSON array instead of text
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  sealmq cert show ca.crt server.crt
  openssl s_client -connect broker:8883 -showcerts </dev/null | sealmq cert show -
  sealmq cert show --json client.crt | jq '.[0].not_after'

Lines that begin with ! are findings; they do not change the exit code. Exit codes: 0 everything was read, \
2 something could not be (the rest is shown all the same).";

/// Runs the command.
pub(crate) fn run(args: &Args) -> ExitCode {
    report::finish(show(args, super::now()))
}

fn show(args: &Args, now: Timestamp) -> Result<(), Failure> {
    let mut json = Vec::new();
    let mut outcome = Ok(());
    for path in &args.files {
        let blocks = match files::blocks(path) {
            Ok(blocks) => blocks,
            Err(failure) => {
                outcome = worse(outcome, failure);
                continue;
            }
        };
        for block in &blocks {
            match described(block, now) {
                Ok((lines, value)) => {
                    if !args.json {
                        lines.iter().for_each(|line| println!("{line}"));
                        println!();
                    }
                    json.push(value);
                }
                Err(failure) => outcome = worse(outcome, failure),
            }
        }
    }
    if args.json {
        println!("{}", serde_json::Value::Array(json));
    }
    outcome
}

/// The first failure is the outcome; the others are said at once.
fn worse(outcome: Result<(), Failure>, failure: Failure) -> Result<(), Failure> {
    match outcome {
        Ok(()) => Err(failure),
        Err(first) => {
            let _ = report::finish(Err(failure));
            Err(first)
        }
    }
}

type Described = (Vec<String>, serde_json::Value);

fn described(block: &Block, now: Timestamp) -> Result<Described, Failure> {
    let both = |lines: Vec<String>, value: Result<serde_json::Value, serde_json::Error>| {
        Ok((lines, value.expect("rows are plain values")))
    };
    match block.kind {
        Kind::Certificate => {
            let row = CertificateRow::of(&files::specimen(block)?, now);
            both(row.lines(), serde_json::to_value(&row))
        }
        Kind::Crl => {
            let crl = Crl::parse(block.der.to_vec())
                .map_err(|error| text_failure(&format!("{}: {error}", block.origin)).exit_code(UNREADABLE))?;
            let row = CrlRow::of(&crl, &block.origin, now);
            both(row.lines(), serde_json::to_value(&row))
        }
        Kind::Key => Ok(unshown(block, "private-key", "a private key, which is not shown")),
        Kind::Request => {
            let csr = Csr::parse(block.der.to_vec())
                .map_err(|error| text_failure(&format!("{}: {error}", block.origin)).exit_code(UNREADABLE))?;
            let row = RequestRow::of(&csr, &block.origin);
            both(row.lines(), serde_json::to_value(&row))
        }
        Kind::Other => Ok(unshown(block, "other", "not read")),
    }
}

fn unshown(block: &Block, kind: &str, what: &str) -> Described {
    let lines = vec![format!("{} ('{}': {what})", block.origin, block.label)];
    (lines, serde_json::json!({ "kind": kind, "origin": block.origin, "label": block.label }))
}
