//! README.md and the pages under docs/guides/ as a reader takes them: every block of commands (`sh`) is typed, every
//! configuration (`conf`) is started. Only names of machines, ports and folders are this machine's.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::guide_walkthrough::a2;
use crate::support::{Broker, Client, Guide, Home, Outcome, free_port, shell, tests_file};

/// The pages whose commands are typed below.
const TYPED: [&str; 11] = [
    "README.md",
    "docs/guides/browsers-and-proxies.md",
    "docs/guides/certificate-authority.md",
    "docs/guides/certificates.md",
    "docs/guides/checking-certificates.md",
    "docs/guides/first-broker.md",
    "docs/guides/from-mosquitto.md",
    "docs/guides/names-and-access.md",
    "docs/guides/passwords-scram-tokens.md",
    "docs/guides/revocation-online.md",
    "docs/guides/stolen-device.md",
];
/// What a block may be: commands, a configuration, an access list, haproxy's configuration, what a
/// program prints, or profiles.
const KINDS: [&str; 6] = ["sh", "conf", "acl", "haproxy", "text", "toml"];

/// A page of the repository.
pub(crate) fn page(path: &str) -> String {
    std::fs::read_to_string(tests_file("..").join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The blocks of a page that begin with a fence and this word.
pub(crate) fn blocks(page: &str, kind: &str) -> Vec<String> {
    all_blocks(page).into_iter().filter(|(found, _)| found == kind).map(|(_, block)| block).collect()
}

fn all_blocks(page: &str) -> Vec<(String, String)> {
    let mut blocks: Vec<(String, String)> = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        match (line.strip_prefix("```"), inside) {
            (Some(kind), false) => blocks.push((kind.to_owned(), String::new())),
            (Some(_), true) => {}
            (None, true) => {
                let (_, block) = blocks.last_mut().expect("a block has begun");
                block.push_str(line);
                block.push('\n');
            }
            (None, false) => continue,
        }
        inside = line.starts_with("```") != inside;
    }
    blocks
}

/// The lines of all `sh` blocks of a page, in order, with this machine's words in the place of the page's. A word that
/// the page no longer has is an error: the page has changed and the test has not.
fn commands(path: &str, here: &[(&str, &str)]) -> Vec<String> {
    let mut text = blocks(&page(path), "sh").concat();
    for (theirs, ours) in here {
        assert!(text.contains(theirs), "{path} has no {theirs:?} in its commands");
        text = text.replace(theirs, ours);
    }
    text.lines().map(str::to_owned).collect()
}

fn guides() -> Vec<String> {
    let folder = std::fs::read_dir(tests_file("../docs/guides")).expect("the guides");
    let name = |entry: std::io::Result<std::fs::DirEntry>| {
        format!("docs/guides/{}", entry.expect("an entry").file_name().to_string_lossy())
    };
    let mut pages: Vec<String> = folder.map(name).collect();
    pages.push("README.md".to_owned());
    pages.sort();
    pages
}

/// A shell that finds the binary under test as `sealmq`.
fn typed(folder: &Path, line: &str) -> Command {
    let binary = Path::new(env!("CARGO_BIN_EXE_sealmq")).parent().expect("the binary is in a folder");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths([binary.to_owned()].into_iter().chain(std::env::split_paths(&path)));
    let mut command = Command::new("sh");
    command.args(["-c", line]).env("PATH", path.expect("folders without a colon")).current_dir(folder);
    command
}

/// Types a line and, where it asks, the password `secret` twice.
fn types(command: &mut Command) -> Outcome {
    let input = TempDir::new().expect("a temporary folder");
    let answers = input.path().join("answers");
    std::fs::write(&answers, "secret\nsecret\n").expect("write the answers");
    let output = command.stdin(std::fs::File::open(&answers).expect("just written")).output();
    Outcome::of(&output.expect("a shell can be started"), &format!("{command:?}"))
}

#[test]
fn each_block_says_what_it_is_and_each_page_with_commands_is_typed() {
    for path in guides() {
        let page = page(&path);
        for (kind, block) in all_blocks(&page) {
            assert!(KINDS.contains(&kind.as_str()), "{path}: is this block one of {KINDS:?}?\n{block}");
        }
        let has_commands = !blocks(&page, "sh").is_empty();
        assert_eq!(has_commands, TYPED.contains(&path.as_str()), "{path} and the list of typed pages");
    }
}

/// Certificates one by one; what the page has from another CA is made as the guides of the field make it.
#[test]
fn certificates() {
    let home = Home::new();
    let _broker = home.up();
    let theirs = [("client1", "client1"), ("server", "mqtt.lan")].map(|(file, cn)| {
        format!(
            "openssl req -new -newkey rsa:2048 -nodes -keyout {file}.key -out {file}.csr -subj /CN={cn} && \
             openssl x509 -req -in {file}.csr -CA theirs.crt -CAkey theirs.key -CAcreateserial -out {file}.crt\n"
        )
    });
    let their_ca =
        "openssl req -x509 -newkey rsa:2048 -nodes -keyout theirs.key -out theirs.crt -subj /CN=Theirs\n";
    shell(home.folder(), &(their_ca.to_owned() + &theirs.concat()));
    // Nobody sits at a terminal here.
    for line in commands("docs/guides/certificates.md", &[("cert adopt", "cert adopt --yes")]) {
        if line.contains("cert adopt") {
            home.forget("pump");
        }
        types(typed(home.folder(), &line).env("SEALMQ_DATA", home.data())).succeeded();
    }
    for made in ["pump.crt", "web/web.lan.key", "sensor/ca.der", "client1.sealmq.crt", "server.sealmq.crt"] {
        assert!(home.folder().join(made).is_file(), "{made}");
    }
    let profiles = blocks(&page("docs/guides/certificates.md"), "toml").concat();
    std::fs::write(home.data().join("profiles.toml"), profiles).expect("write the profiles");
    home.succeeds(&["cert", "issue", "fan"]);
    let text = home.refused(&["cert", "issue", "gw", "--profile", "gateway"]);
    assert!(text.contains("RSA from 3072 bits"), "{text}");
}

/// Types the commands of a page about `sealmq up`: the broker and the subscriber stay, the rest comes to its end.
fn with_a_home(commands: &[String], home: &Home) {
    let in_home = |line: &str| {
        let mut command = typed(home.folder(), line);
        command.env("SEALMQ_DATA", home.data()).env("XDG_CONFIG_HOME", home.folder().join("config"));
        command
    };
    let mut broker = None;
    let mut subscriber = None;
    for line in commands {
        if line.starts_with("sealmq up") {
            broker = Some(Broker::start_command(&mut in_home(&format!("exec {line}"))));
        } else if line.starts_with("sealmq sub") {
            let client = Client::start_command(&mut in_home(&format!("exec {line} -d")));
            client.wait_for("Subscribed");
            subscriber = Some(client);
        } else if line.starts_with("sealmq") {
            types(&mut in_home(line)).succeeded();
        } else {
            panic!("what is {line:?}?");
        }
    }
    assert!(broker.is_some(), "the page starts a broker");
    subscriber.expect("the page subscribes").wait_for("test/topic Hello TLS!");
}

#[test]
fn the_first_broker() {
    let home = Home::new();
    let up = format!("sealmq up --port {}", home.port);
    with_a_home(&commands("docs/guides/first-broker.md", &[("sealmq up", &up)]), &home);
    for sketch in ["thermometer1-arduino", "new/thermometer1-arduino"] {
        assert!(home.folder().join(sketch).join("sealmq_device/sealmq_device.ino").is_file(), "{sketch}");
    }
}

#[test]
fn the_certificate_authority() {
    let home = Home::new();
    // A folder beside the data directory, as a stick would be.
    std::fs::create_dir(home.folder().join("stick")).expect("a folder can be made");
    for line in commands("docs/guides/certificate-authority.md", &[]) {
        types(typed(home.folder(), &line).env("SEALMQ_DATA", home.data())).succeeded();
    }
    assert!(home.folder().join("stick/root.key").is_file());
    assert!(home.up().stop().success(), "a broker starts under the CA that the page leaves");
}

#[test]
fn checking_certificates() {
    let guide = Guide::new();
    guide.shell(
        "touch index; echo 01 > number
         printf '[ca]\ndefault_ca=d\n[d]\ndatabase=index\ncrlnumber=number\ndefault_md=sha256\ndefault_crl_days=9\n' > ca.conf
         openssl ca -gencrl -config ca.conf -keyfile ca.key -cert ca.crt -out ca.crl",
    );
    let home = Home::new();
    let _broker = home.up();
    let data = home.data().display().to_string();
    for line in commands("docs/guides/checking-certificates.md", &[("~/.local/share/sealmq", &data)]) {
        types(typed(guide.folder(), &line).env("SEALMQ_DATA", home.data())).succeeded();
    }
}

#[test]
fn the_stolen_device() {
    let home = Home::new();
    let _broker = home.up();
    for name in ["pump", "lamp"] {
        home.add_device(name, "--out bundles");
    }
    for line in commands("docs/guides/stolen-device.md", &[]) {
        let mut command = typed(home.folder(), &line);
        types(command.env("SEALMQ_DATA", home.data())).succeeded();
    }
    assert!(home.folder().join("pump-files").is_dir(), "the next holder of the name");
}

#[test]
fn the_readme() {
    let home = Home::new();
    let up = format!("sealmq up --port {}", home.port);
    let here = [("cargo run --release -- ", "sealmq "), ("sealmq up", &up)];
    let (with_file, others): (Vec<String>, Vec<String>) =
        commands("README.md", &here).into_iter().partition(|line| line.starts_with("sealmq -c"));
    with_a_home(&others, &home);
    assert_eq!(with_file.len(), 1);
    the_guides_file_is_run_by(&with_file[0]);
}

#[test]
fn from_mosquitto() {
    let commands = commands("docs/guides/from-mosquitto.md", &[]);
    assert_eq!(commands.len(), 1);
    the_guides_file_is_run_by(&commands[0]);
}

/// A line that runs `/etc/mosquitto/mosquitto.conf`, with the configuration of the walkthrough.
fn the_guides_file_is_run_by(line: &str) {
    let guide = Guide::new();
    let tls = free_port();
    std::fs::write(guide.file("mosquitto.conf"), a2(free_port(), tls)).expect("write the configuration");
    let line = line.replace("/etc/mosquitto/", "");
    let _broker = Broker::start_command(&mut typed(guide.folder(), &format!("exec {line}")));
    let flags = "--cafile ca.crt --cert client.crt --key client.key --insecure";
    Client::run(guide.folder(), &format!("sealmq pub -h localhost -p {tls} {flags} -t a -m b")).succeeded();
}

/// What the pages' configurations name: certificates, passwords, an access list, an issuer's key.
fn furnished() -> Guide {
    let guide = Guide::new();
    guide.shell(
        "cp ca.crt site2-ca.crt; cp client.crt site1.crt; cp client.key site1.key; cp client.crt device.crt
         printf 'subjectAltName=DNS:localhost' > san
         openssl req -new -key server.key -out server.csr -subj /CN=localhost
         openssl x509 -req -days 30 -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -extfile san -out server.crt
         openssl ecparam -name prime256v1 -genkey -noout | openssl ec -pubout -out issuer.jwks",
    );
    let acl = blocks(&page("docs/guides/names-and-access.md"), "acl").concat();
    std::fs::write(guide.file("acl"), acl).expect("write the access list");
    let words = "sealmq passwd -b -c passwd NAME secret; sealmq passwd --scram -b -c scram NAME secret";
    types(&mut typed(guide.folder(), words)).succeeded();
    guide
}

/// A configuration of a page with this machine's folder, and a free port for each listener; the ports in its order.
fn here(block: &str, guide: &Guide) -> (String, Vec<u16>) {
    let folder = format!("{}/", guide.folder().display());
    let mut ports = Vec::new();
    let mut lines = Vec::new();
    if !block.lines().any(|line| line.starts_with("listener ")) {
        ports.push(free_port());
        lines.push(format!("listener {} 127.0.0.1", ports[0]));
    }
    for line in block.lines() {
        if line.starts_with("listener ") {
            ports.push(free_port());
            lines.push(format!("listener {} 127.0.0.1", ports[ports.len() - 1]));
        } else {
            let line = line.replace("/etc/mosquitto/certs/", &folder).replace("/etc/mosquitto/", &folder);
            lines.push(line.replace("/etc/sealmq/", &folder));
        }
    }
    (format!("{}\n", lines.join("\n")), ports)
}

#[test]
fn every_configuration_starts() {
    let mut started = 0;
    // What adds to a data directory's file is started by the test of its own page.
    for path in guides().iter().filter(|path| !path.ends_with("revocation-online.md")) {
        for block in blocks(&page(path), "conf") {
            let guide = furnished();
            let (configuration, _) = here(&block, &guide);
            let broker = Broker::start(guide.folder(), &configuration);
            // The other site of the page is nobody's host: what a bridge says of it is no fault of the file.
            let log = broker.log();
            let faulty = |line: &&str| line.contains("Error") && !line.contains("Error creating bridge");
            assert_eq!(log.lines().find(faulty), None, "{path}:\n{block}\n{log}");
            assert!(broker.stop().success(), "{path}:\n{block}");
            started += 1;
        }
    }
    assert!(started >= 9, "{started}");
}

#[test]
fn revocation_online() {
    let home = Home::new();
    assert!(home.up().stop().success());
    let pki = free_port().to_string();
    let conf = blocks(&page("docs/guides/revocation-online.md"), "conf").concat().replace("8080", &pki);
    let file = home.data().join("sealmq.conf");
    let before = std::fs::read_to_string(&file).expect("sealmq.conf");
    std::fs::write(&file, before + &conf).expect("sealmq.conf");
    let commands = commands("docs/guides/revocation-online.md", &[("8080", &pki)]);
    let [up, asks @ ..] = &commands[..] else { panic!("{commands:?}") };
    let in_home = |line: &str| {
        let mut command = typed(home.folder(), line);
        command.env("SEALMQ_DATA", home.data()).env("XDG_CONFIG_HOME", home.folder().join("config"));
        command
    };
    let _broker = Broker::start_command(&mut in_home(&format!("exec {up} --port {}", home.port)));
    let mut last = String::new();
    for line in asks {
        last = types(&mut in_home(line)).succeeded().text;
    }
    assert!(last.contains("Response verify OK") && last.contains("pump-files/pump.crt: good"), "{last}");
}

#[test]
fn browsers_and_proxies() {
    let guide = furnished();
    let block = blocks(&page("docs/guides/browsers-and-proxies.md"), "conf").remove(0);
    let (configuration, ports) = here(&block, &guide);
    let wss = free_port();
    let tls = format!("listener {wss} 127.0.0.1\nprotocol auto\ncertfile server.crt\nkeyfile server.key\n");
    let _broker = Broker::start(guide.folder(), &format!("{configuration}{tls}"));
    let commands = commands(
        "docs/guides/browsers-and-proxies.md",
        &[
            ("8083", &ports[0].to_string()),
            ("mqtt.example.com:443", &format!("localhost:{wss}")),
            // Not a certificate that the operating system knows.
            ("-m hi", "-m hi --cafile ca.crt"),
            ("'test/#'", "'test/#' -d"),
        ],
    );
    let [sub, publish] = &commands[..] else { panic!("{commands:?}") };
    let mut subscriber = Client::start_command(&mut typed(guide.folder(), &format!("exec {sub}")));
    subscriber.say("secret");
    subscriber.wait_for("Subscribed");
    types(&mut typed(guide.folder(), publish)).succeeded();
    subscriber.wait_for("\nhi\n");
}

#[test]
fn names_and_access() {
    let guide = furnished();
    let commands = commands("docs/guides/names-and-access.md", &[]);
    let [names, fingerprint] = &commands[..] else { panic!("{commands:?}") };
    types(&mut typed(guide.folder(), names)).says("client1");
    let printed = types(&mut typed(guide.folder(), fingerprint)).succeeded().text;
    // What openssl printed is what the access list makes of `%{fingerprint}`.
    let (configuration, ports) = here(
        "listener 8883\ncertfile server.crt\nkeyfile server.key\ncafile ca.crt\nrequire_certificate true\n\
         use_identity_as_username true\nacl_file fingerprints\n",
        &guide,
    );
    std::fs::write(guide.file("fingerprints"), "pattern write by/%{fingerprint}\n").expect("write the list");
    let _broker = Broker::start(guide.folder(), &configuration);
    let publish = |fingerprint: &str| {
        let tls = "--cafile ca.crt --cert client.crt --key client.key -V 5 -q 1";
        let line = format!("sealmq pub -h localhost -p {} {tls} -t by/{fingerprint} -m x", ports[0]);
        Client::run(guide.folder(), &line).text.contains("not authorized")
    };
    assert!(!publish(printed.trim()));
    assert!(publish(&printed.trim().to_uppercase()));
}

#[test]
fn passwords_scram_tokens() {
    let guide = furnished();
    let (configuration, ports) = here(
        "listener 8883\ncertfile server.crt\nkeyfile server.key\nscram_file /etc/sealmq/scram\n",
        &guide,
    );
    let folder = format!("{}/", guide.folder().display());
    let commands = commands(
        "docs/guides/passwords-scram-tokens.md",
        &[("/etc/sealmq/", &folder), ("mqtt.example.com -p 8883", &format!("localhost -p {}", ports[0]))],
    );
    let [enter, publish] = &commands[..] else { panic!("{commands:?}") };
    shell(guide.folder(), "rm scram");
    types(&mut typed(guide.folder(), enter)).succeeded();
    let broker = Broker::start(guide.folder(), &configuration);
    types(&mut typed(guide.folder(), publish)).succeeded();
    broker.wait_for_line(&["New client connected", "u'kettle'"]);
}
