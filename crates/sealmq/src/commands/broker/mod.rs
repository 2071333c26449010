//! `sealmq broker`: runs a mosquitto.conf.
//!
//! The flags are mosquitto's. Exit codes are its, too: 3 for a configuration that cannot be, 1 for what cannot be
//! used or opened, 13 for password and ACL files.

pub(crate) mod flags;

use std::ffi::OsString;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use sealmq_config::{
    Arguments, Config, Diagnostic, Exit, FileSetting, Loader, Parsed, SourceFile, Unreadable, Verbosity,
};
use sealmq_server::directory;
use sealmq_server::home::{Home, Place, Surroundings, Unlock};
use sealmq_server::log::{Event, Line, Log, LogKeeper, OpenLog};
use sealmq_server::logging;
use sealmq_server::notify::{Notify, NotifyEnvironment};
use sealmq_server::plan::{self, StartError};
use sealmq_server::privileges::{self, Target};
use sealmq_server::rereading;
use sealmq_server::secrets;
use sealmq_server::serve::{self, Hooks};
use sealmq_server::signals::Caught;
use sealmq_server::startup;

use self::flags::{Asked, BadFlags, Flags};
use super::log_format::LogFormatFlag;
use super::source::FromCommandLine;

/// Options of this command: mosquitto's words, read by [`flags`].
#[derive(Debug, clap::Args)]
#[command(after_help = flags::usage())]
pub(crate) struct Args {
    /// The flags of mosquitto
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTION")]
    words: Vec<OsString>,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> ExitCode {
    let flags = match flags::parse(&args.words) {
        Ok(Asked::Run(flags)) => flags,
        Ok(Asked::Usage(before)) => {
            let read = if before.configs.is_empty() { Ok(()) } else { readable(&before).map(drop) };
            return ended(read.map(|()| print!("{}", flags::usage())));
        }
        Ok(Asked::Version) => {
            println!("sealmq version {}", env!("CARGO_PKG_VERSION"));
            return ExitCode::SUCCESS;
        }
        Err(BadFlags { text, hint }) => {
            eprintln!("{text}\nhint: {hint}");
            return ExitCode::from(Exit::Configuration.code());
        }
    };
    ended(command(&flags))
}

fn ended(outcome: Result<(), StartError>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(error.exit)
        }
    }
}

/// The configuration, where mosquitto could read it: what it looks up meanwhile is there.
fn readable(flags: &Flags) -> Result<(Config, Vec<Diagnostic>), StartError> {
    let Parsed { config, diagnostics } = read(flags)?;
    let Some(config) = config else { return Err(refused(&diagnostics)) };
    plan::look_up(&config)?;
    Ok((config, diagnostics))
}

fn command(flags: &Flags) -> Result<(), StartError> {
    keep_memory_private()?;
    let (mut config, diagnostics) = readable(flags)?;
    LogFormatFlag::apply(flags.log_format, &mut config);
    if flags.test_config {
        return test_config(flags, &diagnostics);
    }
    umask()?;
    let target = privileges::target_of(&config)?;
    if flags.daemon {
        privileges::daemonise()
            .map_err(|error| StartError::new(format!("Error: cannot go into the background: {error}"), 1))?;
    }
    let signals = serve::catch_signals()?;
    let keeper = start_log(&config, target.as_ref())?;
    let log = keeper.log();
    log.line(Line::new(Event::Starting, format!("sealmq version {} starting", env!("CARGO_PKG_VERSION"))));
    for file in &flags.configs {
        log.line(Line::new(Event::ConfigLoaded, format!("Config loaded from {}.", file.display())));
        if let Some(target) = &target
            && let Some(finding) = rereading::finding("the configuration file", file, target)?
        {
            log.line(finding);
        }
    }
    startup::log_diagnostics(&log, &diagnostics);
    let outcome = write_secrets(flags, target.as_ref(), &log)
        .and_then(|()| serve_until_told(config, flags, signals, &log));
    keeper.finish();
    outcome
}

/// As mosquitto, on standard error.
fn test_config(flags: &Flags, diagnostics: &[Diagnostic]) -> Result<(), StartError> {
    if flags.configs.is_empty() {
        return Err(StartError::new(
            "Please provide a configuration file to test.",
            Exit::Configuration.code(),
        )
        .hint("name it with -c"));
    }
    for diagnostic in diagnostics {
        eprintln!("{diagnostic}");
    }
    eprintln!("Configuration file is OK.");
    Ok(())
}

/// The log's files are made, and opened, by whoever will open them again.
fn start_log(config: &Config, target: Option<&Target>) -> Result<LogKeeper, StartError> {
    let open = || OpenLog::open_what_can_be(logging::log_spec(config));
    let open = match target {
        Some(target) => target.acting(open)?,
        None => open(),
    };
    LogKeeper::with(open)
        .map_err(|error| StartError::new(format!("Error: the log's thread cannot be made: {error}"), 1))
}

