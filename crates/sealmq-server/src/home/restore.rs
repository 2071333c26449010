//! Putting a backup back: as a data directory of its own, or merged into the inventory of one that is there.
//!
//! Invariants: what either side knows as revoked stays revoked, and what the revocation list beside the inventory holds,
//! too; a certificate on hold in one is on hold; the number of the next list is above every one that was ever signed, as
//! far as anybody here can know; a backup of another CA changes nothing.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use sealmq_pki::audit::{Draft, Subject, What};
use sealmq_pki::crl::{Crl, Listing, Why};
use sealmq_pki::inventory::{Act, Inventory as _, InventoryError, Record, State};
use sealmq_pki::{Facts, KeyId, Timestamp};

use super::backup::{INVENTORY, MARKER};
use super::crl::{CRL_NUMBER, crl_number};
use super::error::HomeError;
use super::files::{self, Mode};
use super::lock::Lock;
use super::place::Place;
use super::{Surroundings, first_certificate};
use crate::inventory::{Change, Inventory};

/// What a restore did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Certificates that the backup had and the directory had not.
    pub added: usize,
    /// Certificates that count no more because the other side says so.
    pub taken_back: usize,
    /// All certificates that are known now.
    pub certificates: usize,
    /// The number that the next revocation list is above.
    pub crl_number: u64,
}

/// Makes a data directory from a backup, where there is none.
///
/// # Errors
/// Something is there already; the backup cannot be read, is none, or its inventory is damaged. Then nothing is there.
pub fn anew(backup: &Path, place: &Place, around: &Surroundings) -> Result<Restored, HomeError> {
    if files::is_there(place.folder())? {
        return Err(HomeError::Refused {
            what: format!("{} is there already", place.folder().display()),
            hint: "name a new folder with --data-dir, or bring the backup's certificates into the one that is there with --merge".to_owned(),
        });
    }
    let aside = aside(place.folder());
    throw_away(&aside)?;
    let made = unpack(backup, &aside).and_then(|()| {
        let act = Act::new(around.now, around.actor.clone());
        let inventory = Inventory::open(&Place::at(&aside).ca().inventory(), &aside.join("passwd"), &act)?;
        let issuer = issuing(&Place::at(&aside))?.computed_key_id;
        let list = list_beside(&Place::at(&aside))?;
        let said = said(list.as_ref());
        merge(
            &inventory,
            &Other { records: &[], issuer: &issuer, said: &said, list: list.as_ref(), number: 0 },
            &act,
        )
    });
    let made = match made {
        Ok(made) => made,
        Err(error) => {
            throw_away(&aside)?;
            return Err(error);
        }
    };
    fs::rename(&aside, place.folder()).map_err(|e| HomeError::io("create", place.folder(), e))?;
    files::sync_folder(place.folder().parent().unwrap_or(Path::new(".")))?;
    Ok(made)
}

/// Brings a backup's certificates and revocations into the inventory of a directory that no broker runs on. Where that
/// inventory is missing, the backup's takes its place.
///
/// # Errors
/// A broker runs there; the backup is another CA's, or damaged. Then nothing has changed.
pub fn into(backup: &Path, place: &Place, around: &Surroundings) -> Result<Restored, HomeError> {
    files::check_owner(place.folder())?;
    if !files::is_there(place.ca().folder())? {
        return Err(HomeError::Absent { path: place.folder().to_owned() });
    }
    let _lock = Lock::take(place)?;
    let aside = place.folder().join("restore.new~");
    throw_away(&aside)?;
    let merged = unpack(backup, &aside).and_then(|()| merge_from(&Place::at(&aside), place, around));
    throw_away(&aside)?;
    merged
}

fn merge_from(backup: &Place, place: &Place, around: &Surroundings) -> Result<Restored, HomeError> {
    let act = Act::new(around.now, around.actor.clone());
    let theirs = Inventory::open(&backup.ca().inventory(), &backup.passwd(), &act)?;
    check_same_ca(&theirs, place)?;
    let records = theirs.all()?;
    let number = crl_number(theirs.setting(CRL_NUMBER)?.as_deref());
    let issuer = issuing(place)?.computed_key_id;
    let mut listed = theirs.listed(&issuer)?;
    drop(theirs);
    let path = place.ca().inventory();
    if !files::is_there(&path)? {
        let bytes = files::read(&backup.ca().inventory())?.unwrap_or_default();
        files::create(&path, &bytes, Mode::Private)?;
    }
    let inventory = Inventory::open(&path, &place.passwd(), &act)?;
    let lists = [list_beside(place)?, list_beside(backup)?];
    let newest = lists.into_iter().flatten().max_by(|a, b| a.number().cmp(&b.number()));
    listed.extend(inventory.listed(&issuer)?);
    listed.extend(said(newest.as_ref()));
    let other = Other { records: &records, issuer: &issuer, said: &listed, list: newest.as_ref(), number };
    merge(&inventory, &other, &act)
}

