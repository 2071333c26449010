//! Serving the configuration of a data directory that is open.

use std::sync::Arc;

use sealmq_config::Config;
use sealmq_server::directory;
use sealmq_server::home::{Home, Surroundings, tls_port_of};
use sealmq_server::log::{Event, Line, Log, LogKeeper};
use sealmq_server::logging;
use sealmq_server::notify::{Notify, NotifyEnvironment};
use sealmq_server::plan::StartError;
use sealmq_server::reload::ConfigSource;
use sealmq_server::serve::{self, Hooks};
use sealmq_server::signals::Caught;

use super::self_test;
use crate::report::Failure;

/// What is served: a configuration, and where it is read again.
pub(super) struct Served {
    pub(super) config: Config,
    pub(super) source: Arc<dyn ConfigSource>,
}

/// Opens the listeners, starts the control socket, proves that a message goes through, and serves until told to end.
/// `ready` runs when all of that is done.
pub(super) fn serve_home(
    home: Home,
    served: Served,
    around: &Surroundings,
    ready: impl FnOnce(),
) -> Result<(), Failure> {
    let Served { config, .. } = &served;
    check_data_dir(&home, config)?;
    let signals = serve::catch_signals().map_err(start_failure)?;
    let keeper = LogKeeper::start(logging::log_spec(config))
        .map_err(|error| Failure::new(format!("the log's thread cannot be made: {error}")))?;
    let log = keeper.log();
    log.line(Line::new(Event::Starting, format!("sealmq version {} starting", env!("CARGO_PKG_VERSION"))));
    let outcome = serve_logging(home, served, around, signals, &log, ready);
    keeper.finish();
    outcome
}

fn serve_logging(
    home: Home,
    served: Served,
    around: &Surroundings,
    signals: Arc<Caught>,
    log: &Log,
    ready: impl FnOnce(),
) -> Result<(), Failure> {
    let notify = Notify::from_environment(&NotifyEnvironment::of_process());
    let Served { config, source } = served;
    let port = tls_port_of(&config);
    let test = port.map(|port| self_test::SelfTest::prepare(&home, port, around)).transpose()?;
    let hooks = Hooks { source: Some(source), signals: Some(signals), ..directory::hooks(&home) };
    let prepared = serve::prepare(config, hooks).map_err(start_failure)?;
    let served = prepared.open(log).and_then(serve::Opened::start).map_err(start_failure)?;
    let control = directory::control(home, &served, port.unwrap_or_default(), log).map_err(start_failure)?;
    if let Some(test) = test {
        served.running.handle().block_on(test.run())?;
    }
    let outcome = serve::run(served, log, &notify, |_running| {
        log.line(Line::new(Event::Running, format!("sealmq version {} running", env!("CARGO_PKG_VERSION"))));
        ready();
    });
    drop(control);
    outcome.map_err(start_failure)
}

/// The configuration is this directory's. Without its `data_dir` line the broker would be one without an inventory.
fn check_data_dir(home: &Home, config: &Config) -> Result<(), Failure> {
    let conf = home.place().conf();
    let hint = format!("write the line `data_dir .` into {}", conf.display());
    match &config.global.data_dir {
        None => Err(Failure::new(format!("{} has no data_dir", conf.display())).hint(hint)),
        Some(setting) => {
            let same = std::fs::canonicalize(&setting.path).ok()
                == std::fs::canonicalize(home.place().folder()).ok();
            let what =
                format!("{} says data_dir {}, which is another folder", conf.display(), setting.written);
            if same { Ok(()) } else { Err(Failure::new(what).hint(hint)) }
        }
    }
}

/// An error of the start as a command shows it.
fn start_failure(error: StartError) -> Failure {
    let what = error.text.strip_prefix("Error: ").unwrap_or(&error.text).replace("\nError: ", ": ");
    let failure = Failure::new(what).exit_code(error.exit);
    match error.hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
