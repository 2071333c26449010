//! The CA's private keys on disk: opened, encrypted, decrypted.
//!
//! Invariants: a key file is replaced by one that was written, read back, opened with the new passphrase and found to
//! hold the same key, and by nothing else; until the rename the old file is untouched, so that a crash at any moment
//! leaves a key that opens with the old or with the new passphrase. The root's key is opened only where a person asks
//! for something that needs it.

use std::fs;
use std::path::{Path, PathBuf};

use sealmq_pki::audit::{Draft as AuditDraft, Subject, What};
use sealmq_pki::inventory::Act;
use sealmq_pki::{EncryptionSalts, KeyError, Signer as _, SoftKey};
use zeroize::Zeroizing;

use super::Surroundings;
use super::create::{Progress, Step, fresh_bytes};
use super::error::HomeError;
use super::files::{self, Mode};
use super::lock::Lock;
use super::passphrase::{Again, Found, Passphrase, Typing, Unlock};
use super::place::Place;
use crate::inventory::Inventory;

/// How a private key lies on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// Whoever reads the file has the key.
    Plain,
    /// PKCS#8 under a passphrase.
    Encrypted,
}

/// What a CA's key files are to become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Encrypted under a (new) passphrase.
    Encrypted,
    /// Without one.
    Plain,
}

/// Opens a private key, with a passphrase from `unlock` where it is encrypted.
pub fn open_key(path: &Path, unlock: &Unlock) -> Result<SoftKey, HomeError> {
    let pem = files::read_secret(path)?.ok_or_else(|| HomeError::Incomplete { path: path.to_owned() })?;
    read_key(&pem, path, unlock)
}

/// The key in a text, with a passphrase from `unlock` where it is encrypted; `path` is where it came from.
pub fn read_key(pem: &[u8], path: &Path, unlock: &Unlock) -> Result<SoftKey, HomeError> {
    read_key_and_passphrase(pem, path, unlock).map(|(key, _passphrase)| key)
}

/// As [`read_key`], with the passphrase that opened it, if it has one.
pub(super) fn read_key_and_passphrase(
    pem: &[u8],
    path: &Path,
    unlock: &Unlock,
) -> Result<(SoftKey, Option<Passphrase>), HomeError> {
    match SoftKey::from_pem(pem) {
        Err(KeyError::PassphraseNeeded) => {
            unlocked(pem, path, unlock).map(|(key, passphrase)| (key, Some(passphrase)))
        }
        other => other.map(|key| (key, None)).map_err(|error| damaged(path, &error)),
    }
}

/// How the key at `path` lies there; `None` where there is none.
pub fn protection(path: &Path) -> Result<Option<Protection>, HomeError> {
    let Some(pem) = files::read_secret(path)? else { return Ok(None) };
    let encrypted = sealmq_pki::pem::blocks(&pem)
        .map_err(|error| damaged(path, &KeyError::Pem(error)))?
        .iter()
        .any(|block| block.label == "ENCRYPTED PRIVATE KEY");
    Ok(Some(if encrypted { Protection::Encrypted } else { Protection::Plain }))
}

/// Where the passphrases of one change come from.
#[derive(Clone, Debug, Default)]
pub struct Passphrases {
    /// The one that the keys have now.
    pub old: Unlock,
    /// The one that they are to have.
    pub new: Unlock,
}

/// Encrypts, re-encrypts or decrypts the CA's keys that are here; returns the files, in their order. No broker may run
/// on the directory. What was stopped in the middle is completed by the same command.
pub fn protect(
    place: &Place,
    wish: Wish,
    passphrases: &Passphrases,
    around: &Surroundings,
    done: Progress<'_>,
) -> Result<Vec<PathBuf>, HomeError> {
    files::check_owner(place.folder())?;
    let ca = place.ca();
    if !files::is_there(ca.folder())? {
        return Err(HomeError::Absent { path: place.folder().to_owned() });
    }
    let _lock = Lock::take(place)?;
    let mut paths = Vec::new();
    for path in [ca.issuing().key(), ca.root().key()] {
        if files::is_there(&path)? {
            paths.push(path);
        }
    }
    let mut keys = Opened { old: &passphrases.old, known: None, new: None };
    // All are opened before one is written: a passphrase that does not fit changes nothing.
    if wish == Wish::Encrypted {
        keys.learn_old(&paths)?;
        keys.new = Some(new_passphrase(&passphrases.new)?);
    }
    let opened = paths.iter().map(|path| keys.open(path)).collect::<Result<Vec<_>, _>>()?;
    let subjects = opened.iter().map(|key| Subject::Key(key.public_key().key_id().clone())).collect();
    let draft = AuditDraft::new(What::CaChanged, subjects).saying(match wish {
        Wish::Encrypted => "keys encrypted under a new passphrase",
        Wish::Plain => "keys decrypted: no passphrase any more",
    });
    let act = Act::new(around.now, around.actor.clone());
    let inventory = Inventory::open(&ca.inventory(), &place.passwd(), &act)?;
    inventory.note_with(&draft, &act, || {
        for (path, key) in paths.iter().zip(&opened) {
            store(path, key, keys.new.as_ref(), done)?;
        }
        Ok(paths.clone())
    })
}

/// A key as the text of its file.
pub(super) fn key_text(
    key: &SoftKey,
    passphrase: Option<&Passphrase>,
) -> Result<Zeroizing<String>, HomeError> {
    let Some(passphrase) = passphrase else { return Ok(key.to_pem()) };
    let salts = EncryptionSalts { salt: fresh_bytes()?, iv: fresh_bytes()? };
    key.to_encrypted_pem(passphrase.as_bytes(), salts).map_err(|error| HomeError::Random(error.to_string()))
}

