//! "This device was stolen": `cert revoke`, `hold` and `unhold` beside live clients, without a broker, and cut off.

use std::time::Duration;

use crate::support::{Broker, Client, Home, free_port, has};

fn proof(name: &str) -> String {
    format!("--cert {name}-files/{name}.crt --key {name}-files/{name}.key")
}

/// A subscriber of mosquitto's that has said that it is in.
fn mosquitto_sub(home: &Home, proof: &str, more: &str) -> Client {
    let ca = home.data().join("ca/ca.crt");
    let line = format!(
        "stdbuf -oL mosquitto_sub -h localhost -p {} --cafile {} {proof} -t test/# {more} -d",
        home.port,
        ca.display()
    );
    let client = Client::start(home.folder(), &line);
    client.wait_for("SUBACK");
    client
}

/// A subscriber of ours over WebSocket.
fn web_sub(home: &Home, port: u16, name: &str, broker: &Broker) -> Client {
    let ca = home.data().join("ca/ca.crt");
    let line = format!(
        "sealmq sub --ws -h localhost -p {port} --cafile {} {} -t test/# -i web-{name}",
        ca.display(),
        proof(name)
    );
    let client = Client::start(home.folder(), &line);
    broker.wait_for_line(&["New client connected", &format!("as web-{name} ")]);
    client
}

/// Beside the TLS port one for WebSockets, with the same certificates.
fn with_websockets(home: &Home) -> u16 {
    drop(home.up());
    let port = free_port();
    let conf = home.data().join("sealmq.conf");
    let text = std::fs::read_to_string(&conf).expect("the configuration");
    let listener = text.lines().skip_while(|line| !line.starts_with("listener ")).skip(1);
    let more: Vec<&str> = listener.collect();
    let more = format!("\nlistener {port}\nprotocol websockets\n{}\n", more.join("\n"));
    std::fs::write(&conf, text + &more).expect("the configuration");
    port
}

fn crl_text(home: &Home) -> String {
    let crl = home.data().join("ca/crl/issuing.crl");
    let line = format!("openssl crl -inform DER -noout -text -in {}", crl.display());
    Client::run(home.folder(), &line).succeeded().text
}

fn serial_of(home: &Home, file: &str) -> String {
    let line = format!("openssl x509 -noout -serial -in {file}");
    let text = Client::run(home.folder(), &line).succeeded().text;
    text.trim().strip_prefix("serial=").expect("openssl prints it").to_owned()
}

#[test]
fn a_stolen_device_is_out_when_the_command_returns_with_every_certificate_it_had_and_nobody_else_is() {
    if !has("mosquitto_sub") {
        return;
    }
    let home = Home::new();
    let web = with_websockets(&home);
    let broker = home.up();
    home.add_device("pump", "");
    home.add_device("lamp", "");
    std::fs::rename(home.folder().join("pump-files"), home.folder().join("old-files")).unwrap();
    home.succeeds(&["device", "rotate", "pump", "--host", "localhost"]);
    let old = "--cert old-files/pump.crt --key old-files/pump.key";
    // A stored session, one by the superseded certificate, one of MQTT 5, one over WebSocket; and the honest neighbour.
    let stored = mosquitto_sub(&home, &proof("pump"), "-i stored -q 1 -c -V 311");
    let superseded = mosquitto_sub(&home, old, "-i superseded -V 311");
    let five = mosquitto_sub(&home, &proof("pump"), "-i five -V 5");
    let over_web = web_sub(&home, web, "pump", &broker);
    let lamp = mosquitto_sub(&home, &proof("lamp"), "-i lamp -q 1");

    let said =
        home.succeeds(&["cert", "revoke", "pump", "--reason", "keycompromise", "--comment", "from the yard"]);
    assert_eq!(said.matches("revoked (keyCompromise): pump, serial ").count(), 2, "{said}");
    assert!(said.contains("4 sessions ended; 1 stored session forgotten"), "{said}");
    assert!(said.contains("revocation list 2 with 2 certificates: "), "{said}");
    // Their ends are in the log already: nothing is waited for.
    for id in ["stored", "superseded", "five", "web-pump"] {
        let ended = broker.log().lines().any(|line| {
            line.contains(&format!("Client {id} ["))
                && line.contains("disconnected")
                && line.contains("was revoked")
        });
        assert!(ended, "{id}: {}", broker.log());
    }
    five.wait_for("DISCONNECT");
    assert!(!home.mosquitto_pub(&proof("pump")) && !home.mosquitto_pub(old), "{}", broker.log());
    broker.wait_for_line(&["SMQ-T016"]);
    drop((stored, superseded, five, over_web));
    assert!(home.mosquitto_pub(&proof("lamp")), "{}", broker.log());
    lamp.wait_for("b");
    assert!(!broker.log().contains("Client lamp ["), "the neighbour noticed: {}", broker.log());
    let listed = home.succeeds(&["device", "list"]);
    assert_eq!(
        listed.lines().filter(|line| line.starts_with("pump ") && line.contains(" revoked ")).count(),
        2
    );

    assert!(broker.stop().success());
    let broker = home.up();
    assert!(!home.mosquitto_pub(&proof("pump")) && !home.mosquitto_pub(old), "a restart brings nothing back");
    assert!(home.mosquitto_pub(&proof("lamp")), "{}", broker.log());
}

