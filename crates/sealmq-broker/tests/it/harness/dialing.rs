//! Connecting: from a CONNECT in the making to an adopted connection, through bytes.

use super::{Client, Line, Net, TestAdmission, Verdict, What};
use sealmq_broker::{
    Admission, Assigned, Authentication, ClientId, ConnId, Input, ListenerRules, Owner, Peer, Principal,
    Role, TopicScope, Wall,
};
use sealmq_mqtt::{
    Connect, Decoded, Packet, Properties, PropertiesBuf, Property, QoS, TopicName, Version, Will, decode,
    encode,
};
use std::sync::{Arc, Mutex};

/// A CONNECT in the making.
#[derive(Clone)]
pub(crate) struct Dial {
    pub(crate) version: Version,
    pub(crate) client_id: String,
    pub(crate) bridge: bool,
    pub(crate) clean: bool,
    pub(crate) keep_alive: u16,
    pub(crate) username: Option<String>,
    pub(crate) will: Option<DialWill>,
    pub(crate) properties: Vec<Property<'static>>,
    pub(crate) rules: ListenerRules,
    pub(crate) owner: String,
    pub(crate) role: Role,
    pub(crate) assigned: Assigned,
    pub(crate) admission: Arc<dyn Admission>,
    pub(crate) generation: u64,
    pub(crate) ends_at: Option<Wall>,
    pub(crate) topics: Option<Arc<TopicScope>>,
    pub(crate) authentication: Option<Authentication>,
}

#[derive(Clone)]
pub(crate) struct DialWill {
    pub(crate) topic: &'static str,
    pub(crate) payload: Vec<u8>,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    pub(crate) delay_secs: u32,
}

pub(crate) fn dial(version: Version, client_id: &str) -> Dial {
    Dial {
        version,
        client_id: client_id.into(),
        bridge: false,
        clean: true,
        keep_alive: 0,
        username: None,
        will: None,
        properties: Vec::new(),
        rules: ListenerRules::default(),
        owner: "anyone".into(),
        role: Role::Ordinary,
        assigned: Assigned::ByClient,
        admission: Arc::new(TestAdmission(Mutex::new(Verdict::Good(u64::MAX)))),
        generation: u64::MAX,
        ends_at: None,
        topics: None,
        authentication: None,
    }
}

impl Dial {
    pub(crate) fn resume(mut self) -> Dial {
        self.clean = false;
        self
    }
    /// A session that outlives its connection, in either version.
    pub(crate) fn lasting(self) -> Dial {
        if self.version.is_v5() {
            self.resume().with(Property::SessionExpiryInterval(u32::MAX))
        } else {
            self.resume()
        }
    }
    pub(crate) fn with(mut self, property: Property<'static>) -> Dial {
        self.properties.push(property);
        self
    }
    pub(crate) fn will(mut self, topic: &'static str, payload: &str) -> Dial {
        let payload = payload.as_bytes().to_vec();
        self.will = Some(DialWill { topic, payload, qos: QoS::AtMostOnce, retain: false, delay_secs: 0 });
        self
    }
    pub(crate) fn will_delay(mut self, secs: u32) -> Dial {
        self.will.as_mut().unwrap().delay_secs = secs;
        self
    }
    pub(crate) fn user(mut self, name: &str) -> Dial {
        self.username = Some(name.into());
        self
    }
    pub(crate) fn rules(mut self, change: impl FnOnce(&mut ListenerRules)) -> Dial {
        change(&mut self.rules);
        self
    }
}

impl Net {
    /// Connects on shard 0 and takes the CONNACK, which has to be an acceptance.
    pub(crate) fn connect(&mut self, dial: Dial) -> Client {
        let client = self.dial_on(0, dial);
        assert!(matches!(self.take(client), What::ConnAck { code: 0, .. }), "refused");
        client
    }

    pub(crate) fn connect_on(&mut self, shard: usize, dial: Dial) -> Client {
        let client = self.dial_on(shard, dial);
        assert!(matches!(self.take(client), What::ConnAck { code: 0, .. }), "refused");
        client
    }

    pub(crate) fn v5(&mut self, id: &str) -> Client {
        self.connect(dial(Version::V5, id))
    }

    pub(crate) fn v3(&mut self, id: &str) -> Client {
        self.connect(dial(Version::V311, id))
    }

    /// Connects on shard 0; the CONNACK waits.
    pub(crate) fn dial(&mut self, dial: Dial) -> Client {
        self.dial_on(0, dial)
    }

    pub(crate) fn dial_on(&mut self, shard: usize, dial: Dial) -> Client {
        let conn = ConnId(self.next_conn);
        self.next_conn += 1;
        self.lines.insert(conn, Line { version: Some(dial.version), ..Line::default() });
        let properties = PropertiesBuf::of(dial.properties.iter().copied()).unwrap();
        let will_properties = match &dial.will {
            Some(will) if will.delay_secs > 0 => {
                PropertiesBuf::of([Property::WillDelayInterval(will.delay_secs)]).unwrap()
            }
            _ => PropertiesBuf::new(),
        };
        let v5 = dial.version.is_v5();
        let connect = Connect {
            version: dial.version,
            bridge: dial.bridge,
            clean_start: dial.clean,
            keep_alive_secs: dial.keep_alive,
            client_id: &dial.client_id,
            will: dial.will.as_ref().map(|will| Will {
                topic: TopicName::parse(will.topic).unwrap(),
                payload: &will.payload,
                qos: will.qos,
                retain: will.retain,
                properties: if v5 { will_properties.as_properties() } else { Properties::EMPTY },
            }),
            username: dial.username.as_deref(),
            password: None,
            properties: if v5 { properties.as_properties() } else { Properties::EMPTY },
        };
        let mut bytes = Vec::new();
        encode(&Packet::Connect(connect), dial.version, &mut bytes).unwrap();
        let limits = dial.rules.decoder_limits();
        let Decoded::Packet { packet: Packet::Connect(connect), .. } =
            decode(&bytes, dial.version, &limits).unwrap()
        else {
            panic!("CONNECT does not come back")
        };
        let peer = Peer {
            client_id: ClientId::parse(&dial.client_id).unwrap(),
            assigned: dial.assigned,
            principal: Principal {
                username: dial.username.as_deref().map(Arc::from),
                role: dial.role,
                owner: Owner::new(dial.owner.as_bytes()),
                admitted_by: dial.admission.clone(),
                generation: dial.generation,
                ends_at: dial.ends_at,
                topics: dial.topics.clone(),
            },
            rules: Arc::new(dial.rules.clone()),
            authentication: dial.authentication.clone(),
        };
        self.input(shard, Input::Connected { conn, connect: &connect, peer });
        Client { conn, shard, version: dial.version }
    }
}
