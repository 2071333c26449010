//! Making a data directory: a new CA, put together aside and renamed into place.
//!
//! Until the rename nothing of it has been used by anyone, so that whatever a crash leaves behind is thrown away and
//! made anew. After it, everything else ([`super::leaves`], [`super::conf`]) is made where it is missing. Each step is
//! reported to the caller, so that a test can stop after any of them.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use sealmq_pki::inventory::{Act, Role};
use sealmq_pki::issue::{self, Ca, CaSubject};
use sealmq_pki::{KeyError, NewKey, Serial, Signer, SoftKey, Timestamp};

use super::Surroundings;
use super::authority;
use super::error::HomeError;
use super::files::{self, Mode};
use super::passphrase::Passphrase;
use super::place::{CaFolder, KeyPairFiles, Place};
use crate::inventory::Inventory;

/// A step of making a data directory that has been finished and is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The data directory itself, empty.
    Folder,
    /// The lock is held.
    Lock,
    /// The folders of the CA, aside.
    Staged,
    /// The root's key, aside.
    RootKey,
    /// The root's certificate, aside.
    RootCertificate,
    /// The issuing CA's key, aside.
    IssuingKey,
    /// The issuing CA's certificate, aside.
    IssuingCertificate,
    /// The file with the anchors, aside.
    Anchors,
    /// The inventory with both CAs in it, aside.
    Inventory,
    /// The CA stands in its place.
    Ca,
    /// A leaf's record is in the inventory; its key is not on disk yet.
    LeafRecorded(Role),
    /// The leaf's key is on disk, its certificate not yet.
    LeafKey(Role),
    /// The leaf's certificate is on disk.
    Leaf(Role),
    /// The access control list.
    Acl,
    /// The password file.
    Passwd,
    /// The configuration.
    Conf,
    /// The folder of the control socket.
    Run,
    /// A CA's key, encrypted or decrypted, beside the one that still counts.
    KeyWritten,
    /// It was read back, opened and found to be the same key.
    KeyCompared,
    /// It stands in the old one's place.
    KeyReplaced,
    /// The root's certificate, on the medium that is to be locked away.
    RootCertificateCopied,
    /// The root's key, on that medium.
    RootKeyCopied,
    /// The copy was read back and is the same.
    RootKeyCompared,
    /// The root's key is no longer here.
    RootKeyRemoved,
    /// The inventory says that certificates are revoked, held or let go of.
    TakenBack,
    /// The password of a name that was revoked is gone.
    PasswordClosed,
    /// The inventory has the number of the next revocation list.
    ListNumbered,
    /// The revocation list, PEM.
    ListPem,
    /// The revocation list, DER.
    List,
}

/// What a new CA is to be.
#[derive(Default)]
pub struct Blueprint {
    /// What its names begin with; made up where there is none.
    pub name: Option<String>,
    /// Its organization; this program's name where there is none.
    pub organization: Option<String>,
    /// Its keys.
    pub keys: NewKey,
    /// Under which its keys are encrypted, before they reach the disk.
    pub passphrase: Option<Passphrase>,
}

impl Blueprint {
    fn subjects(&self) -> Result<(CaSubject, CaSubject), HomeError> {
        let label = match &self.name {
            Some(name) => name.clone(),
            None => fresh_label()?,
        };
        let (root, issuing) = (CaSubject::root(&label, 1), CaSubject::issuing(&label, 1));
        let (root, issuing) = (root.map_err(said)?, issuing.map_err(said)?);
        let Some(organization) = &self.organization else { return Ok((root, issuing)) };
        Ok((
            root.of_organization(organization).map_err(said)?,
            issuing.of_organization(organization).map_err(said)?,
        ))
    }
}

/// Hears of finished steps; its error ends the work there, as a crash would.
pub type Progress<'a> = &'a mut dyn FnMut(Step) -> Result<(), HomeError>;

