//! When something is said about an end, how often, and what a clock that leaps does to it.

use proptest::prelude::*;
use sealmq_pki::time::DAY_SECS;
use sealmq_pki::watch::{Alarm, Kind, Look, MemoryError, Threshold, Watch, Watched};
use sealmq_pki::{Facts, Fingerprint, Timestamp};

use crate::fixture::{NOW, Pki};

/// Something that lives so many days from [`NOW`] on.
fn watched(id: u8, kind: Kind, days: i64) -> Watched {
    Watched {
        kind,
        fingerprint: Fingerprint::of(&[id]),
        subject: format!("CN={id}"),
        serial: None,
        place: "server.crt".to_owned(),
        name: None,
        not_before: NOW,
        not_after: NOW.plus_days(days),
    }
}

fn year(id: u8) -> Watched {
    watched(id, Kind::Served, 365)
}

fn said(look: &Look) -> Vec<(&str, Threshold)> {
    look.alarms.iter().map(|Alarm { threshold, watched }| (watched.subject.as_str(), *threshold)).collect()
}

/// What is said of one certificate at these days after [`NOW`].
fn said_on(watch: &mut Watch, one: &Watched, days: &[i64]) -> Vec<Option<Threshold>> {
    let mut at = |day: &i64| {
        watch.look([one.clone()], NOW.plus_days(*day)).alarms.first().map(|alarm| alarm.threshold)
    };
    days.iter().map(&mut at).collect()
}

#[test]
fn each_threshold_is_said_once() {
    use Threshold::{Day1, Days7, Days14, Days30, Ended};
    let days = [0, 334, 335, 336, 350, 351, 352, 358, 359, 364, 365, 366, 367, 1_000, 1_001, 1_002];
    assert_eq!(
        said_on(&mut Watch::default(), &year(1), &days),
        [
            None,
            None,
            Some(Days30),
            None,
            None,
            Some(Days14),
            None,
            Some(Days7),
            None,
            Some(Day1),
            None,
            Some(Ended),
            None,
            None,
            None,
            None
        ]
    );
}

#[test]
fn the_last_second_counts_as_valid_and_the_next_has_ended() {
    let (mut watch, one) = (Watch::default(), year(1));
    let at = |watch: &mut Watch, secs| said(&watch.look([one.clone()], one.not_after.plus_secs(secs))).len();
    assert_eq!(at(&mut watch, 0), 1);
    assert_eq!(at(&mut watch, 0), 0);
    assert_eq!(at(&mut watch, 1), 1);
    assert_eq!(one.threshold(one.not_after), Some(Threshold::Day1));
}

#[test]
fn of_several_thresholds_that_have_passed_the_gravest_alone_is_said() {
    assert_eq!(
        said_on(&mut Watch::default(), &year(1), &[360, 361, 364]),
        [Some(Threshold::Days7), None, Some(Threshold::Day1)]
    );
}

#[test]
fn what_lives_short_is_said_by_shares_of_its_life() {
    // 90 days, renewed by certbot when 30 are left, by us at two thirds: no alarm at 60 days, nor while that is tried.
    let quarter = watched(1, Kind::Served, 90);
    let days = [60, 67, 68, 78, 79, 84, 85, 88, 89, 91];
    let found = said_on(&mut Watch::default(), &quarter, &days);
    let expected = [
        None,
        None,
        Some(Threshold::Days30),
        None,
        Some(Threshold::Days14),
        None,
        Some(Threshold::Days7),
        None,
        Some(Threshold::Day1),
        Some(Threshold::Ended),
    ];
    assert_eq!(found, expected);
    let day = watched(2, Kind::Served, 1);
    let hours = |threshold| day.not_after.secs_since(day.reaches(threshold).unwrap()) / 360;
    assert_eq!([Threshold::Days30, Threshold::Days14, Threshold::Days7].map(hours), [60, 30, 15]);
}

