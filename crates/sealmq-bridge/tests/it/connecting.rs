//! CONNECT and what follows it, and what refusals teach.

use sealmq_bridge::{BridgeSpec, Input, Notifications, Restart, Start};
use sealmq_mqtt::{
    ConnAck, ConnAckCode, ConnectReturnCode, MaximumQoS, Packet, Properties, Property, QoS, ReasonCode,
    Version,
};

use crate::scene::{Scene, spec};

fn told() -> BridgeSpec {
    let notifications = Notifications { topic: "bridge/state".to_owned(), local_only: false };
    BridgeSpec { notifications: Some(notifications), restart: Restart::Constant(1_000), ..spec() }
}

fn v5() -> BridgeSpec {
    BridgeSpec { version: Version::V5, ..told() }
}

fn refuse(scene: &mut Scene, code: ConnAckCode) {
    scene.input(Input::RemoteOpened);
    scene.remote(&Packet::ConnAck(ConnAck { session_present: false, code, properties: Properties::EMPTY }));
}

#[test]
fn the_order_is_mosquittos() {
    let mut scene = Scene::new(told());
    scene.says_here("SUBSCRIBE 1 out/# q2 no-local as-published");
    scene.says_here("PUBLISH bridge/state q1 id 2 retain").says_nothing();
    scene.accept(&[]);
    scene.says_there("CONNECT").says_there("PUBLISH bridge/state q1 id 1 retain");
    scene.says_there("SUBSCRIBE 2 in/# q2").says_there("UNSUBSCRIBE 3 out/#");
    scene.says_here("PUBLISH bridge/state q1 id 3 retain");
    scene.says_here("SUBSCRIBE 4 out/# q2 no-local as-published").says_nothing();
    scene.input(Input::RemoteLost);
    scene.says_here("PUBLISH bridge/state q1 id 5 retain").says_nothing();
}

#[test]
fn nobody_is_dialled_before_the_subscriptions_here_are_answered() {
    let mut bridge = sealmq_bridge::Bridge::new(spec());
    bridge.handle(sealmq_bridge::Now(0), Input::Start);
    bridge.receive_local(sealmq_bridge::Now(0), &[0x20, 3, 0, 0, 0]);
    let wishes: Vec<_> = std::iter::from_fn(|| bridge.poll_output()).collect();
    assert!(!wishes.iter().any(|wish| matches!(wish, sealmq_bridge::Output::Dial { .. })), "{wishes:?}");
    assert!(!bridge.is_ready());
    bridge.receive_local(sealmq_bridge::Now(0), &[0x90, 4, 0, 1, 0, 2]);
    assert!(bridge.is_ready());
    assert_eq!(bridge.poll_output(), Some(sealmq_bridge::Output::Dial { address: 0 }));
}

#[test]
fn connect_says_what_mosquittos_bridge_says() {
    let mut scene = Scene::new(BridgeSpec { remote_username: Some("u".to_owned()), ..told() });
    scene.accept(&[]);
    scene.connect(|connect| {
        assert!(connect.bridge && !connect.clean_start);
        assert_eq!(
            (connect.version, connect.client_id, connect.keep_alive_secs),
            (Version::V311, "fuzz", 60)
        );
        let will = connect.will.as_ref().unwrap();
        assert_eq!(
            (will.topic.as_str(), will.payload, will.qos, will.retain),
            ("bridge/state", &b"0"[..], QoS::AtLeastOnce, true)
        );
        assert_eq!(connect.username, Some("u"));
    });
    let private =
        BridgeSpec { try_private: false, remote_start: Start::Clean, notifications: None, ..told() };
    let mut scene = Scene::new(private);
    scene.accept(&[]);
    scene.connect(|connect| assert!(!connect.bridge && connect.clean_start && connect.will.is_none()));
}

#[test]
fn properties_stand_in_mosquittos_order() {
    let mut scene = Scene::new(BridgeSpec { session_expiry_secs: 7, ..v5() });
    scene.accept(&[]);
    scene.connect(|connect| {
        assert!(!connect.bridge);
        let properties: Vec<_> = connect.properties.iter().collect();
        let receive = Property::ReceiveMaximum(20.try_into().unwrap());
        let aliases = Property::TopicAliasMaximum(10);
        assert_eq!(properties, [aliases, Property::SessionExpiryInterval(7), receive]);
    });
}

#[test]
fn subscriptions_of_5_0_are_no_local_and_as_published() {
    let mut scene = Scene::new(v5());
    scene.accept(&[]);
    scene.says_there("CONNECT").says_there("PUBLISH bridge/state q1 id 1 retain");
    scene.says_there("SUBSCRIBE 2 in/# q2 no-local as-published").says_there("UNSUBSCRIBE 3 out/#");
}

#[test]
fn notifications_local_only_are_local_only() {
    let notifications = Some(Notifications { topic: "bridge/state".to_owned(), local_only: true });
    let mut scene = Scene::new(BridgeSpec { notifications, ..told() });
    scene.accept(&[]);
    scene.connect(|connect| assert!(connect.will.is_none()));
    scene.says_there("CONNECT").says_there("SUBSCRIBE 1 in/# q2");
}

