//! What the inventory knows as what ends: what our own CA issued and has not replaced, and what clients have shown.

use sealmq_pki::inventory::Record;
use sealmq_pki::watch::{Kind, Threshold, Watched};
use sealmq_pki::{Name, Timestamp};

use super::seen::from_before;
use crate::inventory::{Inventory, StoreError};

/// Everything that may have reached a threshold, and what ends first of the rest.
pub(super) fn of(inventory: &Inventory, now: Timestamp) -> Result<Vec<Watched>, StoreError> {
    // A look a minute is late by that at most.
    ending_within(inventory, now, Threshold::Days30.secs_before_end(i64::MAX) + MARGIN_SECS)
}

/// Everything that ends within so many seconds, and what ends first of the rest.
pub(crate) fn ending_within(
    inventory: &Inventory,
    now: Timestamp,
    secs: i64,
) -> Result<Vec<Watched>, StoreError> {
    let by = now.plus_secs(secs);
    let issued = inventory.not_replaced_until(by)?;
    let seen = inventory.seen_last(by, SEEN_MAX)?;
    Ok(issued.iter().map(watched).chain(seen.iter().map(from_before)).collect())
}

fn watched(record: &Record) -> Watched {
    Watched {
        kind: Kind::Issued,
        fingerprint: record.fingerprint,
        subject: record.subject.escape_debug().to_string(),
        serial: Some(record.serial.clone()),
        place: "the inventory".to_owned(),
        name: record.name.as_ref().map(Name::to_string),
        not_before: record.not_before,
        not_after: record.not_after,
    }
}

/// Of those that were seen, the first to end.
const SEEN_MAX: u32 = 20_000;
const MARGIN_SECS: i64 = 3_600;
