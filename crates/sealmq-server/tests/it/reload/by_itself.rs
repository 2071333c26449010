//! Files that change are read again without anybody asking.

use super::*;
use crate::data_plane::{MUTUAL, NOT_AUTHORISED, Pki, TlsClient};
use crate::fail_open::names::password_line;
use sealmq_tls::Versions;
use std::path::Path;

const PASSWORDS: &str = "listener PORT 127.0.0.1\npassword_file DIR/passwd\n";

/// Replaced by a rename, as editors and `mosquitto_passwd` do.
fn replace(folder: &Path, name: &str, text: &str) {
    fs::write(folder.join("new~"), text).unwrap();
    fs::rename(folder.join("new~"), folder.join(name)).unwrap();
}

fn with_anna(folder: &Path) {
    fs::write(folder.join("passwd"), password_line("anna", "one")).unwrap();
}

#[test]
fn a_password_file_that_changes_counts_soon_and_whose_password_is_gone_goes() {
    let broker = Broker::start(with_anna, PASSWORDS);
    let mut anna = client(&broker, "a", Some(("anna", "one")));
    replace(broker.folder.path(), "passwd", &password_line("berta", "two"));
    broker.wait_for_line("passwd has changed and is in force");
    assert_goes(&mut anna);
    client(&broker, "b", Some(("berta", "two")));
    assert_eq!(broker.reloader().counts().taken, 1);
}

/// The main file comes into force when somebody says so, and not because a file beside it changed.
#[test]
fn the_main_file_waits_for_sighup() {
    let broker = Broker::start(with_anna, PASSWORDS);
    broker.write_conf("listener PORT 127.0.0.1\nallow_anonymous true\npassword_file DIR/passwd\n");
    replace(broker.folder.path(), "passwd", &password_line("anna", "two"));
    broker.wait_for_line("passwd has changed and is in force");
    assert_eq!(refused(&broker, "a", None), NOT_AUTHORISED);
    broker.reloader().reload().unwrap();
    client(&broker, "a", None);
}

/// A certificate and its key arrive one after the other: nothing is said, and the old pair serves meanwhile.
#[test]
fn a_certificate_without_its_key_is_waited_for_and_said_once_if_it_does_not_come() {
    let (old, new) = (Pki::new(), Pki::new());
    let broker = Broker::start(|folder| old.write_server(folder), MUTUAL);
    let folder = broker.folder.path();
    let fresh = tempfile::tempdir().unwrap();
    new.write_server(fresh.path());
    let text = |name: &str| fs::read_to_string(fresh.path().join(name)).unwrap();
    replace(folder, "server.crt", &text("server.crt"));
    broker.wait_for_line("Reload refused, nothing has changed");
    let served = |pki: &Pki, device: &Pki| {
        let mut client =
            TlsClient::connect(broker.tcp(), &pki.ca_pem, Some(device.device("d")), Versions::OnlyV1_3);
        client.send(&connect("c", None));
        client.expect(&ACCEPTED);
    };
    served(&old, &old);
    replace(folder, "server.key", &text("server.key"));
    broker.wait_for_line("server.key has changed and is in force");
    served(&new, &old);
    assert_eq!((broker.reloader().counts().taken, broker.reloader().counts().refused), (1, 1));
}

#[test]
fn with_reload_on_change_false_nothing_is_read_until_somebody_asks() {
    let quiet = Broker::start(with_anna, &format!("reload_on_change false\n{PASSWORDS}"));
    let watching = Broker::start(with_anna, PASSWORDS);
    for broker in [&quiet, &watching] {
        replace(broker.folder.path(), "passwd", &password_line("berta", "two"));
    }
    // What the other one takes, this one had the same time for.
    watching.wait_for_line("passwd has changed and is in force");
    client(&quiet, "a", Some(("anna", "one")));
    quiet.reloader().reload().unwrap();
    client(&quiet, "b", Some(("berta", "two")));
}

/// What the broker writes and reads itself (`sealmq user add`) is no news.
#[test]
fn what_was_read_on_request_is_not_read_again() {
    let broker = Broker::start(with_anna, PASSWORDS);
    let watching = Broker::start(with_anna, PASSWORDS);
    for broker in [&broker, &watching] {
        replace(broker.folder.path(), "passwd", &password_line("berta", "two"));
    }
    broker.reloader().reload_passwords().unwrap();
    watching.wait_for_line("passwd has changed and is in force");
    client(&broker, "b", Some(("berta", "two")));
    assert_eq!(broker.reloader().counts().taken, 0);
}

