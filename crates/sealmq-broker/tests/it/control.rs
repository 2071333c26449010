//! `$CONTROL/…`: to the broker itself, and the answer to who asked.

use crate::harness::{Client, Net, What, dial};
use sealmq_broker::{
    Access, Acl, AclEntry, AclRules, AclUser, ControlAnswer, DollarTopics, Input, Role, Unasked,
};
use sealmq_mqtt::{QoS, Version};
use std::sync::Arc;

const TOPIC: &str = "$CONTROL/broker/v1";
const RESPONSE: &str = "$CONTROL/broker/v1/response";

fn answer(net: &mut Net, to: Client, unasked: Unasked) {
    let answer = ControlAnswer { conn: to.conn, topic: RESPONSE, payload: b"{}", unasked };
    net.input(to.shard, Input::ControlAnswer(answer));
}

#[test]
fn a_command_reaches_the_broker_once_and_no_other_client() {
    let mut net = Net::new();
    let (admin, other) = (net.v5("admin"), net.v5("other"));
    net.sub(other, "$CONTROL/#", QoS::ExactlyOnce);
    net.say(admin, TOPIC, "zero");
    net.put(admin, TOPIC, "one", QoS::AtLeastOnce, 1);
    assert_eq!(net.take(admin), What::PubAck(1, 0));
    net.put(admin, TOPIC, "two", QoS::ExactlyOnce, 2);
    assert_eq!(net.take(admin), What::PubRec(2, 0));
    net.pubrel(admin, 2);
    assert_eq!(net.take(admin), What::PubComp(2, 0));
    net.retain(admin, TOPIC, "kept?");
    let asked: Vec<&[u8]> = net.requests.iter().map(|request| &*request.payload).collect();
    assert_eq!(asked, [&b"zero"[..], b"one", b"two", b"kept?"]);
    assert!(net.requests.iter().all(|request| &*request.topic == TOPIC && request.conn == admin.conn));
    assert!(net.is_quiet(other));
    let late = net.v5("late");
    net.sub(late, "$CONTROL/#", QoS::AtMostOnce);
    assert!(net.is_quiet(late), "nothing was retained");
}

#[test]
fn what_only_looks_like_a_command_is_an_ordinary_message() {
    let mut net = Net::new();
    let (one, two) = (net.v5("one"), net.v5("two"));
    for topic in ["$CONTROLLER/x", "CONTROL/broker/v1", "$CONTROL"] {
        net.sub(two, topic, QoS::AtMostOnce);
        net.say(one, topic, "x");
        assert_eq!(net.payloads(two), ["x"]);
    }
    assert!(net.requests.is_empty());
}

#[test]
fn the_answer_goes_to_the_asking_client_if_it_subscribed() {
    let mut net = Net::new();
    let (admin, other) = (net.v5("admin"), net.v5("other"));
    net.sub(other, RESPONSE, QoS::AtMostOnce);
    answer(&mut net, admin, Unasked::Withheld);
    assert!(net.is_quiet(admin));
    answer(&mut net, admin, Unasked::Given);
    assert_eq!(net.msg(admin).topic, RESPONSE);
    net.sub(admin, "$CONTROL/broker/#", QoS::ExactlyOnce);
    answer(&mut net, admin, Unasked::Withheld);
    let message = net.msg(admin);
    assert_eq!((message.topic.as_str(), message.qos, message.retain), (RESPONSE, 0, false));
    assert!(net.is_quiet(other));
}

#[test]
fn who_has_gone_is_not_answered() {
    let mut net = Net::new();
    let admin = net.v5("admin");
    net.sub(admin, RESPONSE, QoS::AtMostOnce);
    net.bye(admin);
    answer(&mut net, admin, Unasked::Given);
}

/// One user may ask; another may ask and not read what is answered.
fn list() -> Acl {
    let mut rules = AclRules::new();
    rules.add(AclUser::Named("boss"), AclEntry::new(Access::ReadWrite, "$CONTROL/#").unwrap());
    rules.add(AclUser::Named("mute"), AclEntry::new(Access::Write, "$CONTROL/#").unwrap());
    rules.add(AclUser::Named("device"), AclEntry::new(Access::ReadWrite, "#").unwrap());
    Acl::Rules(rules)
}

#[test]
fn the_access_list_decides_who_may_ask_and_who_reads_the_answer() {
    let mut net = Net::with_policy(|policy| policy.acl = Arc::new(list()));
    let asks = |net: &mut Net, user: &str| {
        let client = net.connect(dial(Version::V5, user).user(user));
        net.sub(client, "$CONTROL/#", QoS::AtMostOnce);
        net.put(client, TOPIC, "x", QoS::AtLeastOnce, 1);
        let said = net.take(client);
        answer(net, client, Unasked::Given);
        (said, net.payloads(client).len())
    };
    assert_eq!(asks(&mut net, "boss"), (What::PubAck(1, 0), 1));
    assert_eq!(asks(&mut net, "mute"), (What::PubAck(1, 0), 0));
    assert_eq!(net.requests.len(), 2);
    // `#` grants no `$` topic.
    assert_eq!(asks(&mut net, "device"), (What::PubAck(1, 0x87), 0));
    assert_eq!(net.requests.len(), 2);
}

#[test]
fn where_there_is_an_operator_nobody_else_asks() {
    let mut net = Net::with_policy(|policy| policy.dollar = DollarTopics::Operator);
    let client = net.v5("device");
    net.put(client, TOPIC, "x", QoS::AtLeastOnce, 1);
    assert_eq!(net.take(client), What::PubAck(1, 0x87));
    assert!(net.requests.is_empty());
    let operator = net.connect(crate::harness::Dial { role: Role::Operator, ..dial(Version::V5, "op") });
    net.put(operator, TOPIC, "x", QoS::AtLeastOnce, 1);
    assert_eq!(net.take(operator), What::PubAck(1, 0));
    assert_eq!(net.requests.len(), 1);
}