/// Makes the data directory, or checks the one that is there.
pub(super) fn prepare_folder(place: &Place) -> Result<(), HomeError> {
    let folder = place.folder();
    if !files::is_there(folder)? {
        create_parents(folder)?;
        return files::create_folder(folder);
    }
    match files::check_folder(folder) {
        // `mkdir data; sealmq up --data-dir data`: an empty folder of ours is taken and closed.
        Err(HomeError::WrongMode { .. }) if is_empty(folder)? => files::close_folder(folder),
        // A folder of something else is not to be closed to others on our advice.
        Err(error @ HomeError::WrongMode { .. }) => match check_no_traces(place) {
            Err(foreign @ HomeError::Foreign { .. }) => Err(foreign),
            Ok(()) | Err(_) => Err(error),
        },
        checked => checked,
    }
}

/// Refuses a folder that holds something else, or what is left of a data directory whose CA is gone.
pub(super) fn check_no_traces(place: &Place) -> Result<(), HomeError> {
    let folder = place.folder();
    let entries = fs::read_dir(folder).map_err(|e| HomeError::io("read", folder, e))?;
    for entry in entries {
        let name = entry.map_err(|e| HomeError::io("read", folder, e))?.file_name();
        let name = name.to_string_lossy();
        if MADE_AFTER_THE_CA.contains(&name.as_ref()) {
            return Err(HomeError::Incomplete { path: place.ca().folder().to_owned() });
        }
        if !MADE_BEFORE_THE_CA.contains(&name.as_ref()) {
            return Err(HomeError::Foreign { path: folder.to_owned(), found: name.into_owned() });
        }
    }
    Ok(())
}

/// Refuses to make a CA where the request for another one waits for its answer.
pub(super) fn check_no_request(place: &Place) -> Result<(), HomeError> {
    let request = place.ca_request();
    if !files::is_there(request.folder())? {
        return Ok(());
    }
    Err(HomeError::Refused {
        what: format!("{} waits for its certificate", request.certificate().display()),
        hint: format!(
            "give it to `sealmq ca import CERT --chain FILE`, or remove {} to have a CA made here",
            request.folder().display()
        ),
    })
}

/// Makes root, issuing CA and inventory.
pub(super) fn create_ca(
    place: &Place,
    blueprint: &Blueprint,
    around: &Surroundings,
    done: Progress<'_>,
) -> Result<(), HomeError> {
    let now = around.now;
    let subjects = blueprint.subjects()?;
    let aside = place.ca_being_made();
    throw_away(aside.folder())?;
    for folder in [aside.folder(), aside.root().folder(), aside.issuing().folder()] {
        files::create_folder(folder)?;
    }
    done(Step::Staged)?;
    let (root, issuing) = create_key_pairs(&aside, blueprint, &subjects, now, done)?;
    files::create(&aside.anchors(), root.certificate().pem().as_bytes(), Mode::Public)?;
    done(Step::Anchors)?;
    let records = [
        root.certificate().record(&root, Role::Root, None, now),
        issuing.certificate().record(&root, Role::Issuing, None, now),
    ];
    let keys = [&root, &issuing].map(|ca| ca.signer().public_key().key_id().clone());
    let act = Act::new(now, around.actor.clone());
    Inventory::create(&aside.inventory(), &records, &keys, &act)?;
    files::sync_folder(aside.folder())?;
    done(Step::Inventory)?;
    let ca = place.ca();
    fs::rename(aside.folder(), ca.folder()).map_err(|e| HomeError::io("create", ca.folder(), e))?;
    files::sync_folder(place.folder())?;
    done(Step::Ca)
}

/// Fresh bytes from the system's generator.
pub fn fresh_bytes<const N: usize>() -> Result<[u8; N], HomeError> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|error| HomeError::Random(error.to_string()))?;
    Ok(bytes)
}

