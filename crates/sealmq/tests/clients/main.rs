//! `sealmq pub` and `sealmq sub` against a real mosquitto, compared with mosquitto_pub and mosquitto_sub byte for
//! byte. Without mosquitto installed the tests say so and pass; with `CI=true` it is required. `MOSQUITTO=PATH` names
//! another broker than the one in the path.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "the tests run processes"
)]

mod flags;
#[path = "../../../../tests/ports.rs"]
mod ports;

use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

/// A mosquitto on loopback that ends with the test: a plain listener and one with mutual TLS and the guide's
/// certificates.
struct Mosquitto {
    child: Child,
    folder: tempfile::TempDir,
    plain: String,
    tls: String,
}

/// The guide's recipe: version 1 certificates without a SAN.
const GUIDE: &str = r#"set -e
openssl genrsa -out ca.key 2048
openssl req -new -x509 -days 365 -key ca.key -out ca.crt -subj "/C=US/ST=State/L=City/O=MyOrg/CN=MyCA"
for pair in server:localhost client:client1; do
  name=${pair%%:*}
  openssl genrsa -out $name.key 2048
  openssl req -new -key $name.key -out $name.csr -subj "/C=US/ST=State/L=City/O=MyOrg/CN=${pair##*:}"
  openssl x509 -req -days 365 -in $name.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out $name.crt
done
openssl req -x509 -newkey rsa:2048 -nodes -keyout other.key -out other.crt -days 3 -subj "/CN=Other"
chmod a+r *
"#;

impl Mosquitto {
    fn start() -> Option<Self> {
        Self::start_with("", "")
    }

