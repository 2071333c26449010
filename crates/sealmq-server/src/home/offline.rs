//! The root's key, moved to where this machine cannot reach it.
//!
//! Order: copy, sync, read back from the medium, compare, delete here, sync. Until the delete the key is here; when it
//! is deleted, the copy was read back and is the same, so that a crash at any moment loses nothing. The broker may run:
//! it never opens `ca/root/`.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{OFlag, PosixFadviseAdvice, posix_fadvise};
use sealmq_pki::audit::{Draft as AuditDraft, What};
use sealmq_pki::inventory::Act;
use sealmq_pki::{KeyError, Signer as _, SoftKey};
use zeroize::Zeroizing;

use super::Surroundings;
use super::create::{Progress, Step};
use super::error::HomeError;
use super::files;
use super::place::{KeyPairFiles, Place};
use crate::inventory::Inventory;

/// What became of the root's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Where it is now.
    pub key: PathBuf,
    /// Whether that is the disk of the data directory still.
    pub disk: Disk,
}

/// Where the new place is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disk {
    /// The file system of the data directory: whoever takes the machine takes it too.
    Same,
    /// Another one.
    Another,
}

/// Moves the root's key into a folder outside the data directory; its certificate is copied beside it and stays here too.
pub fn take_offline(
    place: &Place,
    target: &Path,
    around: &Surroundings,
    done: Progress<'_>,
) -> Result<Moved, HomeError> {
    files::check_owner(place.folder())?;
    let root = place.ca().root();
    if !files::is_there(place.ca().folder())? {
        return Err(HomeError::Absent { path: place.folder().to_owned() });
    }
    if !files::is_there(&root.key())? {
        return Err(HomeError::Refused {
            what: format!("{} is not here", root.key().display()),
            hint: "it was moved away before; `sealmq ca show` says what is here".to_owned(),
        });
    }
    let folder = outside(place, target)?;
    // Two of these at the same moment; the broker's own lock does not matter, it never comes here.
    let guard = File::open(root.folder()).map_err(|e| HomeError::io("open", root.folder(), e))?;
    guard
        .try_lock()
        .map_err(|_| HomeError::Locked { path: root.folder().to_owned(), holder: String::new() })?;

    let key = files::read_secret(&root.key())?.ok_or_else(|| HomeError::Incomplete { path: root.key() })?;
    check_is_key(&key, &root.key())?;
    let to = folder.join("root.key");
    if let Some(certificate) = files::read(&root.certificate())? {
        check_belongs(&key, &certificate, place)?;
        copy(&certificate, &folder.join("root.crt"))?;
    }
    done(Step::RootCertificateCopied)?;
    copy(&key, &to)?;
    done(Step::RootKeyCopied)?;
    if *read_back(&to)? != *key {
        return Err(HomeError::Refused {
            what: format!("{} does not hold what was written to it", to.display()),
            hint: "the root's key is still here; take another medium".to_owned(),
        });
    }
    done(Step::RootKeyCompared)?;
    let act = Act::new(around.now, around.actor.clone());
    let inventory = Inventory::open(&place.ca().inventory(), &place.passwd(), &act)?;
    let draft = AuditDraft::new(What::CaChanged, Vec::new()).saying("the root's key was moved offline");
    inventory.note_with(&draft, &act, || remove(&root))?;
    done(Step::RootKeyRemoved)?;
    let device = |path: &Path| fs::metadata(path).map(|facts| facts.dev());
    let disk = match (device(&folder), device(place.folder())) {
        (Ok(there), Ok(here)) if there != here => Disk::Another,
        (Ok(_) | Err(_), _) => Disk::Same,
    };
    Ok(Moved { key: to, disk })
}

fn remove(root: &KeyPairFiles) -> Result<(), HomeError> {
    fs::remove_file(root.key()).map_err(|e| HomeError::io("remove", &root.key(), e))?;
    files::sweep(root.folder())?;
    files::sync_folder(root.folder())
}

