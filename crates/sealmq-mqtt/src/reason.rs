//! The reason codes of MQTT 5.0 (§2.4), as one table: code, name, text, the packets that may carry it.

use crate::PacketType;
use std::fmt;

const fn packets(types: &[PacketType]) -> u16 {
    let mut mask = 0;
    let mut i = 0;
    while i < types.len() {
        mask |= 1 << types[i] as u16;
        i += 1;
    }
    mask
}

macro_rules! reason_codes {
    ($($code:literal $name:ident $text:literal in $($packet:ident)+;)+) => {
        /// A reason code. 3.x packets that have none decode as [`ReasonCode::Success`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum ReasonCode {
            $(#[doc = $text] $name = $code,)+
        }

        impl ReasonCode {
            /// All of them, by number.
            pub const ALL: &'static [ReasonCode] = &[$(ReasonCode::$name),+];

            /// `None` for a number that MQTT 5.0 does not define.
            pub const fn from_u8(code: u8) -> Option<ReasonCode> {
                match code { $($code => Some(ReasonCode::$name),)+ _ => None }
            }

            /// What the standard calls it.
            pub const fn text(self) -> &'static str {
                match self { $(ReasonCode::$name => $text,)+ }
            }

            const fn packets(self) -> u16 {
                match self { $(ReasonCode::$name => packets(&[$(PacketType::$packet),+]),)+ }
            }
        }
    };
}

reason_codes! {
    0x00 Success "success" in ConnAck PubAck PubRec PubRel PubComp SubAck UnsubAck Disconnect Auth;
    0x01 GrantedQoS1 "granted QoS 1" in SubAck;
    0x02 GrantedQoS2 "granted QoS 2" in SubAck;
    0x04 DisconnectWithWillMessage "disconnect with will message" in Disconnect;
    0x10 NoMatchingSubscribers "no matching subscribers" in PubAck PubRec;
    0x11 NoSubscriptionExisted "no subscription existed" in UnsubAck;
    0x18 ContinueAuthentication "continue authentication" in Auth;
    0x19 ReAuthenticate "re-authenticate" in Auth;
    0x80 UnspecifiedError "unspecified error" in ConnAck PubAck PubRec SubAck UnsubAck Disconnect;
    0x81 MalformedPacket "malformed packet" in ConnAck Disconnect;
    0x82 ProtocolError "protocol error" in ConnAck Disconnect;
    0x83 ImplementationSpecificError "implementation specific error" in ConnAck PubAck PubRec SubAck UnsubAck Disconnect;
    0x84 UnsupportedProtocolVersion "unsupported protocol version" in ConnAck;
    0x85 ClientIdentifierNotValid "client identifier not valid" in ConnAck;
    0x86 BadUserNameOrPassword "bad user name or password" in ConnAck;
    0x87 NotAuthorized "not authorized" in ConnAck PubAck PubRec SubAck UnsubAck Disconnect;
    0x88 ServerUnavailable "server unavailable" in ConnAck;
    0x89 ServerBusy "server busy" in ConnAck Disconnect;
    0x8a Banned "banned" in ConnAck;
    0x8b ServerShuttingDown "server shutting down" in Disconnect;
    0x8c BadAuthenticationMethod "bad authentication method" in ConnAck Disconnect;
    0x8d KeepAliveTimeout "keep alive timeout" in Disconnect;
    0x8e SessionTakenOver "session taken over" in Disconnect;
    0x8f TopicFilterInvalid "topic filter invalid" in SubAck UnsubAck Disconnect;
    0x90 TopicNameInvalid "topic name invalid" in ConnAck PubAck PubRec Disconnect;
    0x91 PacketIdentifierInUse "packet identifier in use" in PubAck PubRec SubAck UnsubAck;
    0x92 PacketIdentifierNotFound "packet identifier not found" in PubRel PubComp;
    0x93 ReceiveMaximumExceeded "receive maximum exceeded" in Disconnect;
    0x94 TopicAliasInvalid "topic alias invalid" in Disconnect;
    0x95 PacketTooLarge "packet too large" in ConnAck PubAck PubRec Disconnect;
    0x96 MessageRateTooHigh "message rate too high" in Disconnect;
    0x97 QuotaExceeded "quota exceeded" in ConnAck PubAck PubRec SubAck Disconnect;
    0x98 AdministrativeAction "administrative action" in Disconnect;
    0x99 PayloadFormatInvalid "payload format invalid" in ConnAck PubAck PubRec Disconnect;
    0x9a RetainNotSupported "retain not supported" in ConnAck Disconnect;
    0x9b QoSNotSupported "QoS not supported" in ConnAck Disconnect;
    0x9c UseAnotherServer "use another server" in ConnAck Disconnect;
    0x9d ServerMoved "server moved" in ConnAck Disconnect;
    0x9e SharedSubscriptionsNotSupported "shared subscriptions not supported" in SubAck Disconnect;
    0x9f ConnectionRateExceeded "connection rate exceeded" in ConnAck Disconnect;
    0xa0 MaximumConnectTime "maximum connect time" in Disconnect;
    0xa1 SubscriptionIdentifiersNotSupported "subscription identifiers not supported" in SubAck Disconnect;
    0xa2 WildcardSubscriptionsNotSupported "wildcard subscriptions not supported" in SubAck Disconnect;
}

impl ReasonCode {
    /// What 0x00 is called in DISCONNECT.
    pub const NORMAL_DISCONNECTION: ReasonCode = ReasonCode::Success;
    /// What 0x00 is called in SUBACK.
    pub const GRANTED_QOS_0: ReasonCode = ReasonCode::Success;

    /// The number on the wire.
    pub const fn as_u8(self) -> u8 {
        self as u8
    }

    /// Whether this says that something failed (0x80 and above). MQTT §2.4
    pub const fn is_error(self) -> bool {
        self.as_u8() >= 0x80
    }

    /// Whether a packet of this type may carry it. [MQTT-3.2.2-8] [MQTT-3.4.2-1] [MQTT-3.5.2-1] [MQTT-3.6.2-1]
    /// [MQTT-3.7.2-1] [MQTT-3.9.3-2] [MQTT-3.11.3-2] [MQTT-3.14.2-1] [MQTT-3.15.2-1]
    ///
    /// PUBACK and PUBREC may carry 0x95 here although the standard's tables leave it out: mosquitto answers an
    /// oversized message with it, and its clients must understand ours.
    pub const fn allowed_in(self, packet: PacketType) -> bool {
        self.packets() & (1 << packet as u16) != 0
    }
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:02x} {}", self.as_u8(), self.text())
    }
}
