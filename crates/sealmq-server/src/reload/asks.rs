//! Who comes after a reload was asked for is let in by what it brings: at the door it waits until that reload is over.
//!
//! mosquitto reads SIGHUP between two packets, so nobody is ever served between the signal and the new rules; here files
//! are read on a thread of their own while clients come. What it is not: a lock. A reload that takes longer than
//! [`WAIT_MAX`] (a network file system) does not keep newcomers out; they are judged again when it is done, like everyone.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;

/// How long a newcomer waits at most.
const WAIT_MAX: Duration = Duration::from_secs(2);

/// How often a reload was asked for, and up to which of these it has been done.
#[derive(Debug)]
pub(crate) struct Asks {
    /// A SIGHUP that nobody has turned into [`Asks::ask`] yet. Set in the signal handler: between it and the thread that
    /// waits for signals others may run.
    raised: Arc<AtomicBool>,
    asked: AtomicU64,
    done: watch::Sender<u64>,
}

impl Default for Asks {
    fn default() -> Asks {
        Asks { raised: Arc::default(), asked: AtomicU64::new(0), done: watch::Sender::new(0) }
    }
}

impl Asks {
    /// From now on a SIGHUP counts from the moment it comes. For a process whose SIGHUPs end in [`Asks::ask`] already:
    /// one that did not would let newcomers wait for nothing.
    ///
    /// # Errors
    /// The signal cannot be caught.
    pub(super) fn hear_signal(&self) -> io::Result<()> {
        signal_hook::flag::register(signal_hook::consts::SIGHUP, Arc::clone(&self.raised)).map(|_| ())
    }

    /// Somebody asks.
    pub(super) fn ask(&self) {
        // Cleared first: what is asked twice is only read twice, but nobody must wait for a reload that does not come.
        self.raised.store(false, Ordering::SeqCst);
        self.asked.fetch_add(1, Ordering::SeqCst);
    }

    /// A reload begins, before it reads anything: it answers all who have asked until now.
    pub(super) fn begin(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }

    /// It is over, whatever came of it.
    pub(super) fn end(&self, upto: u64) {
        self.done.send_replace(upto);
    }

    /// Waits for the reloads that have been asked for by now.
    pub(crate) async fn settled(&self) {
        self.settled_within(WAIT_MAX).await;
    }

    async fn settled_within(&self, max: Duration) {
        let asked = self.asked.load(Ordering::SeqCst) + u64::from(self.raised.load(Ordering::SeqCst));
        if *self.done.borrow() >= asked {
            return;
        }
        let mut done = self.done.subscribe();
        // Too late, and gone: on as it is now.
        let _ = tokio::time::timeout(max, done.wait_for(|done| *done >= asked)).await;
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future as _;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::{Asks, Duration};

    #[test]
    fn a_newcomer_waits_for_what_was_asked_before_it_and_for_nothing_else() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let _inside = runtime.enter();
        let asks = Asks::default();
        let mut context = Context::from_waker(Waker::noop());
        assert_eq!(pin!(asks.settled()).poll(&mut context), Poll::Ready(()));
        asks.ask();
        let mut newcomer = pin!(asks.settled());
        assert_eq!(newcomer.as_mut().poll(&mut context), Poll::Pending);
        let first = asks.begin();
        // Asked while the first one reads: the newcomer before it does not wait for it, the next one does.
        asks.ask();
        let mut later = pin!(asks.settled());
        assert_eq!(later.as_mut().poll(&mut context), Poll::Pending);
        asks.end(first);
        assert_eq!(newcomer.as_mut().poll(&mut context), Poll::Ready(()));
        assert_eq!(later.as_mut().poll(&mut context), Poll::Pending);
        asks.end(asks.begin());
        assert_eq!(later.as_mut().poll(&mut context), Poll::Ready(()));
    }

    #[test]
    fn a_signal_counts_before_anybody_has_asked_for_it() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let _inside = runtime.enter();
        let asks = Asks::default();
        asks.hear_signal().unwrap();
        signal_hook::low_level::raise(signal_hook::consts::SIGHUP).unwrap();
        let mut context = Context::from_waker(Waker::noop());
        let mut newcomer = pin!(asks.settled());
        assert_eq!(newcomer.as_mut().poll(&mut context), Poll::Pending);
        asks.ask();
        asks.end(asks.begin());
        assert_eq!(newcomer.as_mut().poll(&mut context), Poll::Ready(()));
        assert_eq!(pin!(asks.settled()).poll(&mut context), Poll::Ready(()));
    }

    #[test]
    fn a_reload_that_does_not_end_keeps_nobody_out() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let asks = Asks::default();
        asks.ask();
        runtime.block_on(asks.settled_within(Duration::ZERO));
    }
}
