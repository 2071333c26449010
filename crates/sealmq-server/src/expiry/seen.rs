//! The certificates that clients have shown, each of them verified, as what ends.
//!
//! Those of other CAs; ours are in the inventory. In memory, and merged into the inventory once a minute where there is
//! one. Of one holder (issuer and subject) the certificate that was shown last counts: it took the place of the others.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use sealmq_pki::inventory::Sighting;
use sealmq_pki::watch::{Kind, Watched};
use sealmq_pki::{Facts, Fingerprint, Timestamp};

/// How many are kept; past it those that end last are not.
const SEEN_MAX: usize = 20_000;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Seen(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// By holder: SHA-256 of issuer and subject.
    held: HashMap<Fingerprint, Held>,
    ends: BTreeSet<(Timestamp, Fingerprint)>,
}

#[derive(Debug)]
struct Held {
    watched: Watched,
    sighting: Sighting,
    /// Shown since it was merged last.
    is_fresh: bool,
}

impl Seen {
    /// A client has shown this leaf at `now`, and the whole decision about it was good. `name` is the user name that it
    /// gave.
    pub(crate) fn note(&self, leaf: &[u8], name: Option<&str>, now: Timestamp) {
        let Ok(facts) = Facts::parse(leaf) else { return };
        let holder = Fingerprint::of(&[facts.issuer.der(), facts.subject.der()].concat());
        let mut state = self.lock();
        if let Some(known) = state.held.get_mut(&holder)
            && known.watched.fingerprint == facts.fingerprint
        {
            known.sighting.last_seen = now;
            known.is_fresh = true;
            return;
        }
        let mut watched = Watched::certificate(Kind::Seen, &facts, PLACE);
        watched.name = name.map(str::to_owned);
        let sighting = Sighting {
            fingerprint: facts.fingerprint,
            issuer: facts.issuer.rfc2253(),
            serial: facts.serial.clone(),
            subject: facts.subject.rfc2253(),
            not_before: facts.not_before,
            not_after: facts.not_after,
            first_seen: now,
            last_seen: now,
        };
        state.put(holder, Held { watched, sighting, is_fresh: true });
    }

    /// All of them.
    pub(crate) fn all(&self) -> Vec<Watched> {
        self.lock().held.values().map(|held| held.watched.clone()).collect()
    }

    /// Those that were shown since this was asked last.
    pub(super) fn take_fresh(&self) -> Vec<Sighting> {
        let mut state = self.lock();
        let take = |held: &mut Held| std::mem::take(&mut held.is_fresh).then(|| held.sighting.clone());
        state.held.values_mut().filter_map(take).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Both halves change together or the entry is put in again: nothing half-done can hurt.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn put(&mut self, holder: Fingerprint, held: Held) {
        let not_after = held.watched.not_after;
        if let Some(old) = self.held.insert(holder, held) {
            self.ends.remove(&(old.watched.not_after, holder));
        }
        self.ends.insert((not_after, holder));
        if self.held.len() > SEEN_MAX
            && let Some((_, last)) = self.ends.pop_last()
        {
            self.held.remove(&last);
        }
    }
}

/// One that the inventory knows from before.
pub(super) fn from_before(sighting: &Sighting) -> Watched {
    Watched {
        kind: Kind::Seen,
        fingerprint: sighting.fingerprint,
        subject: sighting.subject.escape_debug().to_string(),
        serial: Some(sighting.serial.clone()),
        place: PLACE.to_owned(),
        name: None,
        not_before: sighting.not_before,
        not_after: sighting.not_after,
    }
}

const PLACE: &str = "shown by a client";

#[cfg(test)]
mod tests {
    use super::*;
    use sealmq_pki::Serial;

    fn watched(not_after: i64) -> Held {
        let sighting = Sighting {
            fingerprint: Fingerprint::of(&not_after.to_be_bytes()),
            issuer: String::new(),
            serial: Serial::from_random([7; 16]).unwrap(),
            subject: String::new(),
            not_before: Timestamp::from_secs(0),
            not_after: Timestamp::from_secs(not_after),
            first_seen: Timestamp::from_secs(0),
            last_seen: Timestamp::from_secs(0),
        };
        Held { watched: from_before(&sighting), sighting, is_fresh: true }
    }

    #[test]
    fn past_the_bound_those_that_end_last_are_not_kept() {
        let mut state = State::default();
        let ends = |state: &State| state.held.values().map(|one| one.watched.not_after.as_secs()).max();
        for end in 0..=i64::try_from(SEEN_MAX).unwrap() {
            state.put(Fingerprint::of(&end.to_be_bytes()), watched(end));
        }
        assert_eq!((state.held.len(), state.ends.len()), (SEEN_MAX, SEEN_MAX));
        assert_eq!(ends(&state), Some(19_999));
        state.put(Fingerprint::of(b"soon"), watched(5));
        assert_eq!((state.held.len(), ends(&state)), (SEEN_MAX, Some(19_998)));
    }

    #[test]
    fn what_a_holder_shows_last_takes_the_place_of_what_it_showed_before() {
        let mut state = State::default();
        let anna = Fingerprint::of(b"anna");
        for end in [10, 20, 20, 5] {
            state.put(anna, watched(end));
        }
        assert_eq!(state.held.values().map(|one| one.watched.not_after.as_secs()).collect::<Vec<_>>(), [5]);
        assert_eq!(state.ends.len(), 1);
    }
}
