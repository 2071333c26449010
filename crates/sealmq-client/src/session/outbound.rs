//! Messages on their way to the server: the queue, the window, the two handshakes.

use std::collections::VecDeque;

use sealmq_mqtt::{Ack, Dup, Packet, PacketId, QoS, ReasonCode};

use super::{Delivery, Event, Now, Output, Session, State, trace, wire};
use crate::Outgoing;
use crate::error::{PublishError, SessionError};

/// Most messages that wait for their turn: the application is told, and waits itself.
pub(super) const WAITING_MAX: usize = 1000;

pub(super) struct Outbound {
    deliveries: u64,
    inflight_max: u16,
    /// Accepted, without a packet id yet.
    waiting: VecDeque<Waiting>,
    /// With a packet id, in the order in which they were first sent [MQTT-4.6.0-1].
    inflight: VecDeque<Inflight>,
}

struct Waiting {
    delivery: Delivery,
    message: Outgoing,
}

struct Inflight {
    delivery: Delivery,
    packet_id: PacketId,
    stage: Stage,
}

enum Stage {
    /// PUBLISH is out, PUBACK (QoS 1) or PUBREC (QoS 2) is awaited.
    Sent(Outgoing),
    /// PUBREL is out, PUBCOMP is awaited. The message belongs to the server.
    Released,
}

impl Outbound {
    pub(super) fn new(inflight_max: u16) -> Self {
        Self { deliveries: 0, inflight_max, waiting: VecDeque::new(), inflight: VecDeque::new() }
    }

    pub(super) fn accept(&mut self, message: Outgoing, connected: bool) -> Result<Delivery, PublishError> {
        if message.qos == QoS::AtMostOnce && !connected {
            return Err(PublishError::NotConnected);
        }
        if self.waiting.len() >= WAITING_MAX {
            return Err(PublishError::QueueFull { waiting: WAITING_MAX });
        }
        self.deliveries += 1;
        let delivery = Delivery(self.deliveries);
        self.waiting.push_back(Waiting { delivery, message });
        Ok(delivery)
    }

    /// [MQTT-4.9.0-1]
    pub(super) fn has_room(&self, receive_maximum: u16) -> bool {
        self.waiting.is_empty() && self.inflight.len() < usize::from(self.inflight_max.min(receive_maximum))
    }

    pub(super) fn undelivered(&self) -> usize {
        self.waiting.len() + self.inflight.len()
    }

    pub(super) fn uses(&self, packet_id: PacketId) -> bool {
        self.inflight.iter().any(|inflight| inflight.packet_id == packet_id)
    }

    /// Takes the next message that may be sent now; order is kept across all QoS.
    /// [MQTT311-2.3.1-2] [MQTT311-2.3.1-3]
    fn next(&mut self, receive_maximum: u16) -> Option<Waiting> {
        let window = usize::from(self.inflight_max.min(receive_maximum));
        match self.waiting.front()?.message.qos {
            QoS::AtMostOnce => self.waiting.pop_front(),
            QoS::AtLeastOnce | QoS::ExactlyOnce if self.inflight.len() < window => self.waiting.pop_front(),
            QoS::AtLeastOnce | QoS::ExactlyOnce => None,
        }
    }

    fn position(&self, packet_id: PacketId) -> Option<usize> {
        self.inflight.iter().position(|inflight| inflight.packet_id == packet_id)
    }
}

impl Session {
    /// Sends what may be sent.
    pub(super) fn pump(&mut self, now: Now) {
        while self.state == State::Connected {
            let Some(Waiting { delivery, message }) = self.outbound.next(self.server.receive_maximum) else {
                return;
            };
            if let Err(error) = self.server.check(&message, self.options.version) {
                self.outputs.push_back(Output::Event(Event::NotPublished { delivery, error }));
                continue;
            }
            // A packet id is also taken at QoS 0, where it stays off the wire, as libmosquitto counts in its trace.
            let Some(packet_id) = self.free_packet_id() else {
                self.outbound.waiting.push_front(Waiting { delivery, message });
                return;
            };
            self.send_publish(now, packet_id, &message, Dup::First);
            match message.qos {
                QoS::AtMostOnce => self.published(delivery, ReasonCode::Success, None),
                QoS::AtLeastOnce | QoS::ExactlyOnce => {
                    self.outbound.inflight.push_back(Inflight {
                        delivery,
                        packet_id,
                        stage: Stage::Sent(message),
                    });
                }
            }
        }
    }

