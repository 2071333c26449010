//! How other threads reach a worker: a queue, and a wake-up that is sent only to a worker that sleeps.
//!
//! Waking costs a system call and a context switch (20–30 µs); a busy worker looks into its queue anyway at the end of
//! each turn. The order of the two flags is what makes it safe: who sleeps says so *before* its last look, who posts
//! looks at it *after* posting.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// Wakes one worker.
#[derive(Debug)]
pub struct Bell {
    waker: mio::Waker,
    sleeping: AtomicBool,
}

impl Bell {
    /// A bell for the poll that `waker` belongs to.
    #[must_use]
    pub fn new(waker: mio::Waker) -> Bell {
        Bell { waker, sleeping: AtomicBool::new(false) }
    }

    /// Called after posting: wakes the worker if it sleeps or is about to.
    pub fn ring(&self) {
        if self.sleeping.swap(false, Ordering::SeqCst) {
            // The only failure is a full eventfd, whose reader is about to wake up anyway.
            let _ = self.waker.wake();
        }
    }

    /// The worker is about to sleep; it must look into its mail once more after this.
    pub fn about_to_sleep(&self) {
        self.sleeping.store(true, Ordering::SeqCst);
    }

    /// The worker is awake.
    pub fn awake(&self) {
        self.sleeping.store(false, Ordering::SeqCst);
    }
}

/// Values on their way to one shard. Bounded by what is posted: control (one slot each), and admitted connections
/// (bounded by the door's guards). Messages between shards go through the bounded `exchange` instead.
#[derive(Debug)]
pub struct Mailbox<T> {
    mail: Mutex<VecDeque<T>>,
}

impl<T> Default for Mailbox<T> {
    fn default() -> Self {
        Mailbox { mail: Mutex::new(VecDeque::new()) }
    }
}

impl<T> Mailbox<T> {
    /// Adds one.
    pub fn post(&self, value: T) {
        self.mail.lock().unwrap_or_else(PoisonError::into_inner).push_back(value);
    }

    /// Takes all, oldest first.
    pub fn take(&self) -> VecDeque<T> {
        std::mem::take(&mut *self.mail.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.mail.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether there is something to take.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.mail.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poll() -> (mio::Poll, Bell) {
        let poll = mio::Poll::new().unwrap();
        let waker = mio::Waker::new(poll.registry(), mio::Token(0)).unwrap();
        (poll, Bell::new(waker))
    }

    fn is_woken(poll: &mut mio::Poll) -> bool {
        let mut events = mio::Events::with_capacity(1);
        poll.poll(&mut events, Some(std::time::Duration::ZERO)).unwrap();
        !events.is_empty()
    }

    #[test]
    fn a_busy_worker_is_not_woken() {
        let (mut poll, bell) = poll();
        bell.ring();
        assert!(!is_woken(&mut poll));
    }

    #[test]
    fn a_sleeping_worker_is_woken_once() {
        let (mut poll, bell) = poll();
        bell.about_to_sleep();
        bell.ring();
        assert!(is_woken(&mut poll));
        bell.ring();
        assert!(!is_woken(&mut poll));
    }
}