#[test]
fn without_attempt_unsubscribe_nothing_is_unsubscribed() {
    let mut scene = Scene::new(BridgeSpec { attempt_unsubscribe: false, notifications: None, ..told() });
    scene.accept(&[]);
    scene.says_there("CONNECT").says_there("SUBSCRIBE 1 in/# q2");
    scene.forget();
    scene.says_nothing();
}

#[test]
fn a_broker_that_knows_no_bridge_bit_is_asked_without_it() {
    let mut scene = Scene::new(told());
    refuse(&mut scene, ConnAckCode::V3(ConnectReturnCode::UnacceptableProtocolVersion));
    scene.connect(|connect| assert!(connect.bridge));
    scene.wished("Connection Refused: unacceptable protocol version");
    scene.pass(1);
    scene.wished("dial 0");
    scene.accept(&[]);
    scene.connect(|connect| assert!(!connect.bridge));
}

#[test]
fn a_broker_that_knows_no_5_0_is_asked_in_3_1_1() {
    let mut scene = Scene::new(v5());
    scene.input(Input::RemoteOpened);
    scene.remote_bytes(&[0x20, 2, 0, 1]);
    scene.wished("Warning: Remote bridge fuzz does not support MQTT v5.0, reconnecting using MQTT v3.1.1.");
    scene.pass(1);
    scene.speaks(Version::V311);
    scene.accept(&[]);
    scene.connect(|connect| assert_eq!((connect.version, connect.bridge), (Version::V311, true)));
    assert!(scene.bridge.is_connected());
}

#[test]
fn refusals_are_told_in_mosquittos_words() {
    for (code, text) in [
        (ConnectReturnCode::ServerUnavailable, "broker unavailable"),
        (ConnectReturnCode::BadUserNameOrPassword, "bad user name or password"),
        (ConnectReturnCode::NotAuthorized, "not authorised"),
        (ConnectReturnCode::IdentifierRejected, "identifier rejected"),
    ] {
        let mut scene = Scene::new(told());
        refuse(&mut scene, ConnAckCode::V3(code));
        scene.wished(&format!("Connection Refused: {text}"));
        scene.wished("hang up");
    }
    for (reason, text) in [
        (ReasonCode::BadUserNameOrPassword, "Bad User Name or Password"),
        (ReasonCode::NotAuthorized, "Not authorized"),
        (ReasonCode::QuotaExceeded, "Quota exceeded"),
        (ReasonCode::QoSNotSupported, "QoS not supported (will retry)"),
        (ReasonCode::RetainNotSupported, "retain not available (will retry)"),
    ] {
        let mut scene = Scene::new(v5());
        refuse(&mut scene, ConnAckCode::V5(reason));
        scene.wished(&format!("Connection Refused: {text}"));
    }
}

#[test]
fn what_the_broker_cannot_store_or_promise_is_not_asked_of_it_again() {
    let mut scene = Scene::new(v5());
    refuse(&mut scene, ConnAckCode::V5(ReasonCode::RetainNotSupported));
    scene.pass(1);
    refuse(&mut scene, ConnAckCode::V5(ReasonCode::QoSNotSupported));
    scene.pass(1);
    refuse(&mut scene, ConnAckCode::V5(ReasonCode::QoSNotSupported));
    scene.pass(1);
    scene.accept(&[]);
    scene.connect(|connect| {
        let will = connect.will.as_ref().unwrap();
        assert_eq!((will.qos, will.retain), (QoS::AtMostOnce, false));
    });
}

#[test]
fn a_lower_maximum_qos_and_no_retain_of_connack_count() {
    let mut scene = Scene::new(v5());
    scene.accept(&[Property::MaximumQoS(MaximumQoS::AtMostOnce), Property::RetainAvailable(false)]);
    scene.says_there("CONNECT").says_there("PUBLISH bridge/state q0");
    scene.says_there("SUBSCRIBE 2 in/# q0 no-local as-published").says_there("UNSUBSCRIBE 3 out/#");
    scene.forget();
    scene.local_publishes("out/a", QoS::ExactlyOnce, 7);
    scene.says_there("PUBLISH out/a q0").says_here("PUBREC 7");
}

#[test]
fn bridge_outgoing_retain_false_clears_every_retain_flag() {
    let mut scene = Scene::new(BridgeSpec { outgoing_retain: false, ..told() });
    scene.accept(&[]);
    scene.connect(|connect| assert!(!connect.will.as_ref().unwrap().retain));
    scene.says_there("CONNECT").says_there("PUBLISH bridge/state q1 id 1");
}

#[test]
fn the_bridge_pings_and_hangs_up_on_who_does_not_answer() {
    let mut scene = Scene::connected(told());
    scene.pass(59);
    scene.says_nothing();
    scene.pass(1);
    scene.says_there("PINGREQ");
    scene.remote(&Packet::PingResp);
    scene.pass(60);
    scene.says_there("PINGREQ");
    scene.pass(60);
    scene.wished("Bridge fuzz: the remote broker did not answer PINGREQ.");
    scene.wished("hang up");
}

#[test]
fn a_broker_that_asks_is_answered_as_mosquittos_bridge_does() {
    let mut scene = Scene::connected(told());
    assert_eq!(scene.remote_bytes(&[0xc0, 0]), 2);
    scene.says_there("PINGRESP");
}
