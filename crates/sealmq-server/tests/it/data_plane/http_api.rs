//! `protocol http_api` on a whole broker: what it tells, whom, and what it costs to ask.

use std::io::Write;

use super::*;

const API: &str = "listener PORT 127.0.0.1\nprotocol http_api\n";

/// Sends a request and reads the answer to its end: status, head, body.
fn ask(stream: &mut (impl Read + Write), request: &str) -> (u16, String, String) {
    stream.write_all(request.as_bytes()).unwrap();
    let answer = String::from_utf8(rest(stream)).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer:?}"));
    (head[9..12].parse().unwrap(), head.to_owned(), body.to_owned())
}

fn get(broker: &Broker, path: &str, fields: &str) -> (u16, String, String) {
    ask(&mut broker.tcp(), &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n"))
}

fn status(broker: &Broker, path: &str, fields: &str) -> u16 {
    get(broker, path, fields).0
}

#[test]
fn it_tells_version_listeners_and_numbers() {
    let conf = format!("allow_anonymous true\n{API}listener 0 DIR/sock\n");
    let broker = Broker::plain(&conf);
    let (code, head, body) = get(&broker, "/api/v1/version", "");
    assert_eq!((code, body.as_str()), (200, env!("CARGO_PKG_VERSION")));
    assert!(
        head.contains("Access-Control-Allow-Origin: *\r\n") && head.contains("Connection: close\r\n"),
        "{head}"
    );
    let (_, _, body) = get(&broker, "/api/v1/listeners?pretty", "");
    let compact: String = body.split_whitespace().collect();
    let expected = r#"{"listeners":[{"port":PORT,"protocol":"httpapi","tls":false,"mtls":false,"allow_anonymous":true},{"path":"DIR/sock","protocol":"mqtt","tls":false,"mtls":false,"allow_anonymous":true}]}"#
        .replace("PORT", &broker.port.to_string())
        .replace("DIR", broker.folder.path().to_str().unwrap());
    assert_eq!(compact, expected);
    let (_, _, body) = get(&broker, "/api/v1/systree", "");
    assert!(body.contains("\"$SYS/broker/clients/total\": 0,"), "{body}");
    // Sockets of this listener are no clients' sockets.
    assert!(body.contains("\"$SYS/broker/connections/socket/count\": 0,"), "{body}");
}

#[test]
fn what_is_not_there_is_404_and_other_methods_are_405() {
    let broker = Broker::plain(&format!("allow_anonymous true\n{API}"));
    for path in ["/", "/api/v1/nothing", "/API/v1/version", "/../../etc/passwd", "../../etc/passwd"] {
        assert_eq!(get(&broker, path, "").2, "Not found.\n", "{path}");
        assert_eq!(status(&broker, path, ""), 404, "{path}");
    }
    for method in ["POST", "PUT", "HEAD", "DELETE"] {
        let request = format!("{method} /api/v1/version HTTP/1.1\r\nContent-Length: 2\r\n\r\n{{}}");
        let (code, _, body) = ask(&mut broker.tcp(), &request);
        assert_eq!((code, body.as_str()), (405, "Invalid HTTP Method\n"), "{method}");
    }
}

/// `anna:secret`, `anna:wrong`.
const RIGHT: &str = "Authorization: Basic YW5uYTpzZWNyZXQ=\r\n";
const WRONG: &str = "Authorization: Basic YW5uYTp3cm9uZw==\r\n";

#[test]
fn without_the_right_password_nothing_is_told() {
    let broker = Broker::start(super::refusals::write_passwords, &format!("password_file DIR/passwd\n{API}"));
    for fields in ["", WRONG, "Authorization: Bearer YW5uYTpzZWNyZXQ=\r\n"] {
        for path in ["/api/v1/version", "/api/v1/nothing", "/index.html"] {
            let (code, head, body) = get(&broker, path, fields);
            assert_eq!((code, body.as_str()), (401, "Not authorised\n"), "{path} {fields}");
            assert!(head.contains("WWW-Authenticate: Basic realm=\"Mosquitto API\"\r\n"), "{head}");
        }
    }
    assert_eq!(status(&broker, "/api/v1/version", RIGHT), 200);
}

#[test]
fn without_allow_anonymous_or_passwords_nobody_is_told_anything() {
    let broker = Broker::plain(API);
    for fields in ["", RIGHT] {
        assert_eq!(status(&broker, "/api/v1/version", fields), 401);
    }
}

fn write_lists(folder: &Path) {
    super::refusals::write_passwords(folder);
    fs::write(
        folder.join("acl"),
        "topic read /api/v1/version\nuser anna\ntopic read /#\ntopic deny /secret/#\n",
    )
    .unwrap();
    fs::create_dir_all(folder.join("www/secret")).unwrap();
    fs::write(folder.join("www/index.html"), "<html></html>").unwrap();
    fs::write(folder.join("www/secret/plan"), "plan").unwrap();
}

#[test]
fn the_access_list_says_which_paths_may_be_read_however_they_are_spelt() {
    let conf =
        format!("allow_anonymous true\npassword_file DIR/passwd\nacl_file DIR/acl\n{API}http_dir DIR/www\n");
    let broker = Broker::start(write_lists, &conf);
    assert_eq!(status(&broker, "/api/v1/version", ""), 200);
    assert_eq!(status(&broker, "/api/v1/%76ersion", ""), 200);
    assert_eq!(status(&broker, "/api/v1/systree", ""), 401);
    assert_eq!(status(&broker, "/", ""), 401);
    assert_eq!(status(&broker, "/api/v1/systree", RIGHT), 200);
    for path in ["/secret/plan", "/%73ecret/plan", "/secret%2fplan", "/secret/plan?x"] {
        assert_eq!(status(&broker, path, RIGHT), 401, "{path}");
    }
    for path in ["/secret//plan", "/x/../secret/plan", "/./secret/plan", "//secret/plan"] {
        assert_ne!(status(&broker, path, RIGHT), 200, "{path}");
    }
}

#[test]
fn files_are_those_of_http_dir_and_no_others() {
    let conf = format!("allow_anonymous true\n{API}http_dir DIR/www\n");
    let broker = Broker::start(write_lists, &conf);
    let (code, head, body) = get(&broker, "/", "");
    assert_eq!((code, body.as_str()), (200, "<html></html>"));
    assert!(head.contains("Content-Type: text/html; charset=utf-8\r\n"), "{head}");
    for path in
        ["/../passwd", "/%2e%2e/passwd", "/..%2fpasswd", "../passwd", "/secret/../../passwd", "/missing"]
    {
        assert_eq!(status(&broker, path, ""), 404, "{path}");
    }
}

#[test]
fn a_reload_of_the_access_list_counts_for_the_next_request() {
    let conf = format!("allow_anonymous true\nacl_file DIR/acl\n{API}");
    let broker = Broker::start(write_lists, &conf);
    assert_eq!(status(&broker, "/api/v1/version", ""), 200);
    fs::write(broker.folder.path().join("acl"), "").unwrap();
    broker.reloader().reload().unwrap();
    assert_eq!(status(&broker, "/api/v1/version", ""), 401);
}

/// Asks over TLS; the answer, or the alert.
fn ask_over_tls(mut client: TlsClient) -> String {
    client.send(b"GET /api/v1/version HTTP/1.1\r\n\r\n");
    String::from_utf8(client.read_until(b"\r\n\r\n")).unwrap()
}

#[test]
fn over_tls_with_client_certificates_who_has_none_is_told_nothing() {
    let pki = Pki::new();
    let conf = format!("{MUTUAL}protocol http_api\n");
    let broker = Broker::start(|folder| pki.write_server(folder), &conf);
    let client = TlsClient::connect(broker.tcp(), &pki.ca_pem, Some(pki.device("d1")), Versions::OnlyV1_3);
    assert!(ask_over_tls(client).starts_with("HTTP/1.1 200 OK"));
    let mut stranger = TlsClient::connect(broker.tcp(), &pki.ca_pem, None, Versions::OnlyV1_3);
    stranger.send(b"GET /api/v1/version HTTP/1.1\r\n\r\n");
    assert!(stranger.refusal().contains("certificate"));
}

#[test]
fn who_sends_a_request_bit_by_bit_or_without_end_is_let_go() {
    let conf = format!("allow_anonymous true\n{API}");
    let limits = DoorLimits { connect_deadline: Duration::from_millis(100), ..DoorLimits::default() };
    let broker = Broker::bounded(|_| {}, &conf, limits, Threads::default());
    let mut slow = broker.tcp();
    slow.write_all(b"GET /api/v1/version HTTP/1.1\r\nX: ").unwrap();
    assert!(!matches!(slow.read(&mut [0]), Ok(1)));
    let mut endless = broker.tcp();
    let _ = endless.write_all(&[b"GET / HTTP/1.1\r\nX: ".as_slice(), &[b'x'; 20_000]].concat());
    let mut answer = [0; 12];
    endless.read_exact(&mut answer).unwrap();
    assert_eq!(answer, *b"HTTP/1.1 431");
    let log = broker.stop();
    assert!(log.contains("did not finish handshake and CONNECT in time"), "{log}");
}

#[test]
fn wrong_passwords_count_for_ban_after_here_too() {
    let conf = format!("ban_after 3 60 600\npassword_file DIR/passwd\n{API}");
    let broker = Broker::start(super::refusals::write_passwords, &conf);
    for _ in 0..3 {
        assert_eq!(status(&broker, "/api/v1/version", WRONG), 401);
    }
    let mut banned = broker.tcp();
    let _ = banned.write_all(b"GET /api/v1/version HTTP/1.1\r\n\r\n");
    assert!(!matches!(banned.read(&mut [0]), Ok(1)));
}

#[test]
fn a_client_that_speaks_mqtt_here_is_turned_away() {
    let broker = Broker::plain(&format!("allow_anonymous true\n{API}"));
    let mut client = broker.tcp();
    client.write_all(&connect("c", None)).unwrap();
    assert_eq!(rest(&mut client), b"");
}
