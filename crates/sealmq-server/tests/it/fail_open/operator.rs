//! The operator is a role in the inventory, never a name; what is the operator's is nobody else's by any filter.

use super::*;
use crate::data_plane::{Pki, publish, subscribe};

/// A list that gives everyone everything: what is the operator's stays the operator's.
fn open_acl(home: &Home) {
    let lines = ["#", "$SYS/#", "$CONTROL/#"].map(|filter| format!("pattern readwrite {filter}\n"));
    fs::write(home.place().acl(), lines.concat()).unwrap();
}

/// Subscribes with every filter that could reach `$SYS/broker/version`, then tells whether it came before `end`.
fn hears(client: &mut TlsClient, operator: &mut TlsClient) -> bool {
    let filters = [
        "#",
        "+/broker/version",
        "$SYS/#",
        "$SYS/broker/version",
        "$share/g/$SYS/#",
        "$share/h/#",
        "$CONTROL/#",
    ];
    for filter in filters {
        client.send(&subscribe(filter));
    }
    client.send(&[0xc0, 0]);
    let mut heard = client.read_until(&[0xd0, 0]);
    operator.send(&[publish("$CONTROL/a", "secret"), publish("t/end", "x")].concat());
    heard.extend(client.read_until(&publish("t/end", "x")));
    heard.windows(4).any(|text| text == b"$SYS" || text == b"$CON")
}

#[test]
fn no_filter_of_a_device_reaches_what_is_the_operators() {
    let own = Own::with(OWN, open_acl);
    let mut operator = own.arrive(own.operator(), "op");
    accepted(&mut operator);
    let mut device = own.arrive(own.device("pump"), "c");
    accepted(&mut device);
    assert!(!hears(&mut device, &mut operator));
    let mut second = own.arrive(own.operator(), "op-2");
    accepted(&mut second);
    assert!(hears(&mut second, &mut operator));
}

#[test]
fn a_foreign_certificate_in_the_operators_name_is_no_operator() {
    let foreign = Pki::new();
    let own = Own::with(&OWN.replace("cafile ca/ca.crt", "cafile foreign.crt"), |home| {
        fs::write(home.place().folder().join("foreign.crt"), &foreign.ca_pem).unwrap();
        open_acl(home);
    });
    let mut operator = own.arrive(own.operator(), "op");
    accepted(&mut operator);
    let mut namesake = own.arrive(foreign.device("operator"), "c");
    accepted(&mut namesake);
    assert!(!hears(&mut namesake, &mut operator));
}

#[test]
fn a_device_writes_nothing_that_is_the_operators() {
    let own = Own::with(OWN, open_acl);
    let mut operator = own.arrive(own.operator(), "op");
    accepted(&mut operator);
    operator.send(&subscribe("$SYS/a/#"));
    operator.expect(&[0x90, 3, 0, 1, 0]);
    operator.send(&subscribe("$CONTROL/#"));
    operator.expect(&[0x90, 3, 0, 1, 0]);
    operator.send(&subscribe("t/#"));
    operator.expect(&[0x90, 3, 0, 1, 0]);
    let mut device = own.arrive(own.device("pump"), "c");
    accepted(&mut device);
    device
        .send(&[publish("$SYS/a/b", "evil"), publish("$CONTROL/a", "evil"), publish("t/end", "x")].concat());
    operator.expect(&publish("t/end", "x"));
}

/// Over HTTP a path is asked about as if it were a topic, and the numbers are those of `$SYS`.
#[test]
fn the_numbers_of_the_http_api_are_the_operators_too() {
    let conf = format!("{OWN}protocol http_api\n");
    let own = Own::with(&conf, |home| fs::write(home.place().acl(), "pattern read /api/#\n").unwrap());
    let status = |key_pair: KeyPair, path: &str| {
        let mut client = own.dial(Some(key_pair));
        client.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes());
        client.read_until(b"\r\n")
    };
    for path in ["/api/v1/systree", "/api/v1/listeners"] {
        assert!(status(own.device(path.rsplit('/').next().unwrap()), path).starts_with(b"HTTP/1.1 401 "));
        assert!(status(own.operator(), path).starts_with(b"HTTP/1.1 200 "), "{path}");
    }
    assert!(status(own.device("pump"), "/api/v1/version").starts_with(b"HTTP/1.1 200 "));
}