    /// After a reconnect. A server that kept the session gets everything again in the first order, marked as a
    /// duplicate [MQTT-4.4.0-1]. One that did not gets the messages as new ones; a PUBREL is pointless then, since
    /// the message had been taken before.
    pub(super) fn send_again(&mut self, now: Now, session_kept: bool) {
        let inflight = std::mem::take(&mut self.outbound.inflight);
        if session_kept {
            for entry in inflight {
                self.send_again_to_same_session(now, entry);
            }
            return;
        }
        let mut unsent = VecDeque::new();
        for Inflight { delivery, stage, .. } in inflight {
            match stage {
                Stage::Sent(message) => unsent.push_back(Waiting { delivery, message }),
                Stage::Released => self.published(delivery, ReasonCode::Success, None),
            }
        }
        unsent.append(&mut self.outbound.waiting);
        self.outbound.waiting = unsent;
    }

    fn send_again_to_same_session(&mut self, now: Now, entry: Inflight) {
        match &entry.stage {
            Stage::Sent(message) => {
                if let Err(error) = self.server.check(message, self.options.version) {
                    let delivery = entry.delivery;
                    self.outputs.push_back(Output::Event(Event::NotPublished { delivery, error }));
                    return;
                }
                self.send_publish(now, entry.packet_id, message, Dup::Again);
            }
            Stage::Released => self.send_pubrel(now, entry.packet_id),
        }
        self.outbound.inflight.push_back(entry);
    }

    pub(super) fn inbound_puback(&mut self, now: Now, ack: &Ack<'_>) -> Result<(), SessionError> {
        self.trace(|| trace::acknowledged("PUBACK", ack));
        let Some(position) = self.outbound.position(ack.packet_id) else { return Ok(()) };
        let entry = &self.outbound.inflight[position];
        match &entry.stage {
            Stage::Sent(message) if message.qos == QoS::AtLeastOnce => self.complete(now, position, ack),
            Stage::Sent(_) | Stage::Released => {
                return Err(SessionError::Unexpected(sealmq_mqtt::PacketType::PubAck));
            }
        }
        Ok(())
    }

    pub(super) fn inbound_pubrec(&mut self, now: Now, ack: &Ack<'_>) -> Result<(), SessionError> {
        self.trace(|| trace::received("PUBREC", ack));
        let Some(position) = self.outbound.position(ack.packet_id) else {
            // [MQTT-4.3.3-4] the exchange must go on; 5.0 says that we know nothing of it.
            let reason = ReasonCode::PacketIdentifierNotFound;
            self.send_ack(now, Packet::PubRel, ack.packet_id, reason);
            return Ok(());
        };
        match &self.outbound.inflight[position].stage {
            Stage::Sent(message) if message.qos == QoS::AtLeastOnce => {
                return Err(SessionError::Unexpected(sealmq_mqtt::PacketType::PubRec));
            }
            // [MQTT-4.3.3-4] a refusal ends the exchange.
            Stage::Sent(_) if ack.reason.is_error() => {
                self.complete(now, position, ack);
                return Ok(());
            }
            Stage::Sent(_) | Stage::Released => {}
        }
        self.outbound.inflight[position].stage = Stage::Released;
        self.send_pubrel(now, ack.packet_id);
        Ok(())
    }

    pub(super) fn inbound_pubcomp(&mut self, now: Now, ack: &Ack<'_>) -> Result<(), SessionError> {
        self.trace(|| trace::acknowledged("PUBCOMP", ack));
        let Some(position) = self.outbound.position(ack.packet_id) else { return Ok(()) };
        match &self.outbound.inflight[position].stage {
            Stage::Released => self.complete(now, position, ack),
            Stage::Sent(_) => return Err(SessionError::Unexpected(sealmq_mqtt::PacketType::PubComp)),
        }
        Ok(())
    }

    fn complete(&mut self, now: Now, position: usize, ack: &Ack<'_>) {
        if let Some(entry) = self.outbound.inflight.remove(position) {
            let reason_string = ack.properties.reason_string().map(str::to_owned);
            self.published(entry.delivery, ack.reason, reason_string);
        }
        self.pump(now);
    }

    fn published(&mut self, delivery: Delivery, reason: ReasonCode, reason_string: Option<String>) {
        self.outputs.push_back(Output::Event(Event::Published { delivery, reason, reason_string }));
    }

    fn send_publish(&mut self, now: Now, packet_id: PacketId, message: &Outgoing, dup: Dup) {
        self.trace(|| trace::publish(packet_id, message, dup));
        let packet = wire::publish(packet_id, message, dup, self.options.version)
            .expect("Session::publish has let only messages in that can be written");
        self.send(now, packet);
    }

    fn send_pubrel(&mut self, now: Now, packet_id: PacketId) {
        self.trace(|| trace::pubrel(packet_id));
        self.send_ack(now, Packet::PubRel, packet_id, ReasonCode::Success);
    }
}
