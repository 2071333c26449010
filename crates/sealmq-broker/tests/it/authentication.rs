//! Authentication by AUTH packets: what the door has done, re-authentication of a live session, topics of a token.

use crate::harness::{Client, Dial, EndsAt, Net, TestAdmission, Verdict, What, dial};
use sealmq_broker::{
    AuthData, AuthStep, Authentication, Ended, Ending, Errand, ErrandOutcome, Input, Policy, Renewed,
    TopicScope, Wall,
};
use sealmq_mqtt::{Auth, Packet, PropertiesBuf, Property, QoS, ReasonCode, Secret, Version};
use std::sync::{Arc, Mutex, atomic::Ordering};

const METHOD: &str = "SCRAM-SHA-256";

fn authenticated(id: &str) -> Dial {
    let mut asked = dial(Version::V5, id).user("anna").with(Property::AuthenticationMethod(METHOD));
    asked.authentication = Some(Authentication { method: METHOD.into(), data: AuthData::new(*b"v=proof") });
    asked
}

fn auth(net: &mut Net, client: Client, reason: ReasonCode, method: &str, data: &[u8]) {
    let properties = PropertiesBuf::of([
        Property::AuthenticationMethod(method),
        Property::AuthenticationData(Secret::new(data)),
    ])
    .unwrap();
    net.send(client, Packet::Auth(Auth { reason, properties: properties.as_properties() }));
}

fn begin(net: &mut Net, client: Client) {
    auth(net, client, ReasonCode::ReAuthenticate, METHOD, b"first");
}

fn done(net: &mut Net, client: Client, outcome: ErrandOutcome) {
    net.input(client.shard, Input::ErrandDone { conn: client.conn, outcome });
}

fn renewed(username: &str, generation: u64, verdict: Verdict) -> ErrandOutcome {
    let admitted_by = Arc::new(TestAdmission(Mutex::new(verdict)));
    let data = AuthData::new(*b"v=again");
    ErrandOutcome::Renewed(Renewed { username: username.into(), admitted_by, generation, data })
}

fn asked(net: &mut Net) -> (AuthStep, Vec<u8>) {
    let (_, Errand::Authenticate { step, data }) = net.errands.pop().expect("an errand");
    (step, data.expose().to_vec())
}

#[test]
fn connack_names_the_method_only_to_who_named_it() {
    let mut net = Net::new();
    let client = net.dial(authenticated("c"));
    let got = net.take_got(client);
    assert_eq!(got.what, What::ConnAck { session_present: false, code: 0 });
    // Property 0x15 and 0x16. [MQTT-4.12.0-5] [MQTT-4.12.0-6]
    let expected = [&[0x15, 0, 13][..], METHOD.as_bytes(), &[0x16, 0, 7], b"v=proof"].concat();
    let holds = |bytes: &[u8]| bytes.windows(expected.len()).any(|window| window == expected);
    assert!(holds(&got.bytes));
    let other = net.dial(dial(Version::V5, "d"));
    assert!(!holds(&net.take_got(other).bytes));
}

/// [MQTT-4.12.0-1]
#[test]
fn a_method_by_which_the_door_did_not_authenticate_is_refused() {
    for done in [None, Some("SCRAM-SHA-1")] {
        let mut net = Net::new();
        let mut asked = authenticated("c");
        asked.authentication =
            done.map(|method| Authentication { method: method.into(), data: AuthData::default() });
        let client = net.dial(asked);
        assert_eq!(net.take(client), What::ConnAck { session_present: false, code: 0x8c });
        assert!(net.ending(client).is_some());
    }
}

/// [MQTT-4.12.0-2] [MQTT-4.12.0-3] [MQTT-4.12.1-1]
#[test]
fn a_session_is_proved_again_while_its_messages_go_on() {
    let mut net = Net::new();
    let client = net.connect(authenticated("c"));
    net.sub(client, "t", QoS::AtMostOnce);
    begin(&mut net, client);
    assert_eq!(asked(&mut net), (AuthStep::Begin, b"first".to_vec()));
    net.say(client, "t", "while the errand runs");
    assert_eq!(net.payloads(client), ["while the errand runs"]);
    done(&mut net, client, ErrandOutcome::Challenge(AuthData::new(*b"r=")));
    assert_eq!(net.take(client), What::Auth { reason: 0x18, method: METHOD.into(), data: b"r=".to_vec() });
    net.say(client, "t", "while it thinks");
    assert_eq!(net.payloads(client), ["while it thinks"]);
    auth(&mut net, client, ReasonCode::ContinueAuthentication, METHOD, b"last");
    assert_eq!(asked(&mut net), (AuthStep::Continue, b"last".to_vec()));
    done(&mut net, client, renewed("anna", u64::MAX, Verdict::Good(u64::MAX)));
    assert_eq!(net.take(client), What::Auth { reason: 0, method: METHOD.into(), data: b"v=again".to_vec() });
    // And once more.
    begin(&mut net, client);
    assert_eq!(asked(&mut net).0, AuthStep::Begin);
    assert!(net.ending(client).is_none());
}