/// The folder itself, which neither holds the data directory nor lies in it: a backup of the one would be one of both.
fn outside(place: &Place, target: &Path) -> Result<PathBuf, HomeError> {
    let resolved = |path: &Path| fs::canonicalize(path).map_err(|e| HomeError::io("find", path, e));
    let (folder, data) = (resolved(target)?, resolved(place.folder())?);
    if !folder.is_dir() {
        return Err(HomeError::Refused {
            what: format!("{} is not a folder", target.display()),
            hint: "name a folder on a stick or another disk".to_owned(),
        });
    }
    if folder.starts_with(&data) || data.starts_with(&folder) {
        return Err(HomeError::Refused {
            what: format!("{} is on the path of the data directory {}", folder.display(), data.display()),
            hint: "name a folder on a stick that you can lock away".to_owned(),
        });
    }
    Ok(folder)
}

fn check_is_key(pem: &[u8], path: &Path) -> Result<(), HomeError> {
    match SoftKey::from_pem(pem) {
        Ok(_) | Err(KeyError::PassphraseNeeded) => Ok(()),
        Err(error) => Err(HomeError::Key {
            path: path.to_owned(),
            text: error.to_string().lines().next().unwrap_or_default().to_owned(),
            hint: "restore it from a backup first; nothing was moved".to_owned(),
        }),
    }
}

/// Where it can be told without a passphrase: the key is that of the root's certificate.
fn check_belongs(pem: &[u8], certificate: &[u8], place: &Place) -> Result<(), HomeError> {
    let blocks = sealmq_pki::pem::of_label(certificate, "CERTIFICATE").unwrap_or_default();
    let facts = blocks.first().and_then(|der| sealmq_pki::Facts::parse(der).ok());
    match (SoftKey::from_pem(pem), facts) {
        (Ok(key), Some(facts)) if key.public_key().spki_der() != facts.spki_der => Err(HomeError::Refused {
            what: format!(
                "the key in {} is not that of the root's certificate",
                place.ca().root().key().display()
            ),
            hint: "restore both from one backup; nothing was moved".to_owned(),
        }),
        (Ok(_) | Err(_), _) => Ok(()),
    }
}

/// Writes a file that does not exist yet; one with the same content is what an interrupted move left.
fn copy(bytes: &[u8], to: &Path) -> Result<(), HomeError> {
    if files::is_there(to)? {
        if *read_back(to)? == bytes {
            return Ok(());
        }
        return Err(HomeError::Refused {
            what: format!("{} is there already and is another file", to.display()),
            hint: "name an empty folder, one for each CA".to_owned(),
        });
    }
    let wrote = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .custom_flags(OFlag::O_NOFOLLOW.bits())
        .open(to)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
    if let Err(error) = wrote {
        // Half a key helps nobody, and would stand in the way of the next try.
        let _ = fs::remove_file(to);
        return Err(HomeError::io("write", to, error));
    }
    files::sync_folder(to.parent().unwrap_or(Path::new("/")))
}

/// From the medium and not from memory, as far as the system lets us say so. Sticks have no owners and modes, so none
/// are asked for.
fn read_back(path: &Path) -> Result<Zeroizing<Vec<u8>>, HomeError> {
    let io = |e| HomeError::io("read", path, e);
    let mut file =
        OpenOptions::new().read(true).custom_flags(OFlag::O_NOFOLLOW.bits()).open(path).map_err(io)?;
    // Best effort: a file system that keeps its pages answers from them.
    let _ = posix_fadvise(&file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED);
    let len = file.metadata().map_err(io)?.len().min(FILE_BYTES_MAX);
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(len).unwrap_or(0) + 64));
    Read::by_ref(&mut file).take(FILE_BYTES_MAX).read_to_end(&mut bytes).map_err(io)?;
    Ok(bytes)
}

/// A key and a certificate are far smaller.
const FILE_BYTES_MAX: u64 = 1 << 20;
