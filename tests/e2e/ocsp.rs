//! `bridge_require_ocsp`: haproxy staples what `openssl ocsp` made, in front of another broker; `openssl s_server` staples
//! what haproxy would not, or nothing.

use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::{Broker, Client, Guide, PATIENCE, find, free_port, has};

/// A certificate for `localhost` by the guide's CA, and responses about it: `good.der`, `revoked.der`, `unknown.der`,
/// and `forged.der` by another CA.
fn guide() -> Guide {
    let guide = Guide::new();
    guide.shell(
        "openssl genrsa -out local.key 2048
        openssl req -new -key local.key -out local.csr -subj /CN=localhost
        openssl x509 -req -days 365 -in local.csr -CA ca.crt -CAkey ca.key -set_serial 0x77 -out local.crt
        openssl req -new -x509 -newkey rsa:2048 -nodes -keyout other.key -days 9 -subj /CN=Other -out other.crt
        openssl ocsp -issuer ca.crt -cert local.crt -no_nonce -reqout request.der
        printf 'V\\t491231235959Z\\t\\t77\\tunknown\\t/CN=localhost\\n' >good
        printf 'R\\t491231235959Z\\t260101000000Z,keyCompromise\\t77\\tunknown\\t/CN=localhost\\n' >revoked
        : >unknown
        for state in good revoked unknown; do
            openssl ocsp -index $state -CA ca.crt -rsigner ca.crt -rkey ca.key -reqin request.der -ndays 1 -respout $state.der
        done
        openssl ocsp -index good -CA ca.crt -rsigner other.crt -rkey other.key -reqin request.der -ndays 1 -respout forged.der",
    );
    guide
}

fn bridge(guide: &Guide, name: &str, port: u16) -> String {
    let folder = guide.folder().display();
    format!(
        "connection {name}\naddress localhost:{port}\nrestart_timeout 1\ntopic up/# out 1\n\
        bridge_cafile {folder}/ca.crt\nbridge_require_ocsp true\n"
    )
}

fn s_server(guide: &Guide, flags: &str) -> (Client, u16) {
    let port = free_port();
    let line =
        format!("openssl s_server -accept {port} -cert local.crt -key local.key -naccept 1000 {flags}");
    let server = Client::start(guide.folder(), &line);
    server.wait_for("ACCEPT");
    (server, port)
}

#[test]
fn messages_go_over_a_bridge_to_a_server_that_staples_good() {
    if !has("haproxy") || !has("mosquitto_pub") {
        return;
    }
    let guide = guide();
    let [plain, tls, here] = std::array::from_fn(|_| free_port());
    guide.shell("cat local.crt ca.crt local.key >site.pem; cp good.der site.pem.ocsp");
    let haproxy = format!(
        "defaults\n mode tcp\n timeout connect 5s\n timeout client 1m\n timeout server 1m\n\
        listen bridge\n bind 127.0.0.1:{tls} ssl crt site.pem\n server broker 127.0.0.1:{plain}\n"
    );
    std::fs::write(guide.file("haproxy.cfg"), haproxy).expect("write haproxy's configuration");
    let there = Broker::start(guide.folder(), &format!("listener {plain} 127.0.0.1\nallow_anonymous true\n"));
    let mut command = Command::new(find("haproxy").expect("it was found above"));
    let _haproxy =
        Client::start_command(command.args(["-db", "-f", "haproxy.cfg"]).current_dir(guide.folder()));
    let deadline = Instant::now() + PATIENCE;
    while TcpStream::connect(("127.0.0.1", tls)).is_err() {
        assert!(Instant::now() < deadline, "haproxy does not listen");
        std::thread::park_timeout(Duration::from_millis(20));
    }
    let watcher = Client::start(
        guide.folder(),
        &format!("stdbuf -oL mosquitto_sub -p {plain} -t up/# -q 1 -C 1 -v -d"),
    );
    watcher.wait_for("Subscribed");
    let broker = Broker::start(
        guide.folder(),
        &format!("listener {here} 127.0.0.1\nallow_anonymous true\n{}", bridge(&guide, "sealed", tls)),
    );
    broker.wait_for_line(&["Bridge sealed connected."]);
    Client::run(guide.folder(), &format!("mosquitto_pub -p {here} -t up/a -m proven -q 1")).succeeded();
    watcher.end().succeeded().says("up/a proven");
    drop(there);
}

#[test]
fn a_bridge_that_requires_ocsp_goes_to_nobody_who_does_not_prove_that_his_certificate_counts() {
    let guide = guide();
    let staples = ["good", "none", "revoked", "unknown", "forged"];
    let servers = staples.map(|name| match name {
        "none" => s_server(&guide, ""),
        staple => s_server(&guide, &format!("-status_file {staple}.der")),
    });
    let bridges: String =
        staples.iter().zip(&servers).map(|(name, (_, port))| bridge(&guide, name, *port)).collect();
    let listener = format!("listener {} 127.0.0.1\nallow_anonymous true\n", free_port());
    let broker = Broker::start(guide.folder(), &format!("{listener}{bridges}"));
    for (name, parts) in [
        ("none", ["SMQ-T043", "staples no OCSP response"]),
        ("revoked", ["SMQ-T016", "keyCompromise"]),
        ("unknown", ["SMQ-T046", "does not know"]),
        ("forged", ["SMQ-T044", "was not issued by the same CA"]),
    ] {
        broker.wait_for_line(&[&format!("Bridge {name}:"), parts[0], parts[1]]);
    }
    let [good, none, revoked, unknown, forged] = servers.map(|(server, _)| server);
    good.wait_for("CIPHER is");
    for refused in [none, unknown, forged] {
        refused.wait_for("SSL alert number 113");
    }
    revoked.wait_for("SSL alert number 44");
}
