//! A backup beside a running broker or without one: its making is in the audit log before the first byte is written.

use std::path::Path;

use sealmq_pki::audit::{Draft, What};
use sealmq_pki::inventory::Act;

use super::client::Connection;
use super::office;
use super::protocol::{Request, Response};
use crate::home::backup::{self, Backed};
use crate::home::{HomeError, Lock, Place, Surroundings};
use crate::inventory::Inventory;

/// Writes a backup of a data directory to `out`, which must not exist.
///
/// # Errors
/// The directory is another user's; it or `out` cannot be read or written.
pub fn back_up(place: &Place, out: &Path) -> Result<Backed, HomeError> {
    // Root as well: what it would write for the broker's user the broker could not read.
    office::check_sole_owner(place)?;
    let around = Surroundings::look()?;
    if let Some(mut connection) = Connection::open(place)? {
        let noted = office::unless_refused(connection.ask(&Request::BackupNote)?)?;
        let Response::Done = noted else { return Err(office::unexpected()) };
        return backup::write(place, out, around.now);
    }
    let _lock = Lock::take(place)?;
    let act = Act::new(around.now, around.actor.clone());
    let inventory = Inventory::open(&place.ca().inventory(), &place.passwd(), &act)?;
    inventory.note(&told(), &act)?;
    backup::write(place, out, around.now)
}

/// The keys leave the directory.
pub(super) fn told() -> Draft {
    Draft::new(What::KeyExported, Vec::new()).saying("backup of the data directory")
}
