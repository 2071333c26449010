//! `sealmq cert adopt FILE`: the way back for a certificate that a restored inventory does not know.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::PathBuf;

use sealmq_pki::Timestamp;
use serde_json::json;

use super::io;
use crate::commands::device::{home_failure, office};
use crate::report::Failure;

/// Options of this command.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The certificate, PEM or DER
    #[arg(value_name = "FILE")]
    certificate: PathBuf,
    /// Why, for the audit log: one line
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Print what was entered as one JSON object
    #[arg(long)]
    json: bool,
    /// The broker's data directory
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

pub(super) const HELP: &str = "\
Example:
  sealmq cert adopt pump.crt --reason 'issued after the backup of June 3'

A certificate that this CA's key has signed and its inventory does not know is refused: the inventory was restored from \
an older backup, or somebody else has the key. Adopt only what you know to be yours. One that was revoked never \
comes back.

Exit codes: 0 adopted, 1 refused or declined and nothing has changed, 2 wrong usage.";

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let certificate = io::certificate(&args.certificate)?;
    let facts = certificate.facts();
    if !args.yes {
        let question = format!(
            "{}\n  serial {}\n  issuer {}\n  valid {} to {}\n  SHA-256 {}\nwhoever holds its key is let in. Type yes to adopt it: ",
            facts.subject.rfc2253(),
            facts.serial,
            facts.issuer.rfc2253(),
            facts.not_before,
            facts.not_after,
            facts.fingerprint
        );
        confirm(&question)?;
    }
    let mut office = office(args.data_dir.as_deref())?;
    let adopted = office.adopt_cert(certificate.der(), &args.reason).map_err(home_failure)?;
    let end = Timestamp::from_secs(adopted.not_after_secs);
    if args.json {
        let facts = json!({
            "subject": adopted.subject,
            "serial": adopted.serial,
            "role": adopted.role,
            "notAfter": end.to_string(),
        });
        println!("{facts}");
    } else {
        println!("{} counts from now on until {} ({})", adopted.subject, end.date(), adopted.role);
    }
    Ok(())
}

fn confirm(question: &str) -> Result<(), Failure> {
    let declined = || Failure::new("not adopted").hint("to adopt it without a question: --yes");
    if !std::io::stdin().is_terminal() {
        return Err(Failure::new("nobody is there to confirm it")
            .hint("look at it (openssl x509 -noout -text -in FILE), then use --yes"));
    }
    eprint!("{question}");
    let mut line = String::new();
    std::io::stderr()
        .flush()
        .and_then(|()| std::io::stdin().lock().read_line(&mut line))
        .map_err(|_| declined())?;
    if line.trim() == "yes" { Ok(()) } else { Err(declined()) }
}