/// `UMASK_SET`, as mosquitto's: octal, for files that are made from now on.
fn umask() -> Result<(), StartError> {
    let Some(text) = std::env::var_os("UMASK_SET") else { return Ok(()) };
    let bad = |why: &str| {
        StartError::new(format!("Error: UMASK_SET environment variable {why}."), Exit::Configuration.code())
            .hint("write it as in UMASK_SET=0077, or unset it")
    };
    let mask = text.to_str().and_then(|text| u32::from_str_radix(text, 8).ok());
    privileges::set_umask(mask.ok_or_else(|| bad("not a valid octal number"))?)
        .map_err(|_| bad("out of range"))
}

/// `--tls-keylog`, said loudly at each start.
fn write_secrets(flags: &Flags, target: Option<&Target>, log: &Log) -> Result<(), StartError> {
    let Some(file) = &flags.tls_keylog else { return Ok(()) };
    let open = || secrets::write_to(file);
    match target {
        Some(target) => target.acting(open)?,
        None => open(),
    }
    .map_err(|error| {
        StartError::new(format!("Error: Unable to open TLS keylog file '{}': {error}.", file.display()), 1)
            .hint("the user that the broker runs as must be allowed to write there")
    })?;
    let text = format!(
        "Warning: --tls-keylog writes the secrets of every TLS connection to {}: whoever reads that file reads them all.",
        file.display()
    );
    log.line(Line::new(Event::SecretsLogged, text).hint("start without --tls-keylog, and remove the file"));
    Ok(())
}

fn serve_until_told(
    config: Config,
    flags: &Flags,
    signals: Arc<Caught>,
    log: &Log,
) -> Result<(), StartError> {
    let notify = Notify::from_environment(&NotifyEnvironment::of_process());
    let home = config.global.data_dir.as_ref().map(open_home).transpose()?;
    let port = sealmq_server::plan::tls_port(&config);
    let hooks = Hooks {
        source: Some(Arc::new(FromCommandLine(flags.clone()))),
        signals: Some(signals),
        ..home.as_ref().map(directory::hooks).unwrap_or_default()
    };
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
    let opened = Surroundings::look()
        .and_then(|around| Home::open_with(&Place::at(&setting.path), &around, &Unlock::of_process(None)));
    opened.map_err(|error| StartError::new(format!("Error: {error}"), 1).hint(error.hint()).at(&setting.at))
}

pub(super) fn read(flags: &Flags) -> Result<Parsed, StartError> {
    let files = flags.configs.iter().map(|file| read_main(file)).collect::<Result<Vec<_>, _>>()?;
    let verbosity = match (flags.quiet, flags.verbose) {
        (true, _) => Verbosity::Quiet,
        (false, true) => Verbosity::All,
        (false, false) => Verbosity::FromFile,
    };
    let arguments = Arguments { ports: flags.ports.clone(), verbosity };
    Ok(sealmq_config::parse_all(&files, &arguments, &Files))
}

fn read_main(path: &Path) -> Result<SourceFile, StartError> {
    if path.is_dir() {
        let text = format!("Error: Config file '{}' is a directory.", path.display());
        return Err(StartError::new(text, 3).hint("name the file in it, or `include_dir` it from a file"));
    }
    if std::fs::metadata(path).is_ok_and(|meta| !meta.is_file()) {
        let shown = path.display();
        let text = format!("Error: {shown} is not a file.\nError: Unable to open config file '{shown}'.");
        return Err(
            StartError::new(text, 3).hint("a reload reads it again, which a pipe or a device does not allow")
        );
    }
    let bytes = read_file(path).map_err(|error| {
        StartError::new(format!("Error: Unable to open config file '{}'.", path.display()), 3).hint(format!(
            "{error}; check the path after -c, and that the user the broker runs as may read the file"
        ))
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
pub(super) fn refused(diagnostics: &[Diagnostic]) -> StartError {
    let errors: Vec<&Diagnostic> = diagnostics.iter().filter(|found| found.is_error()).collect();
    // As mosquitto, which reads everything before it uses anything: what cannot be comes before what cannot be used.
    let only = |exit: Exit| errors.iter().all(|found| found.exit == exit).then(|| exit.code());
    let later = only(Exit::Unusable).or(only(Exit::FileAccess));
    let exit = later.unwrap_or(Exit::Configuration.code());
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

    fn read(&self, file: &Path) -> Result<Vec<u8>, Unreadable> {
        if file.is_dir() {
            return Err(Unreadable::Folder);
        }
        read_file(file).map_err(|error| Unreadable::Because(error.to_string()))
    }
}

/// More than this is no configuration.
const CONFIG_BYTES_MAX: u64 = 16 << 20;

fn read_file(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(CONFIG_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
