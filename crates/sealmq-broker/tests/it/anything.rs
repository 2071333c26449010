//! Whatever clients send in whatever order: no panic, nothing unreadable, nothing after Close (the harness asserts
//! both), bounds hold, and nothing is left when everyone has gone.

use crate::harness::{Client, Net, Pub, dial, id};
use proptest::prelude::*;
use sealmq_broker::{Input, Limits, Marks, Policy, SessionOwner};
use sealmq_mqtt::{
    Ack, FilterListBuf, Packet, Properties, Property, QoS, ReasonCode, Subscribe, SubscriptionListBuf,
    SubscriptionOptions, TopicFilter, Unsubscribe, Version,
};

const IDS: [&str; 3] = ["a", "b", "c"];
const FILTERS: [&str; 6] = ["t", "#", "t/+", "$share/g/t", "$share/g/#", "$SYS/#"];
const TOPICS: [&str; 3] = ["t", "t/x", "$SYS/broker/connection/x/state"];

#[derive(Debug, Clone)]
enum Step {
    Connect { who: usize, v5: bool, clean: bool, will: bool, owner: bool, expiry: u32 },
    Subscribe { who: usize, filter: usize, qos: QoS, handling: bool },
    Unsubscribe { who: usize, filter: usize },
    Publish { who: usize, topic: usize, qos: QoS, id: u16, retain: bool, dup: bool, empty: bool, expiry: u32 },
    Answer { who: usize, kind: u8, id: u16, refuse: bool },
    Garbage { who: usize, bytes: Vec<u8> },
    Disconnect { who: usize, with_will: bool },
    Drop { who: usize },
    Pass { secs: u64 },
    Turn { moved: bool },
}

fn qos() -> impl Strategy<Value = QoS> {
    prop_oneof![Just(QoS::AtMostOnce), Just(QoS::AtLeastOnce), Just(QoS::ExactlyOnce)]
}

fn step() -> impl Strategy<Value = Step> {
    let who = || 0..IDS.len();
    let flag = prop::bool::ANY;
    prop_oneof![
        3 => (who(), flag, flag, flag, flag, 0..30u32)
            .prop_map(|(who, v5, clean, will, owner, expiry)| Step::Connect { who, v5, clean, will, owner, expiry }),
        3 => (who(), 0..FILTERS.len(), qos(), flag)
            .prop_map(|(who, filter, qos, handling)| Step::Subscribe { who, filter, qos, handling }),
        1 => (who(), 0..FILTERS.len()).prop_map(|(who, filter)| Step::Unsubscribe { who, filter }),
        6 => (who(), 0..TOPICS.len(), qos(), 1..6u16, flag, flag, flag, 0..20u32).prop_map(
            |(who, topic, qos, id, retain, dup, empty, expiry)| Step::Publish { who, topic, qos, id, retain, dup, empty, expiry }
        ),
        6 => (who(), 0..4u8, 1..6u16, prop::bool::weighted(0.1))
            .prop_map(|(who, kind, id, refuse)| Step::Answer { who, kind, id, refuse }),
        1 => (who(), prop::collection::vec(any::<u8>(), 2..12)).prop_map(|(who, bytes)| Step::Garbage { who, bytes }),
        1 => (who(), flag).prop_map(|(who, with_will)| Step::Disconnect { who, with_will }),
        1 => who().prop_map(|who| Step::Drop { who }),
        1 => (0..40u64).prop_map(|secs| Step::Pass { secs }),
        1 => flag.prop_map(|moved| Step::Turn { moved }),
    ]
}

fn connect(net: &mut Net, step: &Step, shards: usize) -> Option<Client> {
    let Step::Connect { who, v5, clean, will, owner, expiry } = *step else { return None };
    let mut asked = dial(if v5 { Version::V5 } else { Version::V311 }, IDS[who]);
    asked.clean = clean;
    asked.keep_alive = 10;
    asked.owner = if owner { "one".into() } else { "two".into() };
    asked.properties = vec![Property::SessionExpiryInterval(expiry), Property::TopicAliasMaximum(1)];
    if will {
        asked = asked.will("t", "will");
        asked.will.as_mut().unwrap().delay_secs = expiry / 2;
    }
    Some(net.dial_on(who % shards, asked))
}

