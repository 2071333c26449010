//! Packets of the bridge to bytes. What a configuration can ask for is checked before; what does not fit a packet all the
//! same is an error here, never a panic.

use sealmq_mqtt::{
    Ack, Connect, Disconnect, EncodeError, FilterListBuf, Packet, PacketId, Properties, PropertiesBuf,
    Property, ReasonCode, SubscriptionListBuf, SubscriptionOptions, TopicFilter, Version,
};

/// A packet of the bridge's own making that cannot be written.
pub(crate) type Written = Result<Vec<u8>, EncodeError>;

pub(crate) fn packet(packet: &Packet<'_>, version: Version) -> Written {
    let mut out = Vec::new();
    sealmq_mqtt::encode(packet, version, &mut out)?;
    Ok(out)
}

pub(crate) fn connect(connect: &Connect<'_>) -> Written {
    packet(&Packet::Connect(*connect), connect.version)
}

pub(crate) fn subscribe(
    packet_id: PacketId,
    filter: &str,
    options: SubscriptionOptions,
    version: Version,
) -> Option<Vec<u8>> {
    let mut list = SubscriptionListBuf::new();
    list.push(TopicFilter::parse(filter).ok()?, options).ok()?;
    let properties = Properties::EMPTY;
    let subscriptions = list.as_list();
    packet(&Packet::Subscribe(sealmq_mqtt::Subscribe { packet_id, properties, subscriptions }), version).ok()
}

pub(crate) fn unsubscribe(packet_id: PacketId, filter: &str, version: Version) -> Option<Vec<u8>> {
    let mut list = FilterListBuf::new();
    list.push(TopicFilter::parse(filter).ok()?);
    let properties = Properties::EMPTY;
    let filters = list.as_list();
    packet(&Packet::Unsubscribe(sealmq_mqtt::Unsubscribe { packet_id, properties, filters }), version).ok()
}

/// What carries a packet id and a reason: PUBACK and so on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Answer {
    Ack,
    Rec,
    Rel,
    Comp,
}

/// Before 5.0 there are no reasons.
pub(crate) fn ack(which: Answer, packet_id: PacketId, reason: ReasonCode, version: Version) -> Vec<u8> {
    let ack = match version {
        Version::V5 => Ack::with_reason(packet_id, reason),
        Version::V31 | Version::V311 => Ack::new(packet_id),
    };
    let made = match which {
        Answer::Ack => Packet::PubAck(ack),
        Answer::Rec => Packet::PubRec(ack),
        Answer::Rel => Packet::PubRel(ack),
        Answer::Comp => Packet::PubComp(ack),
    };
    plain(&made, version)
}

/// Packets without texts.
pub(crate) fn plain(made: &Packet<'_>, version: Version) -> Vec<u8> {
    packet(made, version).expect("a packet of numbers always fits")
}

pub(crate) fn disconnect(version: Version, session_expiry_secs: Option<u32>) -> Vec<u8> {
    let properties = PropertiesBuf::of(session_expiry_secs.map(Property::SessionExpiryInterval))
        .expect("one number is never too long and never twice");
    let mut disconnect = Disconnect::new(ReasonCode::NORMAL_DISCONNECTION);
    disconnect.properties = properties.as_properties();
    plain(&Packet::Disconnect(disconnect), version)
}
