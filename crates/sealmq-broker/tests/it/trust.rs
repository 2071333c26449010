//! Judging again: at arrival and once per turn.

use crate::harness::{Dial, EndsAt, Net, TestAdmission, Verdict, What, dial};
use sealmq_broker::{ClientId, Ending, Event, Input, Owner, Refusal, TakenBackWill, Wall};
use sealmq_mqtt::{QoS, Version};
use std::sync::{Arc, Mutex, atomic::Ordering};

/// A dial judged at `generation`, and its verdict of now.
fn judged(id: &str, generation: u64, verdict: Verdict) -> (Dial, Arc<TestAdmission>) {
    let admission = Arc::new(TestAdmission(Mutex::new(verdict)));
    let mut asked = dial(Version::V5, id);
    (asked.admission, asked.generation) = (Arc::clone(&admission) as _, generation);
    (asked, admission)
}

fn move_trust(net: &Net, generation: u64) {
    net.tables.trust.store(generation, Ordering::SeqCst);
}

#[test]
fn a_session_whose_judgment_was_taken_back_ends_in_the_next_turn_and_its_will_is_published() {
    let mut net = Net::new();
    let watcher = net.v5("watcher");
    net.sub(watcher, "will", QoS::AtMostOnce);
    let (asked, revoked) = judged("revoked", 1, Verdict::Good(1));
    let gone = net.connect(asked.will("will", "gone"));
    let (asked, fine) = judged("fine", 1, Verdict::Good(2));
    let stays = net.connect(asked);
    *revoked.0.lock().unwrap() = Verdict::Ended;
    net.turn();
    assert!(net.ending(gone).is_none(), "the generation has not moved");
    move_trust(&net, 2);
    net.turn();
    assert_eq!(net.take(gone), What::Disconnect(0x87));
    assert!(matches!(net.ending(gone), Some(Ending::NotAuthorised(ended)) if ended.code == "revoked"));
    assert_eq!(net.payloads(watcher), ["gone"]);
    assert!(net.ending(stays).is_none());
    assert_eq!(net.brokers[0].trust_generation(), 2);
    assert!(net.events.contains(&Event::Judged { generation: 2 }));
    // Judged at 2: not asked again until it moves.
    *fine.0.lock().unwrap() = Verdict::Ended;
    net.turn();
    assert!(net.ending(stays).is_none());
}

/// Who is as good as before, but came through what is there no more, is told so.
#[test]
fn a_session_whose_listener_is_gone_is_told_another_reason() {
    let mut net = Net::new();
    let (asked, admission) = judged("c", 1, Verdict::Good(1));
    let client = net.connect(asked);
    *admission.0.lock().unwrap() = Verdict::Closed;
    move_trust(&net, 2);
    net.turn();
    assert_eq!(net.take(client), What::Disconnect(0x98));
}

#[test]
fn a_judgment_that_panics_or_is_too_old_refuses() {
    for verdict in [Verdict::Panics, Verdict::Good(1)] {
        let mut net = Net::new();
        let (asked, admission) = judged("c", 1, Verdict::Good(1));
        let client = net.connect(asked);
        *admission.0.lock().unwrap() = verdict;
        move_trust(&net, 2);
        net.turn();
        assert!(matches!(net.ending(client), Some(Ending::NotAuthorised(_))), "{verdict:?}");
    }
}

#[test]
fn a_connection_that_arrives_after_the_trust_moved_is_judged_before_it_is_adopted() {
    for (verdict, adopted) in [(Verdict::Good(2), true), (Verdict::Ended, false), (Verdict::Panics, false)] {
        let mut net = Net::new();
        move_trust(&net, 2);
        let old = net.v5("c");
        let (asked, _) = judged("c", 1, verdict);
        let client = net.dial(asked);
        let code = if adopted { 0 } else { 0x87 };
        assert_eq!(net.take(client), What::ConnAck { session_present: false, code });
        assert_eq!(net.ending(old).is_some(), adopted, "a refused connection takes nothing over");
    }
}

#[test]
fn a_connection_judged_at_this_generation_is_not_judged_again() {
    let mut net = Net::new();
    let (asked, _) = judged("c", 1, Verdict::Ended);
    net.connect(asked);
}

#[test]
fn the_end_of_a_certificate_ends_the_live_session() {
    let mut net = Net::new();
    let watcher = net.v5("watcher");
    net.sub(watcher, "will", QoS::AtMostOnce);
    let mut asked = dial(Version::V5, "c").will("will", "gone");
    asked.ends_at = Some(Wall(net.now.wall.0 + 200_000));
    let client = net.connect(asked);
    net.pass(199);
    assert!(net.ending(client).is_none());
    net.pass(1);
    assert_eq!(net.take(client), What::Disconnect(0x87));
    assert_eq!(net.ending(client), Some(&Ending::CertificateEnded));
    assert_eq!(net.payloads(watcher), ["gone"]);
}

