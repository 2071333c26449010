//! `sealmq ca` and the passphrase of the CA's keys, with the real binary: where it comes from, and who else sees it.

use std::path::PathBuf;
use std::process::Command;

use crate::support::{Broker, Client, Guide, Home, free_port, has, mbedtls_client, shell, text};

const PASSPHRASE: &str = "correct horse battery staple";

/// A file with a line that only its owner reads.
fn secret(home: &Home, name: &str, line: &str) -> PathBuf {
    let path = home.folder().join(name);
    std::fs::write(&path, format!("{line}\n")).expect("write the passphrase");
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("chmod");
    path
}

/// A data directory whose CA keys are encrypted.
fn encrypted() -> Home {
    let home = Home::new();
    secret(&home, "secret", PASSPHRASE);
    secret(&home, "wrong", "not the passphrase");
    home.succeeds(&["ca", "init", "--passphrase-file", "secret"]);
    home
}

fn up(home: &Home, flags: &[&str], environment: &[(&str, &str)]) -> Command {
    let port = home.port.to_string();
    let mut command = home.command(&[&["up", "--port", &port], flags].concat());
    command.envs(environment.iter().copied());
    command
}

/// Starts, with nobody on the terminal, and ends well.
fn starts(home: &Home, flags: &[&str], environment: &[(&str, &str)]) {
    let broker = Broker::start_command(&mut up(home, flags, environment));
    assert!(broker.stop().success(), "{flags:?} {environment:?}");
}

fn refuses(home: &Home, flags: &[&str], environment: &[(&str, &str)]) -> String {
    let output = up(home, flags, environment).output().expect("sealmq runs");
    let text = text(&output);
    assert!(!output.status.success() && text.contains("hint: "), "{flags:?} {environment:?}: {text}");
    assert!(!text.contains(PASSPHRASE), "{text}");
    text
}

#[test]
fn each_source_of_the_passphrase_opens_the_ca_and_the_first_that_is_there_decides() {
    let home = encrypted();
    let credentials = home.folder().join("credentials");
    std::fs::create_dir(&credentials).expect("a folder");
    let folder = [("CREDENTIALS_DIRECTORY", credentials.to_str().expect("a plain path"))];
    let right = [("SEALMQ_CA_PASSPHRASE", PASSPHRASE)];
    let wrong = [("SEALMQ_CA_PASSPHRASE", "not the passphrase")];

    assert!(refuses(&home, &[], &[]).contains("no passphrase was given"));
    // A service that has credentials, but not this one.
    assert!(refuses(&home, &[], &folder).contains("no passphrase was given"));
    std::fs::copy(home.folder().join("secret"), credentials.join("sealmq-ca-passphrase")).expect("copy");
    starts(&home, &["--ca-passphrase-file", "secret"], &[]);
    starts(&home, &[], &right);
    starts(&home, &[], &folder);

    // What comes first and is wrong is not passed over.
    assert!(refuses(&home, &[], &[folder[0], wrong[0]]).contains("does not open it"));
    assert!(refuses(&home, &["--ca-passphrase-file", "wrong"], &right).contains("does not open it"));
    assert!(refuses(&home, &["--ca-passphrase-file", "none"], &right).contains("none"));
    starts(&home, &["--ca-passphrase-file", "secret"], &wrong);
}

#[test]
fn the_passphrase_of_the_environment_is_not_in_what_the_system_shows_of_the_process() {
    let home = encrypted();
    let broker = Broker::start_command(&mut up(&home, &[], &[("SEALMQ_CA_PASSPHRASE", PASSPHRASE)]));
    // The process is not dumpable: only root can look at all.
    for file in ["environ", "cmdline"] {
        let shown = std::fs::read(format!("/proc/{}/{file}", broker.pid())).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&shown).contains(PASSPHRASE), "{file}");
    }
    // Nothing that it was handed over in is open any more.
    let open = std::fs::read_dir(format!("/proc/{}/fd", broker.pid())).into_iter().flatten();
    let names: Vec<_> = open.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok()).collect();
    assert!(!names.iter().any(|name| name.to_string_lossy().contains("passphrase")), "{names:?}");
    assert!(broker.stop().success());
}