fn link(to: &str, from: &Path) {
    // As certbot and the kubelet do: a link beside it, renamed over it.
    let beside = from.parent().unwrap().join("new~");
    std::os::unix::fs::symlink(to, &beside).unwrap();
    fs::rename(beside, from).unwrap();
}

/// A pair in a folder, under the names that it has there.
fn pair_in(folder: &Path, pki: &Pki, names: [&str; 2]) {
    fs::create_dir_all(folder).unwrap();
    let fresh = tempfile::tempdir().unwrap();
    pki.write_server(fresh.path());
    for (from, to) in ["server.crt", "server.key"].into_iter().zip(names) {
        fs::copy(fresh.path().join(from), folder.join(to)).unwrap();
    }
}

fn served(broker: &Broker, by: &Pki, device: &Pki, id: &str) -> TlsClient {
    let mut client =
        TlsClient::connect(broker.tcp(), &by.ca_pem, Some(device.device("d")), Versions::OnlyV1_3);
    client.send(&connect(id, None));
    client.expect(&ACCEPTED);
    client
}

/// `live/NAME/*.pem` lead to `archive/NAME/*N.pem`: the links are moved one after the other, the certificate first.
#[test]
fn certbots_layout_is_swapped_when_both_links_have_moved_and_nobody_is_disturbed() {
    let (old, new) = (Pki::new(), Pki::new());
    let conf = "listener PORT 127.0.0.1\ncertfile DIR/live/fullchain.pem\nkeyfile DIR/live/privkey.pem\n\
        cafile DIR/ca.crt\nrequire_certificate true\nuse_identity_as_username true\n";
    let prepare = |folder: &Path| {
        old.write_server(folder);
        pair_in(&folder.join("archive"), &old, ["fullchain1.pem", "privkey1.pem"]);
        fs::create_dir(folder.join("live")).unwrap();
        for name in ["fullchain", "privkey"] {
            link(&format!("../archive/{name}1.pem"), &folder.join(format!("live/{name}.pem")));
        }
    };
    let broker = Broker::start(prepare, conf);
    let folder = broker.folder.path();
    let mut connected = served(&broker, &old, &old, "before");
    pair_in(&folder.join("archive"), &new, ["fullchain2.pem", "privkey2.pem"]);
    link("../archive/fullchain2.pem", &folder.join("live/fullchain.pem"));
    // Only the certificate: the old pair goes on, and after a while that is said, once.
    broker.wait_for_line("Reload refused, nothing has changed");
    served(&broker, &old, &old, "between");
    link("../archive/privkey2.pem", &folder.join("live/privkey.pem"));
    broker.wait_for_line("has changed and is in force");
    served(&broker, &new, &old, "after");
    stays(&mut connected);
    assert_eq!((broker.reloader().counts().taken, broker.reloader().counts().refused), (1, 1));
}

/// cert-manager's volume: `tls.crt` leads to `..data/tls.crt`, and `..data` to a folder that is swapped whole.
#[test]
fn a_folder_that_is_swapped_whole_is_taken_at_once_and_a_broken_one_is_not() {
    let (old, new) = (Pki::new(), Pki::new());
    let conf = "listener PORT 127.0.0.1\ncertfile DIR/mount/tls.crt\nkeyfile DIR/mount/tls.key\n\
        cafile DIR/ca.crt\nrequire_certificate true\nuse_identity_as_username true\n";
    let prepare = |folder: &Path| {
        old.write_server(folder);
        let mount = folder.join("mount");
        pair_in(&mount.join("..one"), &old, ["tls.crt", "tls.key"]);
        link("..one", &mount.join("..data"));
        for name in ["tls.crt", "tls.key"] {
            link(&format!("..data/{name}"), &mount.join(name));
        }
    };
    let broker = Broker::start(prepare, conf);
    let mount = broker.folder.path().join("mount");
    let mut connected = served(&broker, &old, &old, "before");
    pair_in(&mount.join("..two"), &new, ["tls.crt", "tls.key"]);
    link("..two", &mount.join("..data"));
    broker.wait_for_line("has changed and is in force");
    served(&broker, &new, &old, "after");
    assert_eq!((broker.reloader().counts().taken, broker.reloader().counts().refused), (1, 0));
    // A volume that came without its key.
    pair_in(&mount.join("..three"), &old, ["tls.crt", "other"]);
    link("..three", &mount.join("..data"));
    broker.wait_for_line("Reload refused, nothing has changed");
    served(&broker, &new, &old, "still");
    stays(&mut connected);
}
