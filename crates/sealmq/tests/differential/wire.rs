//! Packets as bytes, right and wrong ones.

pub(super) const PINGREQ: [u8; 2] = [0xc0, 0];

/// A fixed header and a body.
pub(super) fn packet(first: u8, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let mut bytes = vec![first];
    bytes.extend(varint(body.len()));
    bytes.extend(body);
    bytes
}

pub(super) fn varint(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(value & 0x7f).unwrap();
        value >>= 7;
        bytes.push(if value > 0 { low | 0x80 } else { low });
        if value == 0 {
            return bytes;
        }
    }
}

/// A string or binary data with its length.
pub(super) fn text(value: impl AsRef<[u8]>) -> Vec<u8> {
    let value = value.as_ref();
    let mut bytes = u16::try_from(value.len()).unwrap().to_be_bytes().to_vec();
    bytes.extend(value);
    bytes
}

/// Bytes from hexadecimal digits; blanks do not count.
pub(super) fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> = digits.bytes().filter(|digit| *digit != b' ').collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// A CONNECT, field by field.
#[derive(Clone)]
pub(super) struct Connect {
    pub(super) name: &'static [u8],
    pub(super) level: u8,
    pub(super) flags: u8,
    pub(super) keep_alive: u16,
    pub(super) properties: Vec<u8>,
    /// Client id, will, user name, password: as they stand.
    pub(super) payload: Vec<u8>,
}

impl Connect {
    /// Clean, keep alive 60.
    pub(super) fn new(level: u8, id: &str) -> Connect {
        let name: &[u8] = if level & 0x7f == 3 { b"MQIsdp" } else { b"MQTT" };
        Connect { name, level, flags: 2, keep_alive: 60, properties: Vec::new(), payload: text(id) }
    }

    pub(super) fn flags(self, flags: u8) -> Connect {
        Connect { flags, ..self }
    }

    pub(super) fn keep_alive(self, keep_alive: u16) -> Connect {
        Connect { keep_alive, ..self }
    }

    pub(super) fn properties(self, digits: &str) -> Connect {
        Connect { properties: hex(digits), ..self }
    }

    /// One more string of the payload.
    pub(super) fn and(mut self, field: impl AsRef<[u8]>) -> Connect {
        self.payload.extend(text(field));
        self
    }

    /// One more piece of the payload as it stands.
    pub(super) fn raw(mut self, digits: &str) -> Connect {
        self.payload.extend(hex(digits));
        self
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut body = text(self.name);
        body.extend([self.level, self.flags]);
        body.extend(self.keep_alive.to_be_bytes());
        if self.level & 0x7f == 5 {
            body.extend(varint(self.properties.len()));
            body.extend(&self.properties);
        }
        body.extend(&self.payload);
        packet(0x10, body)
    }
}

impl AsRef<[u8]> for Connect {
    fn as_ref(&self) -> &[u8] {
        // A scenario's packet lives as long as the process; the scenarios are few.
        Vec::leak(self.bytes())
    }
}

pub(super) fn v31(id: &str) -> Connect {
    Connect::new(3, id)
}

pub(super) fn v4(id: &str) -> Connect {
    Connect::new(4, id)
}

pub(super) fn v5(id: &str) -> Connect {
    Connect::new(5, id)
}

/// A SUBSCRIBE of 3.x: filter and QoS.
pub(super) fn subscribe(id: u16, filters: &[(&str, u8)]) -> Vec<u8> {
    subscribing(id, &[], filters)
}

/// A SUBSCRIBE of 5.0: properties, filter and options.
pub(super) fn subscribe5(id: u16, properties: &str, filters: &[(&str, u8)]) -> Vec<u8> {
    let properties = hex(properties);
    subscribing(id, &[varint(properties.len()), properties].concat(), filters)
}

fn subscribing(id: u16, properties: &[u8], filters: &[(&str, u8)]) -> Vec<u8> {
    let mut body = id.to_be_bytes().to_vec();
    body.extend(properties);
    for (filter, options) in filters {
        body.extend(text(filter));
        body.push(*options);
    }
    packet(0x82, body)
}

pub(super) fn unsubscribe(id: u16, filters: &[&str]) -> Vec<u8> {
    unsubscribing(id, &[], filters)
}

pub(super) fn unsubscribe5(id: u16, filters: &[&str]) -> Vec<u8> {
    unsubscribing(id, &[0], filters)
}

fn unsubscribing(id: u16, properties: &[u8], filters: &[&str]) -> Vec<u8> {
    let mut body = id.to_be_bytes().to_vec();
    body.extend(properties);
    filters.iter().for_each(|filter| body.extend(text(filter)));
    packet(0xa2, body)
}

/// A PUBLISH of 3.x; `first` is the first byte with DUP, QoS and RETAIN.
pub(super) fn publish(first: u8, topic: impl AsRef<[u8]>, id: u16, payload: impl AsRef<[u8]>) -> Vec<u8> {
    publishing(first, topic.as_ref(), id, &[], payload.as_ref())
}

/// A PUBLISH of 5.0.
pub(super) fn publish5(
    first: u8,
    topic: impl AsRef<[u8]>,
    id: u16,
    properties: &str,
    payload: impl AsRef<[u8]>,
) -> Vec<u8> {
    let properties = hex(properties);
    let properties = [varint(properties.len()), properties].concat();
    publishing(first, topic.as_ref(), id, &properties, payload.as_ref())
}

fn publishing(first: u8, topic: &[u8], id: u16, properties: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut body = text(topic);
    if first & 0x06 != 0 {
        body.extend(id.to_be_bytes());
    }
    body.extend(properties);
    body.extend(payload);
    packet(first, body)
}
