//! The outgoing side of a session: QoS 1 and 2 messages in flight, and those that wait behind them.
//!
//! Invariants: packet ids under way are distinct [MQTT-2.2.1-4]; messages in flight stay in the order they were first
//! sent [MQTT-4.6.0-1], PUBRELs in the order of their PUBRECs [MQTT-4.6.0-4]; the queue is a window of messages in memory with `behind` more in the store, all of them later.

use super::Backlog;
use crate::{Delivery, Limits, Message, Mono, Stored};
use sealmq_mqtt::{PacketId, QoS};
use std::{collections::VecDeque, sync::Arc};

/// In flight and queued.
#[derive(Debug)]
pub(crate) struct Window {
    flights: VecDeque<Flight>,
    flight_bytes: usize,
    /// The packet ids whose PUBREL went out and whose PUBCOMP is awaited.
    released: VecDeque<PacketId>,
    /// Of the flights, how many have not been sent on this connection.
    unsent: usize,
    queue: VecDeque<Queued>,
    queue_bytes: usize,
    /// The earliest end of life of a queued message, or earlier.
    next_expiry: Option<Mono>,
    /// Messages that are in the store only.
    behind: usize,
    /// Their bytes.
    behind_bytes: usize,
    /// How many messages the store was asked for; 0: it was not asked.
    asked: usize,
    ids: PacketIds,
    /// What all sessions of the shard hold.
    backlog: Backlog,
    /// Whether the queue being full has been said.
    pub(crate) full_said: FullSaid,
}

/// A PUBLISH under way, until PUBACK or PUBREC.
#[derive(Debug)]
struct Flight {
    id: PacketId,
    message: Arc<Message>,
    delivery: Delivery,
    sent: Sent,
}

/// Where the exchange of one packet id stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// PUBLISH went out with this QoS.
    Published(QoS),
    /// PUBREL went out; PUBCOMP is awaited. [MQTT-4.3.3-5]
    Released,
    /// There is none.
    Unknown,
}

/// Whether a PUBLISH in flight has been sent on this connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    Yes,
    /// Only on an earlier one: it goes out again with DUP.
    Before,
}

/// A message that waits.
#[derive(Debug)]
pub(crate) struct Queued {
    pub(crate) message: Arc<Message>,
    pub(crate) delivery: Delivery,
    /// The packet id it will be sent under; `None` at QoS 0, or where it gets one only then.
    pub(crate) packet_id: Option<PacketId>,
}

/// Whether [`crate::Event::QueueFull`] was said since there was room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FullSaid {
    No,
    Yes,
}

/// What became of a message that was to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Enqueued {
    /// It waits in memory.
    Waits,
    /// It waits in the store only.
    Behind,
    /// There is no room: it is dropped.
    Full,
}

impl Window {
    pub(crate) fn new(backlog: Backlog) -> Window {
        Window {
            flights: VecDeque::new(),
            flight_bytes: 0,
            released: VecDeque::new(),
            unsent: 0,
            queue: VecDeque::new(),
            queue_bytes: 0,
            next_expiry: None,
            behind: 0,
            behind_bytes: 0,
            asked: 0,
            ids: PacketIds::new(),
            backlog,
            full_said: FullSaid::No,
        }
    }

    /// Whether another message may be sent now. `max_inflight_bytes` counts payloads and is passed by the message that
    /// reaches it, as in mosquitto.
    /// [MQTT-3.3.4-10] [MQTT-4.9.0-2] [MQTT-4.9.0-3]
    pub(crate) fn has_room(&self, receive_max: usize, limits: &Limits) -> bool {
        let bytes_fit = limits.inflight_bytes_max.is_none_or(|max| self.flight_bytes < max);
        // At 65,535 every packet id is in use.
        bytes_fit && self.under_way() < receive_max && self.in_flight() < usize::from(u16::MAX)
    }

    /// Whether a new message has to wait behind others.
    pub(crate) fn must_wait(&self) -> bool {
        self.unsent > 0 || !self.queue.is_empty() || self.behind > 0
    }

    /// Takes a packet id for a message before it is known whether it will be sent, so that the ids of a session count
    /// all messages that were meant for it, as in mosquitto. `None`: too many are under way or waiting to spare one.
    pub(crate) fn reserve_id(&mut self) -> Option<PacketId> {
        let meant = self.in_flight() + self.queue.len();
        (meant < usize::from(u16::MAX) - 1).then(|| self.take_id())
    }

    /// [MQTT-4.3.2-1] [MQTT-4.3.3-1] [MQTT311-4.3.2-1]
    fn take_id(&mut self) -> PacketId {
        let waiting = || self.queue.iter().filter_map(|queued| queued.packet_id);
        let sent = || self.flights.iter().map(|flight| flight.id).chain(self.released.iter().copied());
        self.ids.take(|| sent().chain(waiting()))
    }

