//! `sealmq context`.

use std::process::ExitCode;

use crate::report::{self, Failure};

/// Options of this command.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Runs the command.
pub(crate) fn run(args: Args) -> ExitCode {
    report::finish(command(args))
}

fn command(_args: Args) -> Result<(), Failure> {
    Err(Failure::new("being built").hint("see the owner's branch").exit_code(1))
}