fn act(net: &mut Net, client: Client, step: &Step) {
    match step {
        Step::Subscribe { filter, qos, handling, .. } => {
            let mut list = SubscriptionListBuf::new();
            let options =
                SubscriptionOptions { retain_as_published: *handling, ..SubscriptionOptions::new(*qos) };
            let options = if client.version.is_v5() { options } else { SubscriptionOptions::new(*qos) };
            list.push(TopicFilter::parse(FILTERS[*filter]).unwrap(), options).unwrap();
            let subscriptions = list.as_list();
            net.send(
                client,
                Packet::Subscribe(Subscribe {
                    packet_id: id(9),
                    properties: Properties::EMPTY,
                    subscriptions,
                }),
            );
        }
        Step::Unsubscribe { filter, .. } => {
            let mut list = FilterListBuf::new();
            list.push(TopicFilter::parse(FILTERS[*filter]).unwrap());
            let filters = list.as_list();
            net.send(
                client,
                Packet::Unsubscribe(Unsubscribe { packet_id: id(8), properties: Properties::EMPTY, filters }),
            );
        }
        Step::Publish { topic, qos, id, retain, dup, empty, expiry, .. } => {
            let properties = [Property::MessageExpiryInterval(*expiry)];
            net.publish(
                client,
                Pub {
                    topic: TOPICS[*topic],
                    payload: if *empty { b"" } else { b"x" },
                    qos: *qos,
                    retain: *retain,
                    dup: *dup && *qos != QoS::AtMostOnce,
                    id: (*qos != QoS::AtMostOnce).then_some(*id),
                    properties: if client.version.is_v5() { &properties } else { &[] },
                },
            );
        }
        Step::Answer { kind, id: number, refuse, .. } => {
            let refuse = *refuse && client.version.is_v5() && *kind < 2;
            let reason = if refuse { ReasonCode::QuotaExceeded } else { ReasonCode::Success };
            let ack = Ack::with_reason(id(*number), reason);
            let packets =
                [Packet::PubAck(ack), Packet::PubRec(ack), Packet::PubRel(ack), Packet::PubComp(ack)];
            net.send(client, packets[usize::from(*kind)]);
        }
        Step::Garbage { bytes, .. } => net.send_garbage(client, bytes),
        Step::Disconnect { with_will, .. } => {
            let with_will = *with_will && client.version.is_v5();
            let reason = if with_will { ReasonCode::DisconnectWithWillMessage } else { ReasonCode::Success };
            net.disconnect(client, reason, &[]);
        }
        Step::Drop { .. } => net.drop_conn(client),
        Step::Connect { .. } | Step::Pass { .. } | Step::Turn { .. } => {}
    }
}

fn who(step: &Step) -> Option<usize> {
    match step {
        Step::Connect { who, .. }
        | Step::Subscribe { who, .. }
        | Step::Unsubscribe { who, .. }
        | Step::Publish { who, .. }
        | Step::Answer { who, .. }
        | Step::Garbage { who, .. }
        | Step::Disconnect { who, .. }
        | Step::Drop { who } => Some(*who),
        Step::Pass { .. } | Step::Turn { .. } => None,
    }
}

fn check_bounds(net: &Net, limits: &Limits) {
    for broker in &net.brokers {
        assert!(broker.timers() <= IDS.len() * 5);
        for facts in IDS.iter().filter_map(|id| broker.session_facts(id)) {
            assert!(facts.in_flight <= usize::from(limits.inflight_max), "{facts:?}");
            assert!(facts.queued <= limits.queued_max + usize::from(limits.inflight_max), "{facts:?}");
            assert!(facts.incoming <= limits.incoming_qos2_max, "{facts:?}");
            assert!(facts.subscriptions <= limits.subscriptions_max, "{facts:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn goes_and_leaves_nothing_behind(steps in prop::collection::vec(step(), 1..120), shards in 1..3usize, bound in prop::bool::ANY) {
        let mut limits = Limits { inflight_max: 2, queued_max: 3, incoming_qos2_max: 3, subscriptions_max: 4, ..Limits::default() };
        limits.retained_max = 2;
        let session_owner = if bound { SessionOwner::Bound } else { SessionOwner::Mosquitto };
        let policy = Policy { session_owner, ..Policy::default() };
        let mut net = Net::with_marks(limits.clone(), policy, shards, Marks::new(1, 0).unwrap());
        let mut clients: [Option<Client>; IDS.len()] = [None; IDS.len()];
        for step in &steps {
            match step {
                Step::Pass { secs } => net.pass(*secs),
                Step::Turn { moved } => {
                    net.tables.trust.fetch_add(u64::from(*moved), std::sync::atomic::Ordering::SeqCst);
                    net.turn();
                }
                _ => {
                    let who = who(step).unwrap();
                    if let Some(client) = connect(&mut net, step, shards) {
                        clients[who] = Some(client);
                    } else if let Some(client) = clients[who] {
                        act(&mut net, client, step);
                    }
                }
            }
            check_bounds(&net, &limits);
        }
        for shard in 0..shards {
            net.input(shard, Input::Shutdown);
        }
        for broker in &net.brokers {
            prop_assert_eq!(broker.counters().clients_connected, 0);
        }
        // The sessions that lasted are ended by their owners' clean starts on a broker that serves.
        net.pass(100);
        let lasting: u64 = net.brokers.iter().map(|broker| broker.counters().sessions).sum();
        if lasting == 0 {
            prop_assert!(net.tables.interest.lock().unwrap().is_empty());
            prop_assert_eq!(net.tables.groups.lock().unwrap().members(), 0);
            prop_assert_eq!(net.brokers.iter().map(sealmq_broker::Broker::timers).sum::<usize>(), 0);
        }
    }
}
