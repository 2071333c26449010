//! Trust that changes by itself: a CA's first and last day, a revocation list's end.
//!
//! Nobody else tells the shards. A certificate's own end is a timer of its session in the core; what is watched here
//! ends many at once, or none and must be said before it does.

use std::collections::HashMap;
use std::time::Duration;

use sealmq_pki::Timestamp;
use sealmq_tls::CrlAge;

use crate::believed;
use crate::clock::Clock;
use crate::log::{Event, Line, Log};
use crate::running::{Control, Running};

/// How often it is looked: whoever must go is gone within a second.
const LOOK: Duration = Duration::from_millis(500);
/// How often an alarm about a list that is past its end is repeated.
const REPEAT_SECS: i64 = 3600;

/// Watches until the process ends.
pub(crate) fn start(running: &Running, log: &Log) {
    let (control, clock, log) = (running.control(), running.clock(), log.clone());
    let mut alarms = Alarms::of_start(&control);
    running.handle().spawn(async move {
        let mut before = calm(&clock);
        loop {
            tokio::time::sleep(LOOK).await;
            let after = calm(&clock);
            if moved(&control, before, after) {
                control.raise();
            }
            before = after;
            alarms.look(&control, &log, believed::now());
        }
    });
}

/// The calm clock that ends sessions: a leap that they do not believe yet must not be used up here.
fn calm(clock: &Clock) -> Timestamp {
    Timestamp::from_secs(i64::try_from(clock.now().wall.0 / 1000).unwrap_or(i64::MAX))
}

fn moved(control: &Control, before: Timestamp, after: Timestamp) -> bool {
    control
        .listeners()
        .iter()
        .filter_map(|listener| listener.tls())
        .any(|tls| tls.next_change(before).is_some_and(|change| change <= after))
}

/// What has been said about revocation lists: each alarm once, those about a list past its end every hour.
#[derive(Default)]
struct Alarms(HashMap<String, (CrlAge, Timestamp)>);

impl Alarms {
    /// What the start has said already, as findings of the files.
    fn of_start(control: &Control) -> Alarms {
        let mut alarms = Alarms::default();
        let now = believed::now();
        drop(alarms.due(control, now));
        alarms
    }

    fn look(&mut self, control: &Control, log: &Log, now: Timestamp) {
        for (age, finding) in self.due(control, now) {
            let event = match age {
                CrlAge::Fresh | CrlAge::PastHalf => Event::TrustFinding,
                CrlAge::Future | CrlAge::Grace | CrlAge::Ended => Event::CrlOutOfDate,
            };
            let line = Line::new(event, format!("{}.", finding.text))
                .hint(finding.hint)
                .field("finding", finding.code);
            log.line(line);
        }
    }

    /// Alarms that were not said yet, or long enough ago. What is no alarm any more is forgotten.
    fn due(&mut self, control: &Control, now: Timestamp) -> Vec<(CrlAge, sealmq_tls::Finding)> {
        let listeners = control.listeners().into_iter().filter_map(|listener| listener.tls());
        let current: Vec<_> = listeners.flat_map(|tls| tls.crl_alarms(now)).collect();
        self.0.retain(|text, _| current.iter().any(|(_, finding)| finding.text == *text));
        let mut due = Vec::new();
        for (age, finding) in current {
            let repeats = matches!(age, CrlAge::Grace | CrlAge::Ended);
            let said = self.0.get(&finding.text).copied();
            let again = said.is_some_and(|(_, at)| repeats && now.secs_since(at) >= REPEAT_SECS);
            if said.is_none() || again {
                self.0.insert(finding.text.clone(), (age, now));
                due.push((age, finding));
            }
        }
        due
    }
}
