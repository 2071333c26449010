//! The inventory's certificates as rows: for `cert list`, and for `cert expiring` on a data directory.

use sealmq_pki::inventory::{Origin, Record, Standing};
use sealmq_pki::watch::{Kind, Watched};
use sealmq_pki::{Name, Timestamp};
use serde::{Deserialize, Serialize};

use super::protocol::Response;
use crate::expiry::issued;
use crate::home::{Home, HomeError};
use crate::inventory::{Filter, NamePattern, Order};

/// How many rows one answer has; a row has some 400 bytes, and a line of the protocol 256 KiB.
const ROWS_MAX: u32 = 500;

/// Which certificates of the inventory, as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListRequest {
    /// They end within so many seconds, or have ended.
    pub expiring_within_secs: Option<i64>,
    /// `valid`, `held`, `not-yet`, `ended` or `revoked`.
    pub state: Option<String>,
    /// The name; `*` and `?` stand for letters.
    pub name: Option<String>,
    /// How many of the first were given before.
    pub skip: u32,
}

/// One certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedCertificate {
    /// Who holds it; CAs and the server have none.
    pub name: Option<String>,
    /// What it is for (`root`, `issuing`, `server`, `device`, `operator`), or `seen`.
    pub role: String,
    /// How it came into the inventory.
    pub origin: String,
    /// `valid`, `held`, `not-yet`, `ended` or `revoked`.
    pub state: String,
    /// Subject, RFC 2253.
    pub subject: String,
    /// Serial number, hex.
    pub serial: String,
    /// SHA-256 of it, hex.
    pub fingerprint: String,
    /// First second of its validity, since the epoch.
    pub not_before_secs: i64,
    /// Last second of its validity, since the epoch.
    pub not_after_secs: i64,
}

/// `cert list`: at most [`ROWS_MAX`] at once, the one that ends first first.
pub(super) fn list(home: &Home, asked: &ListRequest, now: Timestamp) -> Result<Response, HomeError> {
    let mut filter = Filter::new(now);
    (filter.order, filter.rows_max, filter.skip) = (Order::End, ROWS_MAX, asked.skip);
    filter.ends_until = asked.expiring_within_secs.map(|secs| now.plus_secs(secs));
    filter.standing = asked.state.as_deref().map(standing).transpose()?;
    filter.name = asked.name.as_deref().map(pattern).transpose()?;
    let records = home.inventory().list(&filter)?;
    Ok(Response::Certificates(records.iter().map(|record| row(record, now)).collect()))
}

/// What may reach a threshold within so many seconds: issued and not replaced, or seen; what ended long ago is left out.
pub(super) fn expiring(home: &Home, within_secs: i64, now: Timestamp) -> Result<Response, HomeError> {
    let watched = issued::ending_within(home.inventory(), now, within_secs)
        .map_err(|error| HomeError::Refused { what: error.to_string(), hint: error.hint() })?;
    let ending =
        watched.iter().filter(|one| one.is_watched(now) && one.not_after.secs_since(now) <= within_secs);
    let rows = ending.take(ROWS_MAX as usize).map(|watched| seen_row(watched, now));
    Ok(Response::Certificates(rows.collect()))
}

fn row(record: &Record, now: Timestamp) -> ListedCertificate {
    ListedCertificate {
        name: record.name.as_ref().map(Name::to_string),
        role: record.role.as_str().to_owned(),
        origin: record.origin.as_str().to_owned(),
        state: word(record.standing(now)).to_owned(),
        subject: record.subject.clone(),
        serial: record.serial.to_string(),
        fingerprint: record.fingerprint.to_string(),
        not_before_secs: record.not_before.as_secs(),
        not_after_secs: record.not_after.as_secs(),
    }
}

fn seen_row(watched: &Watched, now: Timestamp) -> ListedCertificate {
    let ended = watched.not_after < now;
    let origin = match watched.kind {
        Kind::Seen => "seen",
        Kind::Served | Kind::Anchor | Kind::Intermediate | Kind::Crl | Kind::Issued => {
            Origin::Issued.as_str()
        }
    };
    ListedCertificate {
        name: watched.name.clone(),
        role: watched.kind.name().to_owned(),
        origin: origin.to_owned(),
        state: word(if ended { Standing::Ended } else { Standing::Counts }).to_owned(),
        subject: watched.subject.clone(),
        serial: watched.serial.as_ref().map(ToString::to_string).unwrap_or_default(),
        fingerprint: watched.fingerprint.to_string(),
        not_before_secs: watched.not_before.as_secs(),
        not_after_secs: watched.not_after.as_secs(),
    }
}

const STATES: [(Standing, &str); 5] = [
    (Standing::Counts, "valid"),
    (Standing::Held, "held"),
    (Standing::NotYet, "not-yet"),
    (Standing::Ended, "ended"),
    (Standing::Revoked, "revoked"),
];

fn word(standing: Standing) -> &'static str {
    STATES.into_iter().find(|(known, _)| *known == standing).map_or("?", |(_, word)| word)
}

fn standing(word: &str) -> Result<Standing, HomeError> {
    let found = STATES.into_iter().find(|(_, known)| *known == word);
    found.map(|(standing, _)| standing).ok_or_else(|| HomeError::Refused {
        what: format!("{word:?} is no state of a certificate"),
        hint: "valid, held, not-yet, ended or revoked".to_owned(),
    })
}

fn pattern(text: &str) -> Result<NamePattern, HomeError> {
    NamePattern::parse(text).map_err(|error| {
        let text = error.to_string();
        let (what, hint) = text.split_once("\nhint: ").unwrap_or((&text, ""));
        HomeError::Refused { what: what.to_owned(), hint: hint.to_owned() }
    })
}
