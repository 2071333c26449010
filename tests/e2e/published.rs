//! `pki_listener`: what the CA gives out, fetched and judged by curl, openssl, GnuTLS and pkilint.

use std::fs::OpenOptions;
use std::io::Write as _;

use crate::support::{Broker, Client, Home, Outcome, free_port, has};

/// A running broker that publishes, and a device of its, with the CA's files as others fetch them.
struct Published {
    home: Home,
    broker: Broker,
    url: String,
}

impl Published {
    fn start() -> Published {
        let home = Home::new();
        assert!(home.up().stop().success());
        let url = format!("http://127.0.0.1:{}", free_port());
        let (_, place) = url.split_at("http://".len());
        let conf = OpenOptions::new().append(true).open(home.data().join("sealmq.conf"));
        let lines = format!("pki_listener {place}\npki_url {url}\n");
        conf.and_then(|mut conf| conf.write_all(lines.as_bytes())).expect("append to sealmq.conf");
        let broker = home.up();
        home.succeeds(&["device", "add", "sensor"]);
        let published = Published { home, broker, url };
        published.shell("cp sensor-files/sensor.crt sensor.crt").succeeded();
        published
    }

    fn shell(&self, script: &str) -> Outcome {
        let script = script.replace("URL", &self.url);
        Client::start_shell(self.home.folder.path(), &format!("sh -ec '{script}' 2>&1")).end()
    }

    fn fetched(&self) -> &Published {
        self.shell(
            "curl -fsS URL/ca.pem -o ca.pem; curl -fsS URL/ca.crt -o ca.der; curl -fsS URL/issuing.crt -o issuing.der
            openssl x509 -in issuing.der -out issuing.pem; openssl x509 -in ca.der -out root.pem",
        )
        .succeeded();
        self
    }
}

fn have_tools() -> bool {
    has("curl") && has("openssl")
}

#[test]
fn openssl_gets_answers_that_it_believes_in_every_way_it_can_ask() {
    if !have_tools() {
        return;
    }
    let published = Published::start();
    published.fetched().shell("openssl verify -CAfile ca.pem sensor.crt").succeeded();
    let ask = "openssl ocsp -issuer issuing.pem -CAfile ca.pem -url URL/ocsp";
    for how in ["-cert sensor.crt", "-no_nonce -cert sensor.crt", "-sha256 -cert sensor.crt"] {
        let asked = published.shell(&format!("{ask} {how}")).succeeded();
        let _ = asked.says("Response verify OK").says("sensor.crt: good");
    }
    let unknown = published.shell(&format!("{ask} -serial 0x1234567890")).succeeded();
    let _ = unknown.says("0x1234567890: unknown");
    let other =
        published.shell("openssl ocsp -issuer root.pem -CAfile ca.pem -url URL/ocsp -cert issuing.pem");
    let _ = other.says("unauthorized (6)");
    // What the certificate says of itself leads there.
    let said = published.shell(
        "openssl ocsp -issuer issuing.pem -CAfile ca.pem -cert sensor.crt \
         -url $(openssl x509 -in sensor.crt -noout -ocsp_uri)",
    );
    let _ = said.succeeded().says("sensor.crt: good");
    let _ = published
        .shell("openssl x509 -in sensor.crt -noout -ext crlDistributionPoints")
        .says(&format!("URI:{}/crl/", published.url));
    assert!(published.broker.stop().success());
}

