//! SIGHUP, seen from the moment it is sent: whoever connects after it must find that a reload has been asked for.
//!
//! A handler runs when its thread does, and clients may be served before that. On Linux the signal is blocked in all
//! threads instead: it stays pending in the process, where any thread can see it, until [`Hangups`] takes it. Other
//! systems have the handler.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

#[cfg(target_os = "linux")]
pub(crate) use blocked::{Hangup, Hangups};
#[cfg(not(target_os = "linux"))]
pub(crate) use handled::{Hangup, Hangups};

#[cfg(target_os = "linux")]
mod blocked {
    use std::os::fd::{AsFd as _, BorrowedFd};

    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use nix::sys::signal::{SigSet, Signal};
    use nix::sys::signalfd::{SfdFlags, SignalFd};
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    use super::{AtomicBool, Ordering, io};

    /// SIGHUPs that came since it was made.
    #[derive(Debug)]
    pub(crate) struct Hangup {
        pending: SignalFd,
        /// One was taken, and nobody has acted on it yet.
        taken: AtomicBool,
    }

    impl Hangup {
        /// Blocks the signal in this thread and in all that it starts.
        pub(crate) fn from_now_on() -> io::Result<Hangup> {
            let mut mask = SigSet::empty();
            mask.add(Signal::SIGHUP);
            mask.thread_block()?;
            let pending = SignalFd::with_flags(&mask, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
            Ok(Hangup { pending, taken: AtomicBool::new(false) })
        }

        /// Whether one came that nobody has acted on.
        pub(crate) fn is_raised(&self) -> bool {
            let mut fd = [PollFd::new(self.pending.as_fd(), PollFlags::POLLIN)];
            // It cannot fail with these arguments; who could not look waits for nothing.
            let is_pending = poll(&mut fd, PollTimeout::ZERO).is_ok_and(|ready| ready > 0);
            is_pending || self.taken.load(Ordering::SeqCst)
        }

        /// Somebody acts on those that were taken.
        pub(crate) fn acted_on(&self) {
            self.taken.store(false, Ordering::SeqCst);
        }

        /// Said to be taken before it is no longer pending: nobody finds neither.
        fn take(&self) -> io::Result<bool> {
            self.taken.store(true, Ordering::SeqCst);
            let came = self.pending.read_signal()?.is_some();
            if !came {
                self.acted_on();
            }
            Ok(came)
        }
    }

    /// Waits for them.
    pub(crate) struct Hangups<'a> {
        hangup: &'a Hangup,
        ready: AsyncFd<BorrowedFd<'a>>,
    }

    impl<'a> Hangups<'a> {
        /// In a runtime's context.
        pub(crate) fn of(hangup: &'a Hangup) -> io::Result<Hangups<'a>> {
            #[expect(
                deprecated,
                reason = "its successor is unsafe, for types whose descriptor may change: a borrowed one stays and is open"
            )]
            let ready = AsyncFd::with_interest(hangup.pending.as_fd(), Interest::READABLE)?;
            Ok(Hangups { hangup, ready })
        }

        /// The next one, which has to be acted on.
        pub(crate) async fn next(&mut self) -> io::Result<()> {
            loop {
                let mut guard = self.ready.readable().await?;
                if self.hangup.take()? {
                    return Ok(());
                }
                guard.clear_ready();
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod handled {
    use std::sync::Arc;

    use tokio::signal::unix::{Signal, SignalKind, signal};

    use super::{AtomicBool, Ordering, io};

    /// SIGHUPs that came since it was made.
    #[derive(Debug, Default)]
    pub(crate) struct Hangup(Arc<AtomicBool>);

    impl Hangup {
        pub(crate) fn from_now_on() -> io::Result<Hangup> {
            let hangup = Hangup::default();
            signal_hook::flag::register(signal_hook::consts::SIGHUP, Arc::clone(&hangup.0))?;
            Ok(hangup)
        }

        /// Whether one came that nobody has acted on.
        pub(crate) fn is_raised(&self) -> bool {
            self.0.load(Ordering::SeqCst)
        }

        /// Somebody acts on those that came.
        pub(crate) fn acted_on(&self) {
            self.0.store(false, Ordering::SeqCst);
        }
    }

    /// Waits for them.
    pub(crate) struct Hangups<'a> {
        hangup: &'a Hangup,
        first: bool,
        signal: Signal,
    }

    impl<'a> Hangups<'a> {
        /// In a runtime's context.
        pub(crate) fn of(hangup: &'a Hangup) -> io::Result<Hangups<'a>> {
            Ok(Hangups { hangup, first: true, signal: signal(SignalKind::hangup())? })
        }

        /// The next one, which has to be acted on.
        pub(crate) async fn next(&mut self) -> io::Result<()> {
            // Those that came before anybody listened.
            if !std::mem::take(&mut self.first) || !self.hangup.is_raised() {
                self.signal.recv().await;
            }
            Ok(())
        }
    }
}
