//! Values that are several whole numbers: `connection_rate`, `ban_after`.

use super::{BadValue, Reading, Value, integer, leftover, split};

/// The largest number taken: beyond it nothing is limited, and sums of them fit everywhere.
const COUNT_MAX: i64 = 1_000_000_000;

/// `0`, which is off, or one number from 1 on for each name.
pub(super) fn counts<'a>(rest: &'a str, name: &str, names: &[&str]) -> Result<Reading<'a>, BadValue> {
    let hint = || format!("write `{name} {}`, or `{name} 0` to turn it off", names.join(" "));
    let mut numbers = Vec::new();
    let mut after = rest;
    for what in names {
        let (word, behind) = split(after);
        if word.is_empty() || word.starts_with('#') {
            return Err(match numbers.is_empty() {
                true => BadValue::empty(name).hint(hint()),
                false => BadValue::new(format!("'{name}' value without {what}.")).hint(hint()),
            });
        }
        let number = integer(word, name)?;
        after = behind;
        if number == 0 && numbers.is_empty() {
            return Ok(Reading { value: Value::Counts(Vec::new()), ignored: leftover(after) });
        }
        let count = u32::try_from(number).ok().filter(|_| (1..=COUNT_MAX).contains(&number));
        numbers.push(count.ok_or_else(|| {
            BadValue::new(format!("Invalid '{name}' value ({number})."))
                .hint(format!("{what} is from 1 to {COUNT_MAX}; {}", hint()))
        })?);
    }
    Ok(Reading { value: Value::Counts(numbers), ignored: leftover(after) })
}
