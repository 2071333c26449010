//! What a thread of the broker does first: it allocates, so that its arena exists (glibc reserves 64 MiB of address space at
//! a thread's first allocation), and says that it is there. Nobody is told that the broker is ready before all of them are.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

/// Starts a thread and waits until it has begun.
///
/// # Errors
/// It cannot be started.
pub(crate) fn spawn<T: Send + 'static>(
    name: String,
    body: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    let (roll, present) = roll_call(1);
    let thread = std::thread::Builder::new().name(name).spawn(move || {
        roll.present();
        body()
    })?;
    present.wait();
    Ok(thread)
}

/// For threads that somebody else starts.
pub(crate) fn roll_call(threads: usize) -> (Roll, Present) {
    let (roll, present) = sync_channel(threads);
    (Roll(roll), Present { threads, present })
}

/// Each thread calls [`Roll::present`] first.
#[derive(Clone)]
pub(crate) struct Roll(SyncSender<()>);

/// Whoever starts them waits.
pub(crate) struct Present {
    threads: usize,
    present: Receiver<()>,
}

impl Roll {
    /// This thread is there, and has allocated.
    pub(crate) fn present(&self) {
        std::hint::black_box(Vec::<u8>::with_capacity(64));
        // Nobody counts those who come later.
        let _ = self.0.try_send(());
    }
}

impl Present {
    /// Until all are there. A thread that ends without a word is not waited for.
    pub(crate) fn wait(self) {
        for _ in 0..self.threads {
            if self.present.recv().is_err() {
                return;
            }
        }
    }
}

/// How much nicer than the workers the door and the hashing threads are (`nice(2)` steps).
#[cfg(target_os = "linux")]
const NICE_STEPS: i32 = 5;

/// Lets workers go first: this thread, and on Linux only this one, becomes nicer.
///
/// Elsewhere the whole process shares one priority, so nothing is done there.
pub fn lower_priority() {
    #[cfg(target_os = "linux")]
    {
        // Linux takes a thread id here; a kernel that refuses costs latency under a flood of handshakes, nothing else.
        let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE_STEPS);
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #[test]
    fn a_thread_is_there_when_spawn_returns_and_those_of_others_when_all_have_said_so() {
        let (tell, told) = std::sync::mpsc::channel();
        let roll = {
            let (roll, present) = super::roll_call(2);
            let threads: Vec<_> = (0..2)
                .map(|_| {
                    let (roll, tell) = (roll.clone(), tell.clone());
                    super::spawn("present".to_owned(), move || {
                        tell.send(()).unwrap();
                        roll.present();
                    })
                })
                .collect();
            present.wait();
            threads.into_iter().for_each(|thread| thread.unwrap().join().unwrap());
            roll
        };
        assert_eq!(told.try_iter().count(), 2);
        // Nobody waits any more, and that is no fault.
        roll.present();
    }

    #[test]
    fn only_the_calling_thread_becomes_nicer() {
        let priority = || rustix::process::getpriority_process(Some(rustix::thread::gettid())).unwrap();
        let before = priority();
        let nicer = std::thread::spawn(move || {
            super::lower_priority();
            priority()
        });
        // Under `nice` the process may be as nice already.
        assert!(nicer.join().unwrap() > before || before >= super::NICE_STEPS);
        assert_eq!(priority(), before);
    }
}
