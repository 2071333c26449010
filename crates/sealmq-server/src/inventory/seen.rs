//! Certificates that were seen: shown by verified peers, or configured somewhere. They are watched and never count.

use rusqlite::Row;
use rusqlite::types::Type;
use sealmq_pki::inventory::Sighting;
use sealmq_pki::{Fingerprint, Serial, Timestamp};

use super::{Inventory, StoreError, immediate};

impl Inventory {
    /// Notes certificates that were seen, new ones and ones that were seen before. Of more than [`SEEN_MAX`] those are
    /// forgotten that were not seen for longest. No audit records: nothing counts more or less for it.
    pub fn note_seen(&self, sightings: &[Sighting]) -> Result<(), StoreError> {
        let mut writer = self.writer()?;
        let transaction = immediate(&mut writer).map_err(|e| self.failed(e))?;
        for seen in sightings {
            transaction
                .prepare_cached(NOTE)
                .and_then(|mut statement| {
                    statement.execute((
                        seen.fingerprint.as_bytes(),
                        &seen.issuer,
                        seen.serial.as_content(),
                        &seen.subject,
                        seen.not_before.as_secs(),
                        seen.not_after.as_secs(),
                        seen.first_seen.as_secs(),
                        seen.last_seen.as_secs(),
                    ))
                })
                .map_err(|e| self.failed(e))?;
        }
        transaction.execute(FORGET, [SEEN_MAX]).map_err(|e| self.failed(e))?;
        transaction.commit().map_err(|e| self.failed(e))
    }

    /// Certificates that were seen and end at `until` or earlier, the one that ends first first; at most `rows_max`.
    pub fn seen(&self, until: Timestamp, rows_max: u32) -> Result<Vec<Sighting>, StoreError> {
        let writer = self.writer()?;
        let rows = writer
            .prepare_cached(
                "SELECT fingerprint, issuer, serial, subject, not_before, not_after, first_seen, last_seen FROM seen
                 WHERE not_after <= ?1 ORDER BY not_after, fingerprint LIMIT ?2",
            )
            .and_then(|mut statement| {
                statement.query_map((until.as_secs(), rows_max), sighting)?.collect::<Result<_, _>>()
            });
        rows.map_err(|e| self.failed(e))
    }

    /// Certificates that were seen, end at `until` or earlier, and are the last that their holder (issuer and subject)
    /// has shown; at most `rows_max`, those that end first.
    ///
    /// # Errors
    /// The database cannot be asked.
    pub fn seen_last(&self, until: Timestamp, rows_max: u32) -> Result<Vec<Sighting>, StoreError> {
        let writer = self.writer()?;
        let rows = writer.prepare_cached(LAST).and_then(|mut statement| {
            statement.query_map((until.as_secs(), rows_max), sighting)?.collect::<Result<_, _>>()
        });
        rows.map_err(|e| self.failed(e))
    }
}

fn sighting(row: &Row<'_>) -> rusqlite::Result<Sighting> {
    let serial = Serial::from_content(&row.get::<_, Vec<u8>>(2)?)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(2, Type::Blob, error.into()))?;
    Ok(Sighting {
        fingerprint: Fingerprint::from_bytes(row.get(0)?),
        issuer: row.get(1)?,
        serial,
        subject: row.get(3)?,
        not_before: Timestamp::from_secs(row.get(4)?),
        not_after: Timestamp::from_secs(row.get(5)?),
        first_seen: Timestamp::from_secs(row.get(6)?),
        last_seen: Timestamp::from_secs(row.get(7)?),
    })
}

/// With one max(), SQLite takes the other columns from the row that has it.
const LAST: &str = "
SELECT fingerprint, issuer, serial, subject, not_before, not_after, first_seen, last_seen FROM
    (SELECT *, max(last_seen) FROM seen GROUP BY issuer, subject)
WHERE not_after <= ?1 ORDER BY not_after, fingerprint LIMIT ?2";

const NOTE: &str = "
INSERT INTO seen (fingerprint, issuer, serial, subject, not_before, not_after, first_seen, last_seen)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
ON CONFLICT (fingerprint) DO UPDATE SET last_seen = max(last_seen, excluded.last_seen)";

const FORGET: &str = "
DELETE FROM seen WHERE fingerprint IN (
    SELECT fingerprint FROM seen ORDER BY last_seen DESC, fingerprint LIMIT -1 OFFSET ?1)";

/// Peers that are verified by a foreign CA can show any number of certificates; some 500 bytes each.
pub const SEEN_MAX: u32 = 200_000;
