//! What ends when: which certificates and revocation lists are due for an alarm, and when to look next.
//!
//! Sans-I/O: what is watched and the time come in, alarms and numbers go out. Not here: where certificates are found, and
//! who is told (`sealmq-server`). The time is the caller's believed time.
//!
//! Invariants: each alarm comes once per certificate and threshold, the nearest threshold alone where several have
//! passed; what was said is remembered while the certificate is away, and over a restart ([`Watch::memory`]); a clock that
//! leapt forward and came back uses no alarm up.

mod memory;

use std::collections::BTreeMap;

use crate::cert::Facts;
use crate::crl::Crl;
use crate::ids::{Fingerprint, Serial};
use crate::time::{DAY_SECS, Timestamp};
pub use memory::MemoryError;
use memory::Said;

/// Why something is watched. Where one certificate is several of these, the first counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A listener shows it.
    Served,
    /// A listener trusts it, self-signed.
    Anchor,
    /// A listener builds paths with it.
    Intermediate,
    /// A revocation list; its end is nextUpdate.
    Crl,
    /// Our own CA issued it.
    Issued,
    /// A client showed it, and it was verified.
    Seen,
}

impl Kind {
    /// All, in the order in which they count.
    pub const ALL: [Kind; 6] =
        [Kind::Served, Kind::Anchor, Kind::Intermediate, Kind::Crl, Kind::Issued, Kind::Seen];

    /// The word for it in logs, topics and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Served => "served",
            Kind::Anchor => "anchor",
            Kind::Intermediate => "intermediate",
            Kind::Crl => "crl",
            Kind::Issued => "issued",
            Kind::Seen => "seen",
        }
    }

    /// How long after its end something is still watched: what we use, as long as we use it; what others hold, a while.
    const fn after_end_secs(self) -> i64 {
        match self {
            Kind::Served | Kind::Anchor | Kind::Intermediate | Kind::Crl => i64::MAX,
            Kind::Issued | Kind::Seen => HELD_BY_OTHERS_DAYS * DAY_SECS,
        }
    }
}

/// How near the end is. The later ones are graver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Threshold {
    /// 30 days, or a quarter of its life where that is less.
    Days30,
    /// 14 days, or an eighth.
    Days14,
    /// 7 days, or a sixteenth.
    Days7,
    /// One day, or a 64th.
    Day1,
    /// It has ended.
    Ended,
}

impl Threshold {
    /// From the first to the gravest.
    pub const ALL: [Threshold; 5] =
        [Threshold::Days30, Threshold::Days14, Threshold::Days7, Threshold::Day1, Threshold::Ended];

    /// The word for it in logs, topics and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Threshold::Days30 => "30d",
            Threshold::Days14 => "14d",
            Threshold::Days7 => "7d",
            Threshold::Day1 => "1d",
            Threshold::Ended => "ended",
        }
    }

    /// From its name.
    pub fn parse(name: &str) -> Option<Threshold> {
        Threshold::ALL.into_iter().find(|threshold| threshold.name() == name)
    }

    /// How many seconds before the end of something that lives so long it is reached. From 120 days of life on these
    /// are whole days; what lives shorter is renewed later than that, and each renewal would be an alarm.
    pub const fn secs_before_end(self, life_secs: i64) -> i64 {
        let (days, share) = match self {
            Threshold::Days30 => (30, 4),
            Threshold::Days14 => (14, 8),
            Threshold::Days7 => (7, 16),
            Threshold::Day1 => (1, 64),
            // notAfter belongs to its validity (RFC 5280 §4.1.2.5).
            Threshold::Ended => return -1,
        };
        let of_life = if life_secs > 0 { life_secs / share } else { 0 };
        if of_life < days * DAY_SECS { of_life } else { days * DAY_SECS }
    }
}

/// One certificate or revocation list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// Why.
    pub kind: Kind,
    /// SHA-256 of it.
    pub fingerprint: Fingerprint,
    /// Subject, of a list its issuer: RFC 2253, control characters escaped.
    pub subject: String,
    /// Serial number; lists have none.
    pub serial: Option<Serial>,
    /// The file as the configuration names it, or where else it is.
    pub place: String,
    /// Who holds it, where that is known by name.
    pub name: Option<String>,
    /// First second of its validity; thisUpdate.
    pub not_before: Timestamp,
    /// Last second of its validity; nextUpdate.
    pub not_after: Timestamp,
}

impl Watched {
    /// A certificate.
    pub fn certificate(kind: Kind, facts: &Facts, place: impl Into<String>) -> Watched {
        Watched {
            kind,
            fingerprint: facts.fingerprint,
            subject: facts.subject.rfc2253().escape_debug().to_string(),
            serial: Some(facts.serial.clone()),
            place: place.into(),
            name: None,
            not_before: facts.not_before,
            not_after: facts.not_after,
        }
    }

    /// A revocation list.
    pub fn list(crl: &Crl, place: impl Into<String>) -> Watched {
        Watched {
            kind: Kind::Crl,
            fingerprint: crl.fingerprint(),
            subject: crl.issuer().rfc2253().escape_debug().to_string(),
            serial: None,
            place: place.into(),
            name: None,
            not_before: crl.this_update(),
            not_after: crl.next_update(),
        }
    }

    /// When a threshold is reached; `None`: it has no end (RFC 5280 §4.1.2.5).
    pub fn reaches(&self, threshold: Threshold) -> Option<Timestamp> {
        let life = self.not_after.secs_since(self.not_before);
        let before = threshold.secs_before_end(life);
        (self.not_after != Timestamp::NEVER).then(|| self.not_after.plus_secs(-before))
    }