    /// Puts a message in flight, under the packet id that it was given or a new one.
    /// [MQTT-4.3.2-2] [MQTT-4.3.2-3] [MQTT-4.3.3-2] [MQTT-4.3.3-3]
    pub(crate) fn start(
        &mut self,
        message: Arc<Message>,
        delivery: Delivery,
        reserved: Option<PacketId>,
    ) -> PacketId {
        let id = reserved.unwrap_or_else(|| self.take_id());
        self.flight_bytes += message.payload.len();
        self.backlog.add(&message);
        self.flights.push_back(Flight { id, message, delivery, sent: Sent::Yes });
        id
    }

    /// Where the exchange of `id` stands.
    pub(crate) fn stage(&self, id: PacketId) -> Stage {
        match self.flights.iter().find(|flight| flight.id == id) {
            Some(flight) => Stage::Published(flight.delivery.qos),
            None if self.released.contains(&id) => Stage::Released,
            None => Stage::Unknown,
        }
    }

    /// PUBREC came: only PUBREL is sent from now on.
    pub(crate) fn release(&mut self, id: PacketId) {
        if self.land(id) {
            self.released.push_back(id);
        }
    }

    /// The exchange of `id` is done.
    pub(crate) fn complete(&mut self, id: PacketId) {
        if !self.land(id) {
            self.released.retain(|released| *released != id);
        }
    }

    /// The connection is gone: every PUBLISH in flight has to go out again.
    pub(crate) fn connection_lost(&mut self) {
        self.flights.iter_mut().for_each(|flight| flight.sent = Sent::Before);
        self.unsent = self.flights.len();
    }

    /// The packet ids for which PUBREL is to be sent again, in order.
    /// [MQTT-4.3.3-6]
    pub(crate) fn released(&self) -> impl Iterator<Item = PacketId> {
        self.released.iter().copied()
    }

    /// The first PUBLISH in flight that has to go out again, if it may now; it counts as sent from here on.
    /// [MQTT-3.3.1-1] [MQTT-3.3.1-3] [MQTT311-3.3.1-1] [MQTT311-3.3.1-3] [MQTT311-2.3.1-4]
    /// [MQTT311-4.6.0-1]
    pub(crate) fn resend_next(&mut self, receive_max: usize) -> Option<(PacketId, Arc<Message>, Delivery)> {
        if self.unsent == 0 || self.under_way() >= receive_max {
            return None;
        }
        let flight = self.flights.iter_mut().find(|flight| flight.sent == Sent::Before)?;
        flight.sent = Sent::Yes;
        self.unsent -= 1;
        Some((flight.id, Arc::clone(&flight.message), flight.delivery.clone()))
    }

    /// Puts a message at the end of the queue, if it has room.
    /// [MQTT-4.6.0-5] [MQTT-4.6.0-6] [MQTT311-4.6.0-5] [MQTT311-4.6.0-6]
    pub(crate) fn enqueue(
        &mut self,
        queued: Queued,
        now: Mono,
        limits: &Limits,
        receiver: Receiver,
        store: StoreBehind,
    ) -> Enqueued {
        let size = counted(&queued.message);
        if self.is_full(receiver, limits) {
            self.drop_expired(now);
        }
        if self.is_full(receiver, limits) {
            return Enqueued::Full;
        }
        let in_memory = match store {
            StoreBehind::No => true,
            StoreBehind::Yes => self.behind == 0 && self.queue.len() < limits.queue_window.max(1),
        };
        if !in_memory {
            self.behind += 1;
            self.behind_bytes += size;
            return Enqueued::Behind;
        }
        self.push(queued);
        Enqueued::Waits
    }

    /// The next message in the queue. It stays.
    pub(crate) fn first_queued(&self) -> Option<&Queued> {
        self.queue.front()
    }

    /// Takes the next message out of the queue.
    pub(crate) fn dequeue(&mut self) -> Option<Queued> {
        let queued = self.queue.pop_front()?;
        self.queue_bytes -= counted(&queued.message);
        self.backlog.remove(&queued.message);
        self.full_said = FullSaid::No;
        Some(queued)
    }

    /// How many messages to ask the store for, where that is due; counts as asked.
    pub(crate) fn fetch_due(&mut self, limits: &Limits) -> Option<usize> {
        let window = limits.queue_window.max(1);
        if self.behind == 0 || self.asked > 0 || self.queue.len() > window / 2 {
            return None;
        }
        self.asked = (window - self.queue.len()).min(self.behind);
        Some(self.asked)
    }

    /// The store's answer.
    pub(crate) fn fetched(&mut self, messages: Vec<Stored>) {
        let exhausted = messages.len() < self.asked;
        self.asked = 0;
        for Stored { message, delivery } in messages {
            self.behind = self.behind.saturating_sub(1);
            self.behind_bytes = self.behind_bytes.saturating_sub(counted(&message));
            self.push(Queued { message, delivery, packet_id: None });
        }
        if exhausted {
            self.behind = 0;
            self.behind_bytes = 0;
        }
    }

