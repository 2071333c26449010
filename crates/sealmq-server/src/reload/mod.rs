//! A reload: the configuration and every file that it names are read again, and count from then on whole or not at all.
//!
//! Three steps, one reload at a time. *Prepare*: the main file (with `include_dir`) is parsed, what cannot change while
//! the process runs is compared (`fixed`), every file is read and checked, everything new is built, sockets of new
//! listeners are opened; whatever fails ends the reload, and nothing has changed. *Commit*: terms of listeners, the
//! core's policy and bounds, and each [`Part`]'s state are swapped; nothing in it can fail. *Raise*: the trust
//! generation, so that every live session is judged again by what counts now.
//!
//! Not here: what an entry of a file means (sealmq-config), who must go (`trust.rs`), sockets (`listening.rs`).

mod asks;
mod fixed;
mod outcome;
mod thread;
mod watch;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use sealmq_broker::{Acl, AclRules, ListenerId, Policy};
use sealmq_config::{Bind, Config, Diagnostic, Listener, for_broker};
use sealmq_pki::Timestamp;
use sealmq_tls::CRL_ALARMS;

use crate::believed::now;
use crate::door::Nodelay;
use crate::listening::OpenListener;
use crate::log::Log;
use crate::material::client_auth;
use crate::plan::{self, Material, StartError};
use crate::rereading;
use crate::running::Control;
use crate::serve::Hooks;
use crate::startup;
use crate::trust::TrustCounter;

pub(crate) use asks::Asks;
pub use outcome::Counts;
use outcome::Outcomes;
pub(crate) use outcome::TOPICS;
pub(crate) use thread::ReloadThread;
pub(crate) use watch::Seen;
use watch::{Say, Todo, Watch};

/// Reads the main configuration file again, with whatever the command line adds to it.
pub trait ConfigSource: Send + Sync {
    /// The configuration as the file has it now.
    ///
    /// # Errors
    /// It cannot be read, or has an error: all of them, with lines.
    fn read(&self) -> Result<Fresh, StartError>;
}

/// A configuration that was read again.
pub struct Fresh {
    /// What it says.
    pub config: Config,
    /// Warnings about its lines.
    pub diagnostics: Vec<Diagnostic>,
}

/// Puts to use what [`Part::prepare`] has built. It cannot fail, and does not wait for anybody.
pub type Commit = Box<dyn FnOnce() + Send>;

/// A part of the process that follows the configuration by itself: bridges, the log, `$SYS`.
///
/// To take part in reloads: implement this, and give it to [`Reloader::attach`] after the broker has started.
pub trait Part: Send {
    /// Reads, checks and builds everything that `next` asks of this part, and changes nothing yet. The commit is run if
    /// every other part could be prepared as well, and is dropped otherwise. Also called where only files may have
    /// changed; `now` and `next` are the same then.
    ///
    /// # Errors
    /// What cannot be; the whole reload is refused with it.
    fn prepare(&mut self, now: &Config, next: &Config) -> Result<Commit, StartError>;

    /// Files and folders beside the listeners' whose change makes this part want a reload.
    fn watched(&self, _config: &Config) -> Vec<PathBuf> {
        Vec::new()
    }
}

/// Reloads on behalf of whoever asks: SIGHUP, the control socket, a file that changed. Cheap to clone.
#[derive(Clone)]
pub struct Reloader(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    hooks: Hooks,
    trust: Arc<TrustCounter>,
    control: Control,
    log: Log,
    outcomes: Outcomes,
}

/// What is in force. The lock is held for a whole reload: one at a time.
struct State {
    config: Arc<Config>,
    /// The number of each listener of `config`, in its order.
    ids: Vec<ListenerId>,
    /// Numbers of listeners that are gone; they are not given again, since retained messages remember them.
    gone: Vec<ListenerId>,
    parts: Vec<Box<dyn Part>>,
    /// The files as they were when they were read.
    watch: Watch,
}

impl State {
    /// The files that count now, as they are now. Taken before anything is read: what changes meanwhile is noticed.
    fn seen(&self, config: &Config) -> Seen {
        let listeners = rereading::files(config).into_iter().map(|(_, file)| file.path.clone());
        let parts = self.parts.iter().flat_map(|part| part.watched(config));
        Seen::of(&listeners.chain(parts).collect::<Vec<_>>())
    }
}