#[test]
fn the_new_judgment_takes_the_place_of_the_old_one() {
    for (verdict, stays) in [(Verdict::Good(2), true), (Verdict::Ended, false)] {
        let mut net = Net::new();
        let mut dialled = authenticated("c");
        dialled.admission = Arc::new(TestAdmission(Mutex::new(Verdict::Ended)));
        dialled.generation = 1;
        let client = net.connect(dialled);
        begin(&mut net, client);
        done(&mut net, client, renewed("anna", 1, verdict));
        assert_eq!(
            net.take(client),
            What::Auth { reason: 0, method: METHOD.into(), data: b"v=again".to_vec() }
        );
        net.tables.trust.store(2, Ordering::SeqCst);
        net.turn();
        assert_eq!(net.ending(client).is_none(), stays, "{verdict:?}");
    }
}

/// Sooner, later or never: it came with an end in 200 seconds.
#[test]
fn the_end_that_the_new_judgment_has_counts() {
    for end_secs in [Some(30), Some(300), None] {
        let mut net = Net::new();
        let mut dialled = authenticated("c");
        dialled.ends_at = Some(Wall(net.now.wall.0 + 200_000));
        let client = net.connect(dialled);
        begin(&mut net, client);
        let admitted_by = Arc::new(EndsAt(end_secs.map(|secs| Wall(net.now.wall.0 + secs * 1_000))));
        let data = AuthData::new(*b"v=again");
        let renewed = Renewed { username: "anna".into(), admitted_by, generation: 1, data };
        done(&mut net, client, ErrandOutcome::Renewed(renewed));
        assert!(matches!(net.take(client), What::Auth { reason: 0, .. }));
        net.pass(end_secs.unwrap_or(400) - 1);
        assert!(net.ending(client).is_none(), "{end_secs:?}");
        net.pass(1);
        let ended = end_secs.map(|_| &Ending::CertificateEnded);
        assert_eq!(net.ending(client), ended, "{end_secs:?}");
    }
}

#[test]
fn a_judgment_older_than_the_trust_of_now_is_made_again() {
    for (verdict, stays) in [(Verdict::Good(2), true), (Verdict::Ended, false)] {
        let mut net = Net::new();
        let client = net.connect(authenticated("c"));
        begin(&mut net, client);
        net.tables.trust.store(2, Ordering::SeqCst);
        done(&mut net, client, renewed("anna", 1, verdict));
        let reason = match net.take(client) {
            What::Auth { reason, .. } | What::Disconnect(reason) => reason,
            other => panic!("{other:?}"),
        };
        assert_eq!((reason, net.ending(client).is_none()), if stays { (0, true) } else { (0x87, false) });
    }
}

/// The errand judged the name at the newest generation; the certificate beside it was judged at one before, and the
/// judgment of all that is due has not been made yet.
#[test]
fn a_new_proof_does_not_hide_a_session_from_the_judgment_that_is_due() {
    for (verdict, stays) in [(Verdict::Good(2), true), (Verdict::Ended, false)] {
        let mut net = Net::new();
        let client = net.connect(authenticated("c"));
        begin(&mut net, client);
        net.tables.trust.store(2, Ordering::SeqCst);
        done(&mut net, client, renewed("anna", 2, verdict));
        net.turn();
        assert_eq!(net.ending(client).is_none(), stays, "{verdict:?}");
        let first = net.take(client);
        assert!(matches!(first, What::Auth { reason: 0, .. }) == stays, "{first:?}");
    }
}

/// Whoever is slow: the client after the challenge, or the errand.
#[test]
fn a_re_authentication_that_comes_to_no_end_ends_the_session() {
    type Stop = fn(&mut Net, Client);
    let asked: Stop = |net, client| {
        done(net, client, ErrandOutcome::Challenge(AuthData::new(*b"r=")));
        net.take(client);
    };
    let never_answered: Stop = |_, _| {};
    let late: Stop = |net, client| {
        net.pass(10);
        done(net, client, ErrandOutcome::Challenge(AuthData::new(*b"r=")));
        net.take(client);
        auth(net, client, ReasonCode::ContinueAuthentication, METHOD, b"last");
        net.pass(4);
    };
    for (stop, left) in [(asked, 15), (never_answered, 15), (late, 1)] {
        let mut net = Net::new();
        let client = net.connect(authenticated("c"));
        begin(&mut net, client);
        stop(&mut net, client);
        net.pass(left - 1);
        assert!(net.is_quiet(client) && net.ending(client).is_none());
        net.pass(1);
        assert_eq!(net.take(client), What::Disconnect(0x87));
        assert!(
            matches!(net.ending(client), Some(Ending::NotAuthorised(ended)) if ended.code == "auth-timeout")
        );
    }
}

