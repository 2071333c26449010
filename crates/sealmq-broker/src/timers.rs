//! The timers of all sessions: at most one of each kind per session, so their number is bounded by the sessions.

use crate::{Mono, sessions::SessionIndex};
use std::collections::BTreeSet;

/// What a session may wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TimerKind {
    /// The client has been silent for too long.
    KeepAlive,
    /// Its certificate ends.
    CertificateEnd,
    /// A re-authentication has not come to its end.
    Authentication,
    /// The will delay has passed.
    Will,
    /// The session expires.
    SessionEnd,
}

const KINDS: usize = 5;

/// The moments that are armed for one session.
#[derive(Debug, Default)]
pub(crate) struct Deadlines([Option<Mono>; KINDS]);

/// All armed timers in order of time.
#[derive(Debug, Default)]
pub(crate) struct Timers(BTreeSet<(Mono, SessionIndex, TimerKind)>);

impl Timers {
    pub(crate) fn arm(
        &mut self,
        deadlines: &mut Deadlines,
        session: SessionIndex,
        kind: TimerKind,
        at: Mono,
    ) {
        self.disarm(deadlines, session, kind);
        deadlines.0[kind as usize] = Some(at);
        self.0.insert((at, session, kind));
    }

    pub(crate) fn disarm(&mut self, deadlines: &mut Deadlines, session: SessionIndex, kind: TimerKind) {
        if let Some(at) = deadlines.0[kind as usize].take() {
            self.0.remove(&(at, session, kind));
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn next(&self) -> Option<Mono> {
        self.0.first().map(|(at, _, _)| *at)
    }

    /// The first timer that is due, which stays armed in the session's eyes until its owner disarms or arms it again.
    pub(crate) fn due(&self, now: Mono) -> Option<(SessionIndex, TimerKind)> {
        self.0.first().filter(|(at, _, _)| *at <= now).map(|(_, session, kind)| (*session, *kind))
    }
}
