//! The `sealmq` binary: parses the command line and hands over to one file per command.
//!
//! Nothing is decided here. `sealmq -c FILE …` is `sealmq broker -c FILE …`, so that a service file that starts
//! mosquitto changes by one word.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command talks to its terminal")]
#![allow(
    clippy::disallowed_methods,
    reason = "the binary is the shell: it reads the clock and the environment"
)]

mod cli;
mod commands;
mod connection;
mod output;
mod report;

use std::process::ExitCode;

fn main() -> ExitCode {
    // Before anything is read, opened or started: see there.
    if let Err(error) = sealmq_server::home::passphrase::hide_environment() {
        let what =
            format!("the passphrase in SEALMQ_CA_PASSPHRASE cannot be kept from other processes: {error}");
        let hint = "unset it, and give the passphrase in a file: --ca-passphrase-file FILE";
        return report::finish(Err(report::Failure::new(what).hint(hint)));
    }
    let arguments = cli::with_broker_as_default(std::env::args_os().collect());
    let arguments = match connection::with_options_file(arguments) {
        Ok(arguments) => arguments,
        Err(failure) => return report::finish(Err(failure)),
    };
    match cli::parse(arguments).command {
        cli::Command::Up(args) => commands::up::run(args),
        cli::Command::Broker(args) => commands::broker::run(&args),
        cli::Command::Ca(args) => commands::ca::run(args),
        cli::Command::Device(args) => commands::device::run(args),
        cli::Command::Cert(args) => commands::cert::run(args),
        cli::Command::Backup(args) => commands::backup::back_up(&args),
        cli::Command::Restore(args) => commands::backup::restore(&args),
        cli::Command::AuditLog(args) => commands::audit_log::run(args),
        cli::Command::User(args) => commands::user::run(args),
        cli::Command::Passwd(args) => commands::passwd::run(&args),
        cli::Command::Ban(args) => commands::ban::run(args),
        cli::Command::Context(args) => commands::context::run(args),
        cli::Command::Pub(args) => commands::publish::run(args),
        cli::Command::Sub(args) => commands::subscribe::run(args),
    }
}
