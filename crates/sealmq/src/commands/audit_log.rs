//! `sealmq audit-log show|verify`: who did what to the CA, and whether the log still is what was written.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use sealmq_pki::Timestamp;
use sealmq_pki::audit::{Broken, Chain, Head, HeadError, Record, SignedHead, Tip};
use sealmq_server::control::{AuditLog, AuditPage};
use sealmq_server::home::{Environment, Place};
use serde_json::{Value, json};

use super::device::{home_failure, text_failure};
use crate::report::{self, Failure};

/// Options of this command.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Show what was done, oldest first
    Show(ShowArgs),
    /// Check that no record was changed, taken out, put in or cut off
    #[command(after_help = VERIFY_HELP)]
    Verify(VerifyArgs),
}

#[derive(Debug, clap::Args)]
struct ShowArgs {
    /// Only the last N records
    #[arg(long, value_name = "N")]
    last: Option<usize>,
    /// Only records about this name, serial number or key
    #[arg(long, value_name = "NAME|SERIAL")]
    about: Option<String>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    /// The broker's data directory
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct VerifyArgs {
    /// A signed head that was kept elsewhere: its text, or a file (a log, - for standard input) with heads in it
    #[arg(long = "head", value_name = "FILE|TEXT")]
    heads: Vec<String>,
    /// The outcome as a JSON object
    #[arg(long)]
    json: bool,
    /// The broker's data directory
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  sealmq audit-log show --last 20
  sealmq audit-log show --about pump --json
  sealmq audit-log verify --head /var/log/sealmq.log

Each record holds the hash of the one before. Cutting off the end of the log shows only against a signed head that
somebody kept: the broker writes one to its log at each start, every day, and after each revocation (SMQ-L041).";

const VERIFY_HELP: &str = "\
Exit codes:
  0  the log is whole, and every head that was given is in it
  1  it could not be checked: no data directory, no head in the file, a head of another CA
  4  the log was changed, a record is missing, or its end was cut off";

/// Runs the command.
pub(crate) fn run(args: Args) -> ExitCode {
    report::finish(match args.action {
        Action::Show(args) => show(&args),
        Action::Verify(args) => verify(&args),
    })
}

fn show(args: &ShowArgs) -> Result<(), Failure> {
    let mut records: Vec<Record> = Vec::new();
    each_page(args.data_dir.as_deref(), |page| {
        let about = |record: &Record| args.about.as_deref().is_none_or(|about| is_about(record, about));
        records.extend(page.records.iter().filter(|record| about(record)).cloned());
        Ok(())
    })?;
    let first = args.last.map_or(0, |last| records.len().saturating_sub(last));
    for record in &records[first..] {
        if args.json { println!("{}", as_json(record)) } else { print_record(record) }
    }
    if records.is_empty() && !args.json {
        println!("nothing in the log is about that");
    }
    Ok(())
}

fn verify(args: &VerifyArgs) -> Result<(), Failure> {
    let given: Vec<SignedHead> =
        args.heads.iter().map(|head| heads_in(head)).collect::<Result<Vec<_>, _>>()?.concat();
    let mut chain: Option<Chain> = None;
    let mut heads: Vec<Head> = Vec::new();
    let followed = each_page(args.data_dir.as_deref(), |page| {
        if chain.is_none() {
            heads = believed_heads(&given, page)?;
            chain = Some(Chain::whole(heads.clone()));
        }
        let chain = chain.as_mut().expect("made with the first page");
        page.records
            .iter()
            .try_for_each(|record| chain.follow(record))
            .map_err(|broken| self::broken(&broken))
    });
    let tip = followed
        .and_then(|()| chain.map_or(Ok(Tip::START), Chain::end).map_err(|broken| self::broken(&broken)));
    if args.json {
        let outcome = match &tip {
            Ok(tip) => json!({
                "ok": true, "records": tip.number, "hash": tip.hash.to_string(), "heads": heads.len(),
            }),
            Err(failure) => json!({ "ok": false, "problem": failure.what() }),
        };
        println!("{outcome}");
    }
    let tip = tip?;
    if !args.json {
        println!("the audit log is whole: {} records, the last one {}", tip.number, tip.hash);
        match heads.iter().max_by_key(|head| head.number) {
            Some(head) => {
                println!("record {} and those before it were signed until {}", head.number, head.at)
            }
            None => println!("no signed head to compare with: whether its end was cut off cannot be told"),
        }
        if given.is_empty() {
            println!("the head is this directory's own; one from a log outside it proves more: --head FILE");
        }
    }
    Ok(())
}

/// The heads that the issuing CA's key signed: those that were given, and the one that is kept beside the records.
fn believed_heads(given: &[SignedHead], page: &AuditPage) -> Result<Vec<Head>, Failure> {
    let kept =
        page.head.as_deref().map(SignedHead::parse).transpose().map_err(|error| head_failure(&error))?;
    given
        .iter()
        .chain(&kept)
        .map(|head| head.verify(&page.key).map_err(|error| head_failure(&error)))
        .collect()
}

/// A signature that is wrong is a forgery; another CA's head is only of no use here.
fn head_failure(error: &HeadError) -> Failure {
    match error {
        HeadError::BadSignature => text_failure(error).exit_code(EXIT_BROKEN),
        HeadError::Unreadable { .. } | HeadError::AnotherKey { .. } | HeadError::Unverifiable => {
            text_failure(error)
        }
    }
}

fn broken(broken: &Broken) -> Failure {
    Failure::new(broken.to_string())
        .hint("compare with a backup: restore it beside this directory (sealmq restore FILE --data-dir NEW) and look at both with `sealmq audit-log show`")
        .exit_code(EXIT_BROKEN)
}

/// The heads in an argument: its own text, or a file's.
fn heads_in(argument: &str) -> Result<Vec<SignedHead>, Failure> {
    let text = if argument.contains("sealmq-audit-head:") { argument.to_owned() } else { read(argument)? };
    let heads = SignedHead::find_all(&text).map_err(|error| text_failure(&error))?;
    if heads.is_empty() {
        return Err(Failure::new(format!("there is no head of an audit log in {argument}"))
            .hint("the broker writes one to its log at each start, every day and after each revocation: look for sealmq-audit-head"));
    }
    Ok(heads)
}

fn read(argument: &str) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let read = if argument == "-" {
        std::io::stdin().read_to_end(&mut bytes)
    } else {
        std::fs::File::open(argument).and_then(|mut file| file.read_to_end(&mut bytes))
    };
    read.map_err(|error| {
        Failure::new(format!("cannot read {argument}: {error}"))
            .hint("--head takes a file, - for standard input, or the text of a head itself")
    })?;
    // A log may hold anything.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// All pages of the log, in order.
fn each_page(
    data_dir: Option<&Path>,
    mut take: impl FnMut(&AuditPage) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let place = Place::find(data_dir, &Environment::of_process()).map_err(home_failure)?;
    let mut log = AuditLog::reach(&place).map_err(home_failure)?;
    let mut first = 0;
    loop {
        let page = log.page(first).map_err(home_failure)?;
        take(&page)?;
        let Some(last) = page.records.last() else { return Ok(()) };
        first = last.number.saturating_add(1);
    }
}

/// Whether one of its subjects is, or holds, this name, serial or key.
fn is_about(record: &Record, about: &str) -> bool {
    record.subjects.iter().any(|subject| {
        let parts = subject.split_once(':').map_or(subject.as_str(), |(_, id)| id);
        subject.eq_ignore_ascii_case(about) || parts.split('/').any(|part| part.eq_ignore_ascii_case(about))
    })
}

fn print_record(record: &Record) {
    let mut line = format!("{:>6}  {}  {:<12}  {}", record.number, record.at, record.actor, record.what);
    for subject in &record.subjects {
        line.push_str(&format!("  {subject}"));
    }
    for (label, text) in [("", &record.details), ("why: ", &record.why)] {
        if !text.is_empty() {
            line.push_str(&format!("  ({label}{})", shown(text)));
        }
    }
    println!("{line}");
}

/// A subject may hold anything, and this is a terminal.
fn shown(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

fn as_json(record: &Record) -> Value {
    json!({
        "number": record.number,
        "at": record.at.to_string(),
        "at_secs": Timestamp::as_secs(record.at),
        "actor": record.actor,
        "what": record.what,
        "subjects": record.subjects,
        "details": record.details,
        "why": record.why,
        "previous": record.previous.to_string(),
        "hash": record.hash.to_string(),
    })
}

/// The log is not what was written.
const EXIT_BROKEN: u8 = 4;
