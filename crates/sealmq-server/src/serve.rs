//! A broker from its configuration to its end: the one path that `broker` and `up` share.
//!
//! [`prepare`] reads every file, [`Prepared::open`] opens the sockets and leaves root, [`Opened::start`] starts the
//! threads, [`run`] waits for signals and stops. Whatever fails says what, where, and what mends it.

use std::io;
use std::sync::Arc;

use sealmq_config::{Bind, Config, Mode, PkiListener, Place, for_broker};
use sealmq_tls::{OwnIssuer, TrustGeneration};

use crate::believed::now;
use crate::door::Nodelay;
use crate::door::accept::{self, OpenSocket};
use crate::door::authenticate::CertificateNames;
use crate::door::limits::DoorLimits;
use crate::door::pki::{self, PkiDoor};
use crate::expiry::{self, Watcher};
use crate::inventory::Inventory;
use crate::log::{Event, Line, Log};
use crate::logging::{self, LogPart};
use crate::notify::Notify;
use crate::pid_file::PidFile;
use crate::pki_http::{Publisher, stapling};
use crate::plan::{self, Material, StartError};
use crate::privileges;
use crate::reload::{ConfigSource, ReloadThread, Reloader, ReloaderSpec, Seen};
use crate::rereading;
use crate::running::{OpenListener, Running, ServerSpec, Threads, start};
use crate::signals::{Asked, Caught, Ended, wait};
use crate::startup;
use crate::trust::TrustCounter;
use crate::trust_watch;

/// Exit code of a socket that cannot be opened, and of a broker that cannot go on.
const UNUSABLE: u8 = 1;

/// What a data directory adds to a configuration.
#[derive(Clone, Default)]
pub struct Hooks {
    /// The CA of our own, trusted on every TLS listener.
    pub own: Option<OwnIssuer>,
    /// Names that belong to certificates.
    pub names: Option<Arc<dyn CertificateNames>>,
    /// What `pki_listener` gives out.
    pub publisher: Option<Arc<Publisher>>,
    /// Where the configuration comes from: a reload reads it again. `None`: a reload reads the files that it names.
    pub source: Option<Arc<dyn ConfigSource>>,
    /// Signals, caught before the first socket is open. `None`: of a process that is not a broker only; [`run`] catches
    /// them then, when clients are served already.
    pub signals: Option<Arc<Caught>>,
    /// The inventory, whose certificates are watched.
    pub inventory: Option<Arc<Inventory>>,
}

/// A configuration whose files have been read and checked.
pub struct Prepared {
    config: Config,
    hooks: Hooks,
    trust: Arc<TrustCounter>,
    material: Material,
    seen: Seen,
}

/// Reads every file that the configuration names. Nothing is open yet.
///
/// # Errors
/// A file that cannot be used, with its exit code.
pub fn prepare(config: Config, hooks: Hooks) -> Result<Prepared, StartError> {
    if let (Some(pki), None) = (&config.global.pki, &hooks.publisher) {
        let text = "Error: pki_listener has nothing to give out: the data directory was not opened.";
        return Err(StartError::new(text, UNUSABLE).at(&pki.at));
    }
    if let (Some(data_dir), None) = (&config.global.data_dir, &hooks.own) {
        // Its inventory says which certificates count; without it, revoked ones would.
        let text = format!("Error: data_dir \"{}\" is set and was not opened.", data_dir.written);
        return Err(StartError::new(text, UNUSABLE).at(&data_dir.at));
    }
    let trust = Arc::new(TrustCounter::new(TrustGeneration::new()));
    let ids = plan::listener_ids(&config);
    // Before anything is read: what changes meanwhile is noticed.
    let seen =
        Seen::of(&rereading::files(&config).iter().map(|(_, file)| file.path.clone()).collect::<Vec<_>>());
    let material = plan::read_material(&config, &ids, hooks.own.as_ref(), &trust, now())?;
    Ok(Prepared { config, hooks, trust, material, seen })
}

