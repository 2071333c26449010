//! WebSocket frames: RFC 6455 §5, as a broker and as a client reads them.

use proptest::prelude::*;
use sealmq_mqtt::fuzzing;
use sealmq_mqtt::websocket::{
    CloseCode, FrameReader, Heard, Mask, Side, Violation, write_binary, write_close, write_pong,
};

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A masked frame: the first byte, the payload.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    match payload.len() {
        len @ 0..=125 => out.push(0x80 | len as u8),
        len @ 126..=65_535 => {
            out.push(0x80 | 126);
            out.extend((len as u16).to_be_bytes());
        }
        len => {
            out.push(0x80 | 127);
            out.extend((len as u64).to_be_bytes());
        }
    }
    out.extend(MASK);
    out.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    out
}

fn read(bytes: &[u8]) -> (Result<Heard, Violation>, Vec<u8>) {
    let mut mqtt = Vec::new();
    (FrameReader::new(Side::Server).read(bytes, &mut mqtt), mqtt)
}

fn mqtt_of(frames: &[Vec<u8>]) -> Vec<u8> {
    let (heard, mqtt) = read(&frames.concat());
    assert_eq!(heard, Ok(Heard::default()));
    mqtt
}

fn violation(frames: &[Vec<u8>]) -> Violation {
    read(&frames.concat()).0.unwrap_err()
}

