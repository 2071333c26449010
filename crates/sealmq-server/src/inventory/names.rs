//! What the server has been called: names that a person gave, and addresses it had, with the day they were last there.

use std::str::FromStr;

use sealmq_pki::Timestamp;

use super::{Inventory, StoreError, immediate, schema};

/// Where a name of the server comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// `up --name`: stays until it is taken away.
    Given,
    /// An interface had it.
    Address,
}

/// A name of the server and when it was last there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerName {
    /// DNS name or address, as text.
    pub name: String,
    /// Where it comes from.
    pub origin: Origin,
    /// When it was last given or seen.
    pub last_seen: Timestamp,
}

impl Inventory {
    /// All names: given ones in the order in which they were given, then addresses.
    pub fn server_names(&self) -> Result<Vec<ServerName>, StoreError> {
        let writer = self.writer()?;
        let mut statement = writer
            .prepare_cached(
                "SELECT name, origin, last_seen FROM server_name ORDER BY origin DESC, place, name",
            )
            .map_err(|e| self.failed(e))?;
        let rows = statement
            .query_map([], |row| {
                let origin: String = row.get(1)?;
                Ok(ServerName {
                    name: row.get(0)?,
                    // The column's CHECK allows no third word.
                    origin: origin.parse().unwrap_or(Origin::Address),
                    last_seen: Timestamp::from_secs(row.get(2)?),
                })
            })
            .map_err(|e| self.failed(e))?;
        rows.collect::<Result<_, _>>().map_err(|e| self.failed(e))
    }

    /// Notes that the server has these names now, and forgets addresses that were last there before `forget_before`.
    pub fn note_server_names(
        &self,
        names: &[(String, Origin)],
        now: Timestamp,
        forget_before: Timestamp,
    ) -> Result<(), StoreError> {
        let mut writer = self.writer()?;
        let transaction = immediate(&mut writer).map_err(|e| self.failed(e))?;
        for (name, origin) in names {
            transaction.execute(NOTE, (name, origin.as_str(), now.as_secs())).map_err(|e| self.failed(e))?;
        }
        let forget = "DELETE FROM server_name WHERE origin = 'address' AND last_seen < ?1";
        transaction.execute(forget, [forget_before.as_secs()]).map_err(|e| self.failed(e))?;
        transaction.commit().map_err(|e| schema::failed(&self.path, e))
    }
}

impl Origin {
    fn as_str(self) -> &'static str {
        match self {
            Self::Given => "given",
            Self::Address => "address",
        }
    }
}

impl FromStr for Origin {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        match word {
            "given" => Ok(Self::Given),
            "address" => Ok(Self::Address),
            _ => Err(()),
        }
    }
}

/// A name that was given stays given when an interface has it too.
const NOTE: &str = "
INSERT INTO server_name (name, origin, last_seen, place)
VALUES (?1, ?2, ?3, (SELECT COALESCE(MAX(place), 0) + 1 FROM server_name))
ON CONFLICT (name) DO UPDATE SET
    last_seen = excluded.last_seen,
    origin = CASE WHEN excluded.origin = 'given' THEN 'given' ELSE origin END";
