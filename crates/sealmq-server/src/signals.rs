//! What the process waits for while it runs: signals, a worker's failure, the watchdog's beat.
//!
//! Signals are caught ([`Caught`]) before the first socket is open: whoever is served may send one at once, and their
//! default is to end the process without a word. What came until [`wait`] runs is done then.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::libc;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::hangup::{Hangup, Hangups};
use crate::notify::Notify;
use crate::running::Running;

/// Why the broker ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// It was told to.
    Signal(&'static str),
    /// A worker cannot go on.
    Failed(String),
}

/// What a signal asks for while the broker goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// SIGHUP: read the files again.
    Reload,
    /// SIGRTMIN: the log's files were moved away.
    ReopenLog,
}

/// Signals that came since [`Caught::from_now_on`].
#[derive(Debug)]
pub struct Caught {
    term: Arc<AtomicBool>,
    int: Arc<AtomicBool>,
    hup: Arc<Hangup>,
    rotate: Arc<AtomicBool>,
    /// USR1, USR2: mosquitto writes its database at USR1 and its tree at USR2; scripts send them, and must not kill us.
    passed_over: Arc<AtomicBool>,
}

impl Caught {
    /// From now on no signal that a broker is sent ends the process by itself. To be called before any thread starts.
    ///
    /// # Errors
    /// One cannot be caught.
    pub fn from_now_on() -> io::Result<Caught> {
        let flag = Arc::<AtomicBool>::default;
        let hup = Arc::new(Hangup::from_now_on()?);
        let caught = Caught { term: flag(), int: flag(), hup, rotate: flag(), passed_over: flag() };
        for (number, flag) in [
            (libc::SIGTERM, &caught.term),
            (libc::SIGINT, &caught.int),
            (libc::SIGUSR1, &caught.passed_over),
            (libc::SIGUSR2, &caught.passed_over),
        ] {
            signal_hook::flag::register(number, Arc::clone(flag))?;
        }
        if let Some(number) = rotate_signal() {
            signal_hook::flag::register(number, Arc::clone(&caught.rotate))?;
        }
        Ok(caught)
    }

    /// Whether a SIGHUP came that nobody has acted on.
    pub(crate) fn hangup(&self) -> Arc<Hangup> {
        Arc::clone(&self.hup)
    }
}

/// mosquitto's signal for a log that was moved away; where there are no such signals, SIGHUP does it alone.
fn rotate_signal() -> Option<libc::c_int> {
    #[cfg(target_os = "linux")]
    return Some(libc::SIGRTMIN());
    #[cfg(not(target_os = "linux"))]
    return None;
}

struct Signals {
    term: Signal,
    int: Signal,
    rotate: Option<Signal>,
}

impl Signals {
    fn listen() -> io::Result<Signals> {
        Ok(Signals {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            rotate: rotate_signal().map(|number| signal(SignalKind::from_raw(number))).transpose()?,
        })
    }

    async fn rotated(rotate: &mut Option<Signal>) {
        match rotate {
            Some(rotate) => drop(rotate.recv().await),
            None => std::future::pending().await,
        }
    }
}

/// Waits until the broker is to end. `ready` is called once signals are waited for, `asked` for what came since `caught`;
/// the watchdog gets its sign of life only while every worker turns.
///
/// # Errors
/// Signals cannot be caught.
pub fn wait(
    running: &mut Running,
    caught: &Caught,
    notify: &Notify,
    ready: impl FnOnce(&Running),
    mut asked: impl FnMut(Asked),
) -> io::Result<Ended> {
    let handle = running.handle();
    let _inside = handle.enter();
    let mut signals = Signals::listen()?;
    let mut hangups = Hangups::of(&caught.hup)?;
    ready(running);
    // Those that came before anybody listened; one that came meanwhile is done twice, which does no harm.
    if caught.rotate.load(Ordering::SeqCst) {
        asked(Asked::ReopenLog);
    }
    for (flag, name) in [(&caught.term, "SIGTERM"), (&caught.int, "SIGINT")] {
        if flag.load(Ordering::SeqCst) {
            return Ok(Ended::Signal(name));
        }
    }
    let pulse = running.pulse();
    let mut beat = pulse.turns();
    handle.block_on(async {
        let period = notify.watchdog().unwrap_or(Duration::from_secs(3_600));
        let mut tick = tokio::time::interval(period.max(Duration::from_millis(1)));
        loop {
            tokio::select! {
                _ = signals.term.recv() => return Ok(Ended::Signal("SIGTERM")),
                _ = signals.int.recv() => return Ok(Ended::Signal("SIGINT")),
                came = hangups.next() => {
                    came?;
                    asked(Asked::Reload);
                }
                () = Signals::rotated(&mut signals.rotate) => asked(Asked::ReopenLog),
                text = running.failed() => return Ok(Ended::Failed(text)),
                _ = tick.tick(), if notify.watchdog().is_some() => {
                    let turns = pulse.turns();
                    if turns.iter().zip(&beat).all(|(now, before)| now > before) {
                        notify.alive();
                    }
                    beat = turns;
                }
            }
        }
    })
}
