//! `sealmq cert …`: certificates, ours and others'. One file per action.
//!
//! What is signed is written first and counts second: a crash in between leaves a file that opens nothing.

mod adopt;
mod expiring;
mod export;
mod files;
mod home;
mod io;
mod issue;
mod list;
mod renew;
mod rows;
mod show;
mod sign;
mod span;
mod taking_back;
mod verdict;
mod verify;

use std::process::ExitCode;

use crate::report;

/// Options of this command.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Sign a certificate request (PKCS#10) under a profile, for a name that you give
    #[command(after_help = sign::HELP)]
    Sign(sign::Args),
    /// Make a key and its certificate, for a client or a server
    #[command(after_help = issue::HELP)]
    Issue(issue::Args),
    /// Give a certificate of this CA a successor with the same key and names
    #[command(after_help = renew::RENEW_HELP)]
    Renew(renew::Args),
    /// Give a certificate of another CA, version 1 too, a version 3 certificate of this one: same key, same names
    #[command(after_help = renew::REISSUE_HELP)]
    Reissue(renew::ReissueArgs),
    /// Write a certificate, and its key, in another format: PEM, DER or PKCS#12
    #[command(after_help = export::HELP)]
    Export(export::Args),
    /// Let a certificate count that this CA's key has signed and its inventory does not know
    #[command(after_help = adopt::HELP)]
    Adopt(adopt::Args),
    /// Show what certificates, requests and revocation lists say, whoever made them
    Show(show::Args),
    /// List the certificates of the data directory
    List(list::Args),
    /// Say what ends soon, with exit codes for cron and Nagios
    Expiring(expiring::Args),
    /// Explain whether a certificate is good, and everything that is wrong with it
    Verify(verify::Args),
    /// Take certificates back for good: their sessions end at once, and nobody is let in by them again
    Revoke(taking_back::RevokeArgs),
    /// Take certificates back until `unhold`: their sessions end at once
    Hold(taking_back::HoldArgs),
    /// Let certificates that are on hold count again
    Unhold(taking_back::HoldArgs),
}

/// Runs the command.
pub(crate) fn run(args: Args) -> ExitCode {
    match args.action {
        Action::Sign(args) => report::finish(sign::run(args)),
        Action::Issue(args) => report::finish(issue::run(args)),
        Action::Renew(args) => report::finish(renew::renew(args)),
        Action::Reissue(args) => report::finish(renew::reissue(args)),
        Action::Export(args) => report::finish(export::run(args)),
        Action::Adopt(args) => report::finish(adopt::run(&args)),
        Action::List(args) => list::run(&args),
        Action::Expiring(args) => expiring::run(&args),
        Action::Show(args) => show::run(&args),
        Action::Verify(args) => verify::run(&args),
        Action::Revoke(args) => taking_back::revoke(args),
        Action::Hold(args) => taking_back::hold(args),
        Action::Unhold(args) => taking_back::unhold(args),
    }
}

/// The time that this computer's clock shows.
fn now() -> sealmq_pki::Timestamp {
    sealmq_pki::Timestamp::from_secs(jiff::Timestamp::now().as_second())
}

/// Text of a stranger for a terminal: control characters escaped, bounded.
fn clean(text: &str) -> String {
    const CHARS_MAX: usize = 300;
    let mut out = String::new();
    for (index, c) in text.chars().enumerate() {
        if index == CHARS_MAX {
            out.push('…');
            break;
        }
        if c.is_control() { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out
}
