//! What an ESP32 does, with mbedTLS on a desk: the guide's certificates, a generated header, a name and a password.

use std::path::Path;

use crate::support::{Broker, Client, Guide, Home, Outcome, free_port, mbedtls_client, mbedtls_client_in};

/// Clients that must stay out, made beside the guide's: a stranger, one of the same CA's name, an expired one.
const INTRUDERS: &str = r#"
openssl req -x509 -newkey rsa:2048 -nodes -days 30 -keyout other.key -out other.crt -subj /CN=OtherCA
openssl req -new -key client.key -out stranger.csr -subj /CN=stranger
openssl x509 -req -days 30 -in stranger.csr -CA other.crt -CAkey other.key -CAcreateserial -out stranger.crt
openssl req -x509 -newkey rsa:2048 -nodes -days 30 -keyout twin.key -out twin.crt -subj "/C=US/ST=State/L=City/O=MyOrg/CN=MyCA"
openssl req -new -key client.key -out impostor.csr -subj "/C=US/ST=State/L=City/O=MyOrg/CN=impostor"
openssl x509 -req -days 30 -in impostor.csr -CA twin.crt -CAkey twin.key -CAcreateserial -out impostor.crt
openssl req -new -key client.key -out old.csr -subj /CN=old
openssl x509 -req -days -1 -in old.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out old.crt
"#;

fn run(folder: &Path, program: &Path, flags: &str) -> Outcome {
    Client::run(folder, &format!("{} {flags}", program.display()))
}

#[test]
fn the_guides_certificates_over_mutual_tls_12_and_everybody_else_stays_out() {
    let Some(program) = mbedtls_client() else { return };
    let guide = Guide::new();
    guide.shell(INTRUDERS);
    let port = free_port();
    let broker = Broker::start(
        guide.folder(),
        &format!(
            "listener {port}\ncertfile server.crt\nkeyfile server.key\ncafile ca.crt\nrequire_certificate true\nuse_identity_as_username true\n"
        ),
    );
    let base = format!("--host 127.0.0.1 --port {port} --tls-version 1.2 --server-name mqtt.example.com");
    let with = |ca: &str, flags: &str| run(guide.folder(), program, &format!("{base} --cafile {ca} {flags}"));
    let own = "--cert client.crt --key client.key";
    with("ca.crt", own).succeeded().says("TLSv1.2").says("got 'hello from mbedTLS' back");
    broker.wait_for_line(&["New client connected", "mbedtls-client", "p4", "k15", "u'client1'"]);

    with("ca.crt", "").refused().says("mbedTLS -0x");
    broker.wait_for_line(&["rejected", "we refused", "it sent no certificate, and one is required here"]);
    with("ca.crt", "--cert stranger.crt --key client.key").refused().says("mbedTLS -0x");
    broker.wait_for_line(&["rejected", "we refused", "not issued by a CA that we trust", "CN=stranger"]);
    with("ca.crt", "--cert impostor.crt --key client.key").refused().says("mbedTLS -0x");
    broker.wait_for_line(&["rejected", "we refused", "CN=impostor"]);
    with("ca.crt", "--cert old.crt --key client.key").refused().says("mbedTLS -0x");
    broker.wait_for_line(&["rejected", "we refused", "has expired", "CN=old"]);
    with("ca.crt", "--cert server.crt --key server.key").refused().says("mbedTLS -0x");
    broker.wait_for_line(&["rejected", "we refused", "a listener of this broker serves"]);
    with("other.crt", own).refused().says("not correctly signed by the trusted CA").says("-0x2700");
    broker.wait_for_line(&["rejected", "refused us", "it does not trust the CA that issued"]);

    with("ca.crt", own).succeeded();
    assert!(broker.stop().success());
}

#[test]
fn the_guides_server_only_tls_with_name_and_password() {
    let Some(program) = mbedtls_client() else { return };
    let guide = Guide::new();
    guide.shell("mosquitto_passwd -b -c passwd device1 secret && chmod 0600 passwd");
    let port = free_port();
    let broker = Broker::start(
        guide.folder(),
        &format!("listener {port}\ncertfile server.crt\nkeyfile server.key\npassword_file passwd\n"),
    );
    let base = format!("--host 127.0.0.1 --port {port} --server-name mqtt.example.com --cafile ca.crt");
    let with = |flags: &str| run(guide.folder(), program, &format!("{base} {flags}"));
    with("--user device1 --password secret").succeeded().says("TLSv1.2").says("back on test/mbedtls");
    broker.wait_for_line(&["New client connected", "k15", "u'device1'"]);
    with("--user device1 --password wrong").refused().says("refused with return code 5");
    broker.wait_for_line(&["not authorised", "wrong user name or password", "u'device1'"]);
    with("--user nobody --password secret").refused().says("refused with return code 5");
    with("").refused().says("refused with return code 5");
    broker.wait_for_line(&["not authorised", "it gave no user name, and anonymous clients are not allowed"]);
    with("--user device1 --password secret").succeeded();
}

