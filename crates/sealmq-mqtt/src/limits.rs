//! What a decoder may accept.

/// Bounds of one connection, chosen by whoever reads from it.
///
/// There is no default: a broker reads what clients send, a client what servers send, and the difference is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest packet in bytes, fixed header included (the meaning of Maximum Packet Size in MQTT 5.0 §3.1.2.11.4).
    pub packet_bytes_max: u32,
    /// Most `/` in a topic name or filter. mosquitto: 200 (`TOPIC_HIERARCHY_LIMIT`).
    pub topic_separators_max: u16,
    /// Who is at the other end.
    pub sender: Sender,
}

/// The role of the peer whose bytes are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sender {
    /// The bytes come from a client: a broker reads.
    Client,
    /// The bytes come from a server: a client reads.
    Server,
}

impl Limits {
    /// What a broker reads from a client, with mosquitto's defaults: 2,000,000 bytes, 200 separators.
    pub const fn of_broker() -> Limits {
        Limits { packet_bytes_max: 2_000_000, topic_separators_max: 200, sender: Sender::Client }
    }

    /// What a client reads from a server: any size that MQTT can express, any number of topic levels.
    pub const fn of_client() -> Limits {
        Limits {
            packet_bytes_max: crate::varint::PACKET_BYTES_MAX,
            topic_separators_max: u16::MAX,
            sender: Sender::Server,
        }
    }

    /// The same with another largest packet.
    #[must_use]
    pub const fn with_packet_bytes_max(self, packet_bytes_max: u32) -> Limits {
        Limits { packet_bytes_max, ..self }
    }
}
