//! `sealmq cert list`: the certificates of the data directory.

use std::path::PathBuf;
use std::process::ExitCode;

use sealmq_pki::Timestamp;
use sealmq_pki::time::ends_in;
use sealmq_server::control::{ListRequest, ListedCertificate};

use super::span::Span;
use crate::commands::device::{home_failure, office};
use crate::report::{self, Failure};

/// Options of this command.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Only what ends within this time or has ended: 30d, 12h, 2w
    #[arg(long, value_name = "SPAN", value_parser = Span::parse)]
    expiring_within: Option<Span>,
    /// Only what stands like this
    #[arg(long, value_name = "STATE", value_parser = ["valid", "held", "not-yet", "ended", "revoked"])]
    state: Option<String>,
    /// Only of this name; * stands for any letters, ? for one
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// One JSON array instead of a table
    #[arg(long)]
    json: bool,
    /// The data directory; $SEALMQ_DATA, else the one that `sealmq up` takes
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  sealmq cert list
  sealmq cert list --expiring-within 30d --state valid
  sealmq cert list --name 'pump-*' --json | jq '.[].serial'

What ends first is first. Exit codes: 0 done (also where nothing fits), 1 the data directory cannot be asked.";

/// Runs the command.
pub(crate) fn run(args: &Args) -> ExitCode {
    report::finish(list(args))
}

fn list(args: &Args) -> Result<(), Failure> {
    let request = ListRequest {
        expiring_within_secs: args.expiring_within.map(Span::secs),
        state: args.state.clone(),
        name: args.name.clone(),
        skip: 0,
    };
    let rows = office(args.data_dir.as_deref())?.certificates(request).map_err(home_failure)?;
    if args.json {
        println!("{}", serde_json::to_string(&rows).expect("rows are plain values"));
        return Ok(());
    }
    if rows.is_empty() {
        println!("no certificate fits");
        return Ok(());
    }
    print(&rows);
    Ok(())
}

fn print(rows: &[ListedCertificate]) {
    let now = super::now();
    let name = |row: &ListedCertificate| row.name.clone().unwrap_or_else(|| "-".to_owned());
    let width = rows.iter().map(|row| name(row).chars().count()).max().unwrap_or(0).max(4);
    println!("{:<width$}  {:<8}  {:<8}  {:<10}  {:<20}  SERIAL", "NAME", "ROLE", "STATE", "UNTIL", "");
    for row in rows {
        let end = Timestamp::from_secs(row.not_after_secs);
        let (until, left) = (end.date(), ends_in(end, now));
        println!(
            "{:<width$}  {:<8}  {:<8}  {until:<10}  {left:<20}  {}",
            name(row),
            row.role,
            row.state,
            row.serial
        );
    }
}