#[test]
fn the_header_of_device_add_connects_to_the_broker_that_made_it_and_to_no_other() {
    let (home, other) = (Home::new(), Home::new());
    let (broker, other_broker) = (home.up(), other.up());
    home.add_device("pump", "--for arduino");
    let header = home.folder().join("pump-arduino/sealmq_device/sealmq_certs.h");
    let Some(program) = mbedtls_client_in(home.folder(), Some(&header)) else { return };
    let with = |flags: &str| run(home.folder(), &program, flags);
    with("").succeeded().says("TLSv1.2").says("back on devices/pump/hello");
    broker.wait_for_line(&["New client connected", "p4", "k15", "u'pump'"]);

    // Taken to another broker, the device trusts it not.
    with(&format!("--port {}", other.port)).refused().says("-0x2700");
    other_broker.wait_for_line(&["rejected", "refused us", "it does not trust the CA that issued"]);
    // And were it made to, that broker knows the device not.
    let persuaded = format!("--port {} --cafile {}/ca/ca.crt", other.port, other.data().display());
    with(&persuaded).refused().says("mbedTLS -0x");
    other_broker.wait_for_line(&["rejected", "we refused", "not issued by a CA that we trust", "CN=pump"]);

    with("").succeeded();
}

#[test]
fn our_own_ca_ends_what_it_issued_on_the_day_that_stands_in_it() {
    let Some(program) = mbedtls_client() else { return };
    let home = Home::new();
    let broker = home.up();
    home.add_device("pump", "");
    let base =
        format!("--host localhost --port {} --cafile pump-files/ca.crt --key pump-files/pump.key", home.port);
    run(home.folder(), program, &format!("{base} --cert pump-files/pump.crt")).succeeded();
    let issuing = home.data().join("ca/issuing");
    crate::support::shell(
        home.folder(),
        &format!(
            "openssl req -new -key pump-files/pump.key -out old.csr -subj /CN=pump
             printf 'basicConstraints=critical,CA:FALSE\nextendedKeyUsage=clientAuth\n' > ext
             openssl x509 -req -days -1 -in old.csr -CA {issuing}/issuing.crt -CAkey {issuing}/issuing.key \\
                 -CAcreateserial -CAserial serial -extfile ext -out old.crt
             openssl x509 -req -days 30 -in old.csr -CA {issuing}/issuing.crt -CAkey {issuing}/issuing.key \\
                 -CAserial serial -extfile ext -out young.crt",
            issuing = issuing.display()
        ),
    );
    run(home.folder(), program, &format!("{base} --cert old.crt")).refused().says("mbedTLS -0x");
    broker.wait_for_line(&["rejected", "we refused", "CN=pump", "has expired"]);
    // Within its dates it is still one that the inventory does not know.
    run(home.folder(), program, &format!("{base} --cert young.crt")).refused().says("mbedTLS -0x");
    broker.wait_for_line(&["rejected", "we refused", "CN=pump", "our inventory does not know it"]);
}

#[test]
fn a_name_and_a_password_get_in_on_the_port_of_the_certificates_once_the_user_exists() {
    let Some(program) = mbedtls_client() else { return };
    let home = Home::new();
    let broker = home.up();
    let base = format!("--host localhost --port {} --cafile {}/ca/ca.crt", home.port, home.data().display());
    let with = |flags: &str| run(home.folder(), program, &format!("{base} {flags}"));
    with("--user kettle --password secret").refused().says("mbedTLS -0x");
    broker.wait_for_line(&["rejected", "we refused", "it sent no certificate, and one is required here"]);

    home.add_user("kettle", "secret");
    with("--user kettle --password secret").succeeded().says("TLSv1.2");
    broker.wait_for_line(&["New client connected", "k15", "u'kettle'"]);
    with("--user kettle --password wrong").refused().says("refused with return code 5");
    broker.wait_for_line(&["not authorised", "wrong user name or password", "u'kettle'"]);
    with("").refused();
    home.add_device("pump", "");
    with("--cert pump-files/pump.crt --key pump-files/pump.key").succeeded();
    with("--user pump --password secret").refused().says("refused with return code 5");
    broker.wait_for_line(&["not authorised", "u'pump'"]);

    // With the last user the password goes as a way in: TLS itself asks for the certificate again.
    home.succeeds(&["user", "remove", "kettle"]);
    with("--user kettle --password secret").refused().says("mbedTLS -0x");
    with("--cert pump-files/pump.crt --key pump-files/pump.key").succeeded();
}
