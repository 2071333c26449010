//! `sealmq broker`: runs a mosquitto.conf.
//!
//! The flags are mosquitto's. Exit codes are its, too: 3 for a configuration that cannot be, 1 for what cannot be
//! used or opened, 13 for password and ACL files.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use sealmq_config::{Arguments, Config, Diagnostic, FileSetting, Loader, Parsed, SourceFile, Verbosity};
use sealmq_server::directory;
use sealmq_server::home::{Home, Place, Surroundings};
use sealmq_server::log::{Event, Line, Log, LogKeeper};
use sealmq_server::notify::{Notify, NotifyEnvironment};
use sealmq_server::plan::StartError;
use sealmq_server::privileges;
use sealmq_server::serve;
use sealmq_server::startup;

use super::log_format::LogFormatFlag;

/// Options of this command.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The configuration file (a mosquitto.conf)
    #[arg(short = 'c', long = "config-file", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Listen on this port, if the file names no listener; may be repeated
    #[arg(short = 'p', long = "port", value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    ports: Vec<u16>,
    /// Go into the background
    #[arg(short = 'd', long = "daemon")]
    daemon: bool,
    /// Log everything, whatever the file says
    #[arg(short = 'v', long = "verbose")]
    verbose: bool,
    /// Log nothing
    #[arg(short = 'q', long = "quiet", conflicts_with = "verbose")]
    quiet: bool,
    /// Check the configuration and end
    #[arg(long = "test-config")]
    test_config: bool,
    /// How log lines are written, whatever the file says
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<LogFormatFlag>,
}

const EXAMPLES: &str = "\
Examples:
  sealmq broker -c mosquitto.conf --test-config   what would stop the start
  sealmq broker -c /etc/mosquitto/mosquitto.conf
  sealmq -c /etc/mosquitto/mosquitto.conf         the same, for a service file

Without -c it listens on this machine only, on port 1883 without TLS, as mosquitto does. `sealmq up` makes a \
broker with TLS and certificates from nothing.

Exit codes are mosquitto's: 3 for a configuration that cannot be, 1 for what cannot be used or opened, 13 for \
password and ACL files.";

/// Runs the command.
pub(crate) fn run(args: Args) -> ExitCode {
    match command(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(error.exit)
        }
    }
}

fn command(args: &Args) -> Result<(), StartError> {
    keep_memory_private()?;
    let Parsed { config, diagnostics } = read(args)?;
    let Some(mut config) = config else { return Err(refused(&diagnostics)) };
    LogFormatFlag::apply(args.log_format, &mut config);
    if args.test_config {
        for diagnostic in &diagnostics {
            eprintln!("{diagnostic}");
        }
        println!("Configuration file is OK.");
        return Ok(());
    }
    let log_spec = serve::log_spec(&config)?;
    if args.daemon {
        privileges::daemonise()
            .map_err(|error| StartError::new(format!("Error: cannot go into the background: {error}"), 1))?;
    }
    let keeper = LogKeeper::start(log_spec)
        .map_err(|error| StartError::new(format!("Error: the log cannot be opened: {error}"), 1))?;
    let log = keeper.log();
    log.line(Line::new(Event::Starting, format!("sealmq version {} starting", env!("CARGO_PKG_VERSION"))));
    if let Some(file) = &args.config {
        log.line(Line::new(Event::ConfigLoaded, format!("Config loaded from {}.", file.display())));
    }
    startup::log_diagnostics(&log, &diagnostics);
    let outcome = serve_until_told(config, &log);
    keeper.finish();
    outcome
}

fn serve_until_told(config: Config, log: &Log) -> Result<(), StartError> {
    let notify = Notify::from_environment(&NotifyEnvironment::of_process());
    let home = config.global.data_dir.as_ref().map(open_home).transpose()?;
    let port = sealmq_server::plan::tls_port(&config);
    let hooks = home.as_ref().map(directory::hooks).unwrap_or_default();
    let served = serve::prepare(config, hooks)?.open(log)?.start()?;
    let control = home.map(|home| directory::control(home, &served, port.unwrap_or(0), log)).transpose()?;
    let outcome = serve::run(served, log, &notify, |_running| {
        log.line(Line::new(Event::Running, format!("sealmq version {} running", env!("CARGO_PKG_VERSION"))));
    });
    drop(control);
    outcome
}

/// `data_dir`: this broker is that directory's.
fn open_home(setting: &FileSetting) -> Result<Home, StartError> {
    let opened = Surroundings::look().and_then(|around| Home::open(&Place::at(&setting.path), &around));
    opened.map_err(|error| StartError::new(format!("Error: {error}"), 1).hint(error.hint()).at(&setting.at))
}

fn read(args: &Args) -> Result<Parsed, StartError> {
    let main = args.config.as_deref().map(read_main).transpose()?;
    let verbosity = match (args.verbose, args.quiet) {
        (true, _) => Verbosity::All,
        (false, true) => Verbosity::Quiet,
        (false, false) => Verbosity::FromFile,
    };
    let arguments = Arguments { ports: args.ports.clone(), verbosity };
    Ok(sealmq_config::parse(main.as_ref(), &arguments, &Files))
}

fn read_main(path: &Path) -> Result<SourceFile, StartError> {
    let bytes = read_file(path).map_err(|error| {
        StartError::new(format!("Error: Unable to open config file '{}': {error}.", path.display()), 3)
            .hint("check the path after -c")
    })?;
    Ok(SourceFile { path: path.to_owned(), bytes })
}

/// Before any key is read.
pub(crate) fn keep_memory_private() -> Result<(), StartError> {
    sealmq_server::privileges::keep_memory_private().map_err(|error| {
        StartError::new(format!("Error: memory cannot be kept out of core dumps: {error}."), 1)
            .hint("a sandbox that forbids prctl or setrlimit must allow them")
    })
}

/// All errors of a configuration, in one. Warnings are left out: most of them follow from what an error left unread.
fn refused(diagnostics: &[Diagnostic]) -> StartError {
    let errors: Vec<&Diagnostic> = diagnostics.iter().filter(|found| found.is_error()).collect();
    let exit = errors.first().map_or(3, |found| found.exit.code());
    let text = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    StartError::new(text, exit)
}

/// The file system, for `include_dir`.
struct Files;

impl Loader for Files {
    fn list(&self, folder: &Path) -> Result<Vec<PathBuf>, String> {
        std::fs::read_dir(folder)
            .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect())
            .map_err(|error| error.to_string())
    }

    fn read(&self, file: &Path) -> Result<Vec<u8>, String> {
        read_file(file).map_err(|error| error.to_string())
    }
}

/// More than this is no configuration.
const CONFIG_BYTES_MAX: u64 = 16 << 20;

fn read_file(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(CONFIG_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
