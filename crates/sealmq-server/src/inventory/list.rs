//! Records by what people ask for: role, standing, name, end. Answered by SQLite, so that a hundred thousand records
//! cost no more than the ones that are shown.

use rusqlite::types::Value;
use sealmq_pki::Timestamp;
use sealmq_pki::inventory::{InventoryError, Origin, Record, Role, Standing};

use super::{Inventory, rows};

/// Which records, in which order, how many. [`Filter::new`] takes all.
#[derive(Clone, Debug)]
pub struct Filter {
    /// Of this role.
    pub role: Option<Role>,
    /// That came here this way.
    pub origin: Option<Origin>,
    /// That stand like this at [`now`](Self::now).
    pub standing: Option<Standing>,
    /// Whose name fits.
    pub name: Option<NamePattern>,
    /// That end then or later.
    pub ends_from: Option<Timestamp>,
    /// That end then or earlier.
    pub ends_until: Option<Timestamp>,
    /// The order.
    pub order: Order,
    /// How many at most.
    pub rows_max: u32,
    /// How many of the first to leave out.
    pub skip: u32,
    /// The time at which [`standing`](Self::standing) is meant.
    pub now: Timestamp,
}

/// In which order records are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// As they were made.
    Made,
    /// The one that ends first is first.
    End,
}

/// A name, regardless of case, in which `*` stands for any letters and `?` for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamePattern(String);

/// A text that fits no name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{found:?} in the pattern {pattern:?} stands in no name\nhint: names are letters, digits and . _ : @ -; * stands for any letters, ? for one"
)]
pub struct NamePatternError {
    pattern: String,
    found: char,
}

impl NamePattern {
    /// Takes a person's text.
    ///
    /// # Errors
    /// A character that stands in no name.
    pub fn parse(text: &str) -> Result<Self, NamePatternError> {
        let fits = |c: &char| c.is_ascii_alphanumeric() || "._:@-*?".contains(*c);
        match text.chars().find(|c| !fits(c)) {
            Some(found) => {
                Err(NamePatternError { pattern: text.chars().take(SHOWN_CHARS_MAX).collect(), found })
            }
            None => Ok(Self(text.to_ascii_lowercase())),
        }
    }
}

impl Filter {
    /// All records, as they were made.
    pub fn new(now: Timestamp) -> Self {
        Self {
            role: None,
            origin: None,
            standing: None,
            name: None,
            ends_from: None,
            ends_until: None,
            order: Order::Made,
            rows_max: u32::MAX,
            skip: 0,
            now,
        }
    }

    /// The condition and the values in it.
    fn condition(&self) -> (String, Vec<Value>) {
        let mut terms: Vec<&str> = vec!["1"];
        let mut values: Vec<Value> = Vec::new();
        let now = Value::from(self.now.as_secs());
        if let Some(role) = self.role {
            terms.push("role = ?");
            values.push(role.as_str().to_owned().into());
        }
        if let Some(origin) = self.origin {
            terms.push("origin = ?");
            values.push(origin.as_str().to_owned().into());
        }
        if let Some(NamePattern(pattern)) = &self.name {
            // Without a wildcard an index finds it; with one at the end, too.
            terms.push(if pattern.contains(['*', '?']) { "name_key GLOB ?" } else { "name_key = ?" });
            values.push(pattern.clone().into());
        }
        for (term, moment) in [("not_after >= ?", self.ends_from), ("not_after <= ?", self.ends_until)] {
            if let Some(moment) = moment {
                terms.push(term);
                values.push(moment.as_secs().into());
            }
        }
        // As `Record::standing` decides.
        let (term, moments): (&str, usize) = match self.standing {
            None => ("1", 0),
            Some(Standing::Revoked) => ("state = 'revoked'", 0),
            Some(Standing::Ended) => ("state <> 'revoked' AND not_after < ?", 1),
            Some(Standing::Held) => ("state = 'held' AND not_after >= ?", 1),
            Some(Standing::NotYet) => {
                ("state IN ('valid', 'superseded') AND not_after >= ? AND not_before > ?", 2)
            }
            Some(Standing::Counts) => {
                ("state IN ('valid', 'superseded') AND not_after >= ? AND not_before <= ?", 2)
            }
        };
        terms.push(term);
        values.extend(std::iter::repeat_n(now, moments));
        (terms.join(" AND "), values)
    }
}

impl Inventory {
    /// The records that a filter takes.
    pub fn list(&self, filter: &Filter) -> Result<Vec<Record>, InventoryError> {
        let (condition, mut values) = filter.condition();
        let order = match filter.order {
            Order::Made => "place",
            Order::End => "not_after, place",
        };
        values.extend([Value::from(filter.rows_max), Value::from(filter.skip)]);
        let tail = format!("WHERE {condition} ORDER BY {order} LIMIT ? OFFSET ?");
        rows::list(&*self.writer()?, &tail, values).map_err(|e| self.cannot_tell(e))
    }

    /// How many records a filter takes, its limit aside.
    pub fn count(&self, filter: &Filter) -> Result<u64, InventoryError> {
        let (condition, values) = filter.condition();
        let sql = format!("SELECT count(*) FROM certificate WHERE {condition}");
        let count: i64 = self
            .writer()?
            .prepare_cached(&sql)
            .and_then(|mut statement| {
                statement.query_row(rusqlite::params_from_iter(values), |row| row.get(0))
            })
            .map_err(|e| self.cannot_tell(e))?;
        Ok(u64::try_from(count).expect("a count is not negative"))
    }
}

const SHOWN_CHARS_MAX: usize = 80;