/// A judgment that is made again, on arrival or in a turn, says when the session ends from then on: sooner, later, never.
#[test]
fn the_end_that_the_newest_judgment_has_counts() {
    for moves_before_arrival in [true, false] {
        for end_secs in [Some(30), Some(300), None] {
            let mut net = Net::new();
            let mut asked = dial(Version::V5, "c");
            asked.admission = Arc::new(EndsAt(end_secs.map(|secs| Wall(net.now.wall.0 + secs * 1_000))));
            (asked.ends_at, asked.generation) = (Some(Wall(net.now.wall.0 + 200_000)), 1);
            if moves_before_arrival {
                move_trust(&net, 2);
            }
            let client = net.connect(asked);
            if !moves_before_arrival {
                move_trust(&net, 2);
            }
            net.turn();
            net.pass(end_secs.unwrap_or(400) - 1);
            assert!(net.ending(client).is_none(), "{end_secs:?}");
            net.pass(1);
            assert_eq!(net.ending(client), end_secs.map(|_| &Ending::CertificateEnded), "{end_secs:?}");
        }
    }
}

/// `revocation_will drop`.
#[test]
fn the_will_of_who_was_taken_back_can_be_dropped_and_an_ordinary_one_is_published() {
    let mut net = Net::with_policy(|policy| policy.taken_back_will = TakenBackWill::Dropped);
    let watcher = net.v5("watcher");
    net.sub(watcher, "will", QoS::AtMostOnce);
    let (asked, revoked) = judged("revoked", 1, Verdict::Good(1));
    let gone = net.connect(asked.will("will", "of the revoked"));
    let mut asked = dial(Version::V5, "ends").will("will", "of the expired");
    asked.ends_at = Some(Wall(net.now.wall.0 + 1_000));
    let expires = net.connect(asked);
    let lost = net.connect(dial(Version::V5, "lost").will("will", "of the lost"));
    *revoked.0.lock().unwrap() = Verdict::Ended;
    move_trust(&net, 2);
    net.turn();
    net.pass(2);
    assert!(net.ending(gone).is_some() && net.ending(expires) == Some(&Ending::CertificateEnded));
    net.drop_conn(lost);
    assert_eq!(net.payloads(watcher), ["of the lost"]);
}

/// What is kept for a stolen device is nobody's any more: neither its messages nor its subscriptions.
#[test]
fn what_is_kept_for_an_owner_who_is_gone_for_good_is_forgotten_and_nothing_else() {
    let mut net = Net::new();
    let owned = |id: &str, owner: &str| Dial { owner: owner.into(), ..dial(Version::V5, id).lasting() };
    for (id, owner) in [("away", "thief"), ("here", "thief"), ("other", "honest")] {
        let client = net.connect(owned(id, owner));
        net.sub(client, "t", QoS::AtLeastOnce);
        if id != "here" {
            net.bye(client);
        }
    }
    let owners = [Owner::new(b"thief"), Owner::new(b"thie")];
    net.input(0, Input::Forget(&owners));
    let known = |net: &Net, id| net.brokers[0].session_facts(id).is_some();
    assert!(!known(&net, "away"));
    assert!(known(&net, "here"), "who is still here was judged good, or may stay until it leaves");
    assert!(known(&net, "other"));
    assert!(net.events.contains(&Event::SessionEnded { client: ClientId::parse("away").unwrap() }));
    let again = net.dial(owned("away", "thief").resume());
    assert_eq!(net.take(again), What::ConnAck { session_present: false, code: 0 });
}

#[test]
fn the_will_that_waits_for_who_is_forgotten_is_published_or_dropped_as_revocation_will_says() {
    for (rule, said) in [(TakenBackWill::Published, true), (TakenBackWill::Dropped, false)] {
        let mut net = Net::with_policy(|policy| policy.taken_back_will = rule);
        let watcher = net.v5("watcher");
        net.sub(watcher, "will", QoS::AtMostOnce);
        let lost = net.connect(dial(Version::V5, "c").lasting().will("will", "gone").will_delay(60));
        net.drop_conn(lost);
        net.input(0, Input::Forget(&[Owner::new(b"anyone")]));
        assert_eq!(net.payloads(watcher) == ["gone"], said, "{rule:?}");
        net.pass(61);
        assert_eq!(net.payloads(watcher).len(), 0, "not twice, and not later");
    }
}

#[test]
fn a_wall_clock_that_jumps_over_the_end_is_noticed() {
    let mut net = Net::new();
    let mut asked = dial(Version::V5, "c");
    asked.ends_at = Some(Wall(net.now.wall.0 + 1_000_000_000));
    let client = net.connect(asked);
    net.now.wall.0 += 2_000_000_000;
    net.pass(61);
    assert_eq!(net.ending(client), Some(&Ending::CertificateEnded));
}

#[test]
fn a_certificate_that_ended_on_the_way_is_refused() {
    let mut net = Net::new();
    let mut asked = dial(Version::V311, "c");
    asked.ends_at = Some(net.now.wall);
    let client = net.dial(asked);
    assert_eq!(net.take(client), What::ConnAck { session_present: false, code: 5 });
    assert_eq!(net.ending(client), Some(&Ending::Refused(Refusal::CertificateEnded)));
}

#[test]
fn who_was_admitted_at_the_new_generation_is_not_asked_again_by_the_turn_that_notices_it() {
    let mut net = Net::new();
    move_trust(&net, 2);
    let (asked, _) = judged("c", 2, Verdict::Ended);
    let client = net.connect(asked);
    net.turn();
    assert!(net.ending(client).is_none());
}
