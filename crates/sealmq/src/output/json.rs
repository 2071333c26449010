//! `%j` and `%J`: a message as JSON, in the very bytes that mosquitto_sub (and its cJSON) writes.
#![allow(clippy::wildcard_enum_match_arm, reason = "of all properties, a PUBLISH has these")]

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use sealmq_client::{Message, Property, QoS};

use super::{JsonLayout, Moment, PrintError};

/// What becomes of the payload.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Payload {
    /// `%j`: a quoted string.
    Escaped,
    /// `%J`: the payload is JSON itself.
    AsJson,
}

/// Appends `message` as one JSON object.
pub(super) fn print(
    message: &Message,
    moment: &Moment,
    payload: Payload,
    layout: JsonLayout,
    out: &mut Vec<u8>,
) -> Result<(), PrintError> {
    let mut members = vec![
        member("tst", Json::text(moment.json_timestamp().as_bytes())),
        member("topic", Json::text(message.topic.as_bytes())),
        member("qos", Json::Number(f64::from(message.qos as u8))),
        member("retain", Json::Number(f64::from(u8::from(message.retain)))),
        member("payloadlen", Json::Number(message.payload.len() as f64)),
    ];
    if message.qos != QoS::AtMostOnce {
        members.push(member("mid", Json::Number(message.packet_id.map_or(0.0, |id| f64::from(id.get())))));
    }
    if !message.properties.is_empty() {
        members.push(member("properties", properties(&message.properties)));
    }
    members.push(member("payload", payload_value(message, payload)?));
    Json::Object(members).write(layout, 0, out);
    Ok(())
}

fn payload_value(message: &Message, payload: Payload) -> Result<Json, PrintError> {
    if message.payload.is_empty() {
        return Ok(Json::Null);
    }
    match payload {
        Payload::Escaped => Ok(Json::text(&message.payload)),
        Payload::AsJson => serde_json::from_slice(&message.payload)
            .map_err(|_| PrintError::PayloadNotJson { topic: message.topic.clone() }),
    }
}

/// User properties are one object of their own, where the first of them stands.
fn properties(list: &[Property]) -> Json {
    let mut members = Vec::new();
    let mut user = list
        .iter()
        .filter_map(|property| match property {
            Property::User { name, value } => Some((name.clone().into_bytes(), Json::text(value.as_bytes()))),
            _ => None,
        })
        .collect::<Vec<_>>();
    for property in list {
        let value = match property {
            Property::PayloadFormatIndicator(value) => Json::Number(f64::from(*value)),
            Property::MessageExpiryInterval(value) | Property::SubscriptionIdentifier(value) => {
                Json::Number(f64::from(*value))
            }
            Property::TopicAlias(value) => Json::Number(f64::from(*value)),
            Property::ContentType(value) | Property::ResponseTopic(value) => Json::text(value.as_bytes()),
            Property::CorrelationData(value) => Json::text(value),
            Property::User { .. } if user.is_empty() => continue,
            Property::User { .. } => {
                members.push(member("user-properties", Json::Object(std::mem::take(&mut user))));
                continue;
            }
            // No other property belongs to a PUBLISH [MQTT5 table 2-4].
            _ => continue,
        };
        members.push((property.name().as_bytes().to_vec(), value));
    }
    Json::Object(members)
}

/// A JSON value whose members keep their order, and whose strings may hold bytes that are not UTF-8, since a
/// payload may and mosquitto_sub copies them.
#[derive(Clone, Debug, PartialEq)]
enum Json {
    Null,
    Bool(bool),
    Number(f64),
    Text(Vec<u8>),
    Array(Vec<Json>),
    Object(Vec<(Vec<u8>, Json)>),
}

fn member(name: &str, value: Json) -> (Vec<u8>, Json) {
    (name.as_bytes().to_vec(), value)
}

impl Json {
    /// Text ends at the first NUL: mosquitto_sub hands C strings to cJSON.
    fn text(bytes: &[u8]) -> Self {
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        Self::Text(bytes[..end].to_vec())
    }

