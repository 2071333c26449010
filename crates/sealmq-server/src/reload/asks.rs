//! Who comes after a reload was asked for is let in by what it brings: at the door it waits until that reload is over.
//!
//! mosquitto reads SIGHUP between two packets, so nobody is ever served between the signal and the new rules; here files
//! are read on a thread of their own while clients come. What it is not: a lock. A reload that takes longer than
//! [`WAIT_MAX`] (a network file system) does not keep newcomers out; they are judged again when it is done, like everyone.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::hangup::Hangup;

/// How long a newcomer waits at most.
const WAIT_MAX: Duration = Duration::from_secs(2);

/// How often a reload was asked for, and up to which of these it has been done.
#[derive(Debug)]
pub(crate) struct Asks {
    /// SIGHUPs that nobody has turned into [`Asks::ask`] yet.
    hangup: Option<Arc<Hangup>>,
    asked: Mutex<u64>,
    done: watch::Sender<u64>,
}

impl Default for Asks {
    fn default() -> Asks {
        Asks { hangup: None, asked: Mutex::default(), done: watch::Sender::new(0) }
    }
}

impl Asks {
    /// A SIGHUP counts from the moment it is sent. For a process whose SIGHUPs end in [`Asks::ask`]: one that did not
    /// would let newcomers wait for nothing.
    pub(crate) fn hearing(hangup: Arc<Hangup>) -> Asks {
        Asks { hangup: Some(hangup), ..Asks::default() }
    }

    /// Somebody asks.
    pub(super) fn ask(&self) {
        // Under the lock: who looks in between would see neither, or both and wait for a reload that does not come.
        let mut asked = self.asked();
        if let Some(hangup) = &self.hangup {
            hangup.acted_on();
        }
        *asked += 1;
    }

    fn asked(&self) -> MutexGuard<'_, u64> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A reload begins, before it reads anything: it answers all who have asked until now.
    pub(super) fn begin(&self) -> u64 {
        *self.asked()
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
        let asked = {
            let asked = self.asked();
            *asked + u64::from(self.hangup.as_ref().is_some_and(|hangup| hangup.is_raised()))
        };
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

    use super::{Arc, Asks, Duration, Hangup};
    use crate::hangup::Hangups;

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
    fn a_signal_counts_from_when_it_is_sent_until_a_reload_has_answered_it() {
        // Only this thread has it blocked: it is sent to this thread alone.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _inside = runtime.enter();
        let hangup = Arc::new(Hangup::from_now_on().unwrap());
        let asks = Asks::hearing(Arc::clone(&hangup));
        let mut hangups = Hangups::of(&hangup).unwrap();
        let mut context = Context::from_waker(Waker::noop());
        assert_eq!(pin!(asks.settled()).poll(&mut context), Poll::Ready(()));
        signal_hook::low_level::raise(signal_hook::consts::SIGHUP).unwrap();
        let mut newcomer = pin!(asks.settled());
        assert_eq!(newcomer.as_mut().poll(&mut context), Poll::Pending, "pending");
        runtime.block_on(hangups.next()).unwrap();
        let mut next = pin!(asks.settled());
        assert_eq!(next.as_mut().poll(&mut context), Poll::Pending, "taken");
        asks.ask();
        let mut last = pin!(asks.settled());
        assert_eq!(last.as_mut().poll(&mut context), Poll::Pending, "asked");
        asks.end(asks.begin());
        for who in [newcomer, next, last] {
            let mut who = who;
            assert_eq!(who.as_mut().poll(&mut context), Poll::Ready(()));
        }
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
