//! Connections end at any moment; messages do not.

use sealmq_bridge::{BridgeSpec, Farewell, Input, Restart, Start};
use sealmq_mqtt::{ConnAck, ConnAckCode, ConnectReturnCode, Packet, Properties, QoS};

use crate::scene::{Scene, ack, spec};

fn quick() -> BridgeSpec {
    BridgeSpec { restart: Restart::Constant(1_000), ..spec() }
}

/// The remote broker is gone and comes back; with its session or without.
fn comes_back(scene: &mut Scene) {
    scene.input(Input::RemoteLost);
    scene.pass(1);
    scene.wished("dial 0");
    scene.forget();
    scene.accept(&[]);
    scene.says_there("CONNECT");
}

#[test]
fn what_was_not_acknowledged_is_sent_again_with_its_packet_id() {
    let mut scene = Scene::connected(quick());
    scene.local_publishes("out/a", QoS::AtLeastOnce, 7);
    scene.local_publishes("out/b", QoS::ExactlyOnce, 8);
    scene.says_there("PUBLISH out/a q1 id 3").says_there("PUBLISH out/b q2 id 4");
    comes_back(&mut scene);
    scene.says_there("SUBSCRIBE 5 in/# q2").says_there("UNSUBSCRIBE 6 out/#");
    scene.says_there("PUBLISH out/a q1 id 3 dup").says_there("PUBLISH out/b q2 id 4 dup");
    scene.remote(&Packet::PubRec(ack(4)));
    scene.says_there("PUBREL 4");
    comes_back(&mut scene);
    scene.says_there("SUBSCRIBE 7 in/# q2").says_there("UNSUBSCRIBE 8 out/#");
    scene.says_there("PUBLISH out/a q1 id 3 dup").says_there("PUBREL 4");
}

#[test]
fn what_is_published_while_the_remote_broker_is_away_waits_unless_it_is_qos_0() {
    let mut scene = Scene::connected(quick());
    scene.input(Input::RemoteLost);
    scene.forget();
    scene.local_publishes("out/a", QoS::AtLeastOnce, 7);
    scene.local_publishes("out/a", QoS::AtMostOnce, 0);
    scene.says_nothing();
    scene.pass(1);
    scene.accept(&[]);
    scene.says_there("CONNECT").says_there("SUBSCRIBE 4 in/# q2").says_there("UNSUBSCRIBE 5 out/#");
    scene.says_there("PUBLISH out/a q1 id 3");
    scene.remote(&Packet::PubAck(ack(3)));
    scene.says_here("SUBSCRIBE 3 out/# q2 no-local as-published").says_here("PUBACK 7");
    scene.says_nothing();
}

#[test]
fn qos_0_waits_for_connack_and_not_for_another_connection() {
    let mut scene = Scene::new(BridgeSpec { attempt_unsubscribe: false, ..quick() });
    scene.input(Input::RemoteOpened);
    scene.local_publishes("out/a", QoS::AtMostOnce, 0);
    scene.input(Input::RemoteLost);
    scene.pass(1);
    scene.input(Input::RemoteOpened);
    scene.local_publishes("out/b", QoS::AtMostOnce, 0);
    scene.forget();
    let code = ConnAckCode::V3(ConnectReturnCode::Accepted);
    scene.remote(&Packet::ConnAck(ConnAck { session_present: true, code, properties: Properties::EMPTY }));
    scene.says_there("SUBSCRIBE 1 in/# q2").says_there("PUBLISH out/b q0");
    scene.says_here("SUBSCRIBE 2 out/# q2 no-local as-published").says_nothing();
}

#[test]
fn with_queue_qos0_messages_qos_0_waits_too_up_to_a_bound() {
    let queued = BridgeSpec {
        offline_qos0: sealmq_bridge::OfflineQoS0::Queued,
        queued_max: 2,
        attempt_unsubscribe: false,
        ..quick()
    };
    let mut scene = Scene::connected(queued);
    scene.input(Input::RemoteLost);
    for _ in 0..5 {
        scene.local_publishes("out/a", QoS::AtMostOnce, 0);
    }
    scene.pass(1);
    scene.accept(&[]);
    scene.says_there("CONNECT").says_there("SUBSCRIBE 2 in/# q2");
    scene.says_there("PUBLISH out/a q0").says_there("PUBLISH out/a q0");
    scene.forget();
    scene.says_nothing();
}

