//! `memory_limit`, measured from outside: what the system says the process has.

use super::*;

/// What a process may take beside what is counted: buffers of threads, and what the allocator keeps.
const SLACK: u64 = 16 << 20;

struct Client(TcpStream);

impl Client {
    fn dial(port: u16, id: u8) -> (Client, u8) {
        let by = Instant::now() + Duration::from_secs(10);
        let stream = loop {
            match TcpStream::connect(("127.0.0.1", port)) {
                Ok(stream) => break stream,
                Err(error) => assert!(Instant::now() < by, "it does not listen: {error}"),
            }
        };
        stream.set_nodelay(true).unwrap();
        let mut client = Client(stream);
        client.0.write_all(&[0x10, 14, 0, 4, b'M', b'Q', b'T', b'T', 5, 2, 0, 0, 0, 0, 1, id]).unwrap();
        let code = client.answer()[1];
        (client, code)
    }

    fn answer(&mut self) -> Vec<u8> {
        let mut head = [0; 2];
        self.0.read_exact(&mut head).unwrap();
        let mut body = vec![0; usize::from(head[1])];
        self.0.read_exact(&mut body).unwrap();
        body
    }

    /// A retained QoS 1 message; its reason code.
    fn publish(&mut self, topic: &str, payload: &[u8]) -> u8 {
        let mut body = u16::try_from(topic.len()).unwrap().to_be_bytes().to_vec();
        body.extend_from_slice(topic.as_bytes());
        body.extend_from_slice(&[0, 1, 0]);
        body.extend_from_slice(payload);
        let length = u32::try_from(body.len()).unwrap();
        let mut packet = vec![0x33];
        let mut left = length;
        while left >= 0x80 {
            packet.push(u8::try_from(left & 0x7f).unwrap() | 0x80);
            left >>= 7;
        }
        packet.push(u8::try_from(left).unwrap());
        packet.extend_from_slice(&body);
        self.0.write_all(&packet).unwrap();
        self.answer().get(2).copied().unwrap_or(0)
    }
}

fn resident(broker: &Broker) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", broker.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// Fills a broker until it refuses; says by how much it has grown.
fn grown_at_the_limit(limit: u64, topic: impl Fn(u32) -> String, payload: &[u8]) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let conf = format!("user root\nlistener {port} 127.0.0.1\nallow_anonymous true\nmemory_limit {limit}\n");
    fs::write(folder.path().join("m.conf"), conf).unwrap();
    let broker = Broker::start(sealmq(folder.path()).args(["-c", "m.conf"]).stderr(Stdio::null()));
    let (mut client, code) = Client::dial(port, b'a');
    assert_eq!(code, 0);
    let before = resident(&broker);
    let refused_at = (0..).find(|number| match client.publish(&topic(*number), payload) {
        0 | 0x10 => false,
        0x97 => true,
        other => panic!("{other:#x}"),
    });
    assert!(refused_at > Some(100), "{refused_at:?}");
    let grown = resident(&broker) - before;
    // Nobody new comes in; who is there goes on.
    assert_eq!(Client::dial(port, b'b').1, 0x97);
    client.0.write_all(&[0xc0, 0]).unwrap();
    assert!(client.answer().is_empty());
    assert_eq!(broker.terminate(), Some(0));
    grown
}

#[test]
fn large_messages_stop_at_memory_limit() {
    let limit = 40_000_000;
    let grown = grown_at_the_limit(limit, |number| format!("a/{number}"), &[b'x'; 20_000]);
    assert!((limit / 2..limit + SLACK).contains(&grown), "{grown}");
}

#[test]
fn small_messages_under_deep_topics_stop_at_memory_limit_too() {
    let limit = 16_000_000;
    let grown = grown_at_the_limit(limit, |number| format!("{number}{}", "/b".repeat(20)), b"x");
    assert!(grown < limit + limit / 4, "{grown}");
}
