//! SCRAM-SHA-256 between our broker, a client on Python's standard library, and our own client.

use crate::support::{Broker, Client, Guide, free_port, has, tests_file, there};

/// A name that SCRAM must write otherwise.
const USER: &str = "a,b=c";

#[test]
fn a_second_implementation_makes_the_entry_and_logs_in_and_so_does_ours() {
    if !there("python3", has("python3")) {
        return;
    }
    let guide = Guide::new();
    let script = tests_file("clients/scram_client.py");
    let python = |words: &str| Client::run(guide.folder(), &format!("python3 {} {words}", script.display()));
    let entry = python(&format!("entry {USER} pencil")).succeeded();
    std::fs::write(guide.file("scram"), &entry.text).unwrap();
    // Our own command adds another user to the same file, and keeps the first.
    let words = "sealmq passwd --scram -I 4096 -b scram kettle teapot";
    Client::run(guide.folder(), words).succeeded().says("Adding password for user kettle");
    let file = std::fs::read_to_string(guide.file("scram")).unwrap();
    assert!(file.starts_with("# decoy-key: ") && file.contains(entry.text.trim()), "{file}");
    let port = free_port();
    let conf = format!("user root\nlistener {port} 127.0.0.1\nscram_file scram\n");
    let _broker = Broker::start(guide.folder(), &conf);
    python(&format!("login localhost {port} {USER} pencil")).succeeded().says("all passed");
    python(&format!("login localhost {port} {USER} eraser")).refused().says("refused: 0x87");
    python(&format!("login localhost {port} nobody pencil")).refused().says("refused: 0x87");
    python(&format!("login localhost {port} kettle teapot")).succeeded().says("all passed");
    let own = |password: &str| {
        let flags = format!("-h localhost -p {port} --auth-method SCRAM-SHA-256 -u {USER} -P {password}");
        Client::run(guide.folder(), &format!("sealmq pub {flags} -t t -m m"))
    };
    own("pencil").succeeded();
    own("eraser").refused().says("not authorized");
}