    /// How many messages wait, in memory and behind.
    pub(crate) fn queued(&self) -> usize {
        self.queue.len() + self.behind
    }

    /// How many exchanges are not completed.
    pub(crate) fn in_flight(&self) -> usize {
        self.flights.len() + self.released.len()
    }

    /// How many of them the client has heard of on this connection.
    fn under_way(&self) -> usize {
        self.in_flight() - self.unsent
    }

    /// Takes a PUBLISH out of flight; whether there was one.
    fn land(&mut self, id: PacketId) -> bool {
        let Some(at) = self.flights.iter().position(|flight| flight.id == id) else { return false };
        if let Some(flight) = self.flights.remove(at) {
            self.flight_bytes -= flight.message.payload.len();
            self.backlog.remove(&flight.message);
            self.unsent -= usize::from(flight.sent == Sent::Before);
        }
        true
    }

    fn push(&mut self, queued: Queued) {
        self.queue_bytes += counted(&queued.message);
        self.backlog.add(&queued.message);
        let end = queued.message.expires_at();
        self.next_expiry = match (self.next_expiry, end) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (one, None) | (None, one) => one,
        };
        self.queue.push_back(queued);
    }

    /// mosquitto's sums: a client that is there may have as much waiting again as it may have in flight, and bytes are
    /// passed by the message that reaches the bound.
    fn is_full(&self, receiver: Receiver, limits: &Limits) -> bool {
        let (count_more, bytes_more) = match receiver {
            Receiver::Away => (0, 0),
            Receiver::There { receive_max } => (receive_max, limits.inflight_bytes_max.unwrap_or(0)),
        };
        let bytes = self.queue_bytes + self.behind_bytes;
        self.queued() >= limits.queued_max.saturating_add(count_more)
            || limits.queued_bytes_max.is_some_and(|max| bytes >= max.saturating_add(bytes_more))
    }

    /// Makes room where messages have expired while they waited. [MQTT-3.3.2-5]
    /// [MQTT-4.3.3-7]
    /// [MQTT-4.3.3-13]
    fn drop_expired(&mut self, now: Mono) {
        if self.behind > 0 || self.next_expiry.is_none_or(|end| end > now) {
            return;
        }
        self.queue.retain(|queued| {
            let alive = !queued.message.is_expired(now);
            if !alive {
                self.backlog.remove(&queued.message);
            }
            alive
        });
        self.queue_bytes = self.queue.iter().map(|queued| counted(&queued.message)).sum();
        self.next_expiry = self.queue.iter().filter_map(|queued| queued.message.expires_at()).min();
    }
}

/// What a message counts for against `max_queued_bytes`: its payload, as in mosquitto; an empty one counts too, or
/// nothing would bound them.
fn counted(message: &Message) -> usize {
    message.payload.len().max(1)
}

/// Whether the client is connected while a message is queued for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Receiver {
    Away,
    There { receive_max: usize },
}

impl Drop for Window {
    /// The session has ended: what it held is held no more.
    fn drop(&mut self) {
        self.flights.iter().for_each(|flight| self.backlog.remove(&flight.message));
        self.queue.iter().for_each(|queued| self.backlog.remove(&queued.message));
    }
}

/// Whether a store holds what does not fit into memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StoreBehind {
    No,
    Yes,
}

/// Hands out packet ids, cyclically, around those in use.
#[derive(Debug)]
struct PacketIds {
    next: PacketId,
    /// How many ids from `next` on are known to be free.
    free: u16,
}

impl PacketIds {
    fn new() -> PacketIds {
        PacketIds { next: PacketId::MIN, free: u16::MAX }
    }

    /// An id that is not `in_use`; fewer than 65,535 are. They are looked through only once per run of free ids.
    fn take<I: Iterator<Item = PacketId>>(&mut self, in_use: impl Fn() -> I) -> PacketId {
        while self.free == 0 {
            let next = self.next.get();
            let distance =
                |id: PacketId| if id.get() >= next { id.get() - next } else { u16::MAX - (next - id.get()) };
            match in_use().map(distance).min() {
                Some(0) => self.next = self.next.next(),
                Some(distance) => self.free = distance,
                None => self.free = u16::MAX,
            }
        }
        let id = self.next;
        self.next = id.next();
        self.free -= 1;
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packet_ids_skip_those_in_use_after_wrapping() {
        let mut ids = PacketIds { next: PacketId::new(65534).unwrap(), free: 2 };
        let in_use = || [1, 2, 5].into_iter().filter_map(PacketId::new);
        let taken: Vec<u16> = (0..5).map(|_| ids.take(in_use).get()).collect();
        assert_eq!(taken, [65534, 65535, 3, 4, 6]);
    }
}
