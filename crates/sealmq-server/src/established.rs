//! The one value in which a client passes from the door to its shard.
//!
//! The door has read exactly up to the end of CONNECT (what came behind it is `pending`), has judged the peer and
//! counted the connection. The value owns everything; dropping it closes the connection and gives the counts back.

use std::sync::Arc;

use sealmq_broker::Peer;
use sealmq_mqtt::websocket::FrameReader;
use zeroize::Zeroizing;

use crate::door::limits::ConnectionGuard;
use crate::door::stream::{LooseStream, PeerAddress};
use crate::trust::Admitted;

/// How MQTT packets lie in the (opened) byte stream.
#[derive(Debug)]
pub enum Framing {
    /// One after the other.
    Raw,
    /// In WebSocket frames, of which some may have been read.
    WebSocket(Box<FrameReader>),
}

/// Plain bytes, or a TLS session whose handshake is done.
pub enum EstablishedLayer {
    /// Nothing between the socket and MQTT.
    Plain,
    /// TLS; `unopened` is ciphertext that is no whole record yet, `unsent` what TLS still wants to send: it goes out
    /// with CONNACK in one write.
    Tls {
        /// The session.
        session: Box<sealmq_tls::TlsSession>,
        /// Received, not a whole record yet.
        unopened: Vec<u8>,
        /// To be sent before anything else.
        unsent: Vec<u8>,
        /// Bytes of one record at most.
        record_bytes_max: usize,
    },
}

/// An admitted client.
pub struct Established {
    /// The socket, non-blocking, registered nowhere.
    pub stream: LooseStream,
    /// What lies between it and MQTT.
    pub layer: EstablishedLayer,
    /// How packets lie in it.
    pub framing: Framing,
    /// The CONNECT packet, whole. Wiped when dropped: it may hold a password.
    pub connect: Zeroizing<Vec<u8>>,
    /// Plain bytes that came behind CONNECT. No event will tell of them: the shard acts as if the socket were readable.
    pub pending: Vec<u8>,
    /// Who it is, and the judgment that can be taken back.
    pub peer: Peer,
    /// What a new proof counts for, where it was authenticated in AUTH packets and may be again.
    pub(crate) again: Option<Arc<Admitted>>,
    /// Where it comes from.
    pub address: PeerAddress,
    /// Counts it until it is closed.
    pub guard: ConnectionGuard,
}

impl std::fmt::Debug for Established {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Established")
            .field("address", &self.address)
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}
