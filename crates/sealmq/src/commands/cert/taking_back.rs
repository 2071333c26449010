//! `sealmq cert revoke|hold|unhold`: this device was stolen.
//!
//! The work is done by the running broker, or on the directory where none runs. What is printed is what has happened: the
//! command returns when every session has been judged again.

use std::path::PathBuf;
use std::process::ExitCode;

use sealmq_pki::Timestamp;
use sealmq_pki::inventory::RevocationReason;
use sealmq_server::control::{
    KeepSession, TakeBackRequest, TakenBackRow, TakenRow, WhatNow, WhoseCertificate,
};
use serde::Serialize;

use crate::commands::device::{home_failure, office};
use crate::report::{self, Failure};

/// Options of `revoke`.
#[derive(Debug, clap::Args)]
#[command(after_help = REVOKE_EXAMPLES)]
pub(crate) struct RevokeArgs {
    #[command(flatten)]
    whose: WhoseArgs,
    /// Why: unspecified, keyCompromise, cACompromise, affiliationChanged, superseded, cessationOfOperation
    #[arg(long, value_name = "REASON", default_value = "unspecified", value_parser = parse_reason)]
    reason: RevocationReason,
    /// Keep what is stored for its session: subscriptions and messages
    #[arg(long)]
    keep_session: bool,
}

/// Options of `hold` and `unhold`.
#[derive(Debug, clap::Args)]
#[command(after_help = HOLD_EXAMPLES)]
pub(crate) struct HoldArgs {
    #[command(flatten)]
    whose: WhoseArgs,
}

#[derive(Debug, clap::Args)]
struct WhoseArgs {
    /// All certificates of this name that have not ended, superseded ones too
    #[arg(required_unless_present = "serial", conflicts_with = "serial")]
    name: Option<String>,
    /// Only the one with this serial number
    #[arg(long, value_name = "HEX")]
    serial: Option<String>,
    /// Why, in your words, for the audit log
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
    /// One JSON object instead of text
    #[arg(long)]
    json: bool,
    /// The broker's data directory
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

const REVOKE_EXAMPLES: &str = "\
Examples:
  sealmq cert revoke pump --reason keyCompromise --comment 'stolen from the yard'
  sealmq cert revoke --serial 3F2A… --json

A name's password is closed too, and what is stored for its session is forgotten. The name is free again: \
`sealmq device add NAME` makes a new certificate for it. Revoked is for good; `sealmq cert hold` is not.

Exit codes: 0 done; 1 refused, and nothing has changed; 2 the command line is wrong; 3 revoked, but something that \
follows from it could not be done (it is printed).";

const HOLD_EXAMPLES: &str = "\
Examples:
  sealmq cert hold pump --comment 'not seen since Friday'
  sealmq cert unhold pump

On hold a certificate is refused like a revoked one; its name stays taken, its stored session stays.

Exit codes: 0 done; 1 refused, and nothing has changed; 2 the command line is wrong; 3 done, but something that follows \
from it could not be (it is printed).";

/// Runs `revoke`.
pub(crate) fn revoke(args: RevokeArgs) -> ExitCode {
    let session = if args.keep_session { KeepSession::Keep } else { KeepSession::Drop };
    report::finish(take_back(
        args.whose,
        WhatNow::Revoke { reason: args.reason.as_str().to_owned() },
        session,
    ))
}

/// Runs `hold`.
pub(crate) fn hold(args: HoldArgs) -> ExitCode {
    report::finish(take_back(args.whose, WhatNow::Hold, KeepSession::Keep))
}

/// Runs `unhold`.
pub(crate) fn unhold(args: HoldArgs) -> ExitCode {
    report::finish(take_back(args.whose, WhatNow::Unhold, KeepSession::Keep))
}

fn take_back(args: WhoseArgs, what: WhatNow, session: KeepSession) -> Result<(), Failure> {
    let whose = match (args.name, args.serial) {
        (_, Some(serial)) => WhoseCertificate::Serial(serial),
        (name, None) => WhoseCertificate::Name(name.unwrap_or_default()),
    };
    let mut office = office(args.data_dir.as_deref())?;
    let request =
        TakeBackRequest { whose: whose.clone(), what: what.clone(), session, comment: args.comment };
    let done = office.take_back(request).map_err(home_failure)?;
    if args.json {
        print_json(&done)?;
    } else {
        print(&done, &whose, &what);
    }
    outcome(&done)
}

/// What follows from a revocation and could not be done: the last of it is the failure, what comes before is printed.
fn outcome(done: &TakenBackRow) -> Result<(), Failure> {
    let Some((last, before)) = done.problems.split_last() else { return Ok(()) };
    for problem in before {
        eprintln!("error: {}\nhint: {}", problem.what, problem.hint);
    }
    Err(Failure::new(last.what.clone()).hint(last.hint.clone()).exit_code(INCOMPLETE))
}

fn print(done: &TakenBackRow, whose: &WhoseCertificate, what: &WhatNow) {
    let verb = match what {
        WhatNow::Revoke { .. } => "revoked",
        WhatNow::Hold => "on hold",
        WhatNow::Unhold => "valid again",
    };
    for row in &done.certificates {
        let until = Timestamp::from_secs(row.not_after_secs).date();
        let reason = row.reason.as_deref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        println!("{verb}{reason}: {}, serial {}, valid until {until}", who(row), row.serial);
    }
    for user in &done.passwords {
        println!("user {user} can log in with a password no more");
    }
    match (&done.broker, done.problems.is_empty()) {
        (Some(swept), _) => println!(
            "{} ended; {} forgotten",
            counted(swept.ended, "session"),
            counted(swept.forgotten, "stored session")
        ),
        (None, true) => println!("no broker runs on this directory: it counts from its next start on"),
        (None, false) => {}
    }
    if let Some(crl) = &done.crl {
        let entries = counted(u64::try_from(crl.certificates).unwrap_or(u64::MAX), "certificate");
        println!("revocation list {} with {entries}: {}", crl.number, crl.file.display());
    }
    replacements(done, whose);
}

/// What was made in the place of the broker's own.
fn replacements(done: &TakenBackRow, whose: &WhoseCertificate) {
    let revoked =
        |role: &str| done.certificates.iter().any(|row| row.role == role && row.standing == "revoked");
    for role in &done.replaced {
        println!("the {role} has a new certificate");
    }
    if let (WhoseCertificate::Name(name), true) = (whose, revoked("device")) {
        println!("a new certificate for that name: sealmq device add {name}");
    }
}

fn who(row: &TakenRow) -> String {
    if row.role == "device" { row.name.clone() } else { format!("{} ({})", row.name, row.role) }
}

fn counted(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// What `--json` prints.
#[derive(Serialize)]
struct Json<'a> {
    certificates: Vec<JsonCertificate<'a>>,
    passwords_closed: &'a [String],
    broker_runs: bool,
    sessions_ended: Option<u64>,
    sessions_forgotten: Option<u64>,
    crl: Option<JsonCrl<'a>>,
    problems: Vec<JsonProblem<'a>>,
}

#[derive(Serialize)]
struct JsonCertificate<'a> {
    name: &'a str,
    serial: &'a str,
    role: &'a str,
    state: &'a str,
    reason: Option<&'a str>,
    not_after: String,
}

