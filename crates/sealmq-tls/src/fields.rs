//! Fields of a certificate that can name its holder: reading one, and the ordered list of `identity_source`.
//!
//! A field is absent, one text, or there and unusable; nobody above has to look at certificates to tell these apart.

use std::fmt;

use sealmq_pki::Facts;
use sealmq_pki::cert::AltName;

/// A field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CertificateField {
    /// `cn`: the common name.
    CommonName,
    /// `o`: the organization.
    Organization,
    /// `ou`: the organizational unit.
    OrganizationalUnit,
    /// `subject`: the whole subject as RFC 2253 text.
    Subject,
    /// `san_uri`: the URI of the SubjectAltName (RFC 5280 §4.2.1.6).
    SanUri,
    /// `san_dns`: its DNS name.
    SanDns,
    /// `san_email`: its mail address.
    SanEmail,
    /// `fingerprint`: SHA-256 of the certificate, lower-case hex.
    Fingerprint,
}

/// What a certificate says in a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldValue {
    /// Nothing.
    Absent,
    /// One text, as it stands there; a URI has `/` and `%` percent-encoded, so that it is one topic level.
    Text(String),
    /// That many values, and nothing says which one counts.
    Several(usize),
    /// Something that is no readable text.
    Unreadable,
}

/// `2.5.4.3` and its like: the attribute types of a subject.
const COMMON_NAME: &str = "2.5.4.3";
const ORGANIZATION: &str = "2.5.4.10";
const ORGANIZATIONAL_UNIT: &str = "2.5.4.11";
/// Context tags of GeneralName, RFC 5280 §4.2.1.6.
const TAG_EMAIL: u8 = 1;
const TAG_DNS: u8 = 2;
const TAG_URI: u8 = 6;

impl CertificateField {
    /// All of them.
    pub const ALL: [CertificateField; 8] = [
        CertificateField::CommonName,
        CertificateField::Organization,
        CertificateField::OrganizationalUnit,
        CertificateField::Subject,
        CertificateField::SanUri,
        CertificateField::SanDns,
        CertificateField::SanEmail,
        CertificateField::Fingerprint,
    ];

    /// Its name in configuration and access lists.
    pub const fn name(self) -> &'static str {
        match self {
            CertificateField::CommonName => "cn",
            CertificateField::Organization => "o",
            CertificateField::OrganizationalUnit => "ou",
            CertificateField::Subject => "subject",
            CertificateField::SanUri => "san_uri",
            CertificateField::SanDns => "san_dns",
            CertificateField::SanEmail => "san_email",
            CertificateField::Fingerprint => "fingerprint",
        }
    }

    /// The field of that name.
    pub fn parse(name: &str) -> Option<CertificateField> {
        CertificateField::ALL.into_iter().find(|field| field.name() == name)
    }

    /// What `leaf` says in it.
    pub fn read(self, leaf: &Facts) -> FieldValue {
        match self {
            CertificateField::CommonName => subject(leaf, COMMON_NAME),
            CertificateField::Organization => subject(leaf, ORGANIZATION),
            CertificateField::OrganizationalUnit => subject(leaf, ORGANIZATIONAL_UNIT),
            CertificateField::Subject if leaf.subject.is_empty() => FieldValue::Absent,
            CertificateField::Subject => FieldValue::Text(leaf.subject.rfc2253()),
            CertificateField::SanUri => alt_name(leaf, TAG_URI, |name| match name {
                AltName::Uri(uri) => Some(one_level(uri)),
                AltName::Dns(_) | AltName::Ip(_) | AltName::Email(_) | AltName::Other(_) => None,
            }),
            CertificateField::SanDns => alt_name(leaf, TAG_DNS, |name| match name {
                AltName::Dns(dns) => Some(dns.clone()),
                AltName::Uri(_) | AltName::Ip(_) | AltName::Email(_) | AltName::Other(_) => None,
            }),
            CertificateField::SanEmail => alt_name(leaf, TAG_EMAIL, |name| match name {
                AltName::Email(email) => Some(email.clone()),
                AltName::Uri(_) | AltName::Ip(_) | AltName::Dns(_) | AltName::Other(_) => None,
            }),
            CertificateField::Fingerprint => FieldValue::Text(leaf.fingerprint.to_string()),
        }
    }
}

