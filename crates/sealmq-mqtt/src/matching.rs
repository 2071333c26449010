//! Does a filter match a topic? The reference that every index over filters is tested against.

use crate::{TopicFilter, TopicName};

/// Whether `filter` (for a shared subscription, what follows the share name) matches `topic`.
///
/// * Characters are compared one by one, no case folding or normalisation. [MQTT-4.7.3-4] [MQTT311-4.7.3-4]
/// * `+` is one level, which may be empty; `#` any number of levels, the parent included. [MQTT-4.7.1-1] [MQTT-4.7.1-2]
/// * A filter that starts with a wildcard matches no topic that starts with `$`. [MQTT-4.7.2-1] [MQTT311-4.7.2-1]
pub fn matches(filter: &TopicFilter<'_>, topic: &TopicName<'_>) -> bool {
    let filter = filter.unshared().as_str();
    let topic = topic.as_str();
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let mut wanted = filter.split('/');
    let mut given = topic.split('/');
    loop {
        match (wanted.next(), given.next()) {
            (Some("#"), _) | (None, None) => return true,
            (Some("+"), Some(_)) => {}
            (Some(level), Some(name)) if level == name => {}
            (Some(_), _) | (None, Some(_)) => return false,
        }
    }
}
