//! The bounded pool in which password hashes are computed.
//!
//! Hashing is slow on purpose. It has its own threads, so that it delays neither handshakes nor messages; its queue is
//! bounded, and whoever does not fit or is not done in time is *refused*, never let in.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;

/// A check that takes long: whether a password is right.
pub type Check = Box<dyn FnOnce() -> Verdict + Send>;

/// The outcome of a check that ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The password is this user's.
    Right,
    /// It is not, or there is no such user.
    Wrong,
}

/// Why a check did not run, or not in time. Refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HashingError {
    /// Too many checks wait already.
    #[error("too many password checks wait")]
    QueueFull,
    /// Its deadline passed, waiting included.
    #[error("the password check took too long")]
    TooLate,
    /// The check itself failed (a fault of ours).
    #[error("the password check failed")]
    Fault,
}

struct Job {
    check: Check,
    answer: oneshot::Sender<Verdict>,
}

/// Threads that hash.
pub struct HashingPool {
    queue: Option<SyncSender<Job>>,
    threads: Vec<JoinHandle<()>>,
    deadline: Duration,
}

impl HashingPool {
    /// Starts `threads` threads with a common queue of `queue_max` checks.
    ///
    /// # Errors
    /// A thread cannot be started.
    pub fn start(threads: usize, queue_max: usize, deadline: Duration) -> std::io::Result<HashingPool> {
        let (queue, jobs) = sync_channel(queue_max);
        let jobs = Arc::new(Mutex::new(jobs));
        let threads = (0..threads)
            .map(|n| {
                let jobs = Arc::clone(&jobs);
                std::thread::Builder::new().name(format!("hashing-{n}")).spawn(move || run(&jobs))
            })
            .collect::<std::io::Result<Vec<_>>>()?;
        Ok(HashingPool { queue: Some(queue), threads, deadline })
    }

    /// Runs a check and waits for it.
    ///
    /// # Errors
    /// It did not run, or not in time.
    pub async fn check(&self, check: Check) -> Result<Verdict, HashingError> {
        let (answer, verdict) = oneshot::channel();
        let queue = self.queue.as_ref().ok_or(HashingError::Fault)?;
        queue.try_send(Job { check, answer }).map_err(|error| match error {
            TrySendError::Full(_) => HashingError::QueueFull,
            TrySendError::Disconnected(_) => HashingError::Fault,
        })?;
        match tokio::time::timeout(self.deadline, verdict).await {
            Ok(Ok(verdict)) => Ok(verdict),
            Ok(Err(_gone)) => Err(HashingError::Fault),
            Err(_elapsed) => Err(HashingError::TooLate),
        }
    }
}

impl Drop for HashingPool {
    fn drop(&mut self) {
        self.queue = None;
        for thread in self.threads.drain(..) {
            // Its panics were caught job by job; there is nothing to learn from the join.
            let _ = thread.join();
        }
    }
}

fn run(jobs: &Mutex<Receiver<Job>>) {
    crate::threads::lower_priority();
    loop {
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { check, answer }) = next else { return };
        // Nobody waits any more (deadline, connection gone): the work is saved.
        if answer.is_closed() {
            continue;
        }
        // A check that panics answers nobody, which refuses; the thread lives on.
        if let Ok(verdict) = std::panic::catch_unwind(std::panic::AssertUnwindSafe(check)) {
            let _ = answer.send(verdict);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    fn pool(queue_max: usize, deadline: Duration) -> HashingPool {
        HashingPool::start(1, queue_max, deadline).unwrap()
    }

    #[tokio::test]
    async fn a_check_answers() {
        let pool = pool(1, Duration::from_secs(5));
        assert_eq!(pool.check(Box::new(|| Verdict::Right)).await, Ok(Verdict::Right));
        assert_eq!(pool.check(Box::new(|| Verdict::Wrong)).await, Ok(Verdict::Wrong));
    }

    #[tokio::test]
    async fn a_full_queue_refuses_and_an_emptied_one_answers_again() {
        let pool = Arc::new(pool(1, Duration::from_secs(5)));
        let (go, gate) = mpsc::channel::<()>();
        let (started, running) = oneshot::channel();
        let first = {
            let pool = Arc::clone(&pool);
            tokio::spawn(async move {
                let check: Check = Box::new(move || {
                    let _ = started.send(());
                    let _ = gate.recv();
                    Verdict::Right
                });
                pool.check(check).await
            })
        };
        running.await.unwrap();
        // The thread is busy; one check fits into the queue, the next does not.
        let (answer, _verdict) = oneshot::channel();
        pool.queue
            .as_ref()
            .unwrap()
            .try_send(Job { check: Box::new(|| Verdict::Right), answer })
            .unwrap_or_default();
        assert_eq!(pool.check(Box::new(|| Verdict::Right)).await, Err(HashingError::QueueFull));
        go.send(()).unwrap();
        assert_eq!(first.await.unwrap(), Ok(Verdict::Right));
    }

    #[tokio::test]
    async fn a_check_that_takes_too_long_refuses() {
        let pool = pool(1, Duration::from_millis(20));
        let (go, gate) = mpsc::channel::<()>();
        let outcome = pool.check(Box::new(move || {
            let _ = gate.recv();
            Verdict::Right
        }));
        assert_eq!(outcome.await, Err(HashingError::TooLate));
        drop(go);
    }

    #[tokio::test]
    async fn a_check_that_panics_refuses_and_the_pool_lives() {
        let pool = pool(1, Duration::from_secs(5));
        assert_eq!(pool.check(Box::new(|| panic!("on purpose"))).await, Err(HashingError::Fault));
        assert_eq!(pool.check(Box::new(|| Verdict::Right)).await, Ok(Verdict::Right));
    }
}
