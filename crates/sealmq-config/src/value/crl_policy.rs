//! `crl_policy`: `strict`, or `grace` with a span of at most 90 days.

use super::{BadValue, Reading, Value, leftover, seconds, split};
use crate::config::CrlPolicy;

/// A list that may serve for ever revokes nobody.
const GRACE_SECS_MAX: u64 = 90 * 86_400;

pub(super) fn read<'a>(rest: &'a str, name: &str) -> Result<Reading<'a>, BadValue> {
    let (word, after) = split(rest);
    let (policy, after) = match word {
        "" => return Err(BadValue::empty(name)),
        "strict" => (CrlPolicy::Strict, after),
        "grace" => {
            let (span, after) = split(after);
            (grace(span).ok_or_else(|| bad(rest, name))?, after)
        }
        _ => return Err(bad(rest, name)),
    };
    Ok(Reading { value: Value::CrlPolicy(policy), ignored: leftover(after) })
}

fn grace(span: &str) -> Option<CrlPolicy> {
    let secs = seconds(span).filter(|secs| *secs <= GRACE_SECS_MAX)?;
    u32::try_from(secs).ok().map(CrlPolicy::GraceSecs)
}

fn bad(rest: &str, name: &str) -> BadValue {
    BadValue::new(format!("Invalid '{name}' value ({rest})."))
        .hint("write `crl_policy strict`, or `crl_policy grace 7d` (s, h, d or w; 90d at most)")
}