#[test]
fn the_name_is_free_again_and_its_next_holder_gets_nothing_of_the_stored_session() {
    if !has("mosquitto_sub") {
        return;
    }
    for keep in [false, true] {
        let home = Home::new();
        let broker = home.up();
        home.add_device("pump", "");
        drop(mosquitto_sub(&home, &proof("pump"), "-i pump -q 1 -c -V 311"));
        broker.wait_for_line(&["Client pump [", "disconnected"]);
        home.succeeds(&["pub", "-t", "test/a", "-m", "from before", "-q", "1"]);
        let flags: &[&str] = if keep { &["--keep-session"] } else { &[] };
        let said = home.succeeds(&[&["cert", "revoke", "pump"], flags].concat());
        let forgotten = if keep { "0 stored sessions" } else { "1 stored session" };
        assert!(said.contains(&format!("0 sessions ended; {forgotten} forgotten")), "{said}");
        std::fs::rename(home.folder().join("pump-files"), home.folder().join("old-files")).unwrap();
        home.add_device("pump", "");
        let next = mosquitto_sub(&home, &proof("pump"), "-i pump -q 1 -c -V 311");
        home.succeeds(&["pub", "-t", "test/a", "-m", "from now", "-q", "1"]);
        // What was stored would come before it.
        next.wait_for("from now");
        assert_eq!(next.printed().contains("from before"), keep, "{}", next.printed());
    }
}

#[test]
fn a_hold_refuses_with_a_code_of_its_own_until_it_is_let_go_of() {
    if !has("mosquitto_sub") {
        return;
    }
    let home = Home::new();
    let broker = home.up();
    home.add_device("pump", "");
    let live = mosquitto_sub(&home, &proof("pump"), "-i live -V 5 -x 3600 -c -q 1");
    let said = home.succeeds(&["cert", "hold", "pump"]);
    assert!(said.contains("on hold: pump, serial ") && said.contains("1 session ended; 0 stored"), "{said}");
    live.wait_for("DISCONNECT");
    drop(live);
    assert!(!home.mosquitto_pub(&proof("pump")), "{}", broker.log());
    broker.wait_for_line(&["SMQ-T047"]);
    assert!(crl_text(&home).contains("Certificate Hold"));
    assert!(home.succeeds(&["device", "list"]).contains(" held "));
    assert!(home.refused(&["device", "add", "pump", "--host", "localhost"]).contains("is taken"));
    assert!(home.refused(&["device", "rotate", "pump", "--host", "localhost"]).contains("is on hold"));
    let said = home.succeeds(&["cert", "unhold", "pump"]);
    assert!(said.contains("valid again: pump"), "{said}");
    assert!(home.mosquitto_pub(&proof("pump")), "{}", broker.log());
    assert!(crl_text(&home).contains("No Revoked Certificates"));
    home.refused(&["cert", "unhold", "pump"]);
}

#[test]
fn a_revocation_while_no_broker_runs_counts_from_its_start_on() {
    if !has("mosquitto_pub") {
        return;
    }
    let home = Home::new();
    let broker = home.up();
    for name in ["pump", "lamp"] {
        home.add_device(name, "");
    }
    assert!(broker.stop().success());
    let said = home.succeeds(&["cert", "revoke", "pump"]);
    assert!(said.contains("no broker runs on this directory"), "{said}");
    assert!(crl_text(&home).contains(&serial_of(&home, "pump-files/pump.crt")));
    let broker = home.up();
    assert!(!home.mosquitto_pub(&proof("pump")), "{}", broker.log());
    assert!(home.mosquitto_pub(&proof("lamp")), "{}", broker.log());
}