/// What the other side knows.
struct Other<'a> {
    records: &'a [Record],
    issuer: &'a KeyId,
    /// What lists of this issuer say, whether or not a record is left.
    said: &'a [Listing],
    list: Option<&'a Crl>,
    number: u64,
}

/// One change: all of it or nothing.
fn merge(inventory: &Inventory, other: &Other<'_>, act: &Act) -> Result<Restored, HomeError> {
    let done: Result<Restored, InventoryError> = inventory.change(act, |change| {
        let mut done = Restored::default();
        change.note(&Draft::new(What::Restored, Vec::<Subject>::new()))?;
        for record in other.records {
            merge_record(change, record, &mut done)?;
        }
        for listing in other.said {
            match change.find(other.issuer, &listing.serial)? {
                Some(record) => take_back(change, &record, &state_of(&record, listing, act.at), &mut done)?,
                None => change.keep_listed(other.issuer, listing)?,
            }
        }
        let listed = other.list.and_then(|list| list.number()?.as_u64()).unwrap_or(0);
        let kept = crl_number(change.setting(CRL_NUMBER)?.as_deref());
        done.crl_number = kept.max(other.number).max(listed).saturating_add(NUMBERS_LEFT_OUT);
        change.keep_setting(CRL_NUMBER, &done.crl_number.to_string())?;
        Ok(done)
    });
    let mut done = done?;
    done.certificates = inventory.all()?.len();
    Ok(done)
}

fn merge_record(change: &Change<'_>, record: &Record, done: &mut Restored) -> Result<(), InventoryError> {
    if change.find(&record.issuer, &record.serial)?.is_none() {
        done.added += 1;
        return change.insert(record);
    }
    match &record.state {
        State::Revoked { .. } | State::Held { .. } => take_back(change, record, &record.state, done),
        State::Valid | State::Superseded { .. } => Ok(()),
    }
}

/// Towards less only: what is revoked here stays so, and nothing that is on hold is let go of.
fn take_back(
    change: &Change<'_>,
    record: &Record,
    state: &State,
    done: &mut Restored,
) -> Result<(), InventoryError> {
    let Some(own) = change.find(&record.issuer, &record.serial)? else { return Ok(()) };
    let next = match (&own.state, state) {
        (State::Revoked { .. }, _) | (State::Held { .. }, State::Held { .. }) => return Ok(()),
        (_, State::Held { at, .. }) => own.state.held(*at),
        (_, State::Revoked { .. } | State::Valid | State::Superseded { .. }) => state.clone(),
    };
    done.taken_back += 1;
    change.set_state(&own.issuer, &own.serial, next)
}

/// What a list says, as one of ours will go on saying it.
fn said(list: Option<&Crl>) -> Vec<Listing> {
    let said = |list: &Crl| {
        let at = list.this_update();
        list.entries().map(|(serial, reason)| Listing { serial, at, why: Why::from(reason) }).collect()
    };
    list.map(said).unwrap_or_default()
}

/// The state of a record about which a list says this.
fn state_of(record: &Record, listing: &Listing, at: Timestamp) -> State {
    match listing.why {
        Why::OnHold => record.state.held(at),
        Why::Revoked(reason) => State::Revoked { at, reason },
    }
}

/// The inventory is no older than the signed list beside it: one from before a revocation would let the revoked in again.
///
/// # Errors
/// It is, and the way out is a merge, which takes over what the list holds.
pub(super) fn check_not_older(place: &Place, inventory: &Inventory) -> Result<(), HomeError> {
    let Some(list) = list_beside(place)? else { return Ok(()) };
    let kept = crl_number(inventory.setting(CRL_NUMBER)?.as_deref());
    match list.number() {
        Some(number) if *number > kept.into() => Err(HomeError::OlderThanList {
            path: place.ca().inventory(),
            inventory: kept,
            list: number.to_string(),
        }),
        Some(_) | None => Ok(()),
    }
}

