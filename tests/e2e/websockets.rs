//! WebSockets and `http_dir` with what people point at them: MQTT.js, paho-mqtt, curl, our own `pub` and `sub`.

use std::process::Command;

use crate::support::{Broker, Client, Guide, Outcome, free_port, has, mqtt_js, python, tests_file};

/// A folder with a certificate for `localhost`, a page, and a broker with a port for each of ws and wss.
struct Web {
    guide: Guide,
    broker: Broker,
    ws: u16,
    wss: u16,
}

impl Web {
    fn new() -> Web {
        let guide = Guide::new();
        guide.shell(
            "printf 'subjectAltName=DNS:localhost' > san; mkdir www; printf '<h1>hi</h1>' > www/index.html
             openssl req -new -key server.key -out server.csr -subj /CN=localhost
             openssl x509 -req -days 30 -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -extfile san -out server.crt",
        );
        let (ws, wss) = (free_port(), free_port());
        let broker = Broker::start(
            guide.folder(),
            &format!(
                "listener {ws} 127.0.0.1\nprotocol websockets\nhttp_dir www\nlistener_allow_anonymous true\n\
                 listener {wss} 127.0.0.1\nprotocol auto\nhttp_dir www\ncertfile server.crt\nkeyfile server.key\n\
                 cafile ca.crt\nrequire_certificate true\nuse_identity_as_username true\n"
            ),
        );
        Web { guide, broker, ws, wss }
    }

    fn run(&self, line: &str) -> Outcome {
        Client::run(self.guide.folder(), line)
    }
}

/// [MQTT-6.0.0-1] [MQTT-6.0.0-2] [MQTT-6.0.0-4]
#[test]
fn mqtt_js_over_ws_and_over_wss_with_a_certificate_and_not_without() {
    let Some(modules) = mqtt_js() else { return };
    let web = Web::new();
    let node = |words: &str| {
        let mut command = Command::new("node");
        command.arg(tests_file("clients/mqtt_js.cjs")).args(words.split(' '));
        command.env("NODE_PATH", &modules).current_dir(web.guide.folder());
        Client::start_command(&mut command).end()
    };
    let back = "got 'hello from MQTT.js' back on devices/mqttjs/mqttjs";
    node(&format!("ws://localhost:{}/mqtt", web.ws)).succeeded().says(back);
    web.broker.wait_for_line(&["New client connected", "as mqttjs (p5"]);
    let wss = format!("wss://localhost:{}/mqtt ca.crt", web.wss);
    node(&wss).refused().says("turned away");
    web.broker.wait_for_line(&["SMQ-T010"]);
    node(&format!("{wss} client.crt client.key")).succeeded().says(back);
    web.broker.wait_for_line(&["New client connected", "as mqttjs (p5", "u'client1'"]);
}

/// [MQTT-6.0.0-1] [MQTT-6.0.0-2] [MQTT-6.0.0-4] [MQTT311-6.0.0-1] [MQTT311-6.0.0-2] [MQTT311-6.0.0-4]
#[test]
fn twenty_clients_of_paho_over_ws_and_wss() {
    let Some(python) = python() else { return };
    let web = Web::new();
    let script = tests_file("clients/paho_scenario.py");
    for (transport, port) in [("ws", web.ws), ("wss", web.wss)] {
        for version in ["311", "5"] {
            let words = format!("{python} {} localhost {port} {version}", script.display());
            web.run(&format!("env PAHO_TRANSPORT={transport} {words}")).succeeded().says("all passed");
        }
    }
}

#[test]
fn curl_gets_the_page_and_nothing_beside_it() {
    if !has("curl") {
        return;
    }
    let web = Web::new();
    let curl = |line: String| web.run(&format!("curl -sS --path-as-is {line}")).succeeded();
    for at in [
        format!("http://localhost:{}", web.ws),
        format!("--cacert ca.crt --cert client.crt --key client.key https://localhost:{}", web.wss),
    ] {
        curl(format!("-i {at}/")).says("HTTP/1.1 200 OK").says("text/html").says("<h1>hi</h1>");
        curl(format!("-I {at}/index.html")).says("Content-Length: 11");
        for path in ["../server.key", "%2e%2e/server.key", "..%2fserver.key", "missing"] {
            let answer = curl(format!("-i {at}/{path}")).says("HTTP/1.1 404 ");
            assert!(!answer.text.contains("PRIVATE KEY"), "{path}: {}", answer.text);
        }
        curl(format!("-i -X POST -d x {at}/")).says("HTTP/1.1 405 ");
    }
    let without = format!("curl -sS --cacert ca.crt https://localhost:{}/", web.wss);
    let outcome = web.run(&without).refused();
    assert!(!outcome.text.contains("<h1>"), "{}", outcome.text);
}

/// [MQTT-6.0.0-3] [MQTT311-6.0.0-3]
#[test]
fn our_own_pub_and_sub_over_ws_and_wss() {
    let web = Web::new();
    let tls = "--cafile ca.crt --cert client.crt --key client.key";
    for (flags, url) in [
        (format!("-h localhost -p {} --ws", web.ws), format!("-L ws://localhost:{}/a/b", web.ws)),
        (
            format!("-h localhost -p {} --ws {tls}", web.wss),
            format!("-L wss://localhost:{}/a/b {tls}", web.wss),
        ),
    ] {
        let subscriber =
            Client::start(web.guide.folder(), &format!("sealmq sub {flags} -t a/# -C 3 -v -q 2 -d"));
        subscriber.wait_for("Subscribed");
        web.run(&format!("sealmq pub {flags} -V 5 -t a/b -m one -q 2")).succeeded();
        web.run(&format!("sealmq pub {url} -m two -q 1")).succeeded();
        let mut lines = Client::start(web.guide.folder(), &format!("sealmq pub {flags} -t a/c -l -q 1"));
        lines.say("three");
        lines.close_input();
        lines.end().succeeded();
        subscriber.end().succeeded().says("a/b one").says("a/b two").says("a/c three");
    }
    web.broker.wait_for_line(&["New client connected", "u'client1'"]);
}

#[test]
fn our_own_pub_says_what_is_no_web_socket_and_what_is_one() {
    let web = Web::new();
    let plain = free_port();
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let mqtt = format!("listener {plain} 127.0.0.1\nallow_anonymous true\n");
    let _mqtt_only = Broker::start(folder.path(), &mqtt);
    // MQTT's port, asked for a WebSocket; and the other way round. Then TLS forgotten, and the certificate.
    for (port, flags, code, says) in [
        (plain, "--ws", 7, "is this a WebSocket port (protocol websockets, or auto)?"),
        (web.ws, "", 7, "MQTT on a WebSocket port (add --ws)"),
        (web.wss, "--ws", 7, "say which CA to trust: --cafile FILE"),
        (web.wss, "--ws --cafile ca.crt", 8, "--cert"),
    ] {
        let line = format!("sealmq pub -h localhost -p {port} {flags} -t a -m b");
        let outcome = web.run(&line).refused().says("hint: ").says(says);
        assert_eq!(outcome.status.code(), Some(code), "{line}: {}", outcome.text);
    }
    web.run(&format!("sealmq pub -h localhost -p {plain} -t a -m b")).succeeded();
    web.run(&format!("sealmq pub -h localhost -p {} --ws -t a -m b", web.ws)).succeeded();
}