#[test]
fn a_password_is_closed_and_its_session_ends() {
    if !has("mosquitto_sub") {
        return;
    }
    let home = Home::new();
    let broker = home.up();
    for (name, password) in [("kettle", "tea for two"), ("toaster", "bread")] {
        home.add_user(name, &password.replace(' ', "-"));
    }
    let live = mosquitto_sub(&home, "-u kettle -P tea-for-two", "-i kettle -c -q 1 -V 311");
    let other = mosquitto_sub(&home, "-u toaster -P bread", "-i toaster");
    let said = home.succeeds(&["cert", "revoke", "Kettle"]);
    assert!(said.contains("user kettle can log in with a password no more"), "{said}");
    assert!(said.contains("1 session ended; 1 stored session forgotten"), "{said}");
    drop(live);
    assert!(!home.mosquitto_pub("-u kettle -P tea-for-two"), "{}", broker.log());
    assert!(home.mosquitto_pub("-u toaster -P bread"), "{}", broker.log());
    other.wait_for("PUBLISH");
    assert!(home.succeeds(&["user", "list"]).trim() == "toaster");
}

#[test]
fn the_servers_certificate_is_replaced_without_a_connection_lost_and_a_ca_is_not_revoked() {
    if !has("mosquitto_sub") {
        return;
    }
    let home = Home::new();
    let broker = home.up();
    home.add_device("pump", "");
    let live = mosquitto_sub(&home, &proof("pump"), "-i live");
    let shown = || {
        let line = format!(
            "openssl s_client -connect localhost:{} -CAfile {}/ca/ca.crt -verify_return_error {}",
            home.port,
            home.data().display(),
            proof("pump").replace("--", "-")
        );
        let text = Client::run(home.folder(), &line).text;
        let start = text.find("-----BEGIN CERTIFICATE").expect("the server's certificate");
        let end = text.find("-----END CERTIFICATE-----").expect("whole");
        text[start..end].to_owned()
    };
    let before = shown();
    let serial = serial_of(&home, "data/server/server.crt");
    let said = home.succeeds(&["cert", "revoke", "--serial", &serial]);
    assert!(said.contains("the server has a new certificate"), "{said}");
    assert_ne!(shown(), before);
    assert!(home.mosquitto_pub(&proof("pump")), "{}", broker.log());
    live.wait_for("PUBLISH");
    let said = home.succeeds(&["cert", "revoke", "operator"]);
    assert!(said.contains("the operator has a new certificate"), "{said}");
    home.succeeds(&["pub", "-t", "test/a", "-m", "by the new one"]);
    for ca in ["data/ca/ca.crt", "data/ca/issuing/issuing.crt"] {
        let serial = serial_of(&home, ca);
        assert!(home.refused(&["cert", "revoke", "--serial", &serial]).contains("sealmq up"), "{ca}");
    }
    home.refused(&["cert", "hold", "operator"]);
    home.refused(&["cert", "revoke", "nobody"]);
    home.refused(&["cert", "revoke", "--serial", "xyz"]);
}

#[test]
fn json_says_what_text_says() {
    let home = Home::new();
    let _broker = home.up();
    home.add_device("pump", "");
    let text = home.succeeds(&["cert", "revoke", "pump", "--json", "--reason", "superseded"]);
    for part in [
        r#""name":"pump""#,
        r#""state":"revoked","reason":"superseded""#,
        r#""broker_runs":true,"sessions_ended":0,"sessions_forgotten":0"#,
        r#""crl":{"number":"2","certificates":1,"#,
        r#""problems":[]"#,
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

/// Whatever the moment: afterwards it is revoked everywhere, or it is revoked nowhere; and where the command said so, it
/// is.
#[test]
fn a_broker_that_is_killed_in_the_middle_of_a_revocation_leaves_all_of_it_or_none() {
    if !has("mosquitto_pub") {
        return;
    }
    let home = Home::new();
    let mut broker = home.up();
    let names: Vec<String> = (0..10_u64).map(|round| format!("unit{round}")).collect();
    for (round, name) in names.iter().enumerate() {
        home.add_device(name, "");
        let mut command = Client::start_command(&mut home.command(&["cert", "revoke", name]));
        command.close_input();
        // From before the request has arrived until after the answer.
        std::thread::park_timeout(Duration::from_millis(6 * u64::try_from(round).unwrap_or(0)));
        broker.signal("KILL");
        let said = command.end();
        drop(broker);
        broker = home.up();
        let serial = serial_of(&home, &format!("{name}-files/{name}.crt"));
        let let_in = home.mosquitto_pub(&proof(name));
        let listed = crl_text(&home).contains(&serial);
        let state = home.succeeds(&["device", "list"]);
        let revoked = state.lines().any(|line| line.starts_with(name) && line.contains(" revoked "));
        assert_eq!((listed, !let_in), (revoked, revoked), "{name}: {state}\n{}", broker.log());
        assert!(revoked || !said.status.success(), "{name} was said to be revoked: {}", said.text);
        eprintln!("killed after {} ms: revoked {revoked}, command {}", 6 * round, said.status);
        home.succeeds(&["cert", "revoke", name]);
        assert!(!home.mosquitto_pub(&proof(name)));
    }
}
