//! What clients say, through bytes.

use super::{Client, Net, What};
use sealmq_broker::{Input, ListenerRules};
use sealmq_mqtt::{
    Ack, Decoded, Disconnect, FilterListBuf, Packet, PacketId, Properties, PropertiesBuf, Property, Publish,
    QoS, ReasonCode, Subscribe, SubscriptionListBuf, SubscriptionOptions, TopicFilter, TopicName,
    Unsubscribe, decode, encode,
};

impl Net {
    /// The packet goes through bytes.
    pub(crate) fn send(&mut self, client: Client, packet: Packet<'_>) {
        let mut bytes = Vec::new();
        encode(&packet, client.version, &mut bytes).unwrap();
        self.send_bytes(client, &bytes);
    }

    /// Bytes as a shell would read them.
    pub(crate) fn send_bytes(&mut self, client: Client, bytes: &[u8]) {
        let limits = ListenerRules::default().decoder_limits();
        match decode(bytes, client.version, &limits) {
            Ok(Decoded::Packet { packet, .. }) => {
                self.input(client.shard, Input::Received { conn: client.conn, packet })
            }
            Ok(Decoded::Incomplete { .. }) => panic!("an incomplete packet"),
            Err(error) => self.input(client.shard, Input::Malformed { conn: client.conn, error }),
        }
    }

    /// Bytes that need not be a packet; an incomplete one is never completed.
    pub(crate) fn send_garbage(&mut self, client: Client, bytes: &[u8]) {
        let limits = ListenerRules::default().decoder_limits();
        if !matches!(decode(bytes, client.version, &limits), Ok(Decoded::Incomplete { .. })) {
            self.send_bytes(client, bytes);
        }
    }

    pub(crate) fn subscribe(
        &mut self,
        client: Client,
        filter: &str,
        options: SubscriptionOptions,
    ) -> Vec<u8> {
        self.subscribe_with(client, filter, options, &[])
    }

    /// Subscribes with packet id 99 and takes the SUBACK, which has to come next.
    pub(crate) fn subscribe_with(
        &mut self,
        client: Client,
        filter: &str,
        options: SubscriptionOptions,
        properties: &[Property<'_>],
    ) -> Vec<u8> {
        let mut list = SubscriptionListBuf::new();
        list.push(TopicFilter::parse(filter).unwrap(), options).unwrap();
        let properties = PropertiesBuf::of(properties.iter().copied()).unwrap();
        let (packet_id, properties) = (id(99), properties.as_properties());
        self.send(
            client,
            Packet::Subscribe(Subscribe { packet_id, properties, subscriptions: list.as_list() }),
        );
        match self.take(client) {
            What::SubAck(99, codes) => codes,
            other => panic!("no SUBACK but {other:?}"),
        }
    }

    pub(crate) fn sub(&mut self, client: Client, filter: &str, qos: QoS) {
        assert!(self.subscribe(client, filter, SubscriptionOptions::new(qos)) == [qos.as_u8()]);
    }

    pub(crate) fn unsubscribe(&mut self, client: Client, filter: &str) -> What {
        let mut list = FilterListBuf::new();
        list.push(TopicFilter::parse(filter).unwrap());
        let packet =
            Unsubscribe { packet_id: id(98), properties: Properties::EMPTY, filters: list.as_list() };
        self.send(client, Packet::Unsubscribe(packet));
        self.take(client)
    }

    /// QoS 0, not retained.
    pub(crate) fn say(&mut self, client: Client, topic: &str, payload: &str) {
        self.publish(client, Pub { topic, payload: payload.as_bytes(), ..Pub::default() });
    }

    pub(crate) fn retain(&mut self, client: Client, topic: &str, payload: &str) {
        self.publish(client, Pub { topic, payload: payload.as_bytes(), retain: true, ..Pub::default() });
    }

    /// QoS 1 or 2 with this packet id.
    pub(crate) fn put(&mut self, client: Client, topic: &str, payload: &str, qos: QoS, packet_id: u16) {
        self.publish(
            client,
            Pub { topic, payload: payload.as_bytes(), qos, id: Some(packet_id), ..Pub::default() },
        );
    }

    pub(crate) fn publish(&mut self, client: Client, publish: Pub<'_>) {
        let properties = PropertiesBuf::of(publish.properties.iter().copied()).unwrap();
        let packet = Publish {
            dup: if publish.dup { sealmq_mqtt::Dup::Again } else { sealmq_mqtt::Dup::First },
            qos: publish.qos,
            retain: publish.retain,
            topic: (!publish.topic.is_empty()).then(|| TopicName::parse(publish.topic).unwrap()),
            packet_id: publish.id.map(id),
            properties: properties.as_properties(),
            payload: publish.payload,
        };
        self.send(client, Packet::Publish(packet));
    }

    pub(crate) fn puback(&mut self, client: Client, packet_id: u16) {
        self.send(client, Packet::PubAck(Ack::new(id(packet_id))));
    }
    pub(crate) fn pubrec(&mut self, client: Client, packet_id: u16) {
        self.send(client, Packet::PubRec(Ack::new(id(packet_id))));
    }
    pub(crate) fn pubrel(&mut self, client: Client, packet_id: u16) {
        self.send(client, Packet::PubRel(Ack::new(id(packet_id))));
    }
    pub(crate) fn pubcomp(&mut self, client: Client, packet_id: u16) {
        self.send(client, Packet::PubComp(Ack::new(id(packet_id))));
    }

    /// A DISCONNECT with reason 0.
    pub(crate) fn bye(&mut self, client: Client) {
        self.disconnect(client, ReasonCode::NORMAL_DISCONNECTION, &[]);
    }

    pub(crate) fn disconnect(&mut self, client: Client, reason: ReasonCode, properties: &[Property<'_>]) {
        let properties = PropertiesBuf::of(properties.iter().copied()).unwrap();
        self.send(client, Packet::Disconnect(Disconnect { reason, properties: properties.as_properties() }));
    }

    /// The connection breaks.
    pub(crate) fn drop_conn(&mut self, client: Client) {
        self.input(client.shard, Input::Lost { conn: client.conn, cause: sealmq_broker::Lost::Closed });
    }
}

/// A PUBLISH in the making.
#[derive(Default, Clone, Copy)]
pub(crate) struct Pub<'a> {
    pub(crate) topic: &'a str,
    pub(crate) payload: &'a [u8],
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    pub(crate) dup: bool,
    pub(crate) id: Option<u16>,
    pub(crate) properties: &'a [Property<'a>],
}

pub(crate) fn id(number: u16) -> PacketId {
    PacketId::new(number).unwrap()
}
