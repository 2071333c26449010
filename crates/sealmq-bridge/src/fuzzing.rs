//! What a hostile remote broker can send, as a plain function: a fuzz target calls it, and a test over the corpus.

use sealmq_mqtt::{QoS, Version};

use crate::backoff::Restart;
use crate::spec::{AddressOrder, BridgeSpec, Notifications, OfflineQoS0, Start, StartType};
use crate::topics::{Direction, TopicRule};
use crate::{Bridge, Input, Now, Output};

/// A bridge that takes in `in/#` and sends out `out/#`, with everything else as by default.
pub fn spec(version: Version) -> BridgeSpec {
    let rule = |pattern, direction| {
        TopicRule::new(pattern, direction, QoS::ExactlyOnce, "", "").expect("these two are topic filters")
    };
    BridgeSpec {
        name: "fuzz".to_owned(),
        addresses: 1,
        address_order: AddressOrder::PreferFirst,
        topics: vec![rule("in/#", Direction::In), rule("out/#", Direction::Out)],
        stale_filters: Vec::new(),
        version,
        try_private: true,
        local_client_id: "local.fuzz".to_owned(),
        local_start: Start::Resume,
        remote_client_id: "fuzz".to_owned(),
        remote_username: None,
        remote_password: None,
        remote_start: Start::Resume,
        keep_alive_secs: 60,
        start_type: StartType::Automatic,
        restart: Restart::DEFAULT,
        notifications: Some(Notifications { topic: "bridge/state".to_owned(), local_only: false }),
        attempt_unsubscribe: true,
        outgoing_retain: true,
        topic_alias_max: 10,
        receive_maximum: 20,
        session_expiry_secs: 0,
        packet_bytes_max: None,
        incoming_packet_bytes_max: 2_000_000,
        inflight_max: 20,
        queued_max: 1_000,
        offline_qos0: OfflineQoS0::Dropped,
        seed: 1,
    }
}

/// The first byte picks the version; the rest is what the remote broker sends, in pieces, with a connection anew
/// whenever the bridge has closed it. What is held stays within its bounds.
pub fn remote_bytes(data: &[u8]) {
    let (version, mut rest) = match data {
        [] => return,
        [first, rest @ ..] if first % 2 == 0 => (Version::V311, rest),
        [_, rest @ ..] => (Version::V5, rest),
    };
    let mut bridge = Bridge::new(spec(version));
    bridge.handle(Now(0), Input::Start);
    bridge.receive_local(Now(0), &[0x20, 3, 0, 0, 0]);
    bridge.receive_local(Now(0), &[0x90, 4, 0, 1, 0, 0]);
    for turn in 1..64 {
        let now = Now(turn * 60_000);
        bridge.handle(now, Input::Timeout);
        bridge.handle(now, Input::RemoteOpened);
        let (piece, left) = rest.split_at(rest.len().min(1 + data.len() / 8));
        let done = bridge.receive_remote(now, piece);
        assert!(done <= piece.len());
        assert!(bridge.inward.waiting() <= crate::INWARD_WAITING_MAX + 2);
        while let Some(output) = bridge.poll_output() {
            assert!(!matches!(output, Output::Stopped));
        }
        rest = left;
    }
}
