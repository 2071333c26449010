//! `topic` lines: what goes which way, under which name on the other side.

use sealmq_mqtt::{QoS, TopicFilter, TopicName, matches};

/// Which way messages of a rule go.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Direction {
    /// From the local broker to the remote one.
    Out,
    /// From the remote broker to the local one.
    In,
    /// Both.
    Both,
}

/// A `topic` line: the same topics under two prefixes.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct TopicRule {
    direction: Direction,
    qos: QoS,
    local_prefix: String,
    remote_prefix: String,
    local_filter: String,
    remote_filter: String,
}

/// A rule that names no topic filter on one of the sides.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RuleError {
    /// A prefix with a wildcard, or too long.
    #[error("Invalid bridge topic {side} prefix '{prefix}'.")]
    Prefix {
        /// `local` or `remote`.
        side: &'static str,
        /// As given.
        prefix: String,
    },
    /// Neither a pattern nor both prefixes.
    #[error("Invalid bridge remapping.")]
    NoPattern,
    /// Prefix and pattern together are no topic filter.
    #[error("Invalid bridge topic {side} prefix and pattern combination '{filter}'.")]
    Filter {
        /// `local` or `remote`.
        side: &'static str,
        /// Both together.
        filter: String,
    },
}

impl TopicRule {
    /// A rule. An empty `pattern` (`""` in the file) stands for the one topic that each prefix names then.
    ///
    /// # Errors
    /// [`RuleError`].
    pub fn new(
        pattern: &str,
        direction: Direction,
        qos: QoS,
        local_prefix: &str,
        remote_prefix: &str,
    ) -> Result<TopicRule, RuleError> {
        for (side, prefix) in [("local", local_prefix), ("remote", remote_prefix)] {
            if !prefix.is_empty() && TopicName::parse(prefix).is_err() {
                return Err(RuleError::Prefix { side, prefix: prefix.to_owned() });
            }
        }
        if pattern.is_empty() && (local_prefix.is_empty() || remote_prefix.is_empty()) {
            return Err(RuleError::NoPattern);
        }
        let joined = |side, prefix: &str| {
            let filter = format!("{prefix}{pattern}");
            match TopicFilter::parse(&filter) {
                Ok(_) => Ok(filter),
                Err(_) => Err(RuleError::Filter { side, filter }),
            }
        };
        Ok(TopicRule {
            direction,
            qos,
            local_filter: joined("local", local_prefix)?,
            remote_filter: joined("remote", remote_prefix)?,
            local_prefix: local_prefix.to_owned(),
            remote_prefix: remote_prefix.to_owned(),
        })
    }

    /// What is subscribed at the local broker, where messages go out.
    pub fn local_filter(&self) -> &str {
        &self.local_filter
    }

    /// What is subscribed at the remote broker, where messages come in.
    pub fn remote_filter(&self) -> &str {
        &self.remote_filter
    }

    /// The QoS of both subscriptions.
    pub fn qos(&self) -> QoS {
        self.qos
    }

    /// Whether messages go to the remote broker.
    pub fn goes_out(&self) -> bool {
        matches!(self.direction, Direction::Out | Direction::Both)
    }

    /// Whether messages come from the remote broker.
    pub fn comes_in(&self) -> bool {
        matches!(self.direction, Direction::In | Direction::Both)
    }

    fn remaps(&self) -> bool {
        !self.local_prefix.is_empty() || !self.remote_prefix.is_empty()
    }
}

/// The name at the remote broker of what the local one has delivered.
pub(crate) fn outward(rules: &[TopicRule], topic: &str) -> String {
    let rule = rules.iter().find(|rule| rule.goes_out() && rule.remaps() && is_of(&rule.local_filter, topic));
    rule.map_or_else(|| topic.to_owned(), |rule| swap(topic, &rule.local_prefix, &rule.remote_prefix))
}

/// The name at the local broker of what the remote one has sent; `None` where no rule takes it in. As in mosquitto the
/// first rule that renames comes before those that do not.
pub(crate) fn inward(rules: &[TopicRule], topic: &str) -> Option<String> {
    let takes = |rule: &&TopicRule| rule.comes_in() && is_of(&rule.remote_filter, topic);
    match rules.iter().filter(takes).find(|rule| rule.remaps()) {
        Some(rule) => Some(swap(topic, &rule.remote_prefix, &rule.local_prefix)),
        None => rules.iter().find(takes).map(|_| topic.to_owned()),
    }
}

fn is_of(filter: &str, topic: &str) -> bool {
    match (TopicFilter::parse(filter), TopicName::parse(topic)) {
        (Ok(filter), Ok(topic)) => matches(&filter, &topic),
        (Err(_), _) | (_, Err(_)) => false,
    }
}

fn swap(topic: &str, from: &str, to: &str) -> String {
    format!("{to}{}", topic.strip_prefix(from).unwrap_or(topic))
}
