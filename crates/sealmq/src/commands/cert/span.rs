//! How long: `30d`, `12h`, `2w`; a number alone is days, as other plugins of Nagios take it.

/// Whole seconds, from 0 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Span(i64);

impl Span {
    pub(super) const fn days(days: i64) -> Span {
        Span(days * DAY_SECS)
    }

    pub(super) const fn secs(self) -> i64 {
        self.0
    }

    pub(super) fn parse(text: &str) -> Result<Span, String> {
        let wrong = || format!("{text:?} is no span of time; write 30d, 12h, 2w or a number of days");
        let (digits, unit) = match text.char_indices().next_back() {
            Some((_, last)) if last.is_ascii_digit() => (text, DAY_SECS),
            Some((at, 's')) => (&text[..at], 1),
            Some((at, 'm')) => (&text[..at], 60),
            Some((at, 'h')) => (&text[..at], 3_600),
            Some((at, 'd')) => (&text[..at], DAY_SECS),
            Some((at, 'w')) => (&text[..at], 7 * DAY_SECS),
            Some(_) | None => return Err(wrong()),
        };
        let number: u32 = digits.parse().map_err(|_| wrong())?;
        let secs = i64::from(number).saturating_mul(unit);
        if secs > SECS_MAX { Err(format!("{text:?} is more than a hundred years")) } else { Ok(Span(secs)) }
    }
}

impl std::fmt::Display for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            secs if secs % DAY_SECS == 0 => write!(f, "{}d", secs / DAY_SECS),
            secs if secs % 3_600 == 0 => write!(f, "{}h", secs / 3_600),
            secs => write!(f, "{secs}s"),
        }
    }
}

const DAY_SECS: i64 = 86_400;
const SECS_MAX: i64 = 100 * 366 * DAY_SECS;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_and_what_is_none_is_refused() {
        let good =
            [("30d", "30d"), ("30", "30d"), ("2w", "14d"), ("12h", "12h"), ("90m", "5400s"), ("0", "0d")];
        for (text, shown) in good {
            assert_eq!(Span::parse(text).unwrap().to_string(), shown);
        }
        for text in ["", "d", "-1d", "1.5d", "30 d", "30D", "5300w", "99999999999", "é"] {
            assert!(Span::parse(text).is_err(), "{text}");
        }
    }
}
