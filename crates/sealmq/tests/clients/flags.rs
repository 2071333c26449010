//! Flags of `sealmq pub` and `sealmq sub` against a real mosquitto: what each is for, and how its failure reads.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use super::{Mosquitto, free_port};

/// Certificates beside the guide's: one that has ended, a key under a passphrase, a hashed folder of CAs.
const MORE: &str = r#"set -e
openssl x509 -req -days -1 -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out expired.crt
openssl pkcs8 -topk8 -in client.key -v2 aes-256-cbc -passout pass:sesame -out locked.key
mkdir cas && cp ca.crt cas/one.crt && cp other.crt cas/two.pem && echo nothing > cas/notes.txt
printf 'ada:secret\n' > passwd && mosquitto_passwd -U passwd
chmod -R a+rX .
"#;

const PAIR: [&str; 4] = ["--cert", "client.crt", "--key", "client.key"];

fn with_more(conf: &str) -> Option<Mosquitto> {
    Mosquitto::start_with(MORE, conf)
}

/// The exit code and what stood on standard error.
fn said(broker: &Mosquitto, command: &str, arguments: &[&str], input: &[u8]) -> (Option<i32>, String) {
    let output = broker.sealmq(command, arguments, input);
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_server_certificate_that_has_ended_is_refused_with_its_dates() {
    let port = free_port();
    let conf =
        format!("listener {port} 127.0.0.1\ncafile ca.crt\ncertfile expired.crt\nkeyfile server.key\n");
    let Some(broker) = with_more(&conf) else { return };
    let (code, text) = said(&broker, "pub", &["-p", &port, "--cafile", "ca.crt", "-t", "a", "-m", "b"], b"");
    assert_eq!(code, Some(8), "{text}");
    assert!(text.contains("SMQ-T005 we refused the server") && text.contains("\nhint: renew"), "{text}");
    // Not even --insecure, which skips only the name.
    let arguments = ["-p", &port, "--cafile", "ca.crt", "--insecure", "-t", "a", "-m", "b"];
    assert_eq!(said(&broker, "pub", &arguments, b"").0, Some(8));
}

#[test]
fn tls_on_a_plain_port_and_plain_on_a_tls_port_say_so() {
    let Some(broker) = with_more("") else { return };
    let arguments = ["-p", &broker.plain, "--cafile", "ca.crt", "-t", "a", "-m", "b"];
    let (code, text) = said(&broker, "pub", &arguments, b"");
    assert_eq!(code, Some(8), "{text}");
    assert!(text.contains("SMQ-T039") && text.contains("hint: a plaintext port does so"), "{text}");
    let (code, text) = said(&broker, "pub", &["-p", &broker.tls, "-t", "a", "-m", "b"], b"");
    assert_eq!(code, Some(7), "{text}");
    assert!(text.contains("plain MQTT on a TLS port ends so"), "{text}");
}

#[test]
fn a_folder_of_ca_certificates_is_trusted() {
    let Some(broker) = with_more("") else { return };
    let tls = |folder: &str| {
        let mut arguments = vec!["-p", broker.tls.as_str(), "--capath", folder, "-t", "a", "-m", "b"];
        arguments.extend(PAIR);
        said(&broker, "pub", &arguments, b"")
    };
    assert_eq!(tls("cas").0, Some(0));
    let (code, text) = tls("nowhere");
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("hint: --capath wants a directory"), "{text}");
}

#[test]
fn a_key_under_a_passphrase_opens_with_it_and_not_without() {
    let Some(broker) = with_more("") else { return };
    std::fs::write(broker.folder.path().join("word"), "sesame\nsecond line\n").unwrap();
    std::fs::write(broker.folder.path().join("wrong"), "open\n").unwrap();
    let publish = |more: &[&str]| {
        let arguments = ["-p", &broker.tls, "--cafile", "ca.crt", "--cert", "client.crt"];
        let rest = ["--key", "locked.key", "-t", "a", "-m", "b"];
        said(&broker, "pub", &[&arguments[..], &rest, more].concat(), b"")
    };
    assert_eq!(publish(&["--keypass-file", "word"]).0, Some(0));
    for refused in [publish(&["--keypass-file", "wrong"]), publish(&[])] {
        assert_eq!(refused.0, Some(1), "{}", refused.1);
        assert!(refused.1.contains("locked.key") && refused.1.contains("\nhint: "), "{}", refused.1);
    }
}