#[test]
fn the_example_of_the_rfc() {
    // §5.7: a masked "Hello", here binary.
    let bytes = [0x82, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
    assert_eq!(read(&bytes).1, b"Hello");
}

#[test]
fn payloads_of_every_length_form_arrive_in_pieces_of_any_size() {
    for len in [0, 1, 125, 126, 127, 1_000, 65_535, 65_536, 100_000] {
        let payload: Vec<u8> = (0..len).map(|n| n as u8).collect();
        let bytes = frame(0x82, &payload);
        for piece in [1, 2, 3, 7, 4_096, bytes.len()] {
            let (mut reader, mut mqtt) = (FrameReader::new(Side::Server), Vec::new());
            for part in bytes.chunks(piece) {
                reader.read(part, &mut mqtt).unwrap();
            }
            assert_eq!(mqtt, payload, "{len} in pieces of {piece}");
        }
    }
}

/// [MQTT-6.0.0-2] [MQTT311-6.0.0-2]
#[test]
fn several_frames_and_fragments_are_one_stream() {
    assert_eq!(mqtt_of(&[frame(0x82, b"ab"), frame(0x82, b""), frame(0x82, b"cd")]), b"abcd");
    let fragments = [frame(0x02, b"a"), frame(0x00, b""), frame(0x00, b"b"), frame(0x80, b"c")];
    assert_eq!(mqtt_of(&fragments), b"abc");
    assert_eq!(mqtt_of(&[fragments.concat(), frame(0x82, b"d")]), b"abcd");
}

#[test]
fn control_frames_stand_between_fragments_and_the_last_ping_counts() {
    let frames =
        [frame(0x02, b"a"), frame(0x89, b"1"), frame(0x8a, b"x"), frame(0x89, b"2"), frame(0x80, b"b")];
    let (heard, mqtt) = read(&frames.concat());
    assert_eq!(mqtt, b"ab");
    assert_eq!(heard.unwrap().ping.as_deref(), Some(&b"2"[..]));
}

#[test]
fn a_ping_is_answered_with_what_it_says_also_if_that_is_nothing() {
    for payload in [&b""[..], b"hi", &[7; 125]] {
        let (heard, _) = read(&frame(0x89, payload));
        let ping = heard.unwrap().ping.unwrap();
        let mut out = Vec::new();
        write_pong(&mut out, &ping, None);
        assert_eq!(out, [&[0x8a, payload.len() as u8], payload].concat());
    }
}

#[test]
fn a_close_frame_is_answered_with_its_code_and_nothing_behind_it_counts() {
    let close = |payload: &[u8]| {
        let (heard, mqtt) = read(&[frame(0x88, payload), frame(0x82, b"late"), vec![0xff]].concat());
        assert_eq!(mqtt, b"");
        heard.map(|heard| heard.close.map(CloseCode::as_u16))
    };
    assert_eq!(close(b""), Ok(Some(1000)));
    assert_eq!(close(&[0x03, 0xe9]), Ok(Some(1001)));
    assert_eq!(close(&[&[0x0f, 0xa0][..], "auf Wiedersehen, \u{fc}".as_bytes()].concat()), Ok(Some(4000)));
    assert_eq!(close(&[3]), Err(Violation::CloseCode));
    for code in [0_u16, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535] {
        assert_eq!(close(&code.to_be_bytes()), Err(Violation::CloseCode), "{code}");
    }
    assert_eq!(close(&[0x03, 0xe8, 0xff]), Err(Violation::CloseReason));
}

/// [MQTT-6.0.0-1] [MQTT311-6.0.0-1]
#[test]
fn what_breaks_the_protocol_is_refused_with_its_code() {
    let unmasked = vec![0x82, 0x01, b'a'];
    let long_ping = [vec![0x89, 0x80 | 126, 0, 126], MASK.to_vec(), vec![0; 126]].concat();
    let endless = [vec![0x82, 0xff], u64::MAX.to_be_bytes().to_vec(), MASK.to_vec()].concat();
    for (frames, expected, code) in [
        (vec![frame(0x81, b"text")], Violation::Text, 1003),
        (vec![frame(0x01, b"text")], Violation::Text, 1003),
        (vec![unmasked], Violation::Unmasked, 1002),
        (vec![frame(0xc2, b"a")], Violation::ReservedBits, 1002),
        (vec![frame(0xa2, b"a")], Violation::ReservedBits, 1002),
        (vec![frame(0x92, b"a")], Violation::ReservedBits, 1002),
        (vec![frame(0x83, b"a")], Violation::UnknownOpcode, 1002),
        (vec![frame(0x8b, b"a")], Violation::UnknownOpcode, 1002),
        (vec![frame(0x80, b"a")], Violation::Fragments, 1002),
        (vec![frame(0x00, b"a")], Violation::Fragments, 1002),
        (vec![frame(0x02, b"a"), frame(0x82, b"b")], Violation::Fragments, 1002),
        (vec![frame(0x02, b"a"), frame(0x80, b"b"), frame(0x80, b"c")], Violation::Fragments, 1002),
        (vec![frame(0x09, b"a")], Violation::Control, 1002),
        (vec![frame(0x08, b"")], Violation::Control, 1002),
        (vec![long_ping], Violation::Control, 1002),
        (vec![endless], Violation::Length, 1002),
    ] {
        let found = violation(&frames);
        assert_eq!((found, found.code().as_u16()), (expected, code));
    }
    // When the byte comes, not when the frame does.
    for (byte, expected) in
        [(0x81, Violation::Text), (0x83, Violation::UnknownOpcode), (0xc2, Violation::ReservedBits)]
    {
        assert_eq!(read(&[byte]).0, Err(expected));
    }
}

#[test]
fn what_came_before_a_violation_was_read() {
    let (error, mqtt) = read(&[frame(0x82, b"ab"), frame(0x81, b"text")].concat());
    assert_eq!((error, mqtt.as_slice()), (Err(Violation::Text), &b"ab"[..]));
}

#[test]
fn a_frame_that_says_it_is_huge_costs_what_came_of_it() {
    let huge = [vec![0x82, 0xff], (1_u64 << 62).to_be_bytes().to_vec(), MASK.to_vec(), vec![0; 10]].concat();
    let (heard, mqtt) = read(&huge);
    assert_eq!(heard, Ok(Heard::default()));
    assert!(mqtt.len() == 10 && mqtt.capacity() < 1_000);
}

#[test]
fn a_client_takes_no_masked_frame() {
    let mut mqtt = Vec::new();
    let masked = FrameReader::new(Side::Client).read(&frame(0x82, b"a"), &mut mqtt);
    assert_eq!(masked, Err(Violation::Masked));
    FrameReader::new(Side::Client).read(&[0x82, 0x01, b'a'], &mut mqtt).unwrap();
    assert_eq!(mqtt, b"a");
}

#[test]
fn close_frames_have_their_code() {
    let mut out = Vec::new();
    write_close(&mut out, CloseCode::NORMAL, None);
    assert_eq!(out, [0x88, 2, 0x03, 0xe8]);
}

proptest! {
    #[test]
    fn what_is_written_is_read(payload in prop::collection::vec(any::<u8>(), 0..70_000), mask in any::<[u8; 4]>()) {
        for (side, mask) in [(Side::Server, Mask::Some(mask)), (Side::Client, None)] {
            let mut out = Vec::new();
            write_binary(&mut out, payload.len(), mask, |out| out.extend_from_slice(&payload));
            let mut mqtt = Vec::new();
            prop_assert_eq!(FrameReader::new(side).read(&out, &mut mqtt), Ok(Heard::default()));
            prop_assert_eq!(&mqtt, &payload);
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        fuzzing::websocket_frames(&bytes);
    }
}
