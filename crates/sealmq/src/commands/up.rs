//! `sealmq up`: a broker with mutual TLS that brings its own CA.
//!
//! The data directory does the certificates, the configuration in it says what is served, and before anything is
//! reported ready a message goes from the operator's certificate through the listener and back.

mod firewall;
mod own;
mod self_test;
mod words;

use std::path::PathBuf;
use std::process::ExitCode;

use sealmq_config::{Config, LogTypes};
use sealmq_pki::HostName;
use sealmq_server::home::{self, Environment, Home, Place, Protection, Report, Surroundings, Unlock, Wanted};

use super::broker;
use super::device::{home_failure, text_failure};
use super::log_format::LogFormatFlag;
use super::source::FromPlace;
use crate::connection::parse_port;
use crate::report::{self, Failure};

/// Options of this command.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The data directory; $SEALMQ_DATA, else /var/lib/sealmq as root, else ~/.local/share/sealmq
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The port of the TLS listener; remembered
    #[arg(short, long, value_name = "PORT", value_parser = parse_port)]
    port: Option<u16>,
    /// A name or address by which devices reach this broker; remembered, may be repeated
    #[arg(long = "name", value_name = "HOST")]
    names: Vec<String>,
    /// A file with the passphrase of the CA's keys, in its first line; - is standard input
    #[arg(long, value_name = "FILE")]
    ca_passphrase_file: Option<PathBuf>,
    /// Log everything, whatever sealmq.conf says
    #[arg(short, long)]
    verbose: bool,
    /// How log lines are written, whatever sealmq.conf says
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<LogFormatFlag>,
}

const EXAMPLES: &str = "\
Examples:
  sealmq up                            makes the data directory, or uses it again
  sealmq up --name mqtt.example.com    devices reach it by that name, too
  sealmq up --data-dir ./try -p 8884   a second broker, to try things out

The passphrase of encrypted CA keys comes from --ca-passphrase-file, else SEALMQ_CA_PASSPHRASE, else systemd's \
credential sealmq-ca-passphrase, else the terminal. A CA that is made while one of the first three is there is encrypted \
under it.

Stop it with Ctrl-C. Its configuration is sealmq.conf in the data directory, in mosquitto's syntax.";

/// Runs the command.
pub(crate) fn run(args: Args) -> ExitCode {
    report::finish(command(&args))
}

fn command(args: &Args) -> Result<(), Failure> {
    broker::keep_memory_private().map_err(|error| {
        Failure::new(error.text).hint(error.hint.unwrap_or_default()).exit_code(error.exit)
    })?;
    let place = Place::find(args.data_dir.as_deref(), &Environment::of_process()).map_err(home_failure)?;
    let around = Surroundings::look().map_err(home_failure)?;
    let names = args.names.iter().map(|text| HostName::parse(text).map_err(|error| text_failure(&error)));
    let unlock = Unlock::of_process(args.ca_passphrase_file.as_deref());
    let wanted = Wanted { names: names.collect::<Result<_, _>>()?, port: args.port, unlock };
    let (home, report) = Home::up(&place, &wanted, &around, &mut |_| Ok(())).map_err(home_failure)?;
    let config = configuration(&place, args)?;
    let announce = words::Announcement::new(&home, &report, &config, &around).map_err(home_failure)?;
    say_what_was_made(&report);
    if args.ca_passphrase_file.is_some() && report.issuing_key == Protection::Plain {
        println!("the CA's key is not encrypted, the passphrase opens nothing: sealmq ca encrypt");
    }
    let source = FromPlace { place, verbose: args.verbose, log_format: args.log_format };
    own::serve_home(home, own::Served { config, source: source.shared() }, &around, || announce.print())
}

fn configuration(place: &Place, args: &Args) -> Result<Config, Failure> {
    if let Some(port) = args.port
        && home::tls_port(place).map_err(home_failure)? != port
    {
        home::set_port(place, port).map_err(home_failure)?;
    }
    let parsed = home::read_conf(place).map_err(home_failure)?;
    for diagnostic in &parsed.diagnostics {
        eprintln!("{diagnostic}");
    }
    let mut config = parsed.config.ok_or_else(|| {
        Failure::new(format!("{} cannot be used", place.conf().display()))
            .hint("mend the lines above; `sealmq up` writes a new file where there is none")
            .exit_code(EXIT_CONFIGURATION)
    })?;
    if args.verbose {
        config.global.log.types = LogTypes::ALL;
    }
    LogFormatFlag::apply(args.log_format, &mut config);
    Ok(config)
}

fn say_what_was_made(report: &Report) {
    for (what, leaf) in [("server", &report.server), ("operator", &report.operator)] {
        if let home::Leaf::Made { cause, .. } = leaf
            && *cause != home::Cause::First
        {
            println!("made a new {what} certificate: {cause}");
        }
    }
}

/// mosquitto's exit code for a configuration that cannot be.
const EXIT_CONFIGURATION: u8 = 3;