#[test]
fn what_has_no_end_is_never_said() {
    let mut one = year(1);
    one.not_after = Timestamp::NEVER;
    let look = Watch::default().look([one], Timestamp::NEVER);
    assert_eq!((look.alarms.len(), look.counts.watched, look.next), (0, 1, None));
    assert_eq!(look.counts.soonest, [None; 6]);
}

#[test]
fn a_certificate_that_takes_the_place_of_another_has_alarms_of_its_own() {
    let mut watch = Watch::default();
    assert_eq!(said(&watch.look([year(1)], NOW.plus_days(340))).len(), 1);
    let renewed = Watched { not_before: NOW.plus_days(340), not_after: NOW.plus_days(705), ..year(2) };
    assert_eq!(said(&watch.look([renewed.clone()], NOW.plus_days(341))), []);
    assert_eq!(said(&watch.look([renewed], NOW.plus_days(680))), [("CN=2", Threshold::Days30)]);
}

#[test]
fn what_was_away_is_not_said_again() {
    let mut watch = Watch::default();
    watch.look([year(1)], NOW.plus_days(340));
    assert_eq!(said(&watch.look([], NOW.plus_days(341))), []);
    assert_eq!(said(&watch.look([year(1)], NOW.plus_days(342))), []);
    // A restart on top of it.
    let mut watch = Watch::remembering(&watch.memory()).unwrap();
    assert_eq!(said(&watch.look([year(1)], NOW.plus_days(343))), []);
    assert_eq!(said(&watch.look([year(1)], NOW.plus_days(352))), [("CN=1", Threshold::Days14)]);
}

#[test]
fn a_clock_that_leapt_forward_and_came_back_uses_no_alarm_up() {
    let found = said_on(&mut Watch::default(), &year(1), &[10, 4_000, 11, 335, 351]);
    let (ended, first, second) = (Threshold::Ended, Threshold::Days30, Threshold::Days14);
    assert_eq!(found, [None, Some(ended), None, Some(first), Some(second)]);
}

#[test]
fn a_clock_that_is_set_back_by_seconds_says_nothing_twice() {
    let (mut watch, one) = (Watch::default(), year(1));
    let threshold = one.reaches(Threshold::Days30).unwrap();
    let mut at = |secs| watch.look([one.clone()], threshold.plus_secs(secs)).alarms.len();
    assert_eq!([-1, 0, -2, 1, -3_600, 5].map(&mut at), [0, 1, 0, 0, 0, 0]);
    // An hour and more is another time.
    assert_eq!([-3_601, 0].map(&mut at), [0, 1]);
}

#[test]
fn one_certificate_in_several_places_is_said_as_what_matters_most() {
    let mut watch = Watch::default();
    let kinds = [Kind::Seen, Kind::Issued, Kind::Served, Kind::Anchor, Kind::Served];
    let look = watch.look(kinds.map(|kind| watched(1, kind, 365)), NOW.plus_days(340));
    assert_eq!(look.counts.watched, 1);
    assert_eq!(look.alarms.iter().map(|alarm| alarm.watched.kind).collect::<Vec<_>>(), [Kind::Served]);
}

#[test]
fn what_others_hold_is_forgotten_after_its_end_and_what_we_use_is_not() {
    for kind in Kind::ALL {
        let late = Watch::default().look([watched(1, kind, 10)], NOW.plus_days(41));
        let is_ours = !matches!(kind, Kind::Issued | Kind::Seen);
        assert_eq!((late.alarms.len(), late.counts.watched), (usize::from(is_ours), u64::from(is_ours)));
        assert_eq!(Watch::default().look([watched(1, kind, 10)], NOW.plus_days(40)).alarms.len(), 1);
    }
}

