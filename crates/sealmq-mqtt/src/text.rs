//! Which characters a UTF-8 Encoded String may hold.
//!
//! Not well-formed UTF-8, surrogates included, and U+0000 must be refused ([MQTT-1.5.4-1], [MQTT-1.5.4-2],
//! [MQTT311-1.5.3-1], [MQTT311-1.5.3-2]). Control characters and non-characters may be (MQTT §1.5.4): we refuse them, as
//! mosquitto does, so that no topic, name or reason can carry a line break or an escape sequence into a log. A byte
//! order mark is a character like others. [MQTT-1.5.4-3]

/// The first character that must not be in a string, if there is one.
#[inline]
pub(crate) fn forbidden_character(text: &str) -> Option<char> {
    // One pass without branches: nearly every string on the wire is printable ASCII.
    let plain = text.bytes().fold(true, |plain, byte| plain & (byte.wrapping_sub(0x20) < 0x5f));
    if plain { None } else { text.chars().find(|c| is_forbidden(*c)) }
}

fn is_forbidden(c: char) -> bool {
    let code = u32::from(c);
    c.is_control() || (0xfdd0..=0xfdef).contains(&code) || code & 0xfffe == 0xfffe
}