/// The list beside an inventory, if the issuing CA there signed it.
fn list_beside(place: &Place) -> Result<Option<Crl>, HomeError> {
    let Some(der) = files::read(&place.ca().issuing_crl())? else { return Ok(None) };
    let facts = issuing(place)?;
    let ours = |list: &Crl| list.signed_by(&facts) == Ok(sealmq_pki::cert::SignedBy::Yes);
    Ok(Crl::parse(der).ok().filter(ours))
}

/// What the issuing CA's certificate in a directory says.
fn issuing(place: &Place) -> Result<Facts, HomeError> {
    let path = place.ca().issuing().certificate();
    let der = first_certificate(&path)?.ok_or_else(|| HomeError::Incomplete { path: path.clone() })?;
    Facts::parse(&der).map_err(|error| HomeError::Corrupt { path, text: error.to_string() })
}

/// The backup knows the issuing CA that stands in the directory.
fn check_same_ca(theirs: &Inventory, place: &Place) -> Result<(), HomeError> {
    let facts = issuing(place)?;
    let known = theirs.all()?.iter().any(|record| record.fingerprint == facts.fingerprint);
    if known {
        return Ok(());
    }
    Err(HomeError::Refused {
        what: format!("the backup is of another CA than the one in {}", place.ca().folder().display()),
        hint: "take a backup of this directory, or restore this one into a folder of its own".to_owned(),
    })
}

/// Reads the entries one by one: plain names below the folder, regular files only.
fn unpack(backup: &Path, folder: &Path) -> Result<(), HomeError> {
    let file = File::open(backup).map_err(|e| HomeError::io("read", backup, e))?;
    let mut archive = tar::Archive::new(std::io::BufReader::new(file));
    let no_backup = |text: &str| HomeError::Refused {
        what: format!("{} is no backup of SealMQ: {text}", backup.display()),
        hint: "name a file that `sealmq backup FILE` has written".to_owned(),
    };
    let entries = archive.entries().map_err(|e| HomeError::io("read", backup, e))?;
    files::create_folder(folder)?;
    let (mut first, mut complete) = (true, false);
    for entry in entries {
        let mut entry = entry.map_err(|e| no_backup(&e.to_string()))?;
        let name = entry.path().map_err(|e| no_backup(&e.to_string()))?.into_owned();
        let plain = name.components().all(|part| matches!(part, Component::Normal(_)));
        if first != (name == Path::new(MARKER)) || !plain || !entry.header().entry_type().is_file() {
            return Err(no_backup(&format!("what is {:?} doing in it?", name.to_string_lossy())));
        }
        let mut bytes = zeroize::Zeroizing::new(Vec::new());
        entry.read_to_end(&mut bytes).map_err(|e| no_backup(&e.to_string()))?;
        if bytes.len() as u64 != entry.header().size().unwrap_or(u64::MAX) {
            return Err(no_backup("it is cut off"));
        }
        complete = name == Path::new(INVENTORY);
        if !first {
            let public = entry.header().mode().is_ok_and(|bits| bits == Mode::Public.bits());
            put(folder, &name, &bytes, if public { Mode::Public } else { Mode::Private })?;
        }
        first = false;
    }
    // The inventory is written last: without it the file is cut off between two entries.
    if complete { Ok(()) } else { Err(no_backup("it is cut off")) }
}

fn put(folder: &Path, name: &Path, bytes: &[u8], mode: Mode) -> Result<(), HomeError> {
    let mut inside: PathBuf = folder.to_owned();
    for part in name.parent().into_iter().flat_map(Path::components) {
        inside.push(part);
        files::ensure_folder(&inside)?;
    }
    files::create(&folder.join(name), bytes, mode)
}

fn aside(folder: &Path) -> PathBuf {
    let mut name = folder.file_name().unwrap_or_default().to_owned();
    name.push(".restore~");
    folder.with_file_name(name)
}

fn throw_away(aside: &Path) -> Result<(), HomeError> {
    match fs::remove_dir_all(aside) {
        Ok(()) => Ok(()),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(HomeError::io("remove", aside, e)),
    }
}

/// Lists that were signed after the backup and that nobody here knows of any more.
const NUMBERS_LEFT_OUT: u64 = 1000;
