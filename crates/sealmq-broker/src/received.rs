//! One packet of an adopted connection: to whom it goes inside.

use crate::{
    Broker, Ending, Lane, Now, Outgoing, Record, answers,
    session::{Life, Stage},
    sessions::SessionIndex,
};
use sealmq_mqtt::{Ack, Disconnect, Packet, PacketId, QoS, ReasonCode, Version};

impl Broker {
    /// Handles one packet.
    pub(crate) fn received(&mut self, now: Now, index: SessionIndex, packet: Packet<'_>) {
        self.counters.packets_received += 1;
        let Some(connection) = self.session_mut(index).connection_mut() else { return };
        connection.last_received = now.mono;
        let version = connection.version;
        match packet {
            Packet::Publish(publish) => self.publish(now, index, &publish),
            Packet::PubAck(ack) => self.puback(now, index, &ack),
            Packet::PubRec(ack) => self.pubrec(now, index, version, &ack),
            Packet::PubRel(ack) => self.pubrel(now, index, version, ack.packet_id),
            Packet::PubComp(ack) => self.pubcomp(now, index, &ack),
            Packet::Subscribe(subscribe) => self.subscribe(now, index, &subscribe),
            Packet::Unsubscribe(unsubscribe) => self.unsubscribe(index, &unsubscribe),
            Packet::PingReq => self.send_flow(index, answers::pingresp()),
            Packet::Disconnect(disconnect) => self.client_disconnects(now, index, version, &disconnect),
            // [MQTT-3.1.0-2] [MQTT311-3.1.0-2]
            // mosquitto says nothing to it.
            Packet::Connect(_) => {
                self.end_connection(now, index, Ending::ProtocolError("a second CONNECT"));
            }
            Packet::Auth(auth) => self.auth(now, index, &auth),
            Packet::ConnAck(_) | Packet::SubAck(_) | Packet::UnsubAck(_) | Packet::PingResp => {
                self.protocol_error(now, index, "a packet that only servers send");
            }
        }
    }

    /// Ends a connection whose client breaks the protocol. [MQTT-4.13.1-1] [MQTT311-4.8.0-1]
    pub(crate) fn protocol_error(&mut self, now: Now, index: SessionIndex, rule: &'static str) {
        self.disconnect(now, index, ReasonCode::ProtocolError, Ending::ProtocolError(rule));
    }

    /// [MQTT-4.8.2-6]
    fn puback(&mut self, now: Now, index: SessionIndex, ack: &Ack<'_>) {
        match self.session(index).outgoing.stage(ack.packet_id) {
            Stage::Published(QoS::AtLeastOnce) => self.finish(now, index, ack.packet_id),
            Stage::Published(QoS::AtMostOnce | QoS::ExactlyOnce) | Stage::Released => {
                self.protocol_error(now, index, "PUBACK for a message of QoS 2");
            }
            // It may answer what was sent before a crash or a lost connection.
            Stage::Unknown => {}
        }
    }

    /// [MQTT-4.3.3-4] [MQTT-4.3.3-5] [MQTT311-4.3.3-1]
    /// [MQTT-4.4.0-2]
    fn pubrec(&mut self, now: Now, index: SessionIndex, version: Version, ack: &Ack<'_>) {
        let packet_id = ack.packet_id;
        match self.session(index).outgoing.stage(packet_id) {
            Stage::Published(QoS::ExactlyOnce) if ack.reason.is_error() => self.finish(now, index, packet_id),
            Stage::Published(QoS::ExactlyOnce) => {
                self.session_mut(index).outgoing.release(packet_id);
                let gate = self.append_session(index, |session| Record::Released {
                    client: session.client_id.clone(),
                    packet_id,
                });
                let packet = Outgoing::Packet(answers::pubrel(version, packet_id, ReasonCode::Success));
                self.send(index, packet, Lane::Flow, gate);
            }
            Stage::Published(QoS::AtMostOnce | QoS::AtLeastOnce) => {
                self.protocol_error(now, index, "PUBREC for a message of QoS 1");
            }
            Stage::Released => {
                self.send_flow(index, answers::pubrel(version, packet_id, ReasonCode::Success))
            }
            // Whoever refuses a message that we do not know is owed nothing.
            Stage::Unknown if ack.reason.is_error() => {}
            // mosquitto's bytes: PUBREL without 0x92.
            Stage::Unknown => {
                self.send_flow(index, answers::pubrel(version, packet_id, ReasonCode::Success));
            }
        }
    }

    fn pubcomp(&mut self, now: Now, index: SessionIndex, ack: &Ack<'_>) {
        match self.session(index).outgoing.stage(ack.packet_id) {
            Stage::Released => self.finish(now, index, ack.packet_id),
            Stage::Published(_) => self.protocol_error(now, index, "PUBCOMP before PUBREC"),
            Stage::Unknown => {}
        }
    }

    fn finish(&mut self, now: Now, index: SessionIndex, packet_id: PacketId) {
        self.complete(index, packet_id);
        self.pump(now, index);
    }

    /// DISCONNECT: with reason 0 the will is taken back, with any other it stands. [MQTT-3.14.4-3] [MQTT311-3.14.4-3]
    fn client_disconnects(
        &mut self,
        now: Now,
        index: SessionIndex,
        version: Version,
        packet: &Disconnect<'_>,
    ) {
        if let Some(secs) = packet.properties.session_expiry_interval() {
            // MQTT §3.14.2.2.2: a session that was to end with its connection cannot be made to last.
            if self.session(index).life == Life::Connection && secs != 0 {
                return self.protocol_error(now, index, "DISCONNECT makes a session last that was to end");
            }
            self.session_mut(index).life = Life::from_session_expiry(secs);
        }
        if packet.reason == ReasonCode::NORMAL_DISCONNECTION || !version.is_v5() {
            self.session_mut(index).will = None;
        }
        self.end_connection(now, index, Ending::Disconnected);
    }
}
