//! An acknowledgement of one side is made of the other's.

use sealmq_mqtt::{Ack, Packet, QoS, ReasonCode, Version};

use crate::scene::{Scene, ack, id, spec};

#[test]
fn a_qos_1_message_outwards_is_acknowledged_here_when_it_was_there() {
    let mut scene = Scene::connected(spec());
    scene.local_publishes("out/a", QoS::AtLeastOnce, 7);
    scene.says_there("PUBLISH out/a q1 id 3").says_nothing();
    scene.remote(&Packet::PubAck(ack(3)));
    scene.says_here("PUBACK 7").says_nothing();
}

#[test]
fn a_qos_1_message_inwards_is_acknowledged_there_when_it_was_here() {
    let mut scene = Scene::connected(spec());
    scene.remote_publishes("in/a", QoS::AtLeastOnce, 9);
    scene.says_here("PUBLISH in/a q1 id 3").says_nothing();
    scene.local(&Packet::PubAck(ack(3)));
    scene.says_there("PUBACK 9").says_nothing();
}

#[test]
fn a_qos_2_message_outwards_goes_to_its_end_there_before_it_begins_to_end_here() {
    let mut scene = Scene::connected(spec());
    scene.local_publishes("out/a", QoS::ExactlyOnce, 7);
    scene.says_there("PUBLISH out/a q2 id 3");
    scene.remote(&Packet::PubRec(ack(3)));
    scene.says_there("PUBREL 3").says_nothing();
    scene.remote(&Packet::PubComp(ack(3)));
    scene.says_here("PUBREC 7");
    // The local broker repeats what it has not seen answered: the answer is repeated, not the message.
    scene.local_publishes("out/a", QoS::ExactlyOnce, 7);
    scene.says_here("PUBREC 7").says_nothing();
    scene.local(&Packet::PubRel(ack(7)));
    scene.says_here("PUBCOMP 7").says_nothing();
}

#[test]
fn a_qos_2_message_inwards_goes_step_by_step() {
    let mut scene = Scene::connected(spec());
    scene.remote_publishes("in/a", QoS::ExactlyOnce, 9);
    scene.says_here("PUBLISH in/a q2 id 3").says_nothing();
    scene.local(&Packet::PubRec(ack(3)));
    scene.says_there("PUBREC 9").says_nothing();
    scene.remote(&Packet::PubRel(ack(9)));
    scene.says_here("PUBREL 3").says_nothing();
    scene.local(&Packet::PubComp(ack(3)));
    scene.says_there("PUBCOMP 9").says_nothing();
}

#[test]
fn a_message_that_comes_again_is_the_same_message() {
    let mut scene = Scene::connected(spec());
    scene.remote_publishes("in/a", QoS::AtLeastOnce, 9);
    scene.says_here("PUBLISH in/a q1 id 3");
    scene.remote_repeats("in/a", QoS::AtLeastOnce, 9);
    scene.says_nothing();
    scene.local(&Packet::PubAck(ack(3)));
    scene.says_there("PUBACK 9");
    // After its end the packet id stands for another message.
    scene.remote_publishes("in/a", QoS::AtLeastOnce, 9);
    scene.says_here("PUBLISH in/a q1 id 4");
}

#[test]
fn what_the_other_side_refuses_is_told_and_not_kept() {
    let mut scene = Scene::connected(sealmq_bridge::BridgeSpec { version: Version::V5, ..spec() });
    scene.local_publishes("out/a", QoS::AtLeastOnce, 7);
    scene.says_there("PUBLISH out/a q1 id 3");
    scene.remote(&Packet::PubAck(Ack::with_reason(id(3), ReasonCode::QuotaExceeded)));
    scene.says_here("PUBACK 7");
    scene.wished("Bridge fuzz: a message to out/a was dropped: the remote broker says: quota exceeded.");
    scene.remote_publishes("in/a", QoS::AtLeastOnce, 9);
    scene.says_here("PUBLISH in/a q1 id 3");
    scene.local(&Packet::PubAck(Ack::with_reason(id(3), ReasonCode::NotAuthorized)));
    scene.says_there("PUBACK 9");
    scene.wished("Bridge fuzz: a message to in/a was dropped: the local broker says: not authorized.");
}

#[test]
fn acknowledgements_of_nothing_harm_nothing() {
    let mut scene = Scene::connected(spec());
    for packet in [Packet::PubAck(ack(99)), Packet::PubComp(ack(99))] {
        scene.remote(&packet);
        scene.local(&packet);
    }
    scene.says_nothing();
    scene.remote(&Packet::PubRec(ack(99)));
    scene.says_there("PUBREL 99");
    scene.remote(&Packet::PubRel(ack(99)));
    scene.says_there("PUBCOMP 99");
    scene.local(&Packet::PubRel(ack(99)));
    scene.says_here("PUBCOMP 99").says_nothing();
}
