//! haproxy in front of the broker, configured as docs/guides/browsers-and-proxies.md says.

use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::{Broker, Client, Guide, Outcome, PATIENCE, find, free_port, has, tests_file};

/// haproxy and the broker behind it. Clients dial from 127.0.0.2, so that their address is not haproxy's.
struct Proxied {
    guide: Guide,
    broker: Broker,
    _haproxy: Client,
    through: u16,
    ends: u16,
}

/// The guide's two configurations, with this machine's names and ports; `word` is what haproxy sends on the second port.
fn proxied(word: &str) -> Option<Proxied> {
    if !has("haproxy") || !has("mosquitto_pub") {
        return None;
    }
    let guide = Guide::new();
    guide.shell("cat server.crt server.key > broker.pem");
    let path = tests_file("../docs/guides/browsers-and-proxies.md");
    let page = std::fs::read_to_string(path).expect("the page");
    let (_, page) = page.split_once("```haproxy\n").expect("the page has a haproxy.cfg");
    let mut blocks = page.split("```");
    let [through, ends, first, second] = std::array::from_fn(|_| free_port());
    let folder = guide.folder().display();
    let haproxy = blocks
        .next()
        .expect("a haproxy.cfg")
        .replace(":8883", &format!("127.0.0.1:{through}"))
        .replace(":8884", &format!("127.0.0.1:{ends}"))
        .replace("127.0.0.1:1884", &format!("127.0.0.1:{first}"))
        .replace("127.0.0.1:1885", &format!("127.0.0.1:{second}"))
        .replace("send-proxy-v2-ssl-cn", word)
        .replace("/etc/haproxy/", &format!("{folder}/"));
    let listeners = blocks
        .nth(1)
        .and_then(|block| block.strip_prefix("conf\n"))
        .expect("the broker's listeners")
        .replace("listener 1884", &format!("listener {first}"))
        .replace("listener 1885", &format!("listener {second}"))
        .replace("/etc/sealmq/", &format!("{folder}/"));
    std::fs::write(guide.file("haproxy.cfg"), haproxy).expect("write haproxy's configuration");
    let broker = Broker::start(guide.folder(), &listeners);
    let mut command = Command::new(find("haproxy").expect("it was found above"));
    let haproxy =
        Client::start_command(command.args(["-db", "-f", "haproxy.cfg"]).current_dir(guide.folder()));
    let deadline = Instant::now() + PATIENCE;
    while TcpStream::connect(("127.0.0.1", ends)).is_err() {
        assert!(Instant::now() < deadline, "haproxy does not listen");
        std::thread::park_timeout(Duration::from_millis(20));
    }
    Some(Proxied { guide, broker, _haproxy: haproxy, through, ends })
}

impl Proxied {
    fn publish(&self, port: u16, flags: &str) -> Outcome {
        let words = format!("-h 127.0.0.1 -p {port} -A 127.0.0.2 --cafile ca.crt --insecure {flags}");
        Client::run(self.guide.folder(), &format!("mosquitto_pub {words} -q 1 -t t -m m"))
    }
}

const DEVICE: &str = "--cert client.crt --key client.key";

#[test]
fn devices_come_by_both_ports_with_their_own_address_and_name_and_nobody_comes_without() {
    let Some(proxied) = proxied("send-proxy-v2-ssl-cn") else { return };
    for (port, id) in [(proxied.through, "through"), (proxied.ends, "ends")] {
        proxied.publish(port, &format!("{DEVICE} -i {id}")).succeeded();
        proxied.broker.wait_for_line(&[
            "New client connected from 127.0.0.2:",
            &format!(" as {id} "),
            "u'client1'",
        ]);
        proxied.publish(port, "-i nobody -u client1 -P x").refused();
    }
    proxied.broker.wait_for_line(&["SMQ-T010", "127.0.0.2:"]);
    proxied
        .broker
        .wait_for_line(&["Connection from 127.0.0.2:", "rejected, client did not provide a certificate."]);
    let log = proxied.broker.log();
    assert!(!log.contains("as nobody") && !log.contains("corrupt"), "{log}");
}

/// Without the name in the header nobody has one, whatever CONNECT says.
#[test]
fn a_proxy_that_says_less_than_the_listener_needs_lets_nobody_in() {
    for word in ["send-proxy-v2-ssl", "send-proxy-v2", "send-proxy"] {
        let Some(proxied) = proxied(word) else { return };
        proxied.publish(proxied.ends, &format!("{DEVICE} -i c -u client1 -P x")).refused();
        assert!(!proxied.broker.log().contains("New client connected"), "{word}: {}", proxied.broker.log());
    }
}