/// What a reloader starts from.
pub(crate) struct ReloaderSpec {
    pub(crate) config: Config,
    pub(crate) hooks: Hooks,
    pub(crate) trust: Arc<TrustCounter>,
    pub(crate) control: Control,
    pub(crate) log: Log,
    /// What the files were before they were read at the start.
    pub(crate) seen: Seen,
}

/// Everything new, checked and built, nothing of it in force.
struct Prepared {
    config: Arc<Config>,
    ids: Vec<ListenerId>,
    material: Material,
    commits: Vec<Commit>,
    needs_restart: Vec<fixed::NeedsRestart>,
    diagnostics: Vec<Diagnostic>,
}

impl Reloader {
    pub(crate) fn new(spec: ReloaderSpec) -> Reloader {
        let ReloaderSpec { config, hooks, trust, control, log, seen } = spec;
        let ids = plan::listener_ids(&config);
        let watch = Watch::new(seen);
        let state = State { config: Arc::new(config), ids, gone: Vec::new(), parts: Vec::new(), watch };
        let outcomes = Outcomes::default();
        Reloader(Arc::new(Shared { state: Mutex::new(state), hooks, trust, control, log, outcomes }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Only whole values are ever stored in it: it is usable after a panic, too.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another part that follows the configuration. It must be as the configuration of now wants it.
    pub fn attach(&self, part: Box<dyn Part>) {
        let mut state = self.state();
        state.parts.push(part);
        let seen = state.seen(&state.config);
        state.watch.add(seen);
    }

    /// The configuration that is in force.
    #[must_use]
    pub fn config(&self) -> Arc<Config> {
        Arc::clone(&self.state().config)
    }

    /// How many reloads there were.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.0.outcomes.counts()
    }

    /// The main file and everything that it names.
    ///
    /// # Errors
    /// The first thing that cannot be used; nothing has changed.
    pub fn reload(&self) -> Result<(), StartError> {
        let mut state = self.state();
        let fresh = match &self.0.hooks.source {
            Some(source) => source.read(),
            // Nobody has told where the configuration came from: it is what it was.
            None => Ok(Fresh { config: Config::clone(&state.config), diagnostics: Vec::new() }),
        };
        let outcome = fresh.and_then(|fresh| self.change(&mut state, fresh));
        self.0.outcomes.count(&outcome);
        outcome
    }

    /// Everything that the configuration names; the main file is left alone, so that one which is being edited does not
    /// come into force because a certificate was renewed.
    ///
    /// # Errors
    /// The first thing that cannot be used; nothing has changed.
    pub fn reload_files(&self) -> Result<(), StartError> {
        let mut state = self.state();
        let fresh = Fresh { config: Config::clone(&state.config), diagnostics: Vec::new() };
        let outcome = self.change(&mut state, fresh);
        self.0.outcomes.count(&outcome);
        outcome
    }

    /// Looks whether a file has changed, and reads everything that the configuration names again if one has.
    fn look(&self, now: Instant) {
        let mut state = self.state();
        if !state.config.global.reload_on_change {
            return;
        }
        let seen = state.seen(&state.config);
        let Todo::Reload(changed) = state.watch.look(seen, now) else { return };
        let fresh = Fresh { config: Config::clone(&state.config), diagnostics: Vec::new() };
        let outcome = self.change(&mut state, fresh);
        let say = match &outcome {
            Ok(()) => Say::Now,
            Err(_) => state.watch.refused(now),
        };
        drop(state);
        if say == Say::Now {
            self.0.outcomes.count(&outcome);
            let names = changed.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
            self.report(&outcome, &format!("{names} has changed and is in force"));
        }
    }

    /// Password files only.
    ///
    /// # Errors
    /// The first that cannot be used; nothing has changed.
    pub fn reload_passwords(&self) -> Result<(), StartError> {
        let mut state = self.state();
        let control = &self.0.control;
        let files =
            state.config.listeners.iter().filter_map(|listener| listener.access.password_file.as_ref());
        let seen = Seen::of(&files.map(|file| file.path.clone()).collect::<Vec<_>>());
        let fresh = plan::read_passwords(&state.config, &state.ids)?;
        // The first password makes a certificate optional, and with the last one it is demanded again.
        let changes_tls = |(listener, (id, table)): (&Listener, &plan::ListenerPasswords)| {
            let (now, proofs) = (control.passwords(*id), control.proofs(*id));
            listener.tls.as_ref().is_some_and(|tls| {
                client_auth(tls, table.as_deref(), &proofs) != client_auth(tls, now.as_deref(), &proofs)
            })
        };
        if state.config.listeners.iter().zip(&fresh).any(changes_tls) {
            drop(state);
            return self.reload_files();
        }
        for (listener, passwords) in fresh {
            control.publish_passwords(listener, passwords);
        }
        control.raise();
        state.watch.taken_of(seen);
        Ok(())
    }

    /// The data plane.
    #[must_use]
    pub fn control(&self) -> &Control {
        &self.0.control
    }

    /// Connections from accept to close.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.0.control.connections()
    }

    /// When the first TLS listener's certificate, as it stands in its file, ends; 0 without one. Seconds since 1970.
    #[must_use]
    pub fn server_not_after_secs(&self) -> i64 {
        plan::server_not_after(&self.config()).map_or(0, Timestamp::as_secs)
    }

    fn change(&self, state: &mut State, fresh: Fresh) -> Result<(), StartError> {
        let seen = state.seen(&fresh.config);
        let prepared = self.prepare(state, fresh)?;
        let (wanted, going) = difference(state, &prepared);
        let binds: Vec<Bind> = wanted.iter().map(|(_, bind)| bind.clone()).collect();
        // Last of all that can fail: a listener may have to be let go for it.
        let exchange =
            self.0.control.listening.open_sockets(&binds, &going).map_err(|(position, error)| {
                let listener = &prepared.config.listeners[wanted[position].0];
                crate::serve::cannot_open(listener, &error)
            })?;
        let sockets = exchange.keep();
        self.say(state, &prepared);
        self.commit(state, prepared, wanted.into_iter().map(|(index, _)| index).zip(sockets), &going);
        state.watch.taken(seen);
        Ok(())
    }

    fn prepare(&self, state: &mut State, fresh: Fresh) -> Result<Prepared, StartError> {
        let Fresh { config, diagnostics } = fresh;
        let needs_restart = fixed::compare(&state.config, &config)?;
        let ids = number(state, &config)?;
        let own = self.0.hooks.own.as_ref();
        let mut material = plan::read_material(&config, &ids, own, &self.0.trust, now())?;
        // Who watches the lists says how old they are, once: at the start it has not begun yet.
        for listener in &mut material.listeners {
            listener.findings.retain(|finding| !CRL_ALARMS.contains(&finding.code));
        }
        deny_who_is_gone(&mut material.policy, state, &config, &ids);
        let mut commits = Vec::new();
        for part in &mut state.parts {
            commits.push(part.prepare(&state.config, &config)?);
        }
        let config = Arc::new(config);
        Ok(Prepared { config, ids, material, commits, needs_restart, diagnostics })
    }

    fn say(&self, state: &State, prepared: &Prepared) {
        let log = &self.0.log;
        startup::log_diagnostics(log, &prepared.diagnostics);
        for difference in &prepared.needs_restart {
            log.line(difference.line());
        }
        let open = self.0.control.listening.addresses();
        // One that stays may have none: of a broker for this machine only.
        let is_open = |position: usize| {
            let id = prepared.ids[position];
            !state.ids.contains(&id) || open.iter().any(|bound| bound.listener == id)
        };
        startup::log_material(log, &prepared.config, &prepared.material, is_open, now());
    }

    /// Everything is published first and the generation raised last: who is judged again is judged by all of it.
    fn commit(
        &self,
        state: &mut State,
        prepared: Prepared,
        opened: impl Iterator<Item = (usize, Vec<crate::door::accept::OpenSocket>)>,
        going: &[(ListenerId, Bind)],
    ) {
        let Prepared { config, ids, material, commits, needs_restart: _, diagnostics: _ } = prepared;
        let (control, global) = (&self.0.control, &config.global);
        for (listener, material) in config.listeners.iter().zip(&material.listeners) {
            if let Some(open) = control.listening.state(material.id) {
                open.replace_terms(plan::terms(&config, listener, material));
                open.connections.set_max(plan::connections_max(listener));
            }
        }
        for (id, _) in going {
            control.listening.close(*id);
            state.gone.push(*id);
        }
        control.door.gatekeeper.set_connections_max(plan::door_limits(global).connections_max);
        control.replace_fence(plan::fence_rules(global));
        control.replace_sys_interval(plan::sys_interval(global));
        control.replace_control_api(plan::control_api(global));
        control.door.set_nodelay(if global.set_tcp_nodelay { Nodelay::On } else { Nodelay::Off });
        let (policy, limits) = (material.policy.clone(), for_broker::limits(global));
        control.publish_ruling(policy, limits, global.max_packet_size);
        control.replace_bridges(material.bridges);
        for commit in commits {
            commit();
        }
        for (index, sockets) in opened {
            let state = plan::listener_state(&config, &config.listeners[index], &material.listeners[index]);
            control.listening.open(OpenListener { state, sockets });
        }
        control.list_listeners();
        control.raise();
        (state.config, state.ids) = (config, ids);
    }
}

/// Numbers above are those of bridges in the policy: a listener must never get one.
const LISTENERS_MAX: u16 = u16::MAX - 16;

/// Whether the sessions of one listener go on under the other: the same place, the same words spoken,
/// the same proxy before it.
fn is_same(now: &Listener, next: &Listener) -> bool {
    now.bind == next.bind && now.protocol == next.protocol && now.proxy == next.proxy
}

/// A listener that stays keeps its number; a new one gets one that nobody had.
fn number(state: &State, next: &Config) -> Result<Vec<ListenerId>, StartError> {
    let used = state.ids.iter().chain(&state.gone).map(|id| id.0).max().map_or(0, |last| u32::from(last) + 1);
    let mut fresh = used..;
    let mut ids: Vec<ListenerId> = Vec::new();
    for listener in &next.listeners {
        let mut known = state.config.listeners.iter().zip(&state.ids);
        let stays = known.find(|(now, id)| is_same(now, listener) && !ids.contains(id)).map(|(_, id)| *id);
        let id = stays.or_else(|| {
            fresh.next().and_then(|n| u16::try_from(n).ok()).filter(|n| *n < LISTENERS_MAX).map(ListenerId)
        });
        ids.push(id.ok_or_else(|| {
            StartError::new(
                "Error: this process has opened 65,519 listeners, and has no number for another.",
                1,
            )
            .hint("restart the broker")
        })?);
    }
    Ok(ids)
}

/// The listeners to open, by their position in the new configuration, and those to close.
type Difference = (Vec<(usize, Bind)>, Vec<(ListenerId, Bind)>);

fn difference(state: &State, prepared: &Prepared) -> Difference {
    let next = prepared.ids.iter().zip(&prepared.config.listeners).enumerate();
    let wanted = next
        .filter(|(_, (id, _))| !state.ids.contains(id))
        .map(|(index, (_, listener))| (index, listener.bind.clone()))
        .collect();
    let now = state.ids.iter().zip(&state.config.listeners);
    let going = now
        .filter(|(id, _)| !prepared.ids.contains(id))
        .map(|(id, listener)| (*id, listener.bind.clone()))
        .collect();
    (wanted, going)
}

/// With access lists per listener nobody can tell any more what those of a listener that is gone may write: what they
/// left (retained messages, wills) is delivered no more.
fn deny_who_is_gone(policy: &mut Policy, state: &State, next: &Config, ids: &[ListenerId]) {
    let per_listener = |config: &Config| {
        config.global.per_listener_settings
            && config.listeners.iter().any(|listener| listener.access.acl_file.is_some())
    };
    if per_listener(&state.config) || per_listener(next) {
        let gone = state.gone.iter().chain(state.ids.iter().filter(|id| !ids.contains(id)));
        let nothing = Arc::new(Acl::Rules(AclRules::new()));
        policy.listener_acls.extend(gone.map(|id| (*id, Arc::clone(&nothing))));
    }
}
