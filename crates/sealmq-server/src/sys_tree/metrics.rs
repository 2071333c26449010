//! The one table of `$SYS`: mosquitto 2.1's topics, in its order, and what each counts.

use super::Snapshot;
use super::load::Window;

/// The program and its version.
pub const VERSION: &str = "$SYS/broker/version";
/// `N seconds` since the start.
pub const UPTIME: &str = "$SYS/broker/uptime";

/// One number.
pub struct Metric {
    /// Its topic.
    pub topic: &'static str,
    /// A second topic with the same value, from older mosquittos.
    pub alias: Option<&'static str>,
    /// Its value.
    pub value: fn(&Snapshot) -> u64,
    /// What it counts.
    pub doc: &'static str,
}

impl Metric {
    /// Both topics.
    pub fn topics(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.topic).chain(self.alias)
    }
}

/// One total whose rate per minute is averaged.
pub struct Load {
    /// The levels between `$SYS/broker/load/` and the window.
    pub name: &'static str,
    /// Its total since the start.
    pub total: fn(&Snapshot) -> u64,
    /// What it counts.
    pub doc: &'static str,
}

impl Load {
    /// The topic of one average.
    #[must_use]
    pub fn topic(&self, window: Window) -> String {
        format!("$SYS/broker/load/{}/{}", self.name, window.name)
    }
}

const fn metric(topic: &'static str, value: fn(&Snapshot) -> u64, doc: &'static str) -> Metric {
    Metric { topic, alias: None, value, doc }
}

const fn load(name: &'static str, total: fn(&Snapshot) -> u64, doc: &'static str) -> Load {
    Load { name, total, doc }
}

impl Metric {
    const fn alias(mut self, topic: &'static str) -> Metric {
        self.alias = Some(topic);
        self
    }
}

/// All numbers.
#[rustfmt::skip]
pub const METRICS: &[Metric] = &[
    metric("$SYS/broker/clients/total", |s| s.tally.core.sessions, "Sessions, with those whose client is away."),
    metric("$SYS/broker/clients/maximum", |s| s.sessions_max, "The most sessions there were, looked at once per interval."),
    metric("$SYS/broker/clients/disconnected", |s| s.tally.core.sessions.saturating_sub(s.tally.core.clients_connected),
        "Sessions whose client is away.").alias("$SYS/broker/clients/inactive"),
    metric("$SYS/broker/clients/connected", |s| s.tally.core.clients_connected, "Clients that are connected.")
        .alias("$SYS/broker/clients/active"),
    metric("$SYS/broker/clients/expired", |s| s.tally.core.sessions_expired,
        "Sessions that ended because their client stayed away too long."),
    metric("$SYS/broker/messages/stored", |s| s.retained.messages + s.tally.core.messages_held,
        "Retained messages, and those in flight or queued for clients; one that waits for several clients counts for each.")
        .alias("$SYS/broker/store/messages/count"),
    metric("$SYS/broker/store/messages/bytes", |s| s.retained.payload_bytes + s.tally.core.held_bytes, "Bytes of their payloads."),
    metric("$SYS/broker/subscriptions/count", |s| s.tally.core.subscriptions.saturating_sub(s.tally.core.shared_subscriptions),
        "Subscriptions, without shared ones."),
    metric("$SYS/broker/shared_subscriptions/count", |s| s.tally.core.shared_subscriptions, "Shared subscriptions."),
    metric("$SYS/broker/retained messages/count", |s| s.retained.messages, "Retained messages, with those of `$SYS`."),
    metric("$SYS/broker/heap/current", |s| s.heap_bytes, "Anonymous memory of the process that is resident, in bytes (Linux)."),
    metric("$SYS/broker/heap/maximum", |s| s.heap_bytes_max, "The most it was, looked at once per interval."),
    metric("$SYS/broker/messages/received", |s| s.tally.core.packets_received, "MQTT packets received."),
    metric("$SYS/broker/messages/sent", |s| s.tally.core.packets_sent, "MQTT packets sent."),
    metric("$SYS/broker/bytes/received", |s| s.tally.traffic.bytes_received, "MQTT bytes received, without TLS."),
    metric("$SYS/broker/bytes/sent", |s| s.tally.traffic.bytes_sent, "MQTT bytes sent, without TLS."),
    metric("$SYS/broker/publish/bytes/received", |s| s.tally.core.publish_bytes_received, "Payload bytes of PUBLISH packets received."),
    metric("$SYS/broker/publish/bytes/sent", |s| s.tally.core.publish_bytes_sent, "Payload bytes of PUBLISH packets sent."),
    metric("$SYS/broker/packet/out/count", |s| s.tally.traffic.waiting.packets, "Packets that wait for a socket now."),
    metric("$SYS/broker/packet/out/bytes", |s| s.tally.traffic.waiting.bytes, "Their bytes."),
    metric("$SYS/broker/connections/socket/count", |s| s.sockets, "Sockets accepted since the start, those turned away included."),
    metric("$SYS/broker/publish/messages/dropped", |s| s.tally.core.publish_dropped,
        "Messages dropped: a queue was full, the message expired, or the client takes none so large."),
    metric("$SYS/broker/publish/messages/received", |s| s.tally.core.publish_received, "PUBLISH packets received."),
    metric("$SYS/broker/publish/messages/sent", |s| s.tally.core.publish_sent, "PUBLISH packets sent."),
];

