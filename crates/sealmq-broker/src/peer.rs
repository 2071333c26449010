//! Who is at the other end, as the door decided it, and the judgment that can be taken back.
//!
//! The core knows no certificate. It holds an [`Admission`] per connection, and asks it again whenever the trust
//! generation has moved: a level that is compared, not a message that could be lost.

use crate::{Attributes, Authentication, ClientId, TopicScope, Wall, policy::Owner};
use sealmq_mqtt::QoS;
use std::sync::Arc;

/// What the door hands over beside CONNECT.
#[derive(Debug, Clone)]
pub struct Peer {
    /// The client id that counts, after `use_username_as_clientid` and after assigning one.
    pub client_id: ClientId,
    /// Who chose it.
    pub assigned: Assigned,
    /// Who it is.
    pub principal: Principal,
    /// The rules of the listener it came through.
    pub rules: Arc<ListenerRules>,
    /// The exchange of AUTH packets that the door had with it. `None` refuses a CONNECT that names a method.
    pub authentication: Option<Authentication>,
}

/// Who chose a client id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Assigned {
    /// The client (or its user name).
    ByClient,
    /// We did: CONNACK says so. [MQTT-3.1.3-6] [MQTT-3.2.2-16]
    ByServer,
}

/// An authenticated identity.
#[derive(Debug, Clone)]
pub struct Principal {
    /// The user name, from CONNECT or from the certificate.
    pub username: Option<Arc<str>>,
    /// The role recorded at (issuer, serial).
    pub role: Role,
    /// Whom its sessions belong to.
    pub owner: Owner,
    /// The judgment that let it in, which can be asked again.
    pub admitted_by: Arc<dyn Admission>,
    /// The trust generation at which it was judged.
    pub generation: u64,
    /// When its certificate (or one above it) or its token ends; `None`: it has none.
    pub ends_at: Option<Wall>,
    /// What its token is meant for; `None`: nothing narrows the access list.
    pub topics: Option<Arc<TopicScope>>,
}

/// What a certificate of ours was issued for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Role {
    /// Anyone.
    #[default]
    Ordinary,
    /// May use `$SYS/#` and `$CONTROL/#` under our own policy.
    Operator,
}

/// The decision that admitted a connection; implemented over the listener's trust.
pub trait Admission: Send + Sync + std::fmt::Debug {
    /// Judges the same identity again, at the trust of now. A panic counts as a refusal.
    ///
    /// # Errors
    /// [`Ended`]: the session must end.
    fn judge(&self, now: Wall) -> Result<u64, Ended>;

    /// When its certificate or token ends by the rules of the last judgment. Asked after each one in its favour: a rule
    /// that came later sets a timer too, and one that went takes it away. `known`: the end that counted until now.
    fn ends_at(&self, known: Option<Wall>) -> Option<Wall> {
        known
    }

    /// The fields of the certificate that it was admitted with; `None` without one. Asked only where an ACL names
    /// some, so that nobody else's connection keeps them.
    fn attributes(&self) -> Option<Arc<Attributes>> {
        None
    }
}

/// Why an identity that was good is good no longer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {text}")]
pub struct Ended {
    /// The stable code of the reason.
    pub code: &'static str,
    /// The same in words.
    pub text: String,
    /// What DISCONNECT tells a client of 5.0.
    pub farewell: Farewell,
}

/// The reason code with which a session is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Farewell {
    /// 0x87: what proved its identity counts no more.
    #[default]
    NotAuthorized,
    /// 0x98: its identity is as good as before; what it came through has been changed or removed.
    AdministrativeAction,
}

/// The process's one counter of trust: it rises after new trust was published.
pub trait TrustGeneration: Send + Sync {
    /// The generation of now.
    fn current(&self) -> u64;
}

/// Names a listener in [`crate::Policy`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ListenerId(pub u16);

impl ListenerId {
    /// Where the broker's own bridges come from: no listener. Listeners are numbered from the other end.
    pub const BRIDGES: ListenerId = ListenerId(u16::MAX);
    /// The same, for those that have a user name and go by the list that all listeners share.
    pub const BRIDGES_BY_ACL: ListenerId = ListenerId(u16::MAX - 1);

    /// Whether nobody but the broker itself can come from there.
    pub const fn is_of_bridges(self) -> bool {
        self.0 >= ListenerId::BRIDGES_BY_ACL.0
    }
}

/// What one listener rules for its clients. Defaults are mosquitto's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerRules {
    /// Which listener.
    pub listener: ListenerId,
    /// `mount_point`: put before every topic of its clients, taken away before delivery. Empty: none.
    pub mount_point: Box<str>,
    /// `max_qos`.
    pub max_qos: QoS,
    /// `max_topic_alias`: aliases a client may set.
    pub topic_alias_max: u16,
    /// `max_topic_alias_broker`: aliases we set towards a client that allows them.
    pub topic_alias_broker_max: u16,
    /// `max_packet_size`: what the shell's decoder enforces and CONNACK announces.
    pub packet_bytes_max: u32,
}

impl Default for ListenerRules {
    fn default() -> ListenerRules {
        ListenerRules {
            listener: ListenerId::default(),
            mount_point: Box::from(""),
            max_qos: QoS::ExactlyOnce,
            topic_alias_max: 10,
            topic_alias_broker_max: 10,
            packet_bytes_max: 2_000_000,
        }
    }
}

impl ListenerRules {
    /// What the shell's decoder may accept from clients of this listener.
    pub const fn decoder_limits(&self) -> sealmq_mqtt::Limits {
        sealmq_mqtt::Limits::of_broker().with_packet_bytes_max(self.packet_bytes_max)
    }
}