#[test]
fn a_request_in_a_path_gets_an_answer_that_caches_may_keep_and_pkilint_accepts() {
    if !have_tools() {
        return;
    }
    let published = Published::start();
    published
        .fetched()
        .shell(
            "openssl ocsp -issuer issuing.pem -cert sensor.crt -no_nonce -reqout request.der
            path=$(base64 -w0 request.der | sed \"s,+,%2B,g;s,/,%2F,g;s,=,%3D,g\")
            curl -fsS -D head URL/ocsp/$path -o answer.der
            curl -fsS URL/ocsp/$(base64 -w0 request.der) -o again.der; cmp answer.der again.der
            tag=$(sed -n \"s/^ETag: //p\" head | tr -d \"\\r\")
            test $(curl -sS -o rest -w %{http_code} -H \"If-None-Match: $tag\" URL/ocsp/$path) = 304; test ! -s rest
            curl -fsSI URL/ocsp/$path | grep -c \"max-age=3600\"
            openssl ocsp -respin answer.der -issuer issuing.pem -cert sensor.crt -CAfile ca.pem -no_nonce",
        )
        .succeeded()
        .says("sensor.crt: good");
    let head = std::fs::read_to_string(published.home.folder.path().join("head")).expect("the head");
    for field in [
        "Content-Type: application/ocsp-response\r\n",
        "Cache-Control: public, max-age=3600, no-transform\r\n",
        "Expires: ",
        "Last-Modified: ",
    ] {
        assert!(head.contains(field), "{field} in {head}");
    }
    if has("lint_ocsp_response") {
        let _ = published.shell("lint_ocsp_response lint -s WARNING answer.der").succeeded();
    }
}

#[test]
fn gnutls_believes_the_responder() {
    if !have_tools() || !has("ocsptool") {
        return;
    }
    let published = Published::start();
    let asked = published.fetched().shell(
        "openssl x509 -in sensor.crt -out leaf.pem
        ocsptool --ask=URL/ocsp --load-issuer issuing.pem --load-cert leaf.pem --load-trust ca.pem --nonce --outfile o.der
        ocsptool --load-response o.der --response-info",
    );
    let _ = asked.succeeded().says("Certificate Status: good");
}

#[test]
fn nothing_else_is_served_and_each_refusal_says_why() {
    if !have_tools() {
        return;
    }
    let published = Published::start();
    let code = |flags: &str, path: &str| {
        let line = format!("curl -sS -o out -w \"%{{http_code}} %header{{allow}}.\" {flags} URL{path}; echo");
        published.shell(&line)
    };
    for path in ["/", "/ca/issuing/issuing.key", "/sealmq.conf", "/api/v1/version", "/crl/00.crl"] {
        let _ = code("--path-as-is", path).says("404 .");
    }
    let _ = code("-X DELETE", "/ca.crt").says("405 GET, HEAD.");
    let _ = code("", "/ocsp").says("405 POST.");
    let _ = code("-d x", "/ocsp").says("415 .");
    let post = "-H \"Content-Type: application/ocsp-request\"";
    let _ = code(&format!("{post} --data-binary @out"), "/ocsp").says("200 .");
    let _ = published.shell("head -c 4097 /dev/zero >large");
    let _ = code(&format!("{post} --data-binary @large"), "/ocsp").says("413 .");
    let _ = code("", "/ocsp/!!").says("400 .");
    let _ = published.shell("head -c 5000 /dev/zero | tr \"\\0\" a >long");
    let _ = code("-H \"X: $(cat long)\"", "/ca.crt").says("431 .");
}

#[test]
fn a_configuration_that_cannot_publish_is_refused() {
    let home = Home::new();
    assert!(home.up().stop().success());
    let conf = home.data().join("sealmq.conf");
    let text = std::fs::read_to_string(&conf).expect("sealmq.conf");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address");
    for (line, words) in [
        (format!("pki_listener {address}"), "Address already in use"),
        ("pki_url http://pki.example".to_owned(), "'pki_url' needs 'pki_listener'"),
        ("pki_listener 0".to_owned(), "Invalid 'pki_listener' value (0)"),
    ] {
        std::fs::write(&conf, format!("{text}{line}\n")).expect("sealmq.conf");
        let refused = home.run(&["up"]);
        let said = crate::support::text(&refused);
        assert!(!refused.status.success() && said.contains(words), "{line}: {said}");
    }
}

#[test]
fn the_broker_staples_its_own_response_with_or_without_a_listener_for_it() {
    if !have_tools() {
        return;
    }
    let home = Home::new();
    let _broker = home.up();
    for version in ["-tls1_3", "-tls1_2"] {
        let line = format!(
            "openssl s_client -connect localhost:{} -servername localhost -status {version} -CAfile data/ca/ca.crt </dev/null",
            home.port
        );
        let said = Client::start_shell(home.folder(), &format!("sh -c '{line}' 2>&1")).end();
        let said = said.says("OCSP Response Status: successful").says("Cert Status: good");
        let _ = said.says("Verify return code: 0 (ok)");
    }
}
