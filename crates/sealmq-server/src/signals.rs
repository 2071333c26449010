//! What the process waits for while it runs: signals, a worker's failure, the watchdog's beat.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

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
}

struct Signals {
    term: Signal,
    int: Signal,
    hup: Signal,
    usr1: Signal,
    usr2: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Signals> {
        Ok(Signals {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            hup: signal(SignalKind::hangup())?,
            // mosquitto writes its database at USR1 and its tree at USR2; scripts send them, and must not kill us.
            usr1: signal(SignalKind::user_defined1())?,
            usr2: signal(SignalKind::user_defined2())?,
        })
    }
}

/// Waits until the broker is to end. `ready` is called once signals are caught, `asked` for what comes meanwhile; the
/// watchdog gets its sign of life only while every worker turns.
///
/// # Errors
/// Signals cannot be caught.
pub fn wait(
    running: &mut Running,
    notify: &Notify,
    ready: impl FnOnce(&Running) -> std::io::Result<()>,
    mut asked: impl FnMut(Asked),
) -> std::io::Result<Ended> {
    let handle = running.handle();
    let _inside = handle.enter();
    let mut signals = Signals::listen()?;
    ready(running)?;
    let pulse = running.pulse();
    let mut beat = pulse.turns();
    handle.block_on(async {
        let period = notify.watchdog().unwrap_or(Duration::from_secs(3_600));
        let mut tick = tokio::time::interval(period.max(Duration::from_millis(1)));
        loop {
            tokio::select! {
                _ = signals.term.recv() => return Ok(Ended::Signal("SIGTERM")),
                _ = signals.int.recv() => return Ok(Ended::Signal("SIGINT")),
                _ = signals.hup.recv() => asked(Asked::Reload),
                _ = signals.usr1.recv() => {}
                _ = signals.usr2.recv() => {}
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