    /// `more` is a shell script that runs beside the certificates, `conf` further lines of the configuration.
    fn start_with(more: &str, conf: &str) -> Option<Self> {
        let program = std::env::var_os("MOSQUITTO").unwrap_or_else(|| "mosquitto".into());
        if Command::new(&program).arg("-h").output().is_err() {
            assert!(std::env::var_os("CI").is_none(), "mosquitto is required in CI");
            eprintln!("skipped: mosquitto is not installed");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let made =
            Command::new("sh").args(["-c", &format!("{GUIDE}{more}")]).current_dir(&folder).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        let (plain, tls) = (free_port(), free_port());
        let conf = format!(
            "user root\nallow_anonymous true\nmax_queued_messages 0\nlistener {plain} 127.0.0.1\n\
             listener {tls} 127.0.0.1\ncafile ca.crt\ncertfile server.crt\nkeyfile server.key\n\
             require_certificate true\nuse_identity_as_username true\n{conf}"
        );
        std::fs::write(folder.path().join("m.conf"), conf).unwrap();
        let child = Command::new(&program)
            .args(["-c", "m.conf"])
            .current_dir(&folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        wait_for_port(&tls);
        Some(Self { child, folder, plain, tls })
    }

    fn run(&self, program: &str, arguments: &[&str], input: &[u8]) -> Output {
        let mut words = program.split(' ');
        let mut child = Command::new(words.next().unwrap())
            .args(words)
            .args(arguments)
            .current_dir(&self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A program that does not read its input may have closed it.
        let _ = child.stdin.take().unwrap().write_all(input);
        child.wait_with_output().unwrap()
    }

    fn sealmq(&self, command: &str, arguments: &[&str], input: &[u8]) -> Output {
        let program = Path::new(env!("CARGO_BIN_EXE_sealmq"));
        self.run(&format!("{} {command}", program.display()), arguments, input)
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn wait_for_port(port: &str) {
    while TcpStream::connect(("127.0.0.1", port.parse().unwrap())).is_err() {
        std::thread::yield_now();
    }
}

fn free_port() -> String {
    ports::free_port().to_string()
}

#[test]
fn sub_prints_the_bytes_that_mosquitto_sub_prints() {
    let Some(broker) = Mosquitto::start() else { return };
    let json = r#"{"a": 27.0, "b":[1,2.5,1e30,{"x":null}], "s":"\u00e9\/\n"}"#;
    let properties = "-D publish content-type text/plain -D publish user-property k v -D publish user-property k2 v2 \
        -D publish response-topic r/t -D publish correlation-data xyz -D publish message-expiry-interval 600 \
        -D publish payload-format-indicator 1";
    let mut arguments = vec!["-p", &broker.plain, "-r", "-q", "2", "-t", "t/1", "-m", json];
    arguments.extend(properties.split_whitespace());
    assert!(broker.sealmq("pub", &arguments, b"").status.success());
    let binary = b"a\x01\xff\n\"z\0";
    let sent = broker.sealmq("pub", &["-p", &broker.plain, "-r", "-t", "t/2", "-s"], binary);
    assert!(sent.status.success());
    let formats = [
        vec!["-V", "5", "-F", r"[%%|%A|%C|%D|%F|%l|%m|%P|%p|%q|%R|%r|%S|%t|%x|%X]\t\e\\@@"],
        vec!["-V", "5", "-F", "%010l|%-10l|%10t|%-10t|%.2t|%5.1t|%-5.1t|%010x|%-10p|%10p|%3p|%20C|%5S"],
        vec!["-v", "-q", "2"],
        vec!["-N"],
        vec!["-F", "%t", "-T", "t/1", "-V", "mqttv31"],
    ];
    for format in formats {
        let count = if format.contains(&"-T") { "1" } else { "2" };
        let mut arguments = vec!["-p", broker.plain.as_str(), "-t", "t/#", "-C", count, "-W", "10"];
        arguments.extend(&format);
        let theirs = broker.run("mosquitto_sub", &arguments, b"");
        let ours = broker.sealmq("sub", &arguments, b"");
        assert_eq!(
            String::from_utf8_lossy(&ours.stdout),
            String::from_utf8_lossy(&theirs.stdout),
            "{format:?}"
        );
        assert_eq!((ours.stdout, ours.status.code()), (theirs.stdout, theirs.status.code()), "{format:?}");
    }
    // The time and the expiry that has passed differ between two runs; everything around them must not.
    for format in ["%j", "%J"] {
        for pretty in [vec![], vec!["--pretty"]] {
            let mut arguments = vec!["-p", broker.plain.as_str(), "-t", "t/1", "-C", "1", "-F", format];
            arguments.extend(pretty);
            let theirs = broker.run("mosquitto_sub", &arguments, b"").stdout;
            let ours = broker.sealmq("sub", &arguments, b"").stdout;
            assert_eq!(without_time(&ours), without_time(&theirs));
        }
    }
}

fn without_time(json: &[u8]) -> String {
    let text = String::from_utf8_lossy(json).into_owned();
    let at = text.find("\"20").expect("a time stamp") + 1;
    let end = at + text[at..].find('"').expect("its end");
    assert_eq!(end - at, "2020-05-06T22:12:00.000000Z+0100".len());
    format!("{}{}", &text[..at], &text[end..])
}

#[test]
fn ten_thousand_lines_arrive_in_order_and_once() {
    let Some(broker) = Mosquitto::start() else { return };
    let session = ["-p", broker.plain.as_str(), "-t", "lines", "-q", "2", "-c", "-i", "reader"];
    let made = broker.sealmq("sub", &[&session[..], &["-E"]].concat(), b"");
    assert!(made.status.success(), "{made:?}");
    let lines: String = (0..10_000).map(|n| format!("line {n}\n")).collect();
    let sent = broker.sealmq("pub", &["-p", &broker.plain, "-t", "lines", "-q", "2", "-l"], lines.as_bytes());
    assert!(sent.status.success(), "{sent:?}");
    let read = broker.sealmq("sub", &[&session[..], &["-C", "10000", "-W", "60"]].concat(), b"");
    assert!(read.stdout == lines.as_bytes() && read.status.success(), "{} bytes", read.stdout.len());
}

#[test]
fn the_guides_certificates_work_and_others_are_refused() {
    let Some(broker) = Mosquitto::start() else { return };
    let pair = ["--cert", "client.crt", "--key", "client.key"];
    let publish = |host: &str, ca: &str, more: &[&str]| {
        let arguments = ["-h", host, "-p", broker.tls.as_str(), "--cafile", ca, "-t", "t", "-m", "x"];
        let output = broker.sealmq("pub", &[&arguments[..], more].concat(), b"");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    for version in ["tlsv1.2", "tlsv1.3"] {
        let outcome = publish("localhost", "ca.crt", &[&pair[..], &["--tls-version", version]].concat());
        assert_eq!(outcome.0, Some(0), "{}", outcome.1);
        assert_eq!(outcome.1.matches("warning: ").count(), 2, "said once each: {}", outcome.1);
        assert!(outcome.1.contains("is X.509 version 1") && outcome.1.contains("\nhint: "), "{}", outcome.1);
    }
    let refused = |outcome: (Option<i32>, String), code: &str| {
        assert_eq!(outcome.0, Some(8), "{}", outcome.1);
        assert!(outcome.1.contains(code) && outcome.1.contains("\nhint: "), "{}", outcome.1);
    };
    refused(publish("localhost", "other.crt", &pair), "SMQ-T001 we refused the server");
    refused(publish("127.0.0.1", "ca.crt", &pair), "SMQ-T004 we refused the server");
    refused(publish("localhost", "ca.crt", &[]), "SMQ-T010 the server refused us");
    // OpenSSL's answer in TLS 1.2 is a bare "handshake failure".
    refused(publish("localhost", "ca.crt", &["--tls-version", "tlsv1.2"]), "SMQ-T010 the server refused us");
    let any_name = [&pair[..], &["--insecure"]].concat();
    assert_eq!(publish("127.0.0.1", "ca.crt", &any_name).0, Some(0));
    refused(publish("127.0.0.1", "other.crt", &any_name), "SMQ-T001");
}

#[test]
fn exit_codes_are_those_of_mosquittos_clients() {
    let Some(broker) = Mosquitto::start() else { return };
    let port = broker.plain.as_str();
    let free = free_port();
    let cases: &[(&str, &[&str])] = &[
        ("sub", &["-p", port, "-t", "nothing", "-W", "1"]),
        ("sub", &["-p", port, "-t", "a", "-E"]),
        ("sub", &["-p", port, "-t", "a/#/b"]),
        ("sub", &["-p", port, "-t", "a", "-F", "%z"]),
        ("sub", &["-p", port, "-t", "a", "-c"]),
        ("pub", &["-p", &free, "-t", "a", "-m", "b"]),
        ("pub", &["-p", port, "-t", "a", "-m", "b", "-l"]),
        ("pub", &["-p", port, "-t", "a/+", "-m", "b"]),
        ("pub", &["-p", port, "-t", "a", "-m", "b", "-P", "secret"]),
        ("pub", &["-p", port, "-t", "a", "-n", "--will-payload", "x"]),
    ];
    for (command, arguments) in cases {
        let theirs = broker.run(&format!("mosquitto_{command}"), arguments, b"");
        let ours = broker.sealmq(command, arguments, b"");
        assert_eq!(ours.status.code(), theirs.status.code(), "{command} {arguments:?}");
    }
}

/// [MQTT-6.0.0-3] [MQTT311-6.0.0-3]
#[test]
fn web_sockets_of_mosquitto_carry_messages_of_any_length_with_and_without_tls() {
    let (ws, wss) = (free_port(), free_port());
    let conf = format!(
        "listener {ws} 127.0.0.1\nprotocol websockets\nlistener {wss} 127.0.0.1\nprotocol websockets\n\
         cafile ca.crt\ncertfile server.crt\nkeyfile server.key\nrequire_certificate true\n"
    );
    let Some(broker) = Mosquitto::start_with("", &conf) else { return };
    // libwebsockets opens its ports after mosquitto's own.
    wait_for_port(&ws);
    wait_for_port(&wss);
    let big = vec![b'x'; 70_000];
    let tls: &[&str] = &["--cafile", "ca.crt", "--cert", "client.crt", "--key", "client.key"];
    for (port, tls) in [(&ws, &[][..]), (&wss, tls)] {
        let flags = |more: &[&'static str]| {
            let mut words = vec!["-h", "localhost", "-p", port.as_str(), "--ws"];
            words.extend(tls);
            words.extend(more);
            words.into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        let run = |command: &str, more: &[&'static str], input: &[u8]| {
            let words = flags(more);
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let output = broker.sealmq(command, &words, input);
            assert!(output.status.success(), "{command} {words:?}: {output:?}");
            output.stdout
        };
        for version in ["mqttv311", "mqttv5"] {
            for message in [&b"short"[..], &big] {
                run("pub", &["-V", version, "-t", "w", "-s", "-r", "-q", "2"], message);
                let back = run("sub", &["-V", version, "-t", "w", "-C", "1", "-N", "-q", "2"], b"");
                assert_eq!(back.len(), message.len());
                assert!(back == message);
            }
        }
    }
}
