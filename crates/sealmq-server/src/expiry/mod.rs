//! Watching ends: every certificate that is served, trusted, issued or seen, and every revocation list.
//!
//! One thread, which exists before the broker is ready. It looks when what is trusted has changed, when the next threshold
//! is reached, and once a minute; it says what is due in the log and in `$SYS`. What is due when is
//! decided in [`sealmq_pki::watch`].
//!
//! The time is the calm clock's: a leap of the wall clock says nothing until it is believed.
//!
//! Not here: ending sessions and what stops to count (`trust_watch`), renewing our own certificates (`home`).

pub(crate) mod issued;
mod say;
pub(crate) mod seen;

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use sealmq_pki::Timestamp;
use sealmq_pki::watch::{Watch, Watched};

use crate::clock::Clock;
use crate::inventory::Inventory;
use crate::log::{Event, Line, Log};
use crate::running::{Control, Running};

/// How often it is asked whether there is reason to look.
const TICK: Duration = Duration::from_millis(500);
/// The longest time between two looks.
const EVERY: Duration = Duration::from_secs(60);
/// Where the inventory keeps what was said.
const MEMORY: &str = "expiry_alarms";

/// The thread; it ends when this is dropped.
pub(crate) struct Watcher {
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Starts to watch what runs.
///
/// # Errors
/// The thread cannot be made.
pub(crate) fn start(running: &Running, inventory: Option<Arc<Inventory>>, log: &Log) -> io::Result<Watcher> {
    let state = State::new(running, inventory, log.clone());
    let (stop, stopped) = sync_channel(1);
    let thread = crate::threads::spawn("expiry".to_owned(), move || state.run(&stopped))?;
    Ok(Watcher { stop: Some(stop), thread: Some(thread) })
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // The other end sees that this one is gone.
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic there was said by the panic's own hook; what it watched is no part of serving.
            let _ = thread.join();
        }
    }
}

struct State {
    control: Control,
    clock: Clock,
    inventory: Option<Arc<Inventory>>,
    log: Log,
    watch: Watch,
    /// What the inventory could not do, said once until it can again.
    fault: Option<String>,
}

/// When there is reason to look again.
struct Due {
    generation: u64,
    at: Option<Timestamp>,
    looked: (Instant, Timestamp),
}

impl State {
    fn new(running: &Running, inventory: Option<Arc<Inventory>>, log: Log) -> State {
        let watch = Watch::default();
        let mut state =
            State { control: running.control(), clock: running.clock(), inventory, log, watch, fault: None };
        state.remember();
        state
    }

    fn remember(&mut self) {
        let Some(inventory) = &self.inventory else { return };
        let read = match inventory.setting(MEMORY) {
            Ok(None) => return,
            Ok(Some(text)) => Watch::remembering(&text).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        match read {
            Ok(watch) => self.watch = watch,
            Err(error) => self.say_fault(&format!("which alarms were said is not known ({error})")),
        }
    }

    fn run(mut self, stopped: &Receiver<()>) {
        let mut due: Option<Due> = None;
        while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(TICK) {
            if due.as_ref().is_none_or(|due| self.is_due(due)) {
                due = Some(self.look());
            }
        }
    }

    fn is_due(&self, due: &Due) -> bool {
        let now = self.now();
        let (looked, then) = due.looked;
        due.generation != self.control.generation()
            || due.at.is_some_and(|at| at <= now)
            || now < then
            || looked.elapsed() >= EVERY
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_secs(i64::try_from(self.clock.now().wall.0 / 1000).unwrap_or(i64::MAX))
    }

    fn look(&mut self) -> Due {
        // Before anything is looked at: what changes meanwhile is looked at again.
        let generation = self.control.generation();
        let now = self.now();
        let watched = self.watched(now);
        let before = self.watch.clone();
        let look = self.watch.look(watched, now);
        self.control.observed().replace_certificates(look.counts);
        for line in say::lines(&look.alarms, now) {
            self.log.line(line);
        }
        if self.watch != before {
            self.keep();
        }
        Due { generation, at: look.next, looked: (Instant::now(), now) }
    }

    fn watched(&mut self, now: Timestamp) -> Vec<Watched> {
        let listeners = self.control.listeners().into_iter().filter_map(|listener| listener.tls());
        let mut watched: Vec<Watched> = listeners.flat_map(|tls| tls.watched().to_vec()).collect();
        if let Some(inventory) = &self.inventory {
            let fresh = self.control.seen().take_fresh();
            // No transaction for nothing.
            let merged = if fresh.is_empty() { Ok(()) } else { inventory.note_seen(&fresh) };
            match merged.and_then(|()| issued::of(inventory, now)) {
                Ok(issued) => {
                    watched.extend(issued);
                    self.fault = None;
                }
                Err(error) => self.say_fault(&format!("issued certificates are not watched now: {error}")),
            }
        }
        watched.extend(self.control.seen().all());
        watched
    }

    /// What was said is said; a restart says it again where this fails.
    fn keep(&mut self) {
        let Some(inventory) = &self.inventory else { return };
        if let Err(error) = inventory.keep_setting(MEMORY, &self.watch.memory()) {
            self.say_fault(&format!("what was said about ends cannot be kept: {error}"));
        }
    }

    fn say_fault(&mut self, text: &str) {
        if self.fault.as_deref() == Some(text) {
            return;
        }
        let line = Line::new(Event::ExpiryFault, format!("{text}."));
        self.log
            .line(line.hint("look at the inventory (ca/inventory.db) and its folder: space, owner, rights"));
        self.fault = Some(text.to_owned());
    }
}
