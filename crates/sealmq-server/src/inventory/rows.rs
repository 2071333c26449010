//! Records to rows and back. A row that makes no sense is an error, never a guess.

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, named_params};
use sealmq_pki::inventory::{Origin, Record, RevocationReason, Role, State, Supersession};
use sealmq_pki::{Fingerprint, KeyId, Name, NameKey, Serial, Timestamp};

/// Adds a record. A serial that is there already is a constraint violation.
pub(super) fn insert(connection: &Connection, record: &Record) -> rusqlite::Result<()> {
    let state = StateColumns::of(&record.state);
    let mut statement = connection.prepare_cached(
        "INSERT INTO certificate (issuer, serial, origin, role, name, name_key, subject, not_before, not_after,
            fingerprint, spki_sha256, state, state_at, superseded_by, superseded_at, revoke_reason, made_at, bundles)
         VALUES (:issuer, :serial, :origin, :role, :name, :name_key, :subject, :not_before, :not_after,
            :fingerprint, :spki_sha256, :state, :state_at, :superseded_by, :superseded_at, :revoke_reason, :made_at,
            :bundles)",
    )?;
    statement.execute(named_params! {
        ":issuer": record.issuer.as_bytes(),
        ":serial": record.serial.as_content(),
        ":origin": record.origin.as_str(),
        ":role": record.role.as_str(),
        ":name": record.name.as_ref().map(Name::as_str),
        ":name_key": record.name.as_ref().map(|name| name.key().as_str().to_owned()),
        ":subject": record.subject,
        ":not_before": record.not_before.as_secs(),
        ":not_after": record.not_after.as_secs(),
        ":fingerprint": record.fingerprint.as_bytes(),
        ":spki_sha256": record.spki_sha256.as_bytes(),
        ":state": state.word,
        ":state_at": state.at,
        ":superseded_by": state.superseded_by,
        ":superseded_at": state.superseded_at,
        ":revoke_reason": state.revoke_reason,
        ":made_at": record.made_at.as_secs(),
        ":bundles": record.bundles.join(" "),
    })?;
    Ok(())
}

/// The record of one certificate.
pub(super) fn find(
    connection: &Connection,
    issuer: &KeyId,
    serial: &Serial,
) -> rusqlite::Result<Option<Record>> {
    connection
        .prepare_cached(&select("WHERE issuer = ?1 AND serial = ?2"))?
        .query_row((issuer.as_bytes(), serial.as_content()), record)
        .optional()
}

/// All records of a name.
pub(super) fn by_name(connection: &Connection, name: &NameKey) -> rusqlite::Result<Vec<Record>> {
    connection
        .prepare_cached(&select("WHERE name_key = ?1 ORDER BY place"))?
        .query_map([name.as_str()], record)?
        .collect()
}

/// All records with this serial, whoever issued them.
pub(super) fn by_serial(connection: &Connection, serial: &Serial) -> rusqlite::Result<Vec<Record>> {
    connection
        .prepare_cached(&select("WHERE serial = ?1 ORDER BY place"))?
        .query_map([serial.as_content()], record)?
        .collect()
}

/// What this issuer's revocation list is made of.
pub(super) fn not_counting(connection: &Connection, issuer: &KeyId) -> rusqlite::Result<Vec<Record>> {
    connection
        .prepare_cached(&select("WHERE issuer = ?1 AND state IN ('revoked', 'held') ORDER BY place"))?
        .query_map([issuer.as_bytes()], record)?
        .collect()
}

/// All records, oldest first.
pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<Record>> {
    connection.prepare_cached(&select("ORDER BY place"))?.query_map([], record)?.collect()
}

/// The records that a condition takes, which we have made: it holds nobody's text, only places for `values`.
pub(super) fn list(
    connection: &Connection,
    condition: &str,
    values: Vec<rusqlite::types::Value>,
) -> rusqlite::Result<Vec<Record>> {
    connection
        .prepare_cached(&select(condition))?
        .query_map(rusqlite::params_from_iter(values), record)?
        .collect()
}

/// Valid and not replaced by a later one of the same role and name: until `by`, and the first after it.
pub(super) fn not_replaced_until(connection: &Connection, by: Timestamp) -> rusqlite::Result<Vec<Record>> {
    const LATEST: &str = "state = 'valid' AND NOT EXISTS (SELECT 1 FROM certificate AS newer
        WHERE newer.name_key IS certificate.name_key AND newer.role = certificate.role
        AND newer.state = 'valid' AND newer.not_after > certificate.not_after)";
    let until = format!("WHERE not_after <= ?1 AND {LATEST}");
    let behind = format!("WHERE not_after > ?1 AND {LATEST} ORDER BY not_after LIMIT 1");
    let mut found = Vec::new();
    for condition in [until, behind] {
        let mut statement = connection.prepare_cached(&select(&condition))?;
        let records: rusqlite::Result<Vec<Record>> = statement.query_map([by.as_secs()], record)?.collect();
        found.extend(records?);
    }
    Ok(found)
}