#[test]
fn the_numbers_say_how_many_have_reached_what_and_what_ends_first() {
    let all = [
        watched(1, Kind::Served, 365),
        watched(2, Kind::Issued, 345),
        watched(3, Kind::Issued, 350),
        watched(4, Kind::Anchor, 341),
        watched(5, Kind::Crl, 339),
        watched(6, Kind::Seen, 4_000),
    ];
    let look = Watch::default().look(all, NOW.plus_days(340));
    assert_eq!((look.counts.watched, look.counts.reached), (6, [4, 3, 2, 1, 1]));
    let soonest = look.counts.soonest.map(|end| end.map(|end| end.secs_since(NOW) / DAY_SECS));
    assert_eq!(soonest, [Some(365), Some(341), None, None, Some(345), Some(4_000)]);
    assert_eq!(
        said(&look),
        [
            ("CN=5", Threshold::Ended),
            ("CN=4", Threshold::Day1),
            ("CN=2", Threshold::Days7),
            ("CN=3", Threshold::Days14),
            ("CN=1", Threshold::Days30)
        ]
    );
}

#[test]
fn the_next_look_is_at_the_next_threshold() {
    let mut watch = Watch::default();
    let next = |watch: &mut Watch, now| watch.look([year(1)], now).next;
    assert_eq!(next(&mut watch, NOW), Some(NOW.plus_days(335)));
    assert_eq!(next(&mut watch, NOW.plus_days(335)), Some(NOW.plus_days(351)));
    assert_eq!(next(&mut watch, NOW.plus_days(365)), Some(NOW.plus_days(365).plus_secs(1)));
    assert_eq!(next(&mut watch, NOW.plus_days(366)), None);
}

#[test]
fn a_certificate_is_watched_by_what_stands_in_it() {
    let pki = Pki::new();
    let facts = Facts::parse(pki.server(&["broker.example"]).der()).unwrap();
    let watched = Watched::certificate(Kind::Served, &facts, "server.crt");
    assert_eq!((watched.not_before, watched.not_after), (facts.not_before, facts.not_after));
    assert_eq!((watched.fingerprint, watched.serial), (facts.fingerprint, Some(facts.serial)));
    assert_eq!(watched.subject, "CN=broker.example");
}

#[test]
fn a_memory_that_is_damaged_is_refused() {
    let mut watch = Watch::default();
    watch.look([year(1), year(2)], NOW.plus_days(340));
    let memory = watch.memory();
    assert_eq!(Watch::remembering(&memory), Ok(watch));
    assert_eq!(Watch::remembering(""), Err(MemoryError::Head));
    assert_eq!(Watch::remembering(&memory.replace(" 1\n", " 2\n")), Err(MemoryError::Head));
    for (from, to) in [("30d", "31d"), ("30d ", "30d x"), ("30d ", "30d 1 "), (" 30d", "0 30d")] {
        assert_eq!(Watch::remembering(&memory.replace(from, to)), Err(MemoryError::Line(2)), "{to}");
    }
    let umlauts = format!("{}\n{} 30d 1\n", memory.lines().next().unwrap(), "ä".repeat(32));
    assert_eq!(Watch::remembering(&umlauts), Err(MemoryError::Line(2)));
}

proptest! {
    /// However often it is looked, and however the clock goes forward, nothing is said twice and nothing grave is left out.
    #[test]
    fn whenever_it_is_looked_the_gravest_is_said_exactly_once(
        life in 1_i64..2_000_000,
        mut steps in proptest::collection::vec(0_i64..2_500_000, 1..40),
    ) {
        steps.sort_unstable();
        let one = Watched { not_after: NOW.plus_secs(life), ..year(1) };
        let mut watch = Watch::default();
        let mut heard: Vec<Threshold> = Vec::new();
        for step in steps {
            let now = NOW.plus_secs(step);
            heard.extend(watch.look([one.clone()], now).alarms.iter().map(|alarm| alarm.threshold));
            prop_assert_eq!(heard.last().copied(), one.threshold(now));
            watch = Watch::remembering(&watch.memory()).unwrap();
        }
        prop_assert!(heard.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn no_text_makes_a_memory_panic(text in "(sealmq expiry alarms 1\n)?[ -~\u{e4}\n]{0,200}") {
        let _ = Watch::remembering(&text);
    }
}
