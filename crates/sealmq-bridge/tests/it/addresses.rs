//! When it dials which address.

use sealmq_bridge::{AddressOrder, BackOff, BridgeSpec, Input, Restart, StartType};
use sealmq_mqtt::QoS;

use crate::scene::{Scene, spec};

fn two(order: AddressOrder) -> BridgeSpec {
    BridgeSpec { addresses: 2, address_order: order, restart: Restart::Constant(1_000), ..spec() }
}

#[test]
fn addresses_are_tried_in_turn() {
    let mut scene = Scene::new(two(AddressOrder::PreferFirst));
    for address in [0, 1, 0, 1] {
        scene.wished(&format!("dial {address}"));
        scene.input(Input::RemoteLost);
        scene.never_wished("dial");
        scene.pass(1);
    }
}

#[test]
fn the_first_address_is_looked_for_and_used_when_it_is_back() {
    let mut scene = Scene::new(two(AddressOrder::PreferFirst));
    scene.input(Input::RemoteLost);
    scene.pass(1);
    scene.wished("dial 1");
    scene.accept(&[]);
    scene.pass(5);
    scene.wished("probe 0");
    scene.input(Input::ProbeFailed);
    scene.pass(5);
    scene.wished("probe 0");
    scene.input(Input::ProbeReached);
    scene.wished("hang up");
    scene.wished("dial 0");
    scene.accept(&[]);
    scene.pass(60);
    scene.never_wished("probe");
}

#[test]
fn with_round_robin_an_address_that_works_is_kept() {
    let mut scene = Scene::new(two(AddressOrder::RoundRobin));
    scene.input(Input::RemoteLost);
    scene.pass(1);
    scene.wished("dial 1");
    scene.accept(&[]);
    scene.pass(50);
    scene.never_wished("probe");
}

#[test]
fn an_attempt_that_takes_too_long_is_over() {
    let mut scene = Scene::new(two(AddressOrder::PreferFirst));
    scene.wished("dial 0");
    scene.pass(31);
    scene.wished("hang up");
    scene.wished("dial 1");
    scene.input(Input::RemoteOpened);
    scene.pass(61);
    scene.wished("Bridge fuzz: the remote broker did not answer in time.");
}

#[test]
fn a_bridge_that_starts_once_dials_once() {
    let mut scene = Scene::new(BridgeSpec { start_type: StartType::Once, ..two(AddressOrder::PreferFirst) });
    scene.wished("dial 0");
    scene.input(Input::RemoteLost);
    scene.pass(3_600);
    scene.never_wished("dial");
}

#[test]
fn a_lazy_bridge_hangs_up_when_idle_and_wakes_when_enough_messages_wait() {
    let start_type = StartType::Lazy { idle_secs: 10, threshold: 3 };
    let mut scene = Scene::connected(BridgeSpec { start_type, ..two(AddressOrder::RoundRobin) });
    scene.pass(8);
    scene.remote_publishes("in/a", QoS::AtMostOnce, 0);
    scene.pass(9);
    scene.never_wished("hang up");
    scene.pass(1);
    scene.wished("Bridge connection local.fuzz has exceeded idle timeout, disconnecting.");
    scene.wished("hang up");
    scene.pass(3_600);
    scene.local_publishes("out/a", QoS::AtLeastOnce, 7);
    scene.local_publishes("out/a", QoS::AtMostOnce, 0);
    scene.never_wished("dial");
    scene.local_publishes("out/a", QoS::AtLeastOnce, 8);
    scene.wished("dial 1");
}

#[test]
fn a_lazy_bridge_wakes_when_no_more_messages_can_come() {
    let start_type = StartType::Lazy { idle_secs: 10, threshold: 1_000 };
    let spec = BridgeSpec { start_type, inflight_max: 2, ..two(AddressOrder::RoundRobin) };
    let mut scene = Scene::connected(spec);
    scene.pass(10);
    scene.forget();
    scene.local_publishes("out/a", QoS::AtLeastOnce, 7);
    scene.never_wished("dial");
    scene.local_publishes("out/a", QoS::AtLeastOnce, 8);
    scene.wished("dial 1");
}

#[test]
fn jitter_stays_between_base_and_cap_and_grows() {
    let mut waits = BackOff::new(Restart::Jitter { base: 1_000, cap: 10_000, stable: 0 }, 7);
    let first = waits.next(None).milliseconds();
    assert!((1_000..=3_000).contains(&first), "{first}");
    let all: Vec<u64> = (0..200).map(|_| waits.next(None).milliseconds()).collect();
    assert!(all.iter().all(|wait| (1_000..=10_000).contains(wait)));
    assert!(all.contains(&10_000) && all.iter().any(|wait| *wait < 9_000), "{all:?}");
}

#[test]
fn two_bridges_do_not_dial_in_step() {
    let waits = |seed| -> Vec<u64> {
        let mut waits = BackOff::new(Restart::DEFAULT, seed);
        (0..8).map(|_| waits.next(None).milliseconds()).collect()
    };
    assert_ne!(waits(11), waits(12_345));
}

#[test]
fn a_connection_that_was_stable_resets_the_back_off() {
    let mut waits = BackOff::new(Restart::Jitter { base: 1_000, cap: 60_000, stable: 5_000 }, 3);
    (0..20).for_each(|_| {
        waits.next(None);
    });
    assert_eq!(waits.next(Some(5_000)).milliseconds(), 1_000);
    assert!(waits.next(Some(4_999)).milliseconds() <= 3_000);
}