#[derive(Serialize)]
struct JsonCrl<'a> {
    number: &'a str,
    certificates: usize,
    next_update: String,
    file: String,
}

#[derive(Serialize)]
struct JsonProblem<'a> {
    what: &'a str,
    hint: &'a str,
}

fn print_json(done: &TakenBackRow) -> Result<(), Failure> {
    let json = Json {
        certificates: done
            .certificates
            .iter()
            .map(|row| JsonCertificate {
                name: &row.name,
                serial: &row.serial,
                role: &row.role,
                state: &row.standing,
                reason: row.reason.as_deref(),
                not_after: Timestamp::from_secs(row.not_after_secs).to_string(),
            })
            .collect(),
        passwords_closed: &done.passwords,
        broker_runs: done.broker.is_some(),
        sessions_ended: done.broker.map(|swept| swept.ended),
        sessions_forgotten: done.broker.map(|swept| swept.forgotten),
        crl: done.crl.as_ref().map(|crl| JsonCrl {
            number: &crl.number,
            certificates: crl.certificates,
            next_update: Timestamp::from_secs(crl.next_update_secs).to_string(),
            file: crl.file.display().to_string(),
        }),
        problems: done.problems.iter().map(|p| JsonProblem { what: &p.what, hint: &p.hint }).collect(),
    };
    let text = serde_json::to_string(&json).map_err(|error| Failure::new(error.to_string()))?;
    println!("{text}");
    Ok(())
}

fn parse_reason(text: &str) -> Result<RevocationReason, String> {
    RevocationReason::parse(text).ok_or_else(|| {
        format!("no such reason; one of {}", RevocationReason::ALL.map(RevocationReason::as_str).join(", "))
    })
}

/// Done, but not all that follows from it.
const INCOMPLETE: u8 = 3;
