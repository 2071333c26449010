//! `sealmq cert …`: certificates, ours and others'. One file per action.

mod files;
mod home;
mod rows;
mod show;
mod verdict;
mod verify;

use std::process::ExitCode;

/// Options of this command.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Show what certificates, requests and revocation lists say, whoever made them
    Show(show::Args),
    /// Explain whether a certificate is good, and everything that is wrong with it
    Verify(verify::Args),
}

/// Runs the command.
pub(crate) fn run(args: Args) -> ExitCode {
    match args.action {
        Action::Show(args) => show::run(&args),
        Action::Verify(args) => verify::run(&args),
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