/// Writes the state of a record that is there.
pub(super) fn set_state(
    connection: &Connection,
    issuer: &KeyId,
    serial: &Serial,
    state: &State,
) -> rusqlite::Result<()> {
    let state = StateColumns::of(state);
    let mut statement = connection.prepare_cached(
        "UPDATE certificate SET state = :state, state_at = :state_at, superseded_by = :superseded_by,
            superseded_at = :superseded_at, revoke_reason = :revoke_reason
         WHERE issuer = :issuer AND serial = :serial",
    )?;
    statement.execute(named_params! {
        ":issuer": issuer.as_bytes(),
        ":serial": serial.as_content(),
        ":state": state.word,
        ":state_at": state.at,
        ":superseded_by": state.superseded_by,
        ":superseded_at": state.superseded_at,
        ":revoke_reason": state.revoke_reason,
    })?;
    Ok(())
}

fn select(condition: &str) -> String {
    format!(
        "SELECT issuer, serial, origin, role, name, subject, not_before, not_after, fingerprint, spki_sha256, state,
            state_at, superseded_by, superseded_at, revoke_reason, made_at, bundles FROM certificate {condition}"
    )
}

fn record(row: &Row<'_>) -> rusqlite::Result<Record> {
    Ok(Record {
        issuer: KeyId::from_bytes(&row.get::<_, Vec<u8>>("issuer")?),
        serial: serial(row, "serial")?.ok_or_else(|| senseless("serial", "it is empty"))?,
        origin: origin(row)?,
        role: role(row)?,
        name: name(row)?,
        subject: row.get("subject")?,
        not_before: Timestamp::from_secs(row.get("not_before")?),
        not_after: Timestamp::from_secs(row.get("not_after")?),
        fingerprint: Fingerprint::from_bytes(row.get("fingerprint")?),
        spki_sha256: Fingerprint::from_bytes(row.get("spki_sha256")?),
        state: state(row)?,
        made_at: Timestamp::from_secs(row.get("made_at")?),
        bundles: row.get::<_, String>("bundles")?.split_whitespace().map(str::to_owned).collect(),
    })
}

fn origin(row: &Row<'_>) -> rusqlite::Result<Origin> {
    let word: String = row.get("origin")?;
    Origin::parse(&word).ok_or_else(|| senseless("origin", &word))
}

fn role(row: &Row<'_>) -> rusqlite::Result<Role> {
    let word: String = row.get("role")?;
    Role::parse(&word).ok_or_else(|| senseless("role", &word))
}

fn name(row: &Row<'_>) -> rusqlite::Result<Option<Name>> {
    let text: Option<String> = row.get("name")?;
    text.map(|text| Name::parse(&text).map_err(|error| senseless("name", &error.to_string()))).transpose()
}

fn state(row: &Row<'_>) -> rusqlite::Result<State> {
    let word: String = row.get("state")?;
    if word == "valid" {
        return Ok(State::Valid);
    }
    let at = Timestamp::from_secs(row.get("state_at")?);
    let by = serial(row, "superseded_by")?;
    if word == "superseded" {
        let by = by.ok_or_else(|| senseless("superseded_by", "it is empty"))?;
        return Ok(State::Superseded { at, by });
    }
    if word == "held" {
        let since: Option<i64> = row.get("superseded_at")?;
        let superseded = match (since, by) {
            (None, None) => None,
            (Some(since), Some(by)) => Some(Supersession { at: Timestamp::from_secs(since), by }),
            (Some(_), None) | (None, Some(_)) => {
                return Err(senseless("superseded_at", "half of it is there"));
            }
        };
        return Ok(State::Held { at, superseded });
    }
    let reason = RevocationReason::from_code(row.get("revoke_reason")?);
    match (word.as_str(), reason) {
        ("revoked", Some(reason)) => Ok(State::Revoked { at, reason }),
        (_, _) => Err(senseless("state", &word)),
    }
}

fn serial(row: &Row<'_>, column: &'static str) -> rusqlite::Result<Option<Serial>> {
    let content: Option<Vec<u8>> = row.get(column)?;
    content
        .map(|content| Serial::from_content(&content).map_err(|error| senseless(column, &error.to_string())))
        .transpose()
}

/// A state as the columns hold it.
struct StateColumns<'a> {
    word: &'static str,
    at: Option<i64>,
    superseded_by: Option<&'a [u8]>,
    superseded_at: Option<i64>,
    revoke_reason: Option<u8>,
}

impl StateColumns<'_> {
    fn of(state: &State) -> StateColumns<'_> {
        let bare = StateColumns {
            word: state.as_str(),
            at: None,
            superseded_by: None,
            superseded_at: None,
            revoke_reason: None,
        };
        match state {
            State::Valid => bare,
            State::Superseded { at, by } => {
                StateColumns { at: Some(at.as_secs()), superseded_by: Some(by.as_content()), ..bare }
            }
            State::Held { at, superseded } => StateColumns {
                at: Some(at.as_secs()),
                superseded_by: superseded.as_ref().map(|newer| newer.by.as_content()),
                superseded_at: superseded.as_ref().map(|newer| newer.at.as_secs()),
                ..bare
            },
            State::Revoked { at, reason } => {
                StateColumns { at: Some(at.as_secs()), revoke_reason: Some(reason.code()), ..bare }
            }
        }
    }
}

fn senseless(column: &'static str, value: &str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, Type::Text, format!("{column}: {value}").into())
}
