//! Serials that stood on a signed revocation list when a backup was put back, and that no record has: certificates that
//! were issued *and* revoked after that backup. They stay on every list to come and are never adopted.

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row};
use sealmq_pki::crl::{Listing, Why};
use sealmq_pki::inventory::RevocationReason;
use sealmq_pki::{KeyId, Serial, Timestamp};

/// Keeps one; what was known of it before goes on counting.
pub(super) fn keep(connection: &Connection, issuer: &KeyId, listing: &Listing) -> rusqlite::Result<()> {
    let reason = match listing.why {
        Why::Revoked(reason) => Some(reason.code()),
        Why::OnHold => None,
    };
    connection
        .prepare_cached(
            "INSERT OR IGNORE INTO listed (issuer, serial, at, revoke_reason) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute((issuer.as_bytes(), listing.serial.as_content(), listing.at.as_secs(), reason))?;
    Ok(())
}

/// What stood on a list about this serial.
pub(super) fn find(
    connection: &Connection,
    issuer: &KeyId,
    serial: &Serial,
) -> rusqlite::Result<Option<Listing>> {
    connection
        .prepare_cached("SELECT serial, at, revoke_reason FROM listed WHERE issuer = ?1 AND serial = ?2")?
        .query_row((issuer.as_bytes(), serial.as_content()), listing)
        .optional()
}

/// All of one issuer.
pub(super) fn all(connection: &Connection, issuer: &KeyId) -> rusqlite::Result<Vec<Listing>> {
    connection
        .prepare_cached("SELECT serial, at, revoke_reason FROM listed WHERE issuer = ?1 ORDER BY serial")?
        .query_map([issuer.as_bytes()], listing)?
        .collect()
}

fn listing(row: &Row<'_>) -> rusqlite::Result<Listing> {
    let nonsense = |column: usize, what: &str| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Blob, what.to_owned().into())
    };
    let serial = Serial::from_content(&row.get::<_, Vec<u8>>(0)?).map_err(|_| nonsense(0, "no serial"))?;
    let why = match row.get::<_, Option<u8>>(2)? {
        None => Why::OnHold,
        Some(code) => {
            Why::Revoked(RevocationReason::from_code(code).ok_or_else(|| nonsense(2, "no reason"))?)
        }
    };
    Ok(Listing { serial, at: Timestamp::from_secs(row.get(1)?), why })
}