/// What ends when: SealMQ's own numbers, which the HTTP API of mosquitto does not have.
#[rustfmt::skip]
pub const CERTIFICATES: &[Metric] = &[
    metric("$SYS/broker/certificates/expiring/30d", |s| s.certificates.reached[0],
        "Certificates and revocation lists, served, trusted, issued or seen, that end within 30 days (or within a quarter of a \
         life shorter than 120 days). Those that end sooner are counted here, too, those that have ended are not."),
    metric("$SYS/broker/certificates/expiring/14d", |s| s.certificates.reached[1], "Within 14 days, or an eighth."),
    metric("$SYS/broker/certificates/expiring/7d", |s| s.certificates.reached[2], "Within 7 days, or a sixteenth."),
    metric("$SYS/broker/certificates/expiring/1d", |s| s.certificates.reached[3], "Within one day, or a 64th."),
    metric("$SYS/broker/certificates/ended", |s| s.certificates.reached[4], "Those that have ended; issued and seen ones for 30 days."),
    metric("$SYS/broker/certificates/soonest/served", |s| soonest(s, 0),
        "The soonest end of a certificate that a listener shows, in seconds since 1970 (UTC); 0: none."),
    metric("$SYS/broker/certificates/soonest/anchor", |s| soonest(s, 1), "Of a self-signed CA that a listener trusts."),
    metric("$SYS/broker/certificates/soonest/intermediate", |s| soonest(s, 2), "Of an intermediate CA."),
    metric("$SYS/broker/certificates/soonest/crl", |s| soonest(s, 3), "Of a revocation list: its nextUpdate."),
    metric("$SYS/broker/certificates/soonest/issued", |s| soonest(s, 4), "Of a certificate that our own CA issued and has not replaced."),
    metric("$SYS/broker/certificates/soonest/seen", |s| soonest(s, 5), "Of a certificate that a client has shown."),
];

/// In the order of `sealmq_pki::watch::Kind::ALL`.
fn soonest(snapshot: &Snapshot, kind: usize) -> u64 {
    let end = snapshot.certificates.soonest[kind];
    end.and_then(|end| u64::try_from(end.as_secs()).ok()).unwrap_or(0)
}

/// All averages.
#[rustfmt::skip]
pub const LOADS: [Load; 9] = [
    load("messages/received", |s| s.tally.core.packets_received, "MQTT packets received"),
    load("messages/sent", |s| s.tally.core.packets_sent, "MQTT packets sent"),
    load("publish/dropped", |s| s.tally.core.publish_dropped, "messages dropped"),
    load("publish/received", |s| s.tally.core.publish_received, "PUBLISH packets received"),
    load("publish/sent", |s| s.tally.core.publish_sent, "PUBLISH packets sent"),
    load("bytes/received", |s| s.tally.traffic.bytes_received, "MQTT bytes received"),
    load("bytes/sent", |s| s.tally.traffic.bytes_sent, "MQTT bytes sent"),
    load("sockets", |s| s.sockets, "sockets accepted"),
    load("connections", |s| s.connects, "CONNECT packets read"),
];