/// Sockets are open, root is left; no thread runs yet but the log's.
pub struct Opened {
    spec: ServerSpec,
    config: Config,
    hooks: Hooks,
    trust: Arc<TrustCounter>,
    pid_file: Option<PidFile>,
    seen: Seen,
    pki: Vec<OpenSocket>,
}

impl Prepared {
    /// Opens the sockets, says what each demands, leaves root.
    ///
    /// # Errors
    /// A socket that cannot be opened (exit code 1), a user that does not exist.
    pub fn open(self, log: &Log) -> Result<Opened, StartError> {
        let Prepared { config, hooks, trust, material, seen } = self;
        let mut listeners = Vec::new();
        for (listener, files) in config.listeners.iter().zip(&material.listeners) {
            let sockets = match config.mode {
                Mode::LocalOnly => open_what_can_be(listener, log)?,
                Mode::Configured => {
                    accept::open(&listener.bind).map_err(|error| cannot_open(listener, &error))?
                }
            };
            listeners.push(OpenListener { state: plan::listener_state(&config, listener, files), sockets });
        }
        somebody_can_come(&listeners)?;
        let pki = config.global.pki.as_ref().map(open_pki).transpose()?.unwrap_or_default();
        startup::log_material(
            log,
            &config,
            &material,
            |position| !listeners[position].sockets.is_empty(),
            now(),
        );
        let pid_file = config.global.pid_file.as_ref().map(PidFile::write).transpose()?;
        leave_root(&config, &listeners, log)?;
        let spec = ServerSpec {
            listeners,
            limits: for_broker::limits(&config.global),
            door_limits: plan::door_limits(&config.global),
            policy: material.policy,
            trust: Arc::clone(&trust),
            names: hooks.names.clone(),
            bridges: material.bridges,
            nodelay: if config.global.set_tcp_nodelay { Nodelay::On } else { Nodelay::Off },
            sys_interval: plan::sys_interval(&config.global),
            control_api: plan::control_api(&config.global),
            hangup: hooks.signals.as_ref().map(|signals| signals.hangup()),
            threads: Threads::default(),
            log: log.clone(),
        };
        Ok(Opened { spec, config, hooks, trust, pid_file, seen, pki })
    }
}

/// Opens the sockets of `pki_listener`.
fn open_pki(pki: &PkiListener) -> Result<Vec<OpenSocket>, StartError> {
    accept::open(&pki.bind).map_err(|error| not_opened(&pki.bind, None, &pki.at, &error))
}

/// Answers on the sockets of `pki_listener` from now on.
fn publish(running: &Running, hooks: &Hooks, config: &Config, sockets: Vec<OpenSocket>, log: &Log) {
    if let (Some(publisher), Some(own)) = (&hooks.publisher, &hooks.own) {
        running.handle().spawn(stapling::staple_for_ever(Arc::clone(publisher), Arc::clone(&own.staples)));
    }
    let (Some(pki), Some(publisher)) = (&config.global.pki, &hooks.publisher) else { return };
    let name = plan::name(&pki.bind);
    log.line(Line::new(
        Event::ListenerOpen,
        format!("Opening pki_listener on {name}: CA certificates, revocation list and OCSP in plain HTTP."),
    ));
    let door = PkiDoor::new(Arc::clone(&running.control().door), Arc::clone(publisher), name);
    for socket in sockets {
        running.handle().spawn(pki::accept(Arc::clone(&door), socket));
    }
}

/// `bind_interface`.
fn interface(listener: &sealmq_config::Listener) -> Option<&str> {
    match &listener.bind {
        sealmq_config::Bind::Tcp { interface, .. } => interface.as_deref(),
        sealmq_config::Bind::Unix { .. } => None,
    }
}

/// A socket that nobody wrote, of a broker for this machine only: where its port is taken the others do, as in mosquitto.
fn open_what_can_be(listener: &sealmq_config::Listener, log: &Log) -> Result<Vec<OpenSocket>, StartError> {
    match accept::open_where_there_is(&listener.bind) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            let said = cannot_open(listener, &error);
            log.line(
                Line::new(Event::ConfigFinding, said.text.replace('\n', " "))
                    .hint(said.hint.unwrap_or_default()),
            );
            Ok(Vec::new())
        }
        opened => opened.map_err(|error| cannot_open(listener, &error)),
    }
}