#[test]
fn one_that_ends_in_time_leaves_no_timer_behind_nor_does_a_session_that_comes_again() {
    let mut net = Net::new();
    let lasting = || authenticated("c").with(Property::SessionExpiryInterval(3600)).resume();
    let client = net.connect(lasting());
    begin(&mut net, client);
    done(&mut net, client, renewed("anna", u64::MAX, Verdict::Good(u64::MAX)));
    assert!(matches!(net.take(client), What::Auth { reason: 0, .. }));
    net.pass(30);
    assert!(net.ending(client).is_none());
    begin(&mut net, client);
    net.drop_conn(client);
    let client = net.connect(lasting());
    net.pass(30);
    assert!(net.ending(client).is_none());
}

#[test]
fn another_user_or_a_failed_proof_ends_the_session() {
    let refused = ErrandOutcome::Refused(Ended {
        code: "SMQ-A013",
        text: "wrong".to_owned(),
        farewell: sealmq_broker::Farewell::NotAuthorized,
    });
    let good = Verdict::Good(u64::MAX);
    for (outcome, code) in [(renewed("berta", u64::MAX, good), "other-user"), (refused, "SMQ-A013")] {
        let mut net = Net::new();
        let client = net.connect(authenticated("c"));
        begin(&mut net, client);
        done(&mut net, client, outcome);
        // [MQTT-4.12.1-2] [MQTT-4.12.0-4]
        assert_eq!(net.take(client), What::Disconnect(0x87));
        assert!(matches!(net.ending(client), Some(Ending::NotAuthorised(ended)) if ended.code == code));
    }
}

/// [MQTT-4.12.0-3] [MQTT-4.12.1-1]
#[test]
fn auth_out_of_turn_breaks_the_protocol() {
    let (begins, goes_on) = (ReasonCode::ReAuthenticate, ReasonCode::ContinueAuthentication);
    type Before = fn(&mut Net, Client);
    let nothing: Before = |_, _| {};
    let busy: Before = begin;
    let challenged: Before = |net, client| {
        begin(net, client);
        done(net, client, ErrandOutcome::Challenge(AuthData::new(*b"r=")));
        net.take(client);
    };
    for (before, reason, method) in [
        (nothing, goes_on, METHOD),
        (nothing, ReasonCode::Success, METHOD),
        (nothing, begins, "SCRAM-SHA-1"),
        (busy, begins, METHOD),
        (busy, goes_on, METHOD),
        (challenged, begins, METHOD),
        (challenged, goes_on, "GS2-KRB5"),
    ] {
        let mut net = Net::new();
        let client = net.connect(authenticated("c"));
        before(&mut net, client);
        let errands = net.errands.len();
        auth(&mut net, client, reason, method, b"x");
        assert_eq!(net.take(client), What::Disconnect(0x82), "{reason} {method}");
        assert_eq!(net.errands.len(), errands, "nobody is asked");
    }
}

/// [MQTT-4.12.0-7]
#[test]
fn auth_from_who_named_no_method_breaks_the_protocol() {
    let mut net = Net::new();
    let client = net.v5("c");
    begin(&mut net, client);
    assert_eq!(net.take(client), What::Disconnect(0x82));
    assert!(net.errands.is_empty());
}

#[test]
fn an_answer_nobody_waits_for_changes_nothing() {
    let mut net = Net::new();
    let client = net.connect(authenticated("c"));
    done(&mut net, client, renewed("berta", u64::MAX, Verdict::Good(u64::MAX)));
    assert!(net.is_quiet(client) && net.ending(client).is_none());
    begin(&mut net, client);
    net.drop_conn(client);
    done(&mut net, client, ErrandOutcome::Challenge(AuthData::default()));
    assert!(net.is_quiet(client));
}

/// A token narrows what the access list grants: here there is none, and everything would be granted.
#[test]
fn the_topics_of_a_token_narrow_and_never_widen() {
    let mut net =
        Net::with_policy(|policy: &mut Policy| policy.dollar = sealmq_broker::DollarTopics::Operator);
    let filters = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let scope = TopicScope::new(&filters(&["out/#", "$SYS/#"]), &filters(&["in/+", "$SYS/#"])).unwrap();
    let mut asked = dial(Version::V5, "narrow").user("anna");
    asked.topics = Some(Arc::new(scope));
    let narrow = net.connect(asked);
    let wide = net.v5("wide");
    net.sub(narrow, "#", QoS::AtMostOnce);
    net.sub(wide, "#", QoS::AtMostOnce);
    for topic in ["in/1", "in/1/2", "out/1", "other"] {
        net.say(wide, topic, topic);
    }
    assert_eq!(net.payloads(narrow), ["in/1"]);
    assert_eq!(net.payloads(wide), ["in/1", "in/1/2", "out/1", "other"]);
    for topic in ["out/1", "in/1", "$SYS/broker/uptime"] {
        net.say(narrow, topic, topic);
    }
    assert_eq!(net.payloads(wide), ["out/1"]);
    assert!(TopicScope::new(&filters(&["a/#/b"]), &[]).is_err());
}
