//! The access control list: who may read and write which topics. Pure: (subject, action, topic, list) → yes or no.
//!
//! mosquitto's semantics (its `acl_file`): entries of the user first, then patterns; within each, `deny` before grants;
//! the first entry that matches and speaks of the action decides; nothing matches: denied. An existing but empty file
//! denies everything, no file allows everything. There is no subscribe verb: reads are judged at delivery.
//! The file's text is parsed in sealmq-config; here are its meaning and its types.
//!
//! Invariant: no path from an unknown to a yes. A subject without user name never matches an entry of a user.

mod attributes;
mod scope;
mod substituted;

use crate::{DollarTopics, Policy, Role, Source};
pub use attributes::{Attribute, Attributes};
pub use scope::TopicScope;
use std::{collections::BTreeMap, fmt};
use substituted::matches;

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The user name; `None`: anonymous.
    pub username: Option<&'a str>,
    /// The client id.
    pub client_id: &'a str,
    /// The role recorded at its certificate.
    pub role: Role,
    /// The fields of its certificate; `None`: it has shown none, or no list names any.
    pub attributes: Option<&'a Attributes>,
    /// What its token is meant for; `None`: nothing narrows it.
    pub topics: Option<&'a TopicScope>,
}

/// For what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Being given a message of the topic.
    Read,
    /// Publishing to the topic, also by will.
    Write,
}

/// What an entry says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    /// `read`
    Read,
    /// `write`
    Write,
    /// `readwrite`, also where nothing is said.
    ReadWrite,
    /// `deny`
    Deny,
}

/// One `topic` or `pattern` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AclEntry {
    access: Access,
    filter: Box<str>,
    /// Certificate fields that are put into it. Empty in a `topic` line.
    attributes: Box<[Attribute]>,
}

impl AclEntry {
    /// A `topic` line: its filter is taken literally.
    ///
    /// # Errors
    /// [`AclError`] where the filter is no topic filter.
    pub fn new(access: Access, filter: &str) -> Result<AclEntry, AclError> {
        match sealmq_mqtt::TopicFilter::parse(filter) {
            Ok(_) => Ok(AclEntry { access, filter: Box::from(filter), attributes: Box::default() }),
            Err(source) => Err(AclError::Filter { filter: filter.to_owned(), source }),
        }
    }

    /// A `pattern` line: `%u` and `%c` stand for user name and client id, `%{cn}` and the like for fields of the
    /// client's certificate.
    ///
    /// # Errors
    /// [`AclError`] where the filter is no topic filter, or names a field that there is not.
    pub fn pattern(access: Access, filter: &str) -> Result<AclEntry, AclError> {
        let entry = AclEntry::new(access, filter)?;
        match attributes::named(filter) {
            Ok(named) => Ok(AclEntry { attributes: named.into(), ..entry }),
            Err(name) => Err(AclError::Attribute { filter: filter.to_owned(), name }),
        }
    }

    /// The certificate fields that it names.
    pub fn attributes(&self) -> &[Attribute] {
        &self.attributes
    }

    fn names(&self, placeholder: &str) -> bool {
        self.filter.contains(placeholder)
    }
}

/// An ACL line that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AclError {
    /// A filter that is none.
    #[error("acl filter `{filter}` {source}")]
    Filter {
        /// The text.
        filter: String,
        /// The rule it breaks.
        source: sealmq_mqtt::TopicError,
    },
    /// A pattern with an unknown `%{name}`.
    #[error("acl pattern `{filter}` names the certificate field `%{{{name}}}`, which there is not")]
    Attribute {
        /// The text.
        filter: String,
        /// What stands between the braces.
        name: String,
    },
}

/// An access control list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Acl {
    /// No `acl_file`: everything is allowed.
    #[default]
    Unrestricted,
    /// A file: what it does not grant is denied.
    Rules(AclRules),
}

/// The entries of a file. Deny entries are kept before the others.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AclRules {
    anonymous: Vec<AclEntry>,
    users: BTreeMap<Box<str>, Vec<AclEntry>>,
    patterns: Vec<AclEntry>,
}

/// Whom a `topic` line is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AclUser<'a> {
    /// Before any `user` line: clients without user name only.
    Anonymous,
    /// After `user NAME`.
    Named(&'a str),
}

impl AclRules {
    /// An empty list: everything is denied.
    pub fn new() -> AclRules {
        AclRules::default()
    }

    /// Adds a `topic` line.
    pub fn add(&mut self, user: AclUser<'_>, entry: AclEntry) {
        match user {
            AclUser::Anonymous => insert(&mut self.anonymous, entry),
            AclUser::Named(name) => insert(self.users.entry(Box::from(name)).or_default(), entry),
        }
    }

    /// Adds a `pattern` line, for everyone.
    pub fn add_pattern(&mut self, entry: AclEntry) {
        insert(&mut self.patterns, entry);
    }

    fn allows(&self, subject: &Subject<'_>, action: Action, topic: &str) -> bool {
        let own = match subject.username {
            Some(name) => self.users.get(name).map_or(&[][..], Vec::as_slice),
            None => &self.anonymous,
        };
        let literal = |entry: &AclEntry| matches(&entry.filter, None, topic);
        if let Some(verdict) = verdict(own, action, literal) {
            return verdict;
        }
        // A name with a wildcard in it would widen every pattern it is put into.
        let wild = |text: &str| text.contains(['+', '#']);
        if subject.username.is_some_and(wild) || wild(subject.client_id) {
            return false;
        }
        if self.patterns.iter().any(|entry| entry.access == Access::Deny && subject.spoils(entry)) {
            return false;
        }
        let substituted = |entry: &AclEntry| match subject.username {
            None if entry.names("%u") => false,
            None | Some(_) => subject.has_all(entry) && matches(&entry.filter, Some(subject), topic),
        };
        verdict(&self.patterns, action, substituted).unwrap_or(false)
    }
}