    fn write(&self, layout: JsonLayout, depth: usize, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.extend_from_slice(b"null"),
            Self::Bool(true) => out.extend_from_slice(b"true"),
            Self::Bool(false) => out.extend_from_slice(b"false"),
            Self::Number(value) => out.extend_from_slice(number(*value).as_bytes()),
            Self::Text(bytes) => quoted(bytes, out),
            Self::Array(items) => write_array(items, layout, depth, out),
            Self::Object(members) => write_object(members, layout, depth, out),
        }
    }
}

fn write_array(items: &[Json], layout: JsonLayout, depth: usize, out: &mut Vec<u8>) {
    out.push(b'[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.extend_from_slice(if layout == JsonLayout::Pretty { b", " } else { b"," });
        }
        item.write(layout, depth + 1, out);
    }
    out.push(b']');
}

fn write_object(members: &[(Vec<u8>, Json)], layout: JsonLayout, depth: usize, out: &mut Vec<u8>) {
    let pretty = layout == JsonLayout::Pretty;
    out.push(b'{');
    if pretty {
        out.push(b'\n');
    }
    for (index, (name, value)) in members.iter().enumerate() {
        if pretty {
            out.extend(std::iter::repeat_n(b'\t', depth + 1));
        }
        quoted(name, out);
        out.extend_from_slice(if pretty { b":\t" } else { b":" });
        value.write(layout, depth + 1, out);
        if index + 1 < members.len() {
            out.push(b',');
        }
        if pretty {
            out.push(b'\n');
        }
    }
    if pretty {
        out.extend(std::iter::repeat_n(b'\t', depth));
    }
    out.push(b'}');
}

fn quoted(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in bytes {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x0c => out.extend_from_slice(b"\\f"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            control @ 0..=0x1f => out.extend_from_slice(format!("\\u{control:04x}").as_bytes()),
            other => out.push(*other),
        }
    }
    out.push(b'"');
}

/// cJSON's numbers: `%1.15g`, or `%1.17g` where fifteen digits do not give the same number back.
fn number(value: f64) -> String {
    let short = significant(value, 15);
    match short.parse::<f64>() {
        Ok(back) if (back - value).abs() <= back.abs().max(value.abs()) * f64::EPSILON => short,
        _ => significant(value, 17),
    }
}

/// C's `%.{digits}g`.
fn significant(value: f64, digits: usize) -> String {
    if value == 0.0 {
        return String::from(if value.is_sign_negative() { "-0" } else { "0" });
    }
    let scientific = format!("{value:.*e}", digits - 1);
    let (mantissa, exponent) = scientific.split_once('e').expect("Rust writes an exponent with {:e}");
    let exponent: i32 = exponent.parse().expect("Rust writes a whole exponent with {:e}");
    if (-4..digits as i32).contains(&exponent) {
        let places = (digits as i32 - 1 - exponent) as usize;
        return without_trailing_zeros(&format!("{value:.places$}")).to_owned();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", without_trailing_zeros(mantissa), exponent.abs())
}

fn without_trailing_zeros(number: &str) -> &str {
    if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value as f64))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value as f64))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Json, E> {
        Ok(Json::Number(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.as_bytes().to_vec()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Json, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Json::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Json, A::Error> {
        let mut members = Vec::new();
        while let Some((name, value)) = access.next_entry::<String, Json>()? {
            members.push((name.into_bytes(), value));
        }
        Ok(Json::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_are_written_as_cjson_writes_them() {
        let cases = [
            (27.0, "27"),
            (2.5, "2.5"),
            (1e30, "1e+30"),
            (0.1, "0.1"),
            (-0.000_012, "-1.2e-05"),
            (1.0 / 3.0, "0.33333333333333331"),
            (123_456_789_012_345_680.0, "1.2345678901234568e+17"),
        ];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
    }
}
