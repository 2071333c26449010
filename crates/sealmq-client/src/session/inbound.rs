//! Messages on their way from the server: acknowledgements, QoS 2 without duplicates, topic aliases.

use std::collections::{BTreeMap, HashMap};

use sealmq_mqtt::{Ack, Packet, PacketId, Publish, QoS, ReasonCode};

use super::{Event, Now, Output, Session, trace, wire};
use crate::error::SessionError;
use crate::{Message, Property};

pub(super) struct Inbound {
    /// QoS 2: received, PUBREC sent, not yet released. Told to the application at PUBREL, once [MQTT-4.3.3-10].
    unreleased: BTreeMap<PacketId, Message>,
    /// Of this connection only [MQTT-3.3.2-7].
    aliases: HashMap<u16, String>,
    topic_alias_max: u16,
    receive_maximum: u16,
}

impl Inbound {
    /// What the client's own CONNECT properties allow the server.
    pub(super) fn new(properties: &[Property]) -> Self {
        let mut inbound = Self {
            unreleased: BTreeMap::new(),
            aliases: HashMap::new(),
            topic_alias_max: 0,
            receive_maximum: u16::MAX,
        };
        for property in properties {
            if let Property::TopicAliasMaximum(max) = property {
                inbound.topic_alias_max = *max;
            }
            if let Property::ReceiveMaximum(max) = property {
                inbound.receive_maximum = *max;
            }
        }
        inbound
    }

    pub(super) fn connection_opened(&mut self) {
        self.aliases.clear();
    }

    /// The server has no session, so it will neither release nor repeat what was half received.
    pub(super) fn session_lost(&mut self) {
        self.unreleased.clear();
    }

    fn topic(&mut self, publish: &Publish<'_>) -> Result<String, SessionError> {
        let topic = publish.topic.map(|topic| topic.as_str().to_owned());
        let Some(alias) = publish.properties.topic_alias().map(std::num::NonZeroU16::get) else {
            return topic.ok_or(SessionError::TopicAlias { alias: 0 });
        };
        if alias > self.topic_alias_max {
            return Err(SessionError::TopicAlias { alias });
        }
        match topic {
            Some(topic) => {
                self.aliases.insert(alias, topic.clone());
                Ok(topic)
            }
            None => self.aliases.get(&alias).cloned().ok_or(SessionError::TopicAlias { alias }),
        }
    }
}

impl Session {
    /// [MQTT-4.5.0-2] [MQTT311-4.5.0-2] [MQTT-4.6.0-2] [MQTT-4.6.0-3] [MQTT311-4.6.0-2] [MQTT311-4.6.0-3]
    /// [MQTT311-4.6.0-4]
    pub(super) fn inbound_publish(&mut self, now: Now, publish: &Publish<'_>) -> Result<(), SessionError> {
        let topic = self.inbound.topic(publish)?;
        let message = wire::message(topic, publish);
        self.trace(|| trace::published(&message, publish.dup));
        match (message.qos, message.packet_id) {
            (QoS::AtLeastOnce, Some(packet_id)) => {
                self.trace(|| trace::puback(packet_id));
                self.send_ack(now, Packet::PubAck, packet_id, ReasonCode::Success);
                self.outputs.push_back(Output::Event(Event::Message(message)));
            }
            (QoS::ExactlyOnce, Some(packet_id)) => {
                // [MQTT-3.3.4-7]: the server may not have more on its way than we said.
                let known = self.inbound.unreleased.contains_key(&packet_id);
                if !known && self.inbound.unreleased.len() >= usize::from(self.inbound.receive_maximum) {
                    return Err(SessionError::ReceiveMaximum { max: self.inbound.receive_maximum });
                }
                self.inbound.unreleased.insert(packet_id, message);
                self.trace(|| trace::pubrec(packet_id));
                self.send_ack(now, Packet::PubRec, packet_id, ReasonCode::Success);
            }
            (QoS::AtMostOnce, _) | (_, None) => {
                self.outputs.push_back(Output::Event(Event::Message(message)))
            }
        }
        Ok(())
    }

    pub(super) fn inbound_pubrel(&mut self, now: Now, ack: &Ack<'_>) -> Result<(), SessionError> {
        self.trace(|| trace::received("PUBREL", ack));
        let released = self.inbound.unreleased.remove(&ack.packet_id);
        let reason =
            if released.is_some() { ReasonCode::Success } else { ReasonCode::PacketIdentifierNotFound };
        self.trace(|| trace::pubcomp(ack.packet_id));
        self.send_ack(now, Packet::PubComp, ack.packet_id, reason);
        if let Some(message) = released {
            self.outputs.push_back(Output::Event(Event::Message(message)));
        }
        Ok(())
    }
}