#[test]
fn commands_without_a_broker_need_the_passphrase_and_those_beside_one_do_not() {
    let home = encrypted();
    starts(&home, &["--ca-passphrase-file", "secret"], &[]);
    assert!(home.refused(&["device", "add", "pump"]).contains("no passphrase was given"));
    let mut add = home.command(&["device", "add", "pump", "--host", "localhost"]);
    let output = add.env("SEALMQ_CA_PASSPHRASE", PASSPHRASE).output().expect("sealmq runs");
    assert!(output.status.success(), "{}", text(&output));
    let broker = Broker::start_command(&mut up(&home, &["--ca-passphrase-file", "secret"], &[]));
    home.add_device("kettle", "");
    assert!(home.refused(&["ca", "decrypt", "--passphrase-file", "secret"]).contains("in use"));
    assert!(broker.stop().success());
    home.succeeds(&["ca", "decrypt", "--passphrase-file", "secret"]);
    starts(&home, &[], &[]);
}

#[test]
fn two_lines_of_standard_input_are_the_old_and_the_new_passphrase() {
    let home = encrypted();
    let words = ["ca", "encrypt", "--passphrase-file", "-", "--new-passphrase-file", "-"];
    let mut client = Client::start_command(&mut home.command(&words));
    client.say(PASSPHRASE);
    client.say("a second one that is new");
    client.end().succeeded();
    secret(&home, "second", "a second one that is new");
    refuses(&home, &["--ca-passphrase-file", "secret"], &[]);
    starts(&home, &["--ca-passphrase-file", "second"], &[]);
}