    /// The gravest threshold that is reached at `now`.
    pub fn threshold(&self, now: Timestamp) -> Option<Threshold> {
        let reached = |threshold: &Threshold| self.reaches(*threshold).is_some_and(|at| at <= now);
        Threshold::ALL.into_iter().rev().find(reached)
    }

    /// Whether it is still watched: what others hold is, for a while after its end.
    pub fn is_watched(&self, now: Timestamp) -> bool {
        now.secs_since(self.not_after) <= self.kind.after_end_secs()
    }
}

/// Somebody should be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// What has been reached.
    pub threshold: Threshold,
    /// By what.
    pub watched: Watched,
}

/// How many end when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All that is watched.
    pub watched: u64,
    /// What has reached each threshold, in the order of [`Threshold::ALL`]. What has ended is in the last alone; of the
    /// others each holds the graver ones too.
    pub reached: [u64; Threshold::ALL.len()],
    /// The soonest end that is still to come, in the order of [`Kind::ALL`].
    pub soonest: [Option<Timestamp>; Kind::ALL.len()],
}

impl Counts {
    fn add(&mut self, watched: &Watched, now: Timestamp) {
        self.watched += 1;
        let reached = watched.threshold(now);
        for (count, threshold) in self.reached.iter_mut().zip(Threshold::ALL) {
            let counts = match reached {
                Some(Threshold::Ended) => threshold == Threshold::Ended,
                Some(reached) => threshold <= reached,
                None => false,
            };
            *count += u64::from(counts);
        }
        if watched.not_after < now || watched.not_after == Timestamp::NEVER {
            return;
        }
        if let Some((soonest, _)) =
            self.soonest.iter_mut().zip(Kind::ALL).find(|(_, kind)| *kind == watched.kind)
        {
            *soonest = Some(soonest.map_or(watched.not_after, |known| known.min(watched.not_after)));
        }
    }
}

/// What one look has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// The gravest first, then what ends first.
    pub alarms: Vec<Alarm>,
    /// How many end when.
    pub counts: Counts,
    /// When the next threshold is reached; until then only what is new can be due.
    pub next: Option<Timestamp>,
}

/// What has been said. See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watch {
    said: BTreeMap<Fingerprint, Said>,
}

impl Watch {
    /// Goes through everything that is watched, at `now`.
    pub fn look(&mut self, watched: impl IntoIterator<Item = Watched>, now: Timestamp) -> Look {
        let mut look = Look::default();
        let once = each_once(watched);
        self.forget(&once, now);
        for watched in once.into_values().filter(|watched| watched.is_watched(now)) {
            look.counts.add(&watched, now);
            let coming = Threshold::ALL.into_iter().filter_map(|threshold| watched.reaches(threshold));
            look.next = coming.filter(|at| *at > now).chain(look.next).min();
            if let Some(threshold) = self.due(&watched, now) {
                look.alarms.push(Alarm { threshold, watched });
            }
        }
        look.alarms.sort_by_key(|alarm| {
            (std::cmp::Reverse(alarm.threshold), alarm.watched.kind, alarm.watched.not_after)
        });
        look
    }

    /// What is to be said about it, which is said by that.
    fn due(&mut self, watched: &Watched, now: Timestamp) -> Option<Threshold> {
        let said = self.said.get(&watched.fingerprint).map(|said| said.threshold);
        // A second more or less at a threshold is the clock's daily work; an hour back is another time.
        let still = watched.threshold(now.plus_secs(BACK_SECS));
        let said = said.min(still);
        let reached = watched.threshold(now);
        let threshold = said.max(reached);
        match threshold {
            Some(threshold) => {
                let said = Said { threshold, not_after: watched.not_after };
                self.said.insert(watched.fingerprint, said);
            }
            None => drop(self.said.remove(&watched.fingerprint)),
        }
        reached.filter(|_| reached > said)
    }

    /// What is gone and ended long ago, and, past the bound, what ends last: it comes again the latest.
    fn forget(&mut self, here: &BTreeMap<Fingerprint, Watched>, now: Timestamp) {
        let young = |said: &Said| now.secs_since(said.not_after) <= REMEMBERED_DAYS * DAY_SECS;
        self.said.retain(|id, said| here.contains_key(id) || young(said));
        if self.said.len() > REMEMBERED_MAX {
            let mut ends: Vec<_> = self.said.iter().map(|(id, said)| (said.not_after, *id)).collect();
            ends.sort();
            for (_, id) in ends.drain(REMEMBERED_MAX..) {
                self.said.remove(&id);
            }
        }
    }
}

/// One of each, as what it is first of all.
fn each_once(watched: impl IntoIterator<Item = Watched>) -> BTreeMap<Fingerprint, Watched> {
    let mut once: BTreeMap<Fingerprint, Watched> = BTreeMap::new();
    for watched in watched {
        match once.get(&watched.fingerprint) {
            Some(known) if known.kind <= watched.kind => {}
            Some(_) | None => drop(once.insert(watched.fingerprint, watched)),
        }
    }
    once
}

/// How far back a clock must go until what was said is unsaid.
const BACK_SECS: i64 = 3_600;
/// How long after its end a certificate that others hold is watched.
const HELD_BY_OTHERS_DAYS: i64 = 30;
/// How long after its end it is remembered that it was said.
const REMEMBERED_DAYS: i64 = 400;
/// Of how many certificates it is remembered.
const REMEMBERED_MAX: usize = 200_000;
