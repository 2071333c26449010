//! The thread that reloads when it is told to, or when a file has changed: reading files may take long (a network file system), and neither signals
//! nor the watchdog may wait for it. It is there before the first client, like every thread.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Instant;

use super::watch::EVERY;
use super::{Asks, Reloader, outcome};
use crate::log::{Event, Line};
use crate::notify::Notify;
use crate::plan::StartError;

/// Asks the thread. It ends when this is dropped.
pub(crate) struct ReloadThread {
    ask: SyncSender<Asked>,
    asks: Arc<Asks>,
}

/// Somebody wants a reload; the service manager is told when it begins and ends.
struct Asked(Notify);

impl ReloadThread {
    pub(crate) fn start(reloader: Reloader) -> std::io::Result<ReloadThread> {
        // One may wait: it has read nothing yet, so it does for everyone who asks meanwhile.
        let (ask, asked) = sync_channel(1);
        let asks = Arc::clone(reloader.0.control.asks());
        crate::threads::spawn("reload".to_owned(), move || run(&reloader, &asked))?;
        Ok(ReloadThread { ask, asks })
    }

    /// Reloads soon.
    pub(crate) fn ask(&self, notify: &Notify) {
        self.asks.ask();
        // Full: one waits already. The thread ends only with us.
        let _ = self.ask.try_send(Asked(notify.clone()));
    }
}

fn run(reloader: &Reloader, asked: &Receiver<Asked>) {
    loop {
        let notify = match asked.recv_timeout(EVERY) {
            Ok(Asked(notify)) => notify,
            Err(RecvTimeoutError::Timeout) => {
                // A fault of ours while looking must not end the thread that SIGHUP needs.
                let _ = guarded(|| {
                    reloader.look(Instant::now());
                    Ok(())
                });
                continue;
            }
            Err(RecvTimeoutError::Disconnected) => return,
        };
        let upto = reloader.0.control.asks().begin();
        notify.reloading();
        // Before anything is written about this reload: a log that was moved away is that of yesterday.
        reloader.0.log.reopen();
        reloader.0.log.line(Line::new(Event::ReloadBegins, "Reloading config."));
        let outcome = guarded(|| reloader.reload());
        reloader.0.control.asks().end(upto);
        reloader.report(&outcome, "the configuration and all that it names are in force");
        notify.ready();
    }
}

/// A fault of ours in a reload refuses that reload and no other.
fn guarded(reload: impl FnOnce() -> Result<(), StartError>) -> Result<(), StartError> {
    catch_unwind(AssertUnwindSafe(reload)).unwrap_or_else(|_| {
        Err(StartError::new("Error: the reload met a fault of ours.", 1)
            .hint("please report it, with the log"))
    })
}

impl Reloader {
    /// The error line for line, as mosquitto logs it: whoever watches logs for a line of its looks at where it begins.
    fn say_what_mosquitto_says(&self, error: &StartError) {
        for line in error.text.lines().filter(|line| !line.starts_with("hint: ")) {
            self.0.log.line(Line::new(Event::ReloadFault, line));
        }
    }

    /// Tells log and `$SYS` what a reload came to.
    pub(super) fn report(&self, outcome: &Result<(), StartError>, what: &str) {
        let line = match outcome {
            Ok(()) => Line::new(Event::Reload, format!("Reloaded: {what}.")),
            Err(error) => {
                self.say_what_mosquitto_says(error);
                let text = format!("Reload refused, nothing has changed: {}", error.text.replace('\n', " "));
                let line = Line::new(Event::ReloadRefused, text);
                match &error.hint {
                    Some(hint) => line.hint(hint.clone()),
                    None => line,
                }
            }
        };
        self.0.log.line(line);
        if self.config().global.sys_interval_secs.is_some() {
            for message in outcome::messages(self.counts(), outcome) {
                self.0.control.publish(message);
            }
        }
    }
}
