//! Windows, sizes and bounds of both sides.

use sealmq_bridge::{BridgeSpec, INWARD_WAITING_MAX};
use sealmq_mqtt::{Packet, Property, QoS, Version};

use crate::scene::{Scene, ack, spec};

fn v5() -> BridgeSpec {
    BridgeSpec { version: Version::V5, topic_alias_max: 0, attempt_unsubscribe: false, ..spec() }
}

fn accepted(spec: BridgeSpec, properties: &[Property<'_>]) -> Scene {
    let mut scene = Scene::new(spec);
    scene.accept(properties);
    scene.forget();
    scene
}

#[test]
fn the_receive_maximum_of_the_remote_broker_is_kept() {
    let mut scene = accepted(v5(), &[Property::ReceiveMaximum(2.try_into().unwrap())]);
    for number in 1..=3 {
        scene.local_publishes("out/a", QoS::AtLeastOnce, number);
    }
    scene.says_there("PUBLISH out/a q1 id 2").says_there("PUBLISH out/a q1 id 3").says_nothing();
    scene.remote(&Packet::PubAck(ack(2)));
    scene.says_here("PUBACK 1").says_there("PUBLISH out/a q1 id 4").says_nothing();
}

#[test]
fn qos_0_passes_a_full_window() {
    let mut scene = accepted(v5(), &[Property::ReceiveMaximum(1.try_into().unwrap())]);
    scene.local_publishes("out/a", QoS::AtLeastOnce, 1);
    scene.local_publishes("out/b", QoS::AtLeastOnce, 2);
    scene.local_publishes("out/c", QoS::AtMostOnce, 0);
    scene.says_there("PUBLISH out/a q1 id 2").says_there("PUBLISH out/c q0").says_nothing();
}

#[test]
fn a_packet_that_the_remote_broker_does_not_take_is_dropped_and_told() {
    for spec in [v5(), BridgeSpec { packet_bytes_max: Some(30), ..v5() }] {
        let announced = [Property::MaximumPacketSize(30.try_into().unwrap())];
        let properties: &[_] = if spec.packet_bytes_max.is_some() { &[] } else { &announced };
        let mut scene = accepted(spec, properties);
        scene.local_publishes("out/of-a-size-that-does-not-fit", QoS::AtLeastOnce, 7);
        scene.says_here("PUBACK 7").says_nothing();
        scene.wished("Bridge fuzz: a message to out/of-a-size-that-does-not-fit was dropped: its 45 bytes are more than the 30 that may be sent there.");
        scene.local_publishes("out/a", QoS::AtLeastOnce, 8);
        scene.says_there("PUBLISH out/a q1 id 3");
    }
}

#[test]
fn topic_aliases_of_both_sides_are_used_up_to_the_lower_bound() {
    let spec = BridgeSpec { topic_alias_max: 10, ..v5() };
    let mut scene = accepted(spec, &[Property::TopicAliasMaximum(1)]);
    scene.local_publishes("out/a", QoS::AtMostOnce, 0);
    scene.local_publishes("out/a", QoS::AtMostOnce, 0);
    scene.local_publishes("out/b", QoS::AtMostOnce, 0);
    scene
        .says_there("PUBLISH out/a q0 alias 1")
        .says_there("PUBLISH - q0 alias 1")
        .says_there("PUBLISH out/b q0");
}

#[test]
fn a_remote_broker_that_exceeds_our_receive_maximum_is_cut() {
    let mut scene = accepted(BridgeSpec { receive_maximum: 2, ..v5() }, &[]);
    scene.remote_publishes("in/a", QoS::AtLeastOnce, 1);
    scene.remote_publishes("in/a", QoS::AtLeastOnce, 2);
    scene.never_wished("hang up");
    scene.remote_publishes("in/a", QoS::AtLeastOnce, 3);
    scene.wished("Bridge fuzz: the remote broker sent more messages at once than our receive maximum.");
    scene.wished("hang up");
}

#[test]
fn the_window_of_the_local_broker_is_kept_and_then_the_remote_one_is_not_read() {
    let mut scene = Scene::connected(spec());
    let most = 20 + u16::try_from(INWARD_WAITING_MAX).unwrap();
    for number in 1..=most {
        assert!(scene.bridge.reads_remote(), "{number}");
        scene.remote_publishes("in/a", QoS::AtLeastOnce, number);
    }
    assert!(!scene.bridge.reads_remote());
    (3..23).for_each(|number| {
        scene.says_here(&format!("PUBLISH in/a q1 id {number}"));
    });
    scene.says_nothing();
    // What is offered meanwhile is not taken.
    assert_eq!(scene.remote_bytes(&[0xd0, 0]), 0);
    scene.local(&Packet::PubAck(ack(3)));
    scene.says_there("PUBACK 1").says_here("PUBLISH in/a q1 id 23");
    assert!(scene.bridge.reads_remote());
}

#[test]
fn a_message_that_waited_beyond_its_time_is_dropped() {
    let mut scene = Scene::connected(spec());
    scene.input(sealmq_bridge::Input::RemoteLost);
    scene.forget();
    // PUBLISH out/a, QoS 1, id 7, expiry 2 seconds.
    let bytes = [0x32, 15, 0, 5, b'o', b'u', b't', b'/', b'a', 0, 7, 5, 2, 0, 0, 0, 2];
    assert_eq!(scene.bridge.receive_local(sealmq_bridge::Now(scene.now), &bytes), bytes.len());
    scene.pass(60);
    scene.accept(&[]);
    scene.wished("Bridge fuzz: a message to out/a was dropped: its time is over.");
    scene.says_here("PUBACK 7").says_here("SUBSCRIBE 3 out/# q2 no-local as-published");
}

#[test]
fn bytes_that_are_no_mqtt_end_the_connection_and_nothing_else() {
    for bytes in [&[0xff, 0xff][..], &[0x32, 12, 0, 6, b'+', b'+', b'+', b'+', b'+', b'+', 0, 4, 0, 0]] {
        let mut scene = Scene::connected(spec());
        scene.remote_bytes(bytes);
        scene.wished("hang up");
        assert!(!scene.bridge.is_connected());
        scene.pass(60);
        scene.accept(&[]);
        assert!(scene.bridge.is_connected());
    }
}

#[test]
fn whatever_a_remote_broker_sends_is_survived() {
    let mut random = 1_u64;
    for round in 0..300 {
        let bytes: Vec<u8> = (0..round)
            .map(|_| {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (random >> 56) as u8 & if random & 3 == 0 { 0xff } else { 0x3f }
            })
            .collect();
        sealmq_bridge::fuzzing::remote_bytes(&bytes);
    }
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/bridge_remote");
    let mut seeds = 0;
    for seed in std::fs::read_dir(corpus).unwrap() {
        sealmq_bridge::fuzzing::remote_bytes(&std::fs::read(seed.unwrap().path()).unwrap());
        seeds += 1;
    }
    assert!(seeds >= 4, "{seeds}");
}
