//! A data directory whose CA comes from somewhere else: imported with its key, or an answer to our own request.
//!
//! Invariants: what every verifier will ask is asked before anything is made (`sealmq_pki::ImportedCa`); the CA appears
//! by one rename, as one that is made here does; a request's key never leaves the directory, and is the only one that
//! an answer to it may certify.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sealmq_pki::inventory::Act;
use sealmq_pki::issue::ImportError;
use sealmq_pki::{CaSubject, ImportedCa, SoftKey, csr, pem};

use super::create::{Blueprint, Progress, Step, create_key, fresh_label, said, throw_away};
use super::error::HomeError;
use super::files::{self, Mode};
use super::passphrase::{Passphrase, Unlock};
use super::place::{KeyPairFiles, Place};
use super::{Home, Lock, Origin, Surroundings, authority, create};
use crate::inventory::Inventory;

/// A CA to be taken.
pub struct Import<'a> {
    /// DER of its certificate and of those that lead to its root, in any order.
    pub certificates: &'a [Vec<u8>],
    /// Where its private key comes from.
    pub key: ImportKey<'a>,
    /// Under which the key is kept here.
    pub passphrase: Option<Passphrase>,
}

/// Where the private key of a CA comes from.
pub enum ImportKey<'a> {
    /// A file of somebody's: its text, its path, and the passphrase to it.
    Given {
        /// PEM.
        pem: &'a [u8],
        /// For errors.
        path: &'a Path,
        /// Where its passphrase comes from.
        unlock: &'a Unlock,
    },
    /// The key of the request that [`request`] has made here, with its passphrase.
    OfRequest(&'a Unlock),
}

/// Makes a key and the request for a CA certificate, to be signed elsewhere. Returns the request, PEM, which also stands
/// in the directory. A request that is there is made again only when it is removed by hand: its key may be signed already.
pub fn request(
    place: &Place,
    blueprint: &Blueprint,
    around: &Surroundings,
    done: Progress<'_>,
) -> Result<(String, PathBuf), HomeError> {
    if Home::make_if_missing(place, around, done)? == Origin::Old {
        return Err(has_ca(place));
    }
    let _lock = Lock::take(place)?;
    create::check_no_traces(place)?;
    let files = place.ca_request();
    if files::is_there(&files.certificate())? {
        return Err(HomeError::Refused {
            what: format!("there is a request already: {}", files.certificate().display()),
            hint: format!(
                "have it signed and give the answer to `sealmq ca import`, or remove {} and ask again",
                files.folder().display()
            ),
        });
    }
    let label = blueprint.name.clone().map_or_else(fresh_label, Ok)?;
    let mut subject = CaSubject::issuing(&label, 1).map_err(said)?;
    if let Some(organization) = &blueprint.organization {
        subject = subject.of_organization(organization).map_err(said)?;
    }
    // A key without its request is what a crash has left: nobody has seen it.
    throw_away(files.folder())?;
    files::create_folder(files.folder())?;
    let key = create_key(&files, blueprint)?;
    let text = csr::make_ca(key.as_ref(), &subject)?.pem();
    files::create(&files.certificate(), text.as_bytes(), Mode::Public)?;
    Ok((text, files.certificate()))
}

/// Makes a data directory under a CA of somebody else's.
pub fn import(
    place: &Place,
    import: Import<'_>,
    around: &Surroundings,
    done: Progress<'_>,
) -> Result<ImportedCa, HomeError> {
    if Home::make_if_missing(place, around, done)? == Origin::Old {
        return Err(has_ca(place));
    }
    let _lock = Lock::take(place)?;
    done(Step::Lock)?;
    create::check_no_traces(place)?;
    if files::is_there(place.ca().folder())? {
        return Err(has_ca(place));
    }
    let (pkcs8, found) = match &import.key {
        ImportKey::Given { pem, path, unlock } => authority::read_key_and_passphrase(pem, path, unlock)?,
        ImportKey::OfRequest(unlock) => key_of_request(&place.ca_request(), unlock)?,
    };
    // A key that came under a passphrase is never kept without one.
    let passphrase = import.passphrase.or(found);
    let text = authority::key_text(&pkcs8, passphrase.as_ref())?;
    let ca = ImportedCa::find(import.certificates, Arc::new(pkcs8), around.now)
        .map_err(|error| refused(&error, &import.key))?;
    store(place, &ca, text.as_bytes(), around, done)?;
    // Answered: the key stands in its place now.
    throw_away(place.ca_request().folder())?;
    Ok(ca)
}

