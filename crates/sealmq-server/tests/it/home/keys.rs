//! The CA's keys under a passphrase, and the root's key moved away: what opens, what refuses, what a crash leaves.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use sealmq_pki::{KeyError, Signer, SoftKey};
use sealmq_server::home::authority::{Passphrases, Wish, protect, protection};
use sealmq_server::home::offline::take_offline;
use sealmq_server::home::{Blueprint, Home, HomeError, Origin, Protection, RootKey, Step, Unlock, Wanted};

use super::{Machine, contents};

/// A file with a passphrase beside the data directory.
fn passphrase(machine: &Machine, text: &str) -> PathBuf {
    let path = machine.folder.path().join(format!("passphrase-{}", text.len()));
    fs::write(&path, format!("{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}

fn unlock(machine: &Machine, text: &str) -> Unlock {
    Unlock::asked(&passphrase(machine, text))
}

fn up_with(machine: &Machine, unlock: Unlock) -> Result<(Home, sealmq_server::home::Report), HomeError> {
    Home::up(&machine.place(), &Wanted { unlock, ..Wanted::default() }, &machine.around, &mut |_| Ok(()))
}

const OLD: &str = "the old passphrase";
const NEW: &str = "another, newer passphrase";

fn key_files(machine: &Machine) -> [PathBuf; 2] {
    let ca = machine.place().ca();
    [ca.issuing().key(), ca.root().key()]
}

fn encrypt(machine: &Machine, old: Unlock, new: &str) -> Result<Vec<PathBuf>, HomeError> {
    let passphrases = Passphrases { old, new: unlock(machine, new) };
    protect(&machine.place(), Wish::Encrypted, &passphrases, &machine.around, &mut |_| Ok(()))
}

/// A directory whose keys are encrypted under `OLD`.
fn encrypted() -> Machine {
    let machine = Machine::new();
    drop(machine.up());
    encrypt(&machine, Unlock::default(), OLD).unwrap();
    machine
}

#[test]
fn an_encrypted_key_starts_with_its_passphrase_and_with_nothing_else() {
    let machine = encrypted();
    for path in key_files(&machine) {
        assert_eq!(protection(&path).unwrap(), Some(Protection::Encrypted));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let files = || {
        // A key that did not open is a record of the audit.
        let audited = |path: &Path| path.ends_with("inventory.db");
        contents(&machine.data()).into_iter().filter(|(path, _)| !audited(path)).collect::<Vec<_>>()
    };
    let before = files();
    let missing = up_with(&machine, Unlock::default()).map(|_| ()).unwrap_err();
    assert!(missing.to_string().contains("encrypted") && missing.hint().contains("--ca-passphrase-file"));
    let wrong = up_with(&machine, unlock(&machine, NEW)).map(|_| ()).unwrap_err();
    assert!(wrong.to_string().contains("does not open it"), "{wrong}");
    assert!(Home::open(&machine.place(), &machine.around).is_err());
    assert_eq!(files(), before);

    let (home, report) = up_with(&machine, unlock(&machine, OLD)).unwrap();
    assert_eq!((report.ca, report.issuing_key), (Origin::Old, Protection::Encrypted));
    drop(home);
    assert!(Home::open_with(&machine.place(), &machine.around, &unlock(&machine, OLD)).is_ok());
}

#[test]
fn a_ca_that_is_made_with_a_passphrase_has_no_plain_key_at_any_moment() {
    let machine = Machine::new();
    let wanted = Wanted { unlock: unlock(&machine, OLD), ..Wanted::default() };
    let mut looked = 0;
    Home::up(&machine.place(), &wanted, &machine.around, &mut |step| {
        let written = matches!(step, Step::RootKey | Step::IssuingKey);
        for (path, bytes) in contents(&machine.data()) {
            let text = String::from_utf8_lossy(&bytes);
            let of_ca = path.iter().any(|part| part == "ca.new~" || part == "ca");
            assert!(!(of_ca && text.contains("BEGIN PRIVATE KEY")), "{} after {step:?}", path.display());
        }
        looked += usize::from(written);
        Ok(())
    })
    .unwrap();
    assert_eq!(looked, 2);
    assert!(up_with(&machine, Unlock::default()).is_err());
    assert!(up_with(&machine, unlock(&machine, OLD)).is_ok());
}

#[test]
fn a_passphrase_is_changed_and_removed() {
    let machine = encrypted();
    let key = |text: &str| {
        let pem = fs::read(&key_files(&machine)[0]).unwrap();
        SoftKey::from_encrypted_pem(&pem, text.as_bytes()).map(|key| key.pkcs8_der().to_vec())
    };
    let before = key(OLD).unwrap();
    assert!(encrypt(&machine, unlock(&machine, "not the old one"), NEW).is_err());
    assert!(encrypt(&machine, Unlock::default(), NEW).is_err());
    assert_eq!(key(OLD).unwrap(), before, "a refusal has changed nothing");
    assert_eq!(encrypt(&machine, unlock(&machine, OLD), NEW).unwrap(), key_files(&machine));
    assert!(matches!(key(OLD), Err(KeyError::WrongPassphrase)));
    assert_eq!(key(NEW).unwrap(), before);

    let removed = |old| {
        let passphrases = Passphrases { old, new: Unlock::default() };
        protect(&machine.place(), Wish::Plain, &passphrases, &machine.around, &mut |_| Ok(()))
    };
    assert!(removed(unlock(&machine, OLD)).is_err());
    removed(unlock(&machine, NEW)).unwrap();
    assert_eq!(SoftKey::from_pem(&fs::read(&key_files(&machine)[0]).unwrap()).unwrap().pkcs8_der(), before);
    machine.up();
}

#[test]
fn a_short_new_passphrase_is_refused() {
    let machine = Machine::new();
    drop(machine.up());
    assert!(encrypt(&machine, Unlock::default(), "1234567").unwrap_err().to_string().contains("7 bytes"));
    assert_eq!(protection(&key_files(&machine)[0]).unwrap(), Some(Protection::Plain));
    assert!(up_with(&Machine::new(), unlock(&machine, "1234567")).is_err());
    assert!(encrypt(&machine, Unlock::default(), "12345678").is_ok());
}

#[test]
fn a_crash_at_any_step_of_a_change_leaves_a_key_that_opens_and_the_same_command_completes_it() {
    for last in 0..6 {
        let machine = encrypted();
        let before: Vec<Vec<u8>> =
            key_files(&machine).iter().map(|path| opened(path, OLD).unwrap()).collect();
        let mut count = 0;
        let passphrases = Passphrases { old: unlock(&machine, OLD), new: unlock(&machine, NEW) };
        let stopped = protect(&machine.place(), Wish::Encrypted, &passphrases, &machine.around, &mut |_| {
            count += 1;
            if count > last { Err(HomeError::Random("crash".to_owned())) } else { Ok(()) }
        });
        assert!(stopped.is_err(), "{last}");
        for (path, before) in key_files(&machine).iter().zip(&before) {
            let now = opened(path, OLD).or_else(|_| opened(path, NEW)).unwrap();
            assert_eq!(&now, before, "{} after {last} steps", path.display());
        }
        assert!(
            up_with(&machine, unlock(&machine, OLD)).is_ok()
                || up_with(&machine, unlock(&machine, NEW)).is_ok()
        );
        encrypt(&machine, unlock(&machine, OLD), NEW).unwrap();
        assert!(key_files(&machine).iter().all(|path| opened(path, NEW).is_ok()), "after {last} steps");
        assert!(up_with(&machine, unlock(&machine, NEW)).is_ok());
        let left = contents(&machine.data());
        assert!(!left.iter().any(|(path, _)| path.to_string_lossy().ends_with('~')), "after {last} steps");
    }
}

fn opened(path: &Path, passphrase: &str) -> Result<Vec<u8>, KeyError> {
    let key = SoftKey::from_encrypted_pem(&fs::read(path).unwrap(), passphrase.as_bytes())?;
    Ok(key.pkcs8_der().to_vec())
}

#[test]
fn a_broker_that_runs_keeps_its_keys_as_they_are() {
    let machine = Machine::new();
    let running = machine.up();
    assert!(matches!(encrypt(&machine, Unlock::default(), OLD), Err(HomeError::Locked { .. })));
    drop(running);
    assert!(encrypt(&machine, Unlock::default(), OLD).is_ok());
}

#[test]
fn openssl_opens_an_encrypted_key_with_its_passphrase() {
    let machine = encrypted();
    let file = passphrase(&machine, OLD);
    let opens = |pass: &Path| {
        std::process::Command::new("openssl")
            .args(["pkey", "-noout", "-in"])
            .arg(&key_files(&machine)[0])
            .args(["-passin", &format!("file:{}", pass.display())])
            .output()
    };
    match opens(&file) {
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr)),
        Err(_) if std::env::var_os("CI").is_none() => return,
        Err(error) => panic!("openssl: {error}"),
    }
    assert!(!opens(&passphrase(&machine, NEW)).unwrap().status.success());
}

#[test]
fn the_root_goes_offline_while_a_broker_runs_and_the_ca_goes_on_issuing() {
    let machine = Machine::new();
    let running = machine.up();
    assert_eq!(running.1.root_key, RootKey::Here);
    let before = fs::read(&key_files(&machine)[1]).unwrap();
    let stick = tempfile::tempdir().unwrap();
    let moved = take_offline(&machine.place(), stick.path(), &machine.around, &mut |_| Ok(())).unwrap();
    assert_eq!(fs::read(&moved.key).unwrap(), before);
    assert_eq!(fs::metadata(&moved.key).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!key_files(&machine)[1].exists());
    drop(running);
    assert_eq!(machine.up().1.root_key, RootKey::Offline);
    assert!(machine.place().ca().root().certificate().exists());
    let again = take_offline(&machine.place(), stick.path(), &machine.around, &mut |_| Ok(())).unwrap_err();
    assert!(again.to_string().contains("is not here"), "{again}");
}

#[test]
fn a_crash_at_any_step_of_going_offline_loses_no_key_and_the_same_command_completes_it() {
    for last in 0..4 {
        let machine = Machine::new();
        drop(machine.up());
        let here = key_files(&machine)[1].clone();
        let before = fs::read(&here).unwrap();
        let stick = tempfile::tempdir().unwrap();
        let mut count = 0;
        let stopped = take_offline(&machine.place(), stick.path(), &machine.around, &mut |_| {
            count += 1;
            if count > last { Err(HomeError::Random("crash".to_owned())) } else { Ok(()) }
        });
        assert!(stopped.is_err());
        let there = stick.path().join("root.key");
        let kept = fs::read(&here).or_else(|_| fs::read(&there)).unwrap();
        assert_eq!(kept, before, "after {last} steps");
        if here.exists() {
            take_offline(&machine.place(), stick.path(), &machine.around, &mut |_| Ok(())).unwrap();
        }
        assert_eq!(fs::read(&there).unwrap(), before, "after {last} steps");
    }
}

#[test]
fn the_root_goes_nowhere_that_is_no_other_place() {
    let machine = Machine::new();
    drop(machine.up());
    let stick = tempfile::tempdir().unwrap();
    let other_ca = tempfile::tempdir().unwrap();
    fs::write(other_ca.path().join("root.key"), "another CA's").unwrap();
    let link = stick.path().join("link");
    std::os::unix::fs::symlink(machine.data(), &link).unwrap();
    let file = stick.path().join("file");
    fs::write(&file, "x").unwrap();
    for target in [
        machine.data(),
        machine.file("ca"),
        machine.folder.path().to_owned(),
        link,
        file,
        stick.path().join("none"),
        other_ca.path().to_owned(),
    ] {
        let error = take_offline(&machine.place(), &target, &machine.around, &mut |_| Ok(())).unwrap_err();
        assert!(!error.hint().is_empty(), "{error}");
        assert!(key_files(&machine)[1].exists(), "{}", target.display());
    }
    assert_eq!(fs::read(other_ca.path().join("root.key")).unwrap(), b"another CA's");
    assert!(take_offline(&machine.place(), stick.path(), &machine.around, &mut |_| Ok(())).is_ok());
}

#[test]
fn a_root_key_that_is_damaged_or_another_ones_is_not_moved() {
    let machine = Machine::new();
    drop(machine.up());
    let key = key_files(&machine)[1].clone();
    let good = fs::read(&key).unwrap();
    let stick = tempfile::tempdir().unwrap();
    for bad in [b"cut off".to_vec(), SoftKey::generate().unwrap().to_pem().as_bytes().to_vec()] {
        fs::write(&key, &bad).unwrap();
        assert!(take_offline(&machine.place(), stick.path(), &machine.around, &mut |_| Ok(())).is_err());
        assert!(key.exists() && !stick.path().join("root.key").exists());
    }
    fs::write(&key, good).unwrap();
    assert!(take_offline(&machine.place(), stick.path(), &machine.around, &mut |_| Ok(())).is_ok());
}

#[test]
fn a_ca_is_made_without_a_broker_and_a_broker_takes_it_as_its_own() {
    let machine = Machine::new();
    let blueprint = |name: &str| Blueprint {
        name: Some(name.to_owned()),
        organization: Some("Müller & Söhne".to_owned()),
        keys: sealmq_pki::NewKey::P384,
        passphrase: None,
    };
    let init = |name: &str| Home::init(&machine.place(), &blueprint(name), &machine.around, &mut |_| Ok(()));
    let refused = init("a/b").unwrap_err();
    assert!(refused.to_string().contains("'a/b'"), "{refused}");
    assert!(!machine.place().ca().folder().exists());
    init("Plant 7").unwrap();
    let (home, report) = machine.up();
    assert_eq!(report.ca, Origin::Old);
    let facts = home.issuing().facts();
    assert_eq!(facts.common_names(), ["Plant 7 Issuing CA G1"]);
    assert!(facts.subject.attributes().any(|part| part.text().as_deref() == Some("Müller & Söhne")));
    assert_eq!(facts.key.to_string(), "EC P-384");
    drop(home);
    assert!(init("Plant 8").unwrap_err().to_string().contains("holds a CA already"));
    let key = SoftKey::from_pem(&fs::read(&key_files(&machine)[1]).unwrap()).unwrap();
    assert_eq!(key.public_key().kind().to_string(), "EC P-384");
}

/// What a faulty disk gives back: between write and comparison the copy becomes something else.
#[test]
fn a_copy_that_is_not_the_key_neither_replaces_nor_removes_it() {
    let machine = Machine::new();
    drop(machine.up());
    let [issuing, root] = key_files(&machine);
    let before = [fs::read(&issuing).unwrap(), fs::read(&root).unwrap()];
    let stick = tempfile::tempdir().unwrap();
    for other in [b"cut off".to_vec(), SoftKey::generate().unwrap().to_pem().as_bytes().to_vec()] {
        let moved = take_offline(&machine.place(), stick.path(), &machine.around, &mut |step| {
            if step == Step::RootKeyCopied {
                fs::write(stick.path().join("root.key"), &other).unwrap();
            }
            Ok(())
        });
        assert!(moved.unwrap_err().to_string().contains("does not hold what was written"));
        fs::remove_file(stick.path().join("root.key")).unwrap();
        let passphrases = Passphrases { old: Unlock::default(), new: unlock(&machine, NEW) };
        let aside = issuing.with_file_name("issuing.key.new~");
        for wish in [Wish::Encrypted, Wish::Plain] {
            let changed = protect(&machine.place(), wish, &passphrases, &machine.around, &mut |step| {
                if step == Step::KeyWritten {
                    fs::write(&aside, &other).unwrap();
                }
                Ok(())
            });
            assert!(changed.unwrap_err().to_string().contains("is not the key"), "{wish:?}");
            assert!(!aside.exists());
        }
        assert_eq!([fs::read(&issuing).unwrap(), fs::read(&root).unwrap()], before);
    }
    take_offline(&machine.place(), stick.path(), &machine.around, &mut |_| Ok(())).unwrap();
}
