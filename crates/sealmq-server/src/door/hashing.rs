//! The bounded pools in which the door does what takes long: password hashes in one, signatures of tokens in another.
//!
//! Hashing is slow on purpose, and a token may be tried with many keys. Both have threads of their own, so that they delay
//! neither handshakes nor messages, nor each other; what waits is bounded, and whoever does not fit or is not done in time
//! is *refused*, never let in.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{Semaphore, oneshot};

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

/// Why a check did not run, or not in time. Refuse. The texts are those of passwords.
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

/// It carries its own answer.
type Job = Box<dyn FnOnce() + Send>;

/// Threads that do one kind of such work.
pub struct HashingPool {
    queue: Option<SyncSender<Job>>,
    threads: Vec<JoinHandle<()>>,
    deadline: Duration,
    /// As many as the queue is long.
    places: Semaphore,
    checks_run: Arc<AtomicU64>,
}

impl HashingPool {
    /// Starts `threads` threads, called `name-N`, with a common queue of `queue_max` checks.
    ///
    /// # Errors
    /// A thread cannot be started.
    pub fn start(
        name: &str,
        threads: usize,
        queue_max: usize,
        deadline: Duration,
    ) -> std::io::Result<HashingPool> {
        let (queue, jobs) = sync_channel(queue_max);
        let jobs = Arc::new(Mutex::new(jobs));
        let threads = (0..threads)
            .map(|n| {
                let jobs = Arc::clone(&jobs);
                crate::threads::spawn(format!("{name}-{n}"), move || run(&jobs))
            })
            .collect::<std::io::Result<Vec<_>>>()?;
        let (places, checks_run) = (Semaphore::new(queue_max), Arc::default());
        Ok(HashingPool { queue: Some(queue), threads, deadline, places, checks_run })
    }

    /// Runs a password check and waits for it. It is slow: who finds the queue full is refused at once.
    ///
    /// # Errors
    /// It did not run, or not in time.
    pub async fn check(&self, check: Check) -> Result<Verdict, HashingError> {
        let checks_run = Arc::clone(&self.checks_run);
        let counted = move || {
            checks_run.fetch_add(1, Ordering::Relaxed);
            check()
        };
        tokio::time::timeout(self.deadline, self.answer(counted)).await.unwrap_or(Err(HashingError::TooLate))
    }

    /// Runs work that is soon done, in turn: who finds the queue full waits for a place. How many can wait is the
    /// caller's to bound, as the door does with its connections.
    ///
    /// # Errors
    /// It did not run, or not in time.
    pub async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, HashingError> {
        let in_turn = async {
            let _place = self.places.acquire().await.map_err(|_closed| HashingError::Fault)?;
            self.answer(work).await
        };
        tokio::time::timeout(self.deadline, in_turn).await.unwrap_or(Err(HashingError::TooLate))
    }

    async fn answer<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, HashingError> {
        let (answer, outcome) = oneshot::channel();
        self.run_errand(Box::new(move || {
            // Nobody waits any more (deadline, connection gone): the work is saved.
            if !answer.is_closed() {
                // Dropped by a panic of the work, it answers nobody, which refuses.
                let _ = answer.send(work());
            }
        }))?;
        outcome.await.map_err(|_gone| HashingError::Fault)
    }
}

impl HashingPool {
    /// Runs an errand of a shard, which does not wait for it. It must see to it itself that it is answered.
    ///
    /// # Errors
    /// There is no place for it.
    pub fn run_errand(&self, errand: Box<dyn FnOnce() + Send>) -> Result<(), HashingError> {
        let queue = self.queue.as_ref().ok_or(HashingError::Fault)?;
        queue.try_send(errand).map_err(|error| match error {
            TrySendError::Full(_) => HashingError::QueueFull,
            TrySendError::Disconnected(_) => HashingError::Fault,
        })
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
        let Ok(job) = next else { return };
        // One that panics is answered by what it dropped; the thread lives on.
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(job));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    fn pool(queue_max: usize, deadline: Duration) -> HashingPool {
        HashingPool::start("test", 1, queue_max, deadline).unwrap()
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
        pool.run_errand(Box::new(|| {})).unwrap();
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

    /// Three for a queue of one: the second and the third wait in front of it, and each has its answer.
    #[tokio::test]
    async fn work_in_turn_waits_for_a_place_where_a_check_is_refused() {
        let pool = pool(1, Duration::from_secs(5));
        let (go, gate) = mpsc::channel::<()>();
        let (started, running) = oneshot::channel();
        let slow = pool.in_turn(move || {
            let _ = started.send(());
            let _ = gate.recv();
            1
        });
        let others = async {
            running.await.unwrap();
            let (second, third) = (pool.in_turn(|| 2), pool.in_turn(|| 3));
            let release = async { drop(go) };
            let (second, third, ()) = tokio::join!(second, third, release);
            (second, third)
        };
        assert_eq!(tokio::join!(slow, others), (Ok(1), (Ok(2), Ok(3))));
    }

    #[tokio::test]
    async fn work_in_turn_that_waits_too_long_or_panics_refuses_and_the_pool_lives() {
        let pool = pool(1, Duration::from_millis(20));
        let (go, gate) = mpsc::channel::<()>();
        let slow = pool.in_turn(move || gate.recv().is_ok());
        let waits = pool.in_turn(|| true);
        assert_eq!(tokio::join!(slow, waits), (Err(HashingError::TooLate), Err(HashingError::TooLate)));
        drop(go);
        let patient = HashingPool::start("test", 1, 1, Duration::from_secs(5)).unwrap();
        assert_eq!(patient.in_turn(|| panic!("on purpose")).await.map(|()| 0), Err(HashingError::Fault));
        assert_eq!(patient.in_turn(|| 1).await, Ok(1));
    }
}