fn store(
    place: &Place,
    ca: &ImportedCa,
    key: &[u8],
    around: &Surroundings,
    done: Progress<'_>,
) -> Result<(), HomeError> {
    let aside = place.ca_being_made();
    throw_away(aside.folder())?;
    for folder in [aside.folder(), aside.root().folder(), aside.issuing().folder()] {
        files::create_folder(folder)?;
    }
    done(Step::Staged)?;
    files::create(&aside.root().certificate(), ca.root().pem().as_bytes(), Mode::Public)?;
    files::create(&aside.anchors(), ca.root().pem().as_bytes(), Mode::Public)?;
    done(Step::Anchors)?;
    files::create(&aside.issuing().key(), key, Mode::Private)?;
    done(Step::IssuingKey)?;
    let chain: String = ca.chain().iter().map(|certificate| certificate.pem()).collect();
    files::create(&aside.issuing().certificate(), chain.as_bytes(), Mode::Public)?;
    done(Step::IssuingCertificate)?;
    let act = Act::new(around.now, around.actor.clone());
    Inventory::create(&aside.inventory(), &ca.records(around.now), &[], &act)?;
    files::sync_folder(aside.folder())?;
    done(Step::Inventory)?;
    let folder = place.ca();
    fs::rename(aside.folder(), folder.folder()).map_err(|e| HomeError::io("create", folder.folder(), e))?;
    files::sync_folder(place.folder())?;
    done(Step::Ca)
}

fn key_of_request(files: &KeyPairFiles, unlock: &Unlock) -> Result<(SoftKey, Option<Passphrase>), HomeError> {
    let Some(text) = files::read_secret(&files.key())? else {
        return Err(HomeError::Refused {
            what: format!("no key was given, and no request was made in {}", files.folder().display()),
            hint: "name the CA's key with --key FILE, or make a request first: sealmq ca csr".to_owned(),
        });
    };
    authority::read_key_and_passphrase(&text, &files.key(), unlock)
}

fn refused(error: &ImportError, key: &ImportKey<'_>) -> HomeError {
    let text = error.to_string();
    let (what, hint) =
        text.split_once("\nhint: ").unwrap_or((&text, "look at the chain with: openssl verify"));
    let hint = match (error, key) {
        (ImportError::NoCertificate { .. }, ImportKey::OfRequest(_)) => {
            "give the certificate that was made from this directory's request, and its chain"
        }
        _ => hint,
    };
    HomeError::Refused { what: what.to_owned(), hint: hint.to_owned() }
}

fn has_ca(place: &Place) -> HomeError {
    HomeError::Refused {
        what: format!("{} holds a CA already", place.folder().display()),
        hint: "`sealmq ca show` says which; name a new folder with --data-dir DIR for another one".to_owned(),
    }
}

/// The certificates of files in PEM or DER.
pub fn certificates_in(bytes: &[u8], path: &Path) -> Result<Vec<Vec<u8>>, HomeError> {
    if bytes.first() == Some(&DER_SEQUENCE) {
        return Ok(vec![bytes.to_vec()]);
    }
    let blocks = pem::of_label(bytes, "CERTIFICATE")
        .map_err(|error| HomeError::Corrupt { path: path.to_owned(), text: error.to_string() })?;
    if blocks.is_empty() {
        return Err(HomeError::Refused {
            what: format!("{} holds no certificate", path.display()),
            hint: "name the file with the line -----BEGIN CERTIFICATE-----".to_owned(),
        });
    }
    Ok(blocks.iter().map(|der| der.to_vec()).collect())
}

/// What a certificate begins with in DER.
const DER_SEQUENCE: u8 = 0x30;