#[test]
fn show_says_what_is_here_with_and_without_a_broker() {
    let home = Home::new();
    assert!(home.refused(&["ca", "show"]).contains("no SealMQ data directory"));
    home.succeeds(&["ca", "init", "--name", "Plant 7", "--organization", "Example"]);
    assert!(home.refused(&["ca", "init"]).contains("holds a CA already"));
    let shown = home.succeeds(&["ca", "show"]);
    for part in ["O=Example", "CN=Plant 7 Root CA G1", "CN=Plant 7 Issuing CA G1", "EC P-256", "still here"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let broker = home.up();
    std::fs::create_dir(home.folder().join("stick")).expect("a folder");
    home.succeeds(&["ca", "offline", "stick"]);
    let json = home.succeeds(&["ca", "show", "--json"]);
    assert!(
        json.contains("\"key_protection\": \"offline\"") && json.contains("\"key_protection\": \"plain\"")
    );
    assert!(!json.contains("PRIVATE KEY"));
    home.add_device("pump", "");
    assert!(broker.stop().success());
    let broker = home.up();
    assert!(!broker.log().contains("The root's key still lies here"), "{}", broker.log());
    assert!(broker.stop().success());
}

/// The guide's CA, a client certificate of it, and the broker that trusts the one under the extended other.
#[test]
fn a_client_of_a_ca_that_was_extended_is_let_in_under_the_new_file() {
    let guide = Guide::new();
    let ca = |words: &str| Client::run(guide.folder(), &format!("sealmq ca extend {words}"));
    ca("ca.crt --key client.key").refused().says("does not belong to the CA certificate");
    ca("client.crt --key client.key").refused().says("was issued by");
    ca("ca.crt --key ca.key --days 1").refused().says("already lives until");
    ca("none --key ca.key").refused().says("cannot read none");
    ca("ca.crt --key ca.crt").refused().says("no private key");
    ca("ca.crt --key ca.key --out new.crt").succeeded();
    ca("ca.crt --key ca.key --out new.crt").refused().says("new.crt");
    guide.shell("openssl verify -CAfile new.crt client.crt server.crt && openssl x509 -in new.crt -checkend 300000000");
    let port = free_port();
    let configuration = format!(
        "listener {port} 127.0.0.1\ncafile new.crt\ncertfile server.crt\nkeyfile server.key\nrequire_certificate true\nuse_identity_as_username true\n"
    );
    let _broker = Broker::start(guide.folder(), &configuration);
    let publish = |cafile: &str| {
        let flags = format!("--cafile {cafile} --cert client.crt --key client.key --insecure -q 1");
        Client::run(guide.folder(), &format!("sealmq pub -h localhost -p {port} {flags} -t a -m b"))
            .succeeded();
    };
    // Who has the old file and who has the new one.
    publish("ca.crt");
    publish("new.crt");
    if has("mosquitto_pub") {
        guide.shell(&format!(
            "mosquitto_pub -h localhost -p {port} --insecure --cafile new.crt --cert client.crt --key client.key -t a -m b"
        ));
    }
    if let Some(program) = mbedtls_client() {
        for cafile in ["ca.crt", "new.crt"] {
            let flags = "--server-name mqtt.example.com --cert client.crt --key client.key";
            let line =
                format!("{} --host 127.0.0.1 --port {port} --cafile {cafile} {flags}", program.display());
            Client::run(guide.folder(), &line).succeeded();
        }
    }
}

/// What somebody's PKI is: a root with a name of many parts, an intermediate of it, a second root.
const FOREIGN: &str = r#"
cat > x.cnf <<END
[req]
distinguished_name=dn
[dn]
[root]
basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign,cRLSign
subjectKeyIdentifier=hash
[sub]
basicConstraints=critical,CA:TRUE,pathlen:0
keyUsage=critical,keyCertSign,cRLSign
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
[leaf]
basicConstraints=CA:FALSE
[none]
END
openssl req -x509 -newkey rsa:2048 -nodes -days 30 -keyout root.key -out root.crt -config x.cnf -extensions root -multivalue-rdn -subj '/DC=com/DC=example/OU=A/OU=B/CN=Works Root+serialNumber=7'
openssl req -new -newkey rsa:2048 -nodes -keyout sub.key -out sub.csr -config x.cnf -subj '/OU=A/OU=B/CN=Works Sub'
openssl x509 -req -days 20 -in sub.csr -CA root.crt -CAkey root.key -set_serial 5 -extfile x.cnf -extensions sub -out sub.crt
openssl x509 -req -days 20 -in sub.csr -CA root.crt -CAkey root.key -set_serial 6 -extfile x.cnf -extensions leaf -out leaf.crt
openssl req -x509 -newkey rsa:2048 -nodes -days 30 -keyout other.key -out other.crt -config x.cnf -extensions root -subj '/CN=Other'
openssl rsa -in sub.key -aes256 -passout file:secret -out sub-enc.key
"#;

/// A broker and its clients under the CA that this directory holds.
fn serves_under(home: &Home, root: &str) {
    let broker = home.up();
    home.add_device("pump", "");
    shell(
        home.folder(),
        &format!("openssl verify -CAfile {root} -untrusted data/ca/issuing/issuing.crt pump-files/pump.crt"),
    );
    let tls = "--cafile pump-files/ca.crt --cert pump-files/pump.crt --key pump-files/pump.key -q 1";
    let line = format!("sealmq pub -h localhost -p {} {tls} -t test/a -m b", home.port);
    Client::run(home.folder(), &line).succeeded();
    if has("mosquitto_pub") {
        assert!(
            home.mosquitto_pub("--cert pump-files/pump.crt --key pump-files/pump.key"),
            "{}",
            broker.log()
        );
    }
    // A second start finds its own CA again.
    assert!(broker.stop().success());
    assert!(home.up().stop().success());
}

fn foreign() -> Home {
    let home = Home::new();
    secret(&home, "secret", PASSPHRASE);
    shell(home.folder(), FOREIGN);
    home
}

#[test]
fn an_intermediate_of_somebody_elses_issues_under_its_own_names() {
    let home = foreign();
    for (words, why) in [
        (&["sub.crt", "--key", "sub.key"][..], "is missing"),
        (&["sub.crt", "--key", "sub.key", "--chain", "other.crt"], "is missing"),
        (&["sub.crt", "--key", "other.key", "--chain", "root.crt"], "belongs to the private key"),
        (&["leaf.crt", "--key", "sub.key", "--chain", "root.crt"], "not marked CA:TRUE"),
        (&["sub.crt", "--chain", "root.crt"], "no request was made"),
        (&["x.cnf", "--key", "sub.key"], "holds no certificate"),
        (&["sub.crt", "--key", "sub-enc.key", "--chain", "root.crt"], "no passphrase was given"),
    ] {
        let refused = home.refused(&[&["ca", "import"], words].concat());
        assert!(refused.contains(why), "{words:?}: {refused}");
        assert!(!home.data().join("ca").exists());
    }
    let taken = home.succeeds(&["ca", "import", "sub.crt", "--key", "sub.key", "--chain", "root.crt"]);
    assert!(taken.contains("CN=Works Sub,OU=B,OU=A"), "{taken}");
    assert!(home.refused(&["ca", "import", "sub.crt", "--key", "sub.key"]).contains("holds a CA already"));
    serves_under(&home, "root.crt");
}

#[test]
fn a_root_of_somebody_elses_issues_by_itself_and_what_it_issued_before_stays_out() {
    let home = foreign();
    let taken = home.succeeds(&["ca", "import", "root.crt", "--key", "root.key"]);
    assert!(taken.contains("It is a root"), "{taken}");
    serves_under(&home, "root.crt");
    shell(
        home.folder(),
        "openssl x509 -req -days 20 -in sub.csr -CA root.crt -CAkey root.key -set_serial 9 -out before.crt",
    );
    let _broker = home.up();
    if has("mosquitto_pub") {
        assert!(!home.mosquitto_pub("--cert before.crt --key sub.key"), "its serial is not in the inventory");
        assert!(home.mosquitto_pub("--cert pump-files/pump.crt --key pump-files/pump.key"));
    }
}

#[test]
fn a_key_that_came_under_a_passphrase_is_kept_under_it() {
    let home = foreign();
    let import = ["ca", "import", "sub.crt", "--key", "sub-enc.key", "--chain", "root.crt"];
    home.succeeds(&[&import[..], &["--key-passphrase-file", "secret"]].concat());
    assert!(refuses(&home, &[], &[]).contains("no passphrase was given"));
    starts(&home, &["--ca-passphrase-file", "secret"], &[]);
}

#[test]
fn a_request_is_signed_elsewhere_and_its_answer_alone_is_taken() {
    let home = foreign();
    home.succeeds(&["ca", "csr", "--name", "Plant 7", "--organization", "Example"]);
    assert!(home.refused(&["ca", "csr"]).contains("there is a request already"));
    shell(
        home.folder(),
        "cp data/ca.request/issuing.csr request.csr
         openssl req -in request.csr -noout -verify -text | grep -q 'CA:TRUE, pathlen:0'
         openssl x509 -req -days 20 -in request.csr -CA root.crt -CAkey root.key -set_serial 8 -extfile x.cnf -extensions sub -out answer.crt",
    );
    let other = home.refused(&["ca", "import", "sub.crt", "--chain", "root.crt"]);
    assert!(other.contains("belongs to the private key"), "{other}");
    assert!(home.refused(&["up"]).contains("ca.request"), "no CA is made beside a request that waits");
    let taken = home.succeeds(&["ca", "import", "answer.crt", "--chain", "root.crt"]);
    assert!(taken.contains("CN=Plant 7 Issuing CA G1"), "{taken}");
    assert!(!home.data().join("ca.request").exists());
    serves_under(&home, "root.crt");
}

#[test]
fn certificates_are_exported_and_the_key_only_on_purpose_and_encrypted() {
    let home = Home::new();
    secret(&home, "secret", PASSPHRASE);
    home.succeeds(&["ca", "init"]);
    for folder in ["plain", "der", "safe"] {
        std::fs::create_dir(home.folder().join(folder)).expect("a folder");
    }
    home.succeeds(&["ca", "export", "--out", "plain"]);
    home.succeeds(&["ca", "export", "--out", "der", "--format", "der"]);
    shell(
        home.folder(),
        "openssl verify -CAfile plain/ca.crt plain/issuing.crt; openssl x509 -inform DER -in der/ca.der -noout
         if ls plain/*.key der/*.key 2>/dev/null; then exit 1; fi",
    );
    assert!(home.refused(&["ca", "export", "--out", "plain"]).contains("is there already"));
    let with_key = ["ca", "export", "--with-key", "--out", "safe"];
    assert!(home.refused(&with_key).contains("no new passphrase was given"));
    home.succeeds(&[&with_key[..], &["--new-passphrase-file", "secret"]].concat());
    shell(
        home.folder(),
        "grep -q 'ENCRYPTED PRIVATE KEY' safe/issuing.key; openssl pkey -in safe/issuing.key -passin file:secret -noout
         test \"$(stat -c %a safe/issuing.key)\" = 600",
    );
    let inventory = rusqlite::Connection::open(home.data().join("ca/inventory.db")).expect("the inventory");
    let told: i64 = inventory
        .query_row("SELECT count(*) FROM audit WHERE what = 'key-exported'", [], |row| row.get(0))
        .expect("the audit log");
    assert_eq!(told, 1);
}
