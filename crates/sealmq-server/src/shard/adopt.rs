//! Taking a client over from the door.

use std::sync::Arc;

use sealmq_broker::{Input, Now};
use sealmq_mqtt::{DecodedConnect, Limits, decode_connect};

use super::conn::{Batch, Conn, Hearing, Layer, PacketBytesMax, State, Who};
use super::errands::Proving;
use super::lines::Lines;
use super::slab::slot_of;
use super::{Lent, Shard};
use crate::established::{Established, EstablishedLayer};
use crate::log::{Event, Line};
use crate::worker::token_of;

impl Shard {
    /// Registers the socket, gives CONNECT to the core and acts as if the socket were readable: bytes that the door
    /// has read already raise no event.
    pub(super) fn adopt(
        &mut self,
        now: Now,
        established: Established,
        registry: &mio::Registry,
        lent: &mut Lent,
    ) {
        let Some(id) = self.conns.reserve() else {
            let text = format!("Connection from {} closed: its shard is full.", established.address);
            self.log.line(Line::new(Event::LimitReached, text));
            return;
        };
        let Established {
            stream,
            layer,
            framing,
            connect: connect_bytes,
            pending,
            peer,
            again,
            address,
            guard,
        } = established;
        let limits =
            Limits::of_broker().with_packet_bytes_max(u32::try_from(connect_bytes.len()).unwrap_or(u32::MAX));
        let Ok(DecodedConnect::Connect { connect, .. }) = decode_connect(&connect_bytes, &limits) else {
            // The door decoded the same bytes; if they are no CONNECT now, that is a fault of ours and refuses.
            self.log.line(Line::new(
                Event::DoorFault,
                format!("Connection from {address} closed: CONNECT was lost."),
            ));
            self.conns.give_back(id);
            return;
        };
        self.traffic.bytes_received += (connect_bytes.len() + pending.len()) as u64;
        let mut stream = stream.into_shard();
        let interest = mio::Interest::READABLE | mio::Interest::WRITABLE;
        if let Err(error) = registry.register(stream.as_source(), token_of(self.id, slot_of(id)), interest) {
            self.log.line(Line::new(Event::DoorFault, format!("Connection from {address} closed: {error}.")));
            self.conns.give_back(id);
            return;
        }
        let (layer, unopened, unsent, record_bytes_max) = match layer {
            EstablishedLayer::Plain => (Layer::Plain, Vec::new(), Vec::new(), usize::MAX),
            EstablishedLayer::Tls { session, unopened, unsent, record_bytes_max } => {
                (Layer::Tls(session), unopened, unsent, record_bytes_max)
            }
        };
        self.conns.put(Box::new(Conn {
            id,
            stream,
            layer,
            framing,
            pong: None,
            version: connect.version,
            packet_bytes_max: match peer.rules.listener.is_of_bridges() {
                true => PacketBytesMax::Fixed(peer.rules.packet_bytes_max),
                false => PacketBytesMax::Told(peer.rules.packet_bytes_max),
            },
            record_bytes_max,
            unopened,
            charge: self.heap.charge(pending.len()),
            undecoded: pending,
            need: 1,
            lines: Lines::default(),
            batch: Batch { bytes: unsent, sent: 0, mqtt_bytes: 0 },
            state: State::Open,
            readable: true,
            writable: true,
            read_closed: false,
            in_ready: false,
            in_dirty: false,
            in_gated: false,
            held: false,
            hearing: Hearing::Open,
            who: Box::new(Who { address, client_id: Arc::from(peer.client_id.as_str()) }),
            proving: again.map(Proving::new),
            _guard: guard,
        }));
        self.hear_out(now, peer.client_id.as_str(), lent);
        self.handle(now, Input::Connected { conn: id, connect: &connect, peer });
        self.make_dirty(id);
        self.make_ready(id, lent);
    }

    /// What an older connection of the same client has sent counts before the new one takes its place: a client that
    /// publishes or disconnects, closes, and comes again at once must not lose the message, nor have its will published,
    /// because its CONNECT was looked at first. As much as one turn reads. mosquitto takes sockets in the order in which
    /// bytes came.
    fn hear_out(&mut self, now: Now, client: &str, lent: &mut Lent) {
        let Some(older) = self.broker.connection_of(client) else { return };
        let Some(conn) = self.conns.get_mut(older) else { return };
        if conn.is_open() && conn.is_heard() {
            // The poll may not have told yet, neither of bytes nor of their end.
            (conn.readable, conn.read_closed) = (true, true);
            self.serve(now, older, lent);
        }
    }
}
