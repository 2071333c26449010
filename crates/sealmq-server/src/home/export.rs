//! Copies of the CA for elsewhere: certificates for anybody; the issuing CA's key only when asked for, and encrypted.
//!
//! Invariants: no existing file is overwritten; a key leaves under a passphrase only, and the audit log says so before the
//! file is in its place. The root's key is not exported: `offline` moves it.

use std::path::{Path, PathBuf};

use sealmq_pki::audit::{Draft as AuditDraft, Subject, What};
use sealmq_pki::inventory::Act;
use sealmq_pki::{Signer as _, pem};

use super::error::HomeError;
use super::files::{self, Mode};
use super::passphrase::Unlock;
use super::place::Place;
use super::{Surroundings, authority};
use crate::inventory::Inventory;

/// How certificates are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One file with all of a chain.
    Pem,
    /// One file per certificate.
    Der,
}

/// Writes the anchors (`ca.crt`) and the issuing CA with its chain (`issuing.crt`) into a folder.
pub fn export_certificates(place: &Place, folder: &Path, format: Format) -> Result<Vec<PathBuf>, HomeError> {
    files::check_owner(place.folder())?;
    let ca = place.ca();
    if !files::is_there(ca.folder())? {
        return Err(HomeError::Absent { path: place.folder().to_owned() });
    }
    let mut planned = Vec::new();
    for (name, source) in [("ca", ca.anchors()), ("issuing", ca.issuing().certificate())] {
        let text = files::read(&source)?.ok_or_else(|| HomeError::Incomplete { path: source.clone() })?;
        let blocks = pem::of_label(&text, "CERTIFICATE")
            .map_err(|error| HomeError::Corrupt { path: source.clone(), text: error.to_string() })?;
        match format {
            Format::Pem => {
                let texts = blocks.iter().map(|der| pem::encode("CERTIFICATE", der).as_str().to_owned());
                planned.push((folder.join(format!("{name}.crt")), texts.collect::<String>().into_bytes()));
            }
            Format::Der => planned.extend(blocks.iter().enumerate().map(|(place, der)| {
                let number = if place == 0 { String::new() } else { format!("-{}", place + 1) };
                (folder.join(format!("{name}{number}.der")), der.to_vec())
            })),
        }
    }
    let written: Vec<PathBuf> = planned.iter().map(|(path, _)| path.clone()).collect();
    check_free(&written)?;
    for (path, bytes) in &planned {
        files::create(path, bytes, Mode::Public)?;
    }
    Ok(written)
}

/// Writes the issuing CA's key into a folder, under a passphrase of `new`; `unlock` opens it here.
pub fn export_key(
    place: &Place,
    folder: &Path,
    unlock: &Unlock,
    new: &Unlock,
    around: &Surroundings,
) -> Result<PathBuf, HomeError> {
    files::check_owner(place.folder())?;
    let path = folder.join("issuing.key");
    check_free(std::slice::from_ref(&path))?;
    let ca = place.ca();
    let key = authority::open_key(&ca.issuing().key(), unlock)?;
    let text = authority::key_text(&key, Some(&authority::new_passphrase(new)?))?;
    let act = Act::new(around.now, around.actor.clone());
    let inventory = Inventory::open(&ca.inventory(), &place.passwd(), &act)?;
    let key_id = Subject::Key(key.public_key().key_id().clone());
    let draft = AuditDraft::new(What::KeyExported, vec![key_id]).saying("issuing CA");
    // The record first and for good: a key that is out and in no record is worse than a record of one that is not.
    inventory.note(&draft, &act)?;
    files::create(&path, text.as_bytes(), Mode::Private)?;
    Ok(path)
}

fn check_free(paths: &[PathBuf]) -> Result<(), HomeError> {
    for path in paths {
        if files::is_there(path)? {
            return Err(HomeError::Refused {
                what: format!("{} is there already", path.display()),
                hint: "name an empty folder with --out DIR".to_owned(),
            });
        }
    }
    Ok(())
}