fn subject(leaf: &Facts, oid: &str) -> FieldValue {
    one(leaf.subject.attributes().filter(|attribute| attribute.oid == oid).map(|attribute| attribute.text()))
}

/// A name of the right kind that could not be read (`AltName::Other` with its tag) is there, and unusable.
fn alt_name(leaf: &Facts, tag: u8, text: impl Fn(&AltName) -> Option<String>) -> FieldValue {
    one(leaf.alt_names.iter().filter_map(|name| match name {
        AltName::Other(other) if *other == tag => Some(None),
        AltName::Other(_) | AltName::Dns(_) | AltName::Ip(_) | AltName::Uri(_) | AltName::Email(_) => {
            text(name).map(Some)
        }
    }))
}

fn one(mut values: impl Iterator<Item = Option<String>>) -> FieldValue {
    match (values.next(), values.count()) {
        (None, _) => FieldValue::Absent,
        (Some(Some(text)), 0) => FieldValue::Text(text),
        (Some(None), 0) => FieldValue::Unreadable,
        (Some(_), more) => FieldValue::Several(more + 1),
    }
}

/// RFC 3986 §2.1. `%` too, so that two URIs never give one name.
fn one_level(uri: &str) -> String {
    uri.replace('%', "%25").replace('/', "%2F")
}

impl fmt::Display for CertificateField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// `identity_source`: fields in the order in which they are looked for. The first that is present decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IdentitySources([Option<CertificateField>; IdentitySources::FIELDS.len()]);

/// A text that is no `identity_source`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentitySourceError {
    /// No field at all.
    #[error("names no field of the certificate")]
    Empty,
    /// A word that is none of [`IdentitySources::FIELDS`].
    #[error("'{0}' is no source of a user name")]
    Unknown(String),
    /// A field that stands twice.
    #[error("'{0}' stands twice")]
    Repeated(CertificateField),
}

impl IdentitySources {
    /// The fields that can name a client. Organizations name many, so they are not among them.
    pub const FIELDS: [CertificateField; 6] = [
        CertificateField::SanUri,
        CertificateField::SanDns,
        CertificateField::SanEmail,
        CertificateField::CommonName,
        CertificateField::Subject,
        CertificateField::Fingerprint,
    ];

    /// From names, separated by commas or blanks: `san_uri,cn`.
    ///
    /// # Errors
    /// [`IdentitySourceError`].
    pub fn parse(text: &str) -> Result<IdentitySources, IdentitySourceError> {
        let mut sources = IdentitySources([None; IdentitySources::FIELDS.len()]);
        let words = text.split([',', ' ', '\t']).filter(|word| !word.is_empty());
        for (place, word) in words.enumerate() {
            let field = CertificateField::parse(word).filter(|field| IdentitySources::FIELDS.contains(field));
            let field = field.ok_or_else(|| IdentitySourceError::Unknown(word.to_owned()))?;
            if sources.fields().any(|other| other == field) {
                return Err(IdentitySourceError::Repeated(field));
            }
            // As many places as fields, and none stands twice.
            sources.0[place] = Some(field);
        }
        match sources.0[0] {
            None => Err(IdentitySourceError::Empty),
            Some(_) => Ok(sources),
        }
    }

    /// In the order in which they are looked for; at least one.
    pub fn fields(&self) -> impl Iterator<Item = CertificateField> + '_ {
        self.0.iter().copied().flatten()
    }
}

impl fmt::Display for IdentitySources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, field) in self.fields().enumerate() {
            f.write_str(if place == 0 { "" } else { ", " })?;
            f.write_str(field.name())?;
        }
        Ok(())
    }
}
