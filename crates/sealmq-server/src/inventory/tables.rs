//! The tables, and how those of an older schema become them.
//!
//! Schema 1: certificates, names of the server, settings. Schema 2: where a certificate came from, holds, the audit log,
//! certificates that were merely seen, serials that a revocation list holds and no record.

use rusqlite::{Connection, Transaction};
use sealmq_pki::audit::{Draft, What};
use sealmq_pki::inventory::Act;

use super::audit;
use super::schema::SCHEMA_VERSION;

/// The oldest schema that can be migrated.
pub(super) const OLDEST: i64 = 1;

/// Makes all tables in an empty file.
pub(super) fn make(connection: &Connection) -> rusqlite::Result<()> {
    [CERTIFICATE, INDEXES, SERVER, AUDIT, SEEN, LISTED]
        .iter()
        .try_for_each(|sql| connection.execute_batch(sql))
}

/// Brings the tables of an older schema up to date, inside a transaction that sees to it that all of it happens or
/// nothing. The audit log begins with, or goes on with, the migration.
pub(super) fn migrate(transaction: &Transaction<'_>, found: i64, act: &Act) -> rusqlite::Result<()> {
    if found < 2 {
        transaction.execute_batch(
            "ALTER TABLE certificate RENAME TO certificate_1; DROP INDEX certificate_by_name;",
        )?;
        transaction.execute_batch(CERTIFICATE)?;
        transaction.execute_batch(TAKE_OVER_1)?;
        [INDEXES, AUDIT, SEEN, LISTED].iter().try_for_each(|sql| transaction.execute_batch(sql))?;
    }
    transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    let rows: i64 = transaction.query_row("SELECT count(*) FROM certificate", [], |row| row.get(0))?;
    let said = format!("schema {found} to {SCHEMA_VERSION}, {rows} certificates");
    audit::append(transaction, &Draft::new(What::SchemaMigrated, Vec::new()).saying(said), act)
}

const CERTIFICATE: &str = "
CREATE TABLE certificate (
    place         INTEGER PRIMARY KEY, -- order of insertion
    issuer        BLOB NOT NULL,       -- key identifier
    serial        BLOB NOT NULL,       -- content octets of the INTEGER
    origin        TEXT NOT NULL CHECK (origin IN ('issued', 'imported')),
    role          TEXT NOT NULL CHECK (role IN ('root', 'issuing', 'server', 'operator', 'device',
                      'ocsp-signer')),
    name          TEXT,
    name_key      TEXT,                -- the name in lower case
    subject       TEXT NOT NULL,       -- RFC 2253
    not_before    INTEGER NOT NULL,    -- seconds since the epoch
    not_after     INTEGER NOT NULL,
    fingerprint   BLOB NOT NULL CHECK (length(fingerprint) = 32),
    spki_sha256   BLOB NOT NULL CHECK (length(spki_sha256) = 32),
    state         TEXT NOT NULL CHECK (state IN ('valid', 'superseded', 'held', 'revoked')),
    state_at      INTEGER,             -- when it was superseded, held or revoked
    superseded_by BLOB,                -- serial of the same issuer; of one that is held: what it was before
    superseded_at INTEGER,             -- of one that is held
    revoke_reason INTEGER,             -- RFC 5280 section 5.3.1
    made_at       INTEGER NOT NULL,
    bundles       TEXT NOT NULL,       -- names of targets, separated by spaces
    UNIQUE (issuer, serial)
) STRICT;
";

const INDEXES: &str = "
CREATE INDEX certificate_by_name ON certificate (name_key);
CREATE INDEX certificate_by_end ON certificate (not_after);
CREATE INDEX certificate_by_fingerprint ON certificate (fingerprint);
";

const SERVER: &str = "
CREATE TABLE server_name (
    name      TEXT PRIMARY KEY,
    origin    TEXT NOT NULL CHECK (origin IN ('given', 'address')),
    last_seen INTEGER NOT NULL,
    place     INTEGER NOT NULL       -- order in which names were given
) STRICT, WITHOUT ROWID;
CREATE TABLE setting (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
";

/// The triggers keep mistakes out, ours included; whoever writes the file without them is found by the hashes.
const AUDIT: &str = "
CREATE TABLE audit (
    number   INTEGER PRIMARY KEY,
    at       INTEGER NOT NULL,       -- seconds since the epoch
    actor    TEXT NOT NULL,
    what     TEXT NOT NULL,
    subjects TEXT NOT NULL,          -- one a line
    details  TEXT NOT NULL,
    why      TEXT NOT NULL,
    previous BLOB NOT NULL CHECK (length(previous) = 32),
    hash     BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is only appended to'); END;
CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is only appended to'); END;
CREATE TRIGGER audit_is_not_replaced BEFORE INSERT ON audit
WHEN NEW.number <> (SELECT COALESCE(MAX(number), 0) + 1 FROM audit)
BEGIN SELECT RAISE(ABORT, 'the audit log is only appended to'); END;
";

/// Apart from `certificate`, so that nothing that was merely seen can ever be taken for valid.
const SEEN: &str = "
CREATE TABLE seen (
    fingerprint BLOB PRIMARY KEY CHECK (length(fingerprint) = 32),
    issuer      TEXT NOT NULL,       -- RFC 2253
    serial      BLOB NOT NULL,
    subject     TEXT NOT NULL,       -- RFC 2253
    not_before  INTEGER NOT NULL,
    not_after   INTEGER NOT NULL,
    first_seen  INTEGER NOT NULL,
    last_seen   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX seen_by_end ON seen (not_after);
CREATE INDEX seen_by_last ON seen (last_seen);
";

/// What was revoked after the backup that was put back: the list says so, and nothing else is left of it.
const LISTED: &str = "
CREATE TABLE listed (
    issuer        BLOB NOT NULL,     -- key identifier
    serial        BLOB NOT NULL,     -- content octets of the INTEGER
    at            INTEGER NOT NULL,  -- of the list that said so
    revoke_reason INTEGER,           -- RFC 5280 section 5.3.1; NULL: on hold
    PRIMARY KEY (issuer, serial)
) STRICT, WITHOUT ROWID;
";

const TAKE_OVER_1: &str = "
INSERT INTO certificate (place, issuer, serial, origin, role, name, name_key, subject, not_before, not_after, fingerprint,
    spki_sha256, state, state_at, superseded_by, revoke_reason, made_at, bundles)
SELECT place, issuer, serial, 'issued', role, name, name_key, subject, not_before, not_after, fingerprint,
    spki_sha256, state, state_at, superseded_by, revoke_reason, made_at, bundles FROM certificate_1;
DROP TABLE certificate_1;
";
