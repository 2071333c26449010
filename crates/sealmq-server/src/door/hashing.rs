//! The bounded pool in which password hashes are computed.
//!
//! Hashing is slow on purpose. It has its own threads, so that it delays neither handshakes nor messages; its queue is
//! bounded, and whoever does not fit or is not done in time is *refused*, never let in.

use std::sync::atomic::{AtomicU64, Ordering};
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

enum Job {
    /// A password, for the door.
    Check { check: Check, answer: oneshot::Sender<Verdict> },
    /// What a shard asked for; it carries its own answer.
    Errand(Box<dyn FnOnce() + Send>),
}

/// Threads that hash.
pub struct HashingPool {
    queue: Option<SyncSender<Job>>,
    threads: Vec<JoinHandle<()>>,
    deadline: Duration,
    checks_run: Arc<AtomicU64>,
}

impl HashingPool {
    /// Starts `threads` threads with a common queue of `queue_max` checks.
    ///
    /// # Errors
    /// A thread cannot be started.
    pub fn start(threads: usize, queue_max: usize, deadline: Duration) -> std::io::Result<HashingPool> {
        let (queue, jobs) = sync_channel(queue_max);
        let jobs = Arc::new(Mutex::new(jobs));
        let checks_run = Arc::new(AtomicU64::new(0));
        let threads = (0..threads)
            .map(|n| {
                let (jobs, checks_run) = (Arc::clone(&jobs), Arc::clone(&checks_run));
                crate::threads::spawn(format!("hashing-{n}"), move || run(&jobs, &checks_run))
            })
            .collect::<std::io::Result<Vec<_>>>()?;
        Ok(HashingPool { queue: Some(queue), threads, deadline, checks_run })
    }

    /// Runs a check and waits for it.
    ///
    /// # Errors
    /// It did not run, or not in time.
    pub async fn check(&self, check: Check) -> Result<Verdict, HashingError> {
        let (answer, verdict) = oneshot::channel();
        let queue = self.queue.as_ref().ok_or(HashingError::Fault)?;
        put(queue, Job::Check { check, answer })?;
        match tokio::time::timeout(self.deadline, verdict).await {
            Ok(Ok(verdict)) => Ok(verdict),
            Ok(Err(_gone)) => Err(HashingError::Fault),
            Err(_elapsed) => Err(HashingError::TooLate),
        }
    }
}

impl HashingPool {
    /// Runs an errand of a shard, which does not wait for it. It must see to it itself that it is answered.
    ///
    /// # Errors
    /// There is no place for it.
    pub fn run_errand(&self, errand: Box<dyn FnOnce() + Send>) -> Result<(), HashingError> {
        put(self.queue.as_ref().ok_or(HashingError::Fault)?, Job::Errand(errand))
    }

    /// Password checks that were run, the wrong ones too.
    #[must_use]
    pub fn checks_run(&self) -> u64 {
        self.checks_run.load(Ordering::Relaxed)
    }

    /// How long anything may take here, waiting included.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        self.deadline
    }
}

fn put(queue: &SyncSender<Job>, job: Job) -> Result<(), HashingError> {
    queue.try_send(job).map_err(|error| match error {
        TrySendError::Full(_) => HashingError::QueueFull,
        TrySendError::Disconnected(_) => HashingError::Fault,
    })
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

fn run(jobs: &Mutex<Receiver<Job>>, checks_run: &AtomicU64) {
    crate::threads::lower_priority();
    loop {
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let (check, answer) = match next {
            Ok(Job::Check { check, answer }) => (check, answer),
            Ok(Job::Errand(errand)) => {
                // One that panics is answered by what it dropped; the thread lives on.
                let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(errand));
                continue;
            }
            Err(_closed) => return,
        };
        // Nobody waits any more (deadline, connection gone): the work is saved.
        if answer.is_closed() {
            continue;
        }
        checks_run.fetch_add(1, Ordering::Relaxed);
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
            .try_send(Job::Check { check: Box::new(|| Verdict::Right), answer })
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