/// A broker that nobody can reach is none.
fn somebody_can_come(listeners: &[OpenListener]) -> Result<(), StartError> {
    match listeners.iter().any(|listener| !listener.sockets.is_empty()) {
        true => Ok(()),
        false => Err(StartError::new("Error: Unable to start any listening sockets, exiting.", UNUSABLE)
            .hint("another program listens there (`ss -ltnp` shows which); stop it, or use another port")),
    }
}

/// mosquitto's words, then which listener it is.
pub(crate) fn cannot_open(listener: &sealmq_config::Listener, error: &io::Error) -> StartError {
    not_opened(&listener.bind, interface(listener), &listener.at, error)
}

fn not_opened(bind: &Bind, interface: Option<&str>, at: &Place, error: &io::Error) -> StartError {
    let is = |kind| error.kind() == kind;
    let whole = error.to_string();
    let why = whole.split(" (os error").next().unwrap_or(&whole);
    let (what, hint) = if let Bind::Unix { path } = bind {
        let what = if is(io::ErrorKind::InvalidInput) {
            format!("Error: Path to unix socket is too long \"{}\".", path.display())
        } else if is(io::ErrorKind::AddrInUse) {
            "Error binding unix socket: Address already in use".to_owned()
        } else {
            format!("Error binding unix socket: {why}")
        };
        (what, "a unix socket needs a folder that may be written, a short path, and nothing else there")
    } else if is(io::ErrorKind::AddrInUse) {
        let hint = "another program listens there (`ss -ltnp` shows which); stop it, or use another port (sealmq up --port N)";
        ("Error: Address already in use".to_owned(), hint)
    } else if is(io::ErrorKind::PermissionDenied) {
        ("Error: Permission denied".to_owned(), "ports below 1024 need root or CAP_NET_BIND_SERVICE")
    } else if is(io::ErrorKind::AddrNotAvailable) {
        (
            "Error: Cannot assign requested address".to_owned(),
            "this machine has no such address; `ip addr` lists them",
        )
    } else if let (Some(nix::libc::ENODEV), Some(interface)) = (error.raw_os_error(), interface) {
        (
            format!("Error: Interface {interface} does not exist."),
            "`ip link` lists the interfaces of this machine",
        )
    } else if let Some(reason) = why.strip_prefix(accept::LOOKUP_FAILED) {
        (
            format!("Error creating listener: {reason}."),
            "write an address of this machine, or a name that its resolver knows (`getent hosts NAME`)",
        )
    } else {
        (format!("Error: {why}"), "check the address, the port and the path of this listener")
    };
    StartError::new(format!("{what}\nError: cannot listen on {}.", plan::name(bind)), UNUSABLE)
        .hint(hint)
        .at(at)
}

fn leave_root(config: &Config, listeners: &[OpenListener], log: &Log) -> Result<(), StartError> {
    let Some(target) = privileges::target_of(config)? else { return Ok(()) };
    for socket in listeners.iter().flat_map(|listener| &listener.sockets) {
        if let accept::OpenSocket::Unix { file, .. } = socket {
            target
                .give(file.path())
                .map_err(|error| StartError::new(format!("Error: {}: {error}", file.path().display()), 1))?;
        }
    }
    for finding in rereading::findings(config, &target)? {
        log.line(finding);
    }
    target.become_it()?;
    if let Some(missing) = target.instead_of() {
        let text = format!(
            "Warning: Unable to drop privileges to '{missing}' because this user does not exist. Trying 'nobody' instead."
        );
        log.line(
            Line::new(Event::ConfigFinding, text)
                .hint(format!("useradd --system {missing}, or set 'user NAME'")),
        );
    }
    let text = format!("Going on as user '{}'; files are read again (SIGHUP) as that user.", target.name());
    log.line(Line::new(Event::PrivilegesDropped, text));
    Ok(())
}