/// A new passphrase from `new`: asked for twice, and long enough.
pub(super) fn new_passphrase(new: &Unlock) -> Result<Passphrase, HomeError> {
    let found =
        new.ask("new passphrase of the CA's keys", Typing::Twice)?.ok_or_else(|| HomeError::Refused {
            what: "no new passphrase was given, and there is no terminal to ask on".to_owned(),
            hint: "name a file with it in its first line (- is standard input): --new-passphrase-file FILE"
                .to_owned(),
        })?;
    found.passphrase.check_length()?;
    Ok(found.passphrase)
}

/// The passphrases of one change: the old one is asked for once.
struct Opened<'a> {
    old: &'a Unlock,
    known: Option<Passphrase>,
    new: Option<Passphrase>,
}

impl Opened<'_> {
    /// Asks for the old passphrase before the new one, as a person expects it.
    fn learn_old(&mut self, paths: &[PathBuf]) -> Result<(), HomeError> {
        for path in paths {
            if protection(path)? == Some(Protection::Encrypted) && self.known.is_none() {
                self.known = self.old.ask(&question(path), Typing::Once)?.map(|found| found.passphrase);
            }
        }
        Ok(())
    }

    fn open(&mut self, path: &Path) -> Result<SoftKey, HomeError> {
        let pem = files::read_secret(path)?.ok_or_else(|| HomeError::Incomplete { path: path.to_owned() })?;
        match SoftKey::from_pem(&pem) {
            Err(KeyError::PassphraseNeeded) => {}
            other => return other.map_err(|error| damaged(path, &error)),
        }
        if self.known.is_none() {
            self.known = self.old.ask(&question(path), Typing::Once)?.map(|found| found.passphrase);
        }
        let known = self.known.as_ref().ok_or_else(|| no_passphrase(path))?;
        // A change that was stopped between two keys has left one under the new passphrase already.
        for passphrase in [Some(known), self.new.as_ref()].into_iter().flatten() {
            match SoftKey::from_encrypted_pem(&pem, passphrase.as_bytes()) {
                Err(KeyError::WrongPassphrase) => {}
                other => return other.map_err(|error| damaged(path, &error)),
            }
        }
        Err(wrong_passphrase(path, "the old passphrase"))
    }
}

fn store(
    path: &Path,
    key: &SoftKey,
    passphrase: Option<&Passphrase>,
    done: Progress<'_>,
) -> Result<(), HomeError> {
    let text = key_text(key, passphrase)?;
    let aside = files::write_aside(path, text.as_bytes(), Mode::Private)?;
    done(Step::KeyWritten)?;
    compare(&aside, key, passphrase)?;
    done(Step::KeyCompared)?;
    files::move_into_place(&aside, path)?;
    done(Step::KeyReplaced)
}

/// What stands on disk opens with this passphrase and is this key.
fn compare(aside: &Path, key: &SoftKey, passphrase: Option<&Passphrase>) -> Result<(), HomeError> {
    let written =
        files::read_secret(aside)?.ok_or_else(|| HomeError::Incomplete { path: aside.to_owned() })?;
    let read = match passphrase {
        Some(passphrase) => SoftKey::from_encrypted_pem(&written, passphrase.as_bytes()),
        None => SoftKey::from_pem(&written),
    };
    if read.is_ok_and(|read| read.pkcs8_der() == key.pkcs8_der()) {
        return Ok(());
    }
    let _ = fs::remove_file(aside);
    Err(HomeError::Refused {
        what: format!("what was written to {} is not the key that was to be written", aside.display()),
        hint: "nothing was changed; check this disk and this machine's memory".to_owned(),
    })
}

fn unlocked(pem: &[u8], path: &Path, unlock: &Unlock) -> Result<(SoftKey, Passphrase), HomeError> {
    let mut tries = TRIES_AT_A_TERMINAL;
    loop {
        let found = unlock.ask(&question(path), Typing::Once)?;
        let Found { passphrase, from, again } = found.ok_or_else(|| no_passphrase(path))?;
        tries -= 1;
        match SoftKey::from_encrypted_pem(pem, passphrase.as_bytes()) {
            Err(KeyError::WrongPassphrase) if again == Again::Possible && tries > 0 => {}
            Err(KeyError::WrongPassphrase) => return Err(wrong_passphrase(path, from)),
            other => {
                return other.map(|key| (key, passphrase)).map_err(|error| damaged(path, &error));
            }
        }
    }
}

fn question(path: &Path) -> String {
    format!("passphrase of {}", path.display())
}

fn no_passphrase(path: &Path) -> HomeError {
    HomeError::Key {
        path: path.to_owned(),
        text: "the key is encrypted, no passphrase was given, and there is no terminal to ask on".to_owned(),
        hint: "give it with --ca-passphrase-file FILE (`sealmq ca` has --passphrase-file), in SEALMQ_CA_PASSPHRASE, or as \
               systemd's credential: LoadCredential=sealmq-ca-passphrase:FILE"
            .to_owned(),
    }
}

fn wrong_passphrase(path: &Path, from: &str) -> HomeError {
    HomeError::Key {
        path: path.to_owned(),
        text: format!("the passphrase from {from} does not open it"),
        hint: format!("try it with: openssl pkey -in {} -noout", path.display()),
    }
}

fn damaged(path: &Path, error: &KeyError) -> HomeError {
    let text = error.to_string();
    HomeError::Key {
        path: path.to_owned(),
        text: text.split_once("\nhint: ").map_or(text.clone(), |(what, _)| what.to_owned()),
        hint: "restore it from a backup of the whole data directory".to_owned(),
    }
}

/// Whoever mistypes a passphrase gets two more tries.
const TRIES_AT_A_TERMINAL: u8 = 3;