#[test]
fn with_local_cleansession_nothing_waits() {
    let mut scene = Scene::connected(BridgeSpec { local_start: Start::Clean, ..quick() });
    scene.local_publishes("out/a", QoS::AtLeastOnce, 7);
    scene.says_there("PUBLISH out/a q1 id 3");
    scene.input(Input::RemoteLost);
    scene.says_here("PUBACK 7");
    scene.local_publishes("out/a", QoS::AtLeastOnce, 8);
    scene.says_here("PUBACK 8");
    scene.pass(1);
    scene.accept(&[]);
    scene.says_there("CONNECT").says_there("SUBSCRIBE 4 in/# q2").says_there("UNSUBSCRIBE 5 out/#");
    scene.forget();
    scene.says_nothing();
}

#[test]
fn a_remote_broker_that_forgot_its_session_uses_packet_ids_anew() {
    let mut scene = Scene::connected(quick());
    scene.remote_publishes("in/a", QoS::ExactlyOnce, 9);
    scene.says_here("PUBLISH in/a q2 id 3");
    scene.local(&Packet::PubRec(ack(3)));
    scene.says_there("PUBREC 9");
    scene.input(Input::RemoteLost);
    scene.pass(1);
    scene.input(Input::RemoteOpened);
    scene.forget();
    let code = ConnAckCode::V3(ConnectReturnCode::Accepted);
    scene.remote(&Packet::ConnAck(ConnAck { session_present: false, code, properties: Properties::EMPTY }));
    // It will never release what it has forgotten: the message is ours, and goes on.
    scene.says_here("PUBREL 3");
    scene.forget();
    // Packet id 9 is another message now, and not taken for the first one coming again.
    scene.remote_publishes("in/b", QoS::ExactlyOnce, 9);
    scene.says_here("PUBLISH in/b q2 id 5");
}

#[test]
fn a_local_link_that_is_cut_is_made_again_and_the_messages_go_on() {
    let mut scene = Scene::connected(quick());
    scene.remote_publishes("in/a", QoS::AtLeastOnce, 9);
    scene.says_here("PUBLISH in/a q1 id 3");
    scene.input(Input::LocalLost);
    scene.remote_publishes("in/b", QoS::AtLeastOnce, 10);
    scene.says_nothing();
    scene.pass(1);
    scene.wished("local");
    scene.accept_local(20);
    scene.says_here("SUBSCRIBE 4 out/# q2 no-local as-published");
    scene.says_here("PUBLISH in/a q1 id 5").says_here("PUBLISH in/b q1 id 6");
    scene.local(&Packet::PubAck(ack(5)));
    scene.local(&Packet::PubAck(ack(6)));
    scene.says_there("PUBACK 9").says_there("PUBACK 10");
}

#[test]
fn the_end_of_the_process_leaves_the_good_bye_to_the_will() {
    let mut scene = Scene::connected(spec());
    scene.input(Input::Stop(Farewell::Shutdown));
    scene.says_here("DISCONNECT").says_nothing();
    scene.wished("hang up");
    scene.wished("close local");
    scene.wished("stopped");
    assert_eq!(scene.bridge.poll_timeout(), None);
}

#[test]
fn a_bridge_that_is_removed_says_good_bye_and_that_it_is_down() {
    let told = sealmq_bridge::fuzzing::spec(sealmq_mqtt::Version::V311);
    let mut scene = Scene::connected(told);
    scene.input(Input::Stop(Farewell::Removed));
    scene.says_there("PUBLISH bridge/state q0 retain").says_there("DISCONNECT");
    scene.says_here("PUBLISH bridge/state q1 id 5 retain").says_here("DISCONNECT");
    scene.wished("stopped");
}