impl Subject<'_> {
    /// Whether its certificate has every field that the entry names.
    fn has_all(&self, entry: &AclEntry) -> bool {
        let has = |attribute: &Attribute| {
            self.attributes.is_some_and(|attributes| attributes.text(*attribute).is_some())
        };
        entry.attributes.iter().all(has)
    }

    /// Whether a field that the entry names is there and cannot be put into it: nobody can tell what it would deny.
    fn spoils(&self, entry: &AclEntry) -> bool {
        let unusable = |attribute: &Attribute| {
            self.attributes.is_some_and(|attributes| attributes.is_unusable(*attribute))
        };
        entry.attributes.iter().any(unusable)
    }
}

impl Acl {
    /// Whether it goes by fields of certificates.
    pub fn names_attributes(&self) -> bool {
        match self {
            Acl::Unrestricted => false,
            Acl::Rules(rules) => rules.patterns.iter().any(|entry| !entry.attributes.is_empty()),
        }
    }

    /// Whether `subject` may do `action` at `topic`, as far as the list says.
    pub fn allows(&self, subject: &Subject<'_>, action: Action, topic: &str) -> bool {
        match self {
            Acl::Unrestricted => true,
            Acl::Rules(rules) => rules.allows(subject, action, topic),
        }
    }
}

impl Policy {
    /// The whole decision: the rules for `$SYS` and `$CONTROL`, then the listener's list.
    pub fn allows(
        &self,
        listener: crate::ListenerId,
        subject: &Subject<'_>,
        action: Action,
        topic: &str,
    ) -> bool {
        // First of all: nothing below may give back what the proof was not meant for.
        if subject.topics.is_some_and(|scope| !scope.covers(action, topic)) {
            return false;
        }
        match self.dollar_rule(subject, action, topic) {
            DollarRule::Refused => false,
            DollarRule::Given => true,
            DollarRule::AsListed => self.acl_of(listener).allows(subject, action, topic),
        }
    }

    /// Whether the publisher of a message could publish it today; the broker itself always can.
    pub(crate) fn still_allows(&self, source: Option<&Source>, topic: &str) -> bool {
        source.is_none_or(|source| self.allows(source.listener, &source.subject(), Action::Write, topic))
    }

    fn dollar_rule(&self, subject: &Subject<'_>, action: Action, topic: &str) -> DollarRule {
        let tree = topic.split('/').next().unwrap_or(topic);
        match (tree, action, self.dollar) {
            ("$share", Action::Read | Action::Write, _) => DollarRule::Refused,
            ("$SYS", Action::Write, DollarTopics::Operator) => DollarRule::Refused,
            ("$SYS", Action::Write, DollarTopics::Mosquitto) if !is_bridge_state(topic) => {
                DollarRule::Refused
            }
            ("$SYS" | "$CONTROL", Action::Read | Action::Write, DollarTopics::Operator) => {
                match subject.role == Role::Operator {
                    // `#` in a list matches no `$` topic, and the operator needs no line for what is the operator's.
                    true => DollarRule::Given,
                    false => DollarRule::Refused,
                }
            }
            (_, Action::Read | Action::Write, _) => DollarRule::AsListed,
        }
    }
}

/// What is said about a topic before any list.
enum DollarRule {
    Refused,
    Given,
    AsListed,
}

impl Source {
    /// The publisher as a subject.
    pub fn subject(&self) -> Subject<'_> {
        Subject {
            username: self.username.as_deref(),
            client_id: self.client_id.as_str(),
            role: self.role,
            attributes: self.attributes.as_deref(),
            topics: self.topics.as_deref(),
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Action::Read => "read",
            Action::Write => "write",
        })
    }
}

/// `$SYS/broker/connection/NAME/state`, which bridges publish as their will.
fn is_bridge_state(topic: &str) -> bool {
    topic
        .strip_prefix("$SYS/broker/connection/")
        .and_then(|rest| rest.strip_suffix("/state"))
        .is_some_and(|name| !name.is_empty() && !name.contains('/'))
}

/// Deny entries go before the first that is none; the rest keeps the file's order.
fn insert(entries: &mut Vec<AclEntry>, entry: AclEntry) {
    let at = match entry.access {
        Access::Deny => entries.iter().take_while(|other| other.access == Access::Deny).count(),
        Access::Read | Access::Write | Access::ReadWrite => entries.len(),
    };
    entries.insert(at, entry);
}

/// What the first entry says that matches and speaks of `action`.
fn verdict(entries: &[AclEntry], action: Action, matching: impl Fn(&AclEntry) -> bool) -> Option<bool> {
    entries.iter().find_map(|entry| {
        let says = match (entry.access, action) {
            (Access::Deny, Action::Read | Action::Write) => false,
            (Access::ReadWrite, Action::Read | Action::Write)
            | (Access::Read, Action::Read)
            | (Access::Write, Action::Write) => true,
            (Access::Read, Action::Write) | (Access::Write, Action::Read) => return None,
        };
        matching(entry).then_some(says)
    })
}

impl fmt::Display for AclEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let access = match self.access {
            Access::Read => "read",
            Access::Write => "write",
            Access::ReadWrite => "readwrite",
            Access::Deny => "deny",
        };
        write!(f, "{access} {}", self.filter)
    }
}
