//! Fields of a client certificate that ACL patterns may name: `%{cn}`, `%{ou}`, `%{san_uri}` …
//!
//! The core knows no certificate: the door reads the fields that are there and says which of them cannot be used.
//!
//! Invariants: what is not there is put into no pattern, and what cannot be used (several values, a character that
//! would widen a filter) is neither. A `deny` that names an unusable field denies (see [`super::AclRules`]).

use std::collections::BTreeMap;

/// A field of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Attribute {
    /// `%{cn}`: the common name.
    CommonName,
    /// `%{o}`: the organization.
    Organization,
    /// `%{ou}`: the organizational unit.
    OrganizationalUnit,
    /// `%{san_uri}`: the URI of the SubjectAltName, percent-encoded.
    SanUri,
    /// `%{san_dns}`: its DNS name.
    SanDns,
    /// `%{san_email}`: its mail address.
    SanEmail,
    /// `%{fingerprint}`: SHA-256 of the certificate, lower-case hex.
    Fingerprint,
}

impl Attribute {
    /// All of them.
    pub const ALL: [Attribute; 7] = [
        Attribute::CommonName,
        Attribute::Organization,
        Attribute::OrganizationalUnit,
        Attribute::SanUri,
        Attribute::SanDns,
        Attribute::SanEmail,
        Attribute::Fingerprint,
    ];

    /// The name between `%{` and `}`.
    pub const fn name(self) -> &'static str {
        match self {
            Attribute::CommonName => "cn",
            Attribute::Organization => "o",
            Attribute::OrganizationalUnit => "ou",
            Attribute::SanUri => "san_uri",
            Attribute::SanDns => "san_dns",
            Attribute::SanEmail => "san_email",
            Attribute::Fingerprint => "fingerprint",
        }
    }

    /// The attribute of that name.
    pub fn parse(name: &str) -> Option<Attribute> {
        Attribute::ALL.into_iter().find(|attribute| attribute.name() == name)
    }
}

/// What a certificate says in one field.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Value {
    Text(Box<str>),
    Unusable,
}

/// The fields of one client's certificate. A field that the certificate does not have is not in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attributes(BTreeMap<Attribute, Value>);

impl Attributes {
    /// Adds a field. A text that would widen or split a filter counts as unusable, whatever the caller has checked.
    pub fn add(&mut self, attribute: Attribute, text: &str) {
        let widens = text.is_empty() || text.contains(['/', '+', '#']) || text.chars().any(char::is_control);
        self.0.insert(attribute, if widens { Value::Unusable } else { Value::Text(Box::from(text)) });
    }

    /// Adds a field that is there and has no one value.
    pub fn add_unusable(&mut self, attribute: Attribute) {
        self.0.insert(attribute, Value::Unusable);
    }

    /// Its text; `None` where it is absent or unusable.
    pub fn text(&self, attribute: Attribute) -> Option<&str> {
        match self.0.get(&attribute)? {
            Value::Text(text) => Some(text),
            Value::Unusable => None,
        }
    }

    pub(super) fn is_unusable(&self, attribute: Attribute) -> bool {
        self.0.get(&attribute) == Some(&Value::Unusable)
    }
}

/// `%{name}` at the front of `text`, and what stands behind it.
pub(super) fn placeholder(text: &str) -> Option<(&str, &str)> {
    text.strip_prefix("%{")?.split_once('}')
}

/// The attributes that a filter names; `Err` with the first name that is none.
pub(super) fn named(filter: &str) -> Result<Vec<Attribute>, String> {
    let mut found = Vec::new();
    for (at, _) in filter.match_indices("%{") {
        let (name, _) = placeholder(&filter[at..]).ok_or_else(|| filter[at + 2..].to_owned())?;
        let attribute = Attribute::parse(name).ok_or_else(|| name.to_owned())?;
        if !found.contains(&attribute) {
            found.push(attribute);
        }
    }
    Ok(found)
}
