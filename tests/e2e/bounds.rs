//! What strangers cannot make the broker spend: address space on first packets that are none, time on properties.
#![cfg(target_os = "linux")]

use crate::support::{Broker, free_port};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

fn broker(folder: &std::path::Path) -> (Broker, u16) {
    let port = free_port();
    (Broker::start(folder, &format!("listener {port} 127.0.0.1\nallow_anonymous true\n")), port)
}

fn vm_size_bytes(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the broker runs");
    let line = status.lines().find(|line| line.starts_with("VmSize:")).expect("proc(5)");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).expect("proc(5)") * 1024
}

/// Processor time of all threads, in clock ticks.
fn ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("the broker runs");
    let behind_name = stat.rsplit_once(')').expect("proc(5)").1;
    let fields: Vec<&str> = behind_name.split_whitespace().collect();
    [fields[11], fields[12]].iter().map(|field| field.parse::<u64>().expect("proc(5)")).sum()
}

#[test]
fn first_packets_of_100_megabytes_cost_no_memory() {
    let folder = tempfile::tempdir().expect("a folder");
    let (broker, port) = broker(folder.path());
    let before = vm_size_bytes(broker.pid());
    let mut open = Vec::new();
    for kind in 2..=15_u8 {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
        let header = [kind << 4, 0x80, 0x80, 0x80, 0x74];
        let _ = stream.write_all(&header);
        let piece = [1; 65_536];
        // Until it closes, which is at once, or until all is sent.
        for _ in 0..(100_000_000 / piece.len()) {
            if stream.write_all(&piece).is_err() {
                break;
            }
        }
        open.push(stream);
    }
    // Somebody who speaks MQTT is answered behind all of that.
    assert_eq!(connack(port, &connect(&[], "c")), 0x20);
    let grown = vm_size_bytes(broker.pid()).saturating_sub(before);
    assert!(grown < 20_000_000, "{grown} bytes of address space for packets that are none");
}

#[test]
fn thousands_of_user_properties_cost_no_more_than_their_bytes() {
    const CONNECTS: usize = 200;
    let folder = tempfile::tempdir().expect("a folder");
    let (broker, port) = broker(folder.path());
    let properties = [0x26, 0, 1, b'a', 0, 1, b'b'].repeat(5_000);
    let cost = |packet: &[u8]| {
        let before = ticks(broker.pid());
        (0..CONNECTS).for_each(|_| assert_eq!(connack(port, packet), 0x20));
        ticks(broker.pid()) - before
    };
    let plain = cost(&connect(&[], &"c".repeat(properties.len())));
    let rich = cost(&connect(&properties, "c"));
    assert!(rich <= 20 * plain.max(1), "{rich} ticks with 5,000 properties, {plain} with a long client id");
}

#[test]
fn a_byte_behind_a_large_unfinished_packet_costs_what_a_byte_costs() {
    const BYTES: usize = 3_000;
    let folder = tempfile::tempdir().expect("a folder");
    let (broker, port) = broker(folder.path());
    let cost = |begun: usize| {
        let (mut stream, mut other) = (connected(port, "large"), connected(port, "other"));
        let mut begin = vec![0x30];
        put_length(begun + BYTES + 1_000, &mut begin);
        begin.extend_from_slice(b"\0\x01t");
        begin.resize(begun, 0);
        stream.write_all(&begin).expect("it reads");
        let before = ticks(broker.pid());
        for _ in 0..BYTES {
            stream.write_all(&[0]).expect("it reads");
            // Who is answered behind it says that it was read.
            other.write_all(&[0xc0, 0]).expect("it reads");
            other.read_exact(&mut [0; 2]).expect("it answers");
        }
        ticks(broker.pid()) - before
    };
    let (small, large) = (cost(100), cost(1_900_000));
    assert!(large <= 3 * small + 10, "{large} ticks behind 1.9 MB, {small} behind 100 bytes");
}

/// A client of 5.0 that was let in.
fn connected(port: u16, client_id: &str) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    stream.set_nodelay(true).expect("a socket");
    stream.write_all(&connect(&[], client_id)).expect("it reads");
    let mut head = [0; 2];
    stream.read_exact(&mut head).expect("it answers");
    stream.read_exact(&mut vec![0; usize::from(head[1])]).expect("it answers");
    assert_eq!(head[0], 0x20);
    stream
}

/// The first byte of the answer.
fn connack(port: u16, packet: &[u8]) -> u8 {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    stream.write_all(packet).expect("it reads");
    let mut first = [0];
    stream.read_exact(&mut first).expect("it answers");
    first[0]
}

/// CONNECT of 5.0, clean start.
fn connect(properties: &[u8], client_id: &str) -> Vec<u8> {
    let mut body = b"\0\x04MQTT\x05\x02\0\x3c".to_vec();
    put_length(properties.len(), &mut body);
    body.extend_from_slice(properties);
    let length = u16::try_from(client_id.len()).expect("fits");
    body.extend_from_slice(&length.to_be_bytes());
    body.extend_from_slice(client_id.as_bytes());
    let mut packet = vec![0x10];
    put_length(body.len(), &mut packet);
    packet.extend_from_slice(&body);
    packet
}

fn put_length(mut length: usize, out: &mut Vec<u8>) {
    while length >= 0x80 {
        out.push((length % 0x80) as u8 | 0x80);
        length /= 0x80;
    }
    out.push(length as u8);
}