/// Sixteen fresh bytes as a serial number.
pub(super) fn fresh_serial() -> Result<Serial, HomeError> {
    Serial::from_random(fresh_bytes()?).map_err(|error| HomeError::Random(error.to_string()))
}

/// A fresh P-256 key; `path` is where it will stand.
pub(super) fn fresh_key(path: &Path) -> Result<SoftKey, HomeError> {
    SoftKey::generate().map_err(|error| no_key(path, &error))
}

fn no_key(path: &Path, error: &KeyError) -> HomeError {
    HomeError::Key {
        path: path.to_owned(),
        text: error.to_string(),
        hint: "check that getrandom(2) is allowed where this runs".to_owned(),
    }
}

fn create_key_pairs(
    aside: &CaFolder,
    blueprint: &Blueprint,
    (root_subject, issuing_subject): &(CaSubject, CaSubject),
    now: Timestamp,
    done: Progress<'_>,
) -> Result<(Ca, Ca), HomeError> {
    let root_signer = create_key(&aside.root(), blueprint)?;
    done(Step::RootKey)?;
    let root = issue::issue_root(root_signer, root_subject, fresh_serial()?, now)?;
    create_certificate(&aside.root(), &root)?;
    done(Step::RootCertificate)?;

    let issuing_signer = create_key(&aside.issuing(), blueprint)?;
    done(Step::IssuingKey)?;
    let issuing = issue::issue_intermediate(&root, issuing_signer, issuing_subject, fresh_serial()?, now)?;
    create_certificate(&aside.issuing(), &issuing)?;
    done(Step::IssuingCertificate)?;
    Ok((root, issuing))
}

pub(super) fn create_key(files: &KeyPairFiles, blueprint: &Blueprint) -> Result<Arc<dyn Signer>, HomeError> {
    let key = SoftKey::generate_on(blueprint.keys).map_err(|error| no_key(&files.key(), &error))?;
    let text = authority::key_text(&key, blueprint.passphrase.as_ref())?;
    files::create(&files.key(), text.as_bytes(), Mode::Private)?;
    Ok(Arc::new(key))
}

/// A name that cannot be, in the words of sealmq-pki.
pub(super) fn said(error: impl std::fmt::Display) -> HomeError {
    let text = error.to_string();
    let (what, hint) = text.split_once("\nhint: ").unwrap_or((&text, "choose another"));
    HomeError::Refused { what: what.to_owned(), hint: hint.to_owned() }
}

fn create_certificate(files: &KeyPairFiles, ca: &Ca) -> Result<(), HomeError> {
    files::create(&files.certificate(), ca.certificate().pem().as_bytes(), Mode::Public)
}

/// Tells the CAs of two installations apart: no verifier should find two CAs of one name.
pub(super) fn fresh_label() -> Result<String, HomeError> {
    let word = super::passwords::generate()?;
    Ok(word.chars().take(6).collect())
}

/// Removes a CA that never stood in its place. Nobody has used its keys.
pub(super) fn throw_away(aside: &Path) -> Result<(), HomeError> {
    match fs::remove_dir_all(aside) {
        Ok(()) => Ok(()),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(HomeError::io("remove", aside, e)),
    }
}

fn create_parents(folder: &Path) -> Result<(), HomeError> {
    use std::os::unix::fs::DirBuilderExt;
    let Some(parent) = folder.parent() else { return Ok(()) };
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(parent)
        .map_err(|e| HomeError::io("create", parent, e))
}

fn is_empty(folder: &Path) -> Result<bool, HomeError> {
    let mut entries = fs::read_dir(folder).map_err(|e| HomeError::io("read", folder, e))?;
    Ok(entries.next().is_none())
}

const MADE_BEFORE_THE_CA: &[&str] = &["lock", "ca.new~", "ca.request"];
const MADE_AFTER_THE_CA: &[&str] = &["server", "operator", "ocsp", "sealmq.conf", "acl", "passwd", "run"];