/// A broker that runs, and what a reload needs.
pub struct Served {
    /// The data plane.
    pub running: Running,
    reloader: Reloader,
    reloads: ReloadThread,
    watcher: Watcher,
    pid_file: Option<PidFile>,
    signals: Option<Arc<Caught>>,
}

impl Served {
    /// Reads files again on behalf of others (SIGHUP, the control socket).
    #[must_use]
    pub fn reloader(&self) -> Reloader {
        self.reloader.clone()
    }
}

impl Opened {
    /// With other bounds and threads than the configuration gives: tests reach them with a handful of connections. How
    /// often an address may come stays the configuration's.
    #[must_use]
    pub fn with_bounds(mut self, door: DoorLimits, threads: Threads) -> Opened {
        // What has been counted since the sockets opened is nothing: nobody has been accepted yet.
        self.spec.door_limits = DoorLimits { fence: self.spec.door_limits.fence, ..door };
        self.spec.threads = threads;
        self
    }

    /// Starts all threads; from now on clients are let in.
    ///
    /// # Errors
    /// A thread or a poll cannot be made.
    pub fn start(self) -> Result<Served, StartError> {
        let Opened { spec, config, hooks, trust, pid_file, seen, pki } = self;
        let log = spec.log.clone();
        let signals = hooks.signals.clone();
        let failed = |error: io::Error| {
            StartError::new(format!("Error: the broker's threads cannot start: {error}"), 1)
        };
        let running = start(spec).map_err(failed)?;
        trust_watch::start(&running, &log);
        publish(&running, &hooks, &config, pki, &log);
        let control = running.control();
        logging::connect_topics(&log, control.clone());
        let watcher = expiry::start(&running, hooks.inventory.clone(), &log).map_err(failed)?;
        let reloader = Reloader::new(ReloaderSpec { config, hooks, trust, control, log: log.clone(), seen });
        reloader.attach(Box::new(LogPart(log)));
        let reloads = ReloadThread::start(reloader.clone()).map_err(failed)?;
        Ok(Served { running, reloader, reloads, watcher, pid_file, signals })
    }
}

/// For [`Hooks::signals`].
///
/// # Errors
/// Signals cannot be caught: exit code 1.
pub fn catch_signals() -> Result<Arc<Caught>, StartError> {
    Caught::from_now_on().map(Arc::new).map_err(|error| uncaught(&error))
}

fn uncaught(error: &io::Error) -> StartError {
    StartError::new(format!("Error: signals cannot be caught: {error}"), UNUSABLE)
}

/// Waits for signals; at the end tells clients and stops. `ready` runs when everything is open.
///
/// # Errors
/// A worker failed, or signals cannot be caught: exit code 1.
pub fn run(
    served: Served,
    log: &Log,
    notify: &Notify,
    ready: impl FnOnce(&Running),
) -> Result<(), StartError> {
    // The file goes when this function ends: clients have been told then.
    let Served { mut running, reloader: _, reloads, watcher, pid_file: _until_the_end, signals } = served;
    let signals = match signals {
        Some(signals) => signals,
        None => catch_signals()?,
    };
    let ended = wait(
        &mut running,
        &signals,
        notify,
        |running| {
            ready(running);
            notify.ready();
        },
        |asked| match asked {
            Asked::Reload => reloads.ask(notify),
            Asked::ReopenLog => log.reopen(),
        },
    )
    .map_err(|error| uncaught(&error))?;
    notify.stopping();
    drop(watcher);
    match ended {
        Ended::Signal(name) => {
            log.line(Line::new(Event::Stopping, format!("sealmq stops ({name}).")));
            running.stop(log);
            Ok(())
        }
        Ended::Failed(text) => {
            log.line(Line::new(Event::Fatal, format!("sealmq ends: {text}.")));
            // The other workers may wait for the one that is gone: the process ends without them.
            Err(StartError::new(format!("Error: {text}"), UNUSABLE).hint("please report it, with the log"))
        }
    }
}
