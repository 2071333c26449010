//! Points in time as certificates write them: whole seconds, UTC.
//!
//! Not a clock: nothing here knows what time it is. The largest value is 9999-12-31T23:59:59Z, which RFC 5280
//! §4.1.2.5 gives to certificates that have no end.

use std::fmt;

use time::OffsetDateTime;
use time::macros::format_description;

/// Seconds of one day.
pub const DAY_SECS: i64 = 86_400;

/// A point in time, in seconds since 1970-01-01T00:00:00Z; certificates of old roots can lie before it.
///
/// Displays as RFC 3339 (`2026-11-22T16:00:00Z`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// 9999-12-31T23:59:59Z: "no well-defined expiration date" (RFC 5280 §4.1.2.5).
    pub const NEVER: Timestamp = Timestamp(253_402_300_799);
    /// 0000-01-01T00:00:00Z, the earliest moment that a `GeneralizedTime` can write.
    pub const EARLIEST: Timestamp = Timestamp(-62_167_219_200);

    /// From seconds since the epoch; what lies outside the years 0 to 9999 is drawn to their edge.
    pub const fn from_secs(secs: i64) -> Timestamp {
        if secs > Timestamp::NEVER.0 {
            Timestamp::NEVER
        } else if secs < Timestamp::EARLIEST.0 {
            Timestamp::EARLIEST
        } else {
            Timestamp(secs)
        }
    }

    /// Seconds since the epoch.
    pub const fn as_secs(self) -> i64 {
        self.0
    }

    /// This moment plus (or, negative, minus) some seconds, within the years 0 to 9999.
    pub const fn plus_secs(self, secs: i64) -> Timestamp {
        Timestamp::from_secs(self.0.saturating_add(secs))
    }

    /// This moment plus (or, negative, minus) some days, within the years 0 to 9999.
    pub const fn plus_days(self, days: i64) -> Timestamp {
        self.plus_secs(days.saturating_mul(DAY_SECS))
    }

    /// Whole seconds from `earlier` to this moment; negative when `earlier` is the later one.
    pub const fn secs_since(self, earlier: Timestamp) -> i64 {
        self.0 - earlier.0
    }

    /// The day alone: `2026-11-22`.
    pub fn date(self) -> String {
        self.to_string().chars().take(10).collect()
    }

    pub(crate) fn from_civil(civil: Civil) -> Option<Timestamp> {
        let month = time::Month::try_from(civil.month).ok()?;
        let date = time::Date::from_calendar_date(civil.year, month, civil.day).ok()?;
        let time = time::Time::from_hms(civil.hour, civil.minute, civil.second).ok()?;
        Some(Timestamp::from_secs(OffsetDateTime::new_utc(date, time).unix_timestamp()))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
        let moment = OffsetDateTime::from_unix_timestamp(self.0).expect("the years 0 to 9999 are in range");
        f.write_str(&moment.format(format).map_err(|_| fmt::Error)?)
    }
}

/// Calendar parts of a `UTCTime` or `GeneralizedTime`.
pub(crate) struct Civil {
    pub(crate) year: i32,
    pub(crate) month: u8,
    pub(crate) day: u8,
    pub(crate) hour: u8,
    pub(crate) minute: u8,
    pub(crate) second: u8,
}

/// How far away the end of a certificate is, in the words that logs and lists use.
///
/// `ends in 41 days`, `ends in 5 hours`, `ended 3 days ago`, `has no end`.
pub fn ends_in(not_after: Timestamp, now: Timestamp) -> String {
    if not_after == Timestamp::NEVER {
        return "has no end".to_owned();
    }
    let left = not_after.secs_since(now);
    if left >= 0 { format!("ends in {}", span(left)) } else { format!("ended {} ago", span(-left)) }
}

fn span(secs: i64) -> String {
    let (count, unit) = match secs {
        s if s >= 2 * DAY_SECS => (s / DAY_SECS, "day"),
        s if s >= 2 * 3600 => (s / 3600, "hour"),
        s if s >= 120 => (s / 60, "minute"),
        s => (s, "second"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}