#[test]
fn a_password_comes_from_standard_input_and_a_refusal_is_in_words() {
    let Some(broker) = with_more("password_file passwd\n") else { return };
    let log_in = |version: &str, password: &[u8]| {
        let arguments = ["-p", &broker.plain, "-V", version, "-u", "ada", "-P", "-", "-t", "a", "-m", "b"];
        said(&broker, "pub", &arguments, password)
    };
    for version in ["mqttv311", "mqttv5"] {
        assert_eq!(log_in(version, b"secret\n").0, Some(0), "{version}");
        let (code, text) = log_in(version, b"wrong\n");
        assert_eq!(code, Some(if version == "mqttv5" { 135 } else { 5 }), "{text}");
        assert!(text.contains("refused by the broker: not authorized"), "{text}");
        assert!(text.contains("hint: check -u and -P"), "{text}");
    }
    let (code, text) = log_in("mqttv311", b"");
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("standard input is empty"), "{text}");
}

#[test]
fn a_url_says_where_as_whom_and_which_topic() {
    let Some(broker) = with_more("") else { return };
    let url = format!("mqtt://ada:secret@127.0.0.1:{}/from/url", broker.plain);
    assert_eq!(said(&broker, "pub", &["-L", &url, "-m", "hello", "-r"], b"").0, Some(0));
    let got = broker.sealmq("sub", &["-L", &url, "-v", "-C", "1", "-W", "10"], b"");
    assert_eq!(got.stdout, b"from/url hello\n");
    let wrong = url.replace("mqtt://", "http://");
    let (code, text) = said(&broker, "pub", &["-L", &wrong, "-m", "hello"], b"");
    assert_eq!(code, Some(1));
    assert!(text.contains("hint: a URL looks like"), "{text}");
}

/// A `sealmq sub` that has subscribed, as its own trace says.
struct Subscriber {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Subscriber {
    fn start(broker: &Mosquitto, arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_sealmq"))
            .args(["sub", "-d", "-p", &broker.plain])
            .args(arguments)
            .current_dir(&broker.folder)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        let mut subscriber = Self { child, lines };
        subscriber.wait_for("Subscribed (mid:");
        subscriber
    }

    fn wait_for(&mut self, beginning: &str) {
        let mut line = String::new();
        while !line.starts_with(beginning) {
            line.clear();
            assert_ne!(self.lines.read_line(&mut line).unwrap(), 0, "it ended before '{beginning}'");
        }
    }

    fn signal(&mut self, name: &str) -> Option<i32> {
        let told = Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
        assert!(told.success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_will_is_published_when_the_subscriber_is_killed() {
    let Some(broker) = with_more("") else { return };
    let will =
        ["-t", "x", "--will-topic", "will/1", "--will-payload", "gone", "--will-retain", "--will-qos", "1"];
    let mut dying = Subscriber::start(&broker, &will);
    let mut heir = Subscriber::start(&broker, &["-t", "will/#"]);
    assert_eq!(dying.signal("-KILL"), None);
    heir.wait_for("gone");
    assert_eq!(heir.signal("-TERM"), Some(0));
    let kept = broker.sealmq("sub", &["-p", &broker.plain, "-t", "will/#", "-v", "-C", "1", "-W", "10"], b"");
    assert_eq!(kept.stdout, b"will/1 gone\n");
}

#[test]
fn ctrl_c_ends_sub_with_a_good_bye_and_0() {
    let Some(broker) = with_more("") else { return };
    let mut interrupted = Subscriber::start(&broker, &["-t", "x", "-i", "me"]);
    assert_eq!(interrupted.signal("-INT"), Some(0));
    interrupted.wait_for("Client me sending DISCONNECT");
}
