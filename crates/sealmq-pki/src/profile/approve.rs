//! What a profile makes of a request: approved, or the first thing that is wrong.
//!
//! Who the holder is comes from whoever asks (a person, a token, a certificate), never from the request: a name in it
//! must be the same one. An extension that is asked for is either allowed and says no more than the profile writes, or
//! the request is refused with its OID; nothing is left out in silence.

use std::net::IpAddr;

use thiserror::Error;

use super::words::{self, shown};
use super::{AltNameKind, Profile, Purpose, Requestable};
use crate::cert::{AltName, ExtKeyUsage, KeyUsage};
use crate::csr::{Csr, Requested, RequestedValue};
use crate::host::HostName;
use crate::inventory::Role;
use crate::issue::{Holder, IssueError, alt_names_of, subject_of};
use crate::key::PublicKey;
use crate::name::Name;

/// A request that may be signed: only made from a [`Csr`], whose sender has the key, under a profile, for a holder.
#[derive(Clone, Debug)]
pub struct ApprovedCsr {
    profile: Profile,
    subject: Vec<u8>,
    public_key: PublicKey,
    alt_names: Vec<AltName>,
}

/// Why a profile refuses a request.
#[derive(Debug, Error)]
pub enum NotApproved {
    /// The profile makes certificates of another kind.
    #[error(
        "the profile '{profile}' is for the role '{role}', not for '{holder}'\nhint: choose a profile of the role '{holder}'"
    )]
    OtherRole {
        /// The profile.
        profile: String,
        /// Its role.
        role: Role,
        /// The holder's.
        holder: Role,
    },
    /// A key of a kind or size that the profile does not allow.
    #[error(
        "the profile '{profile}' does not allow a key of type {kind}\nhint: it allows {allowed}; make one with: openssl ecparam -name prime256v1 -genkey -noout -out NAME.key"
    )]
    Key {
        /// The profile.
        profile: String,
        /// Kind and size.
        kind: String,
        /// What it allows.
        allowed: String,
    },
    /// The request is for somebody else.
    #[error(
        "the request is for '{found}', and it was to be signed for '{asked}'\nhint: the name comes from who asks: sign it as '{found}' if that is the holder, or let the holder make it again with -subj /CN={asked}"
    )]
    OtherName {
        /// The name that was asked for.
        asked: String,
        /// The CN in the request, escaped.
        found: String,
    },
    /// More than one CN, or one that is no text: whoever takes the first one takes another than who takes the last.
    #[error(
        "the subject of the request has {count} CNs, or one that cannot be read\nhint: let the holder make it again with one: openssl req -new -key FILE -subj /CN={asked}"
    )]
    CommonNames {
        /// The name that was asked for.
        asked: String,
        /// How many there are.
        count: usize,
    },
    /// An extension that the profile does not let requests ask for.
    #[error(
        "the request asks for the extension {extension}, which the profile '{profile}' does not allow\nhint: it allows: {allowed}; make the request without it, or allow it in profiles.toml if the list there knows it"
    )]
    Extension {
        /// Name and OID.
        extension: String,
        /// The profile.
        profile: String,
        /// What it allows.
        allowed: String,
    },
    /// An extension that is to be critical and is not in our certificates.
    #[error(
        "the request wants the extension {extension} critical, which the profile '{profile}' does not make it\nhint: make the request without 'critical' there; embedded TLS libraries refuse such certificates"
    )]
    Critical {
        /// Name and OID.
        extension: String,
        /// The profile.
        profile: String,
    },
    /// An extension that says something else than the profile writes.
    #[error(
        "the request asks for {extension} with {asked}, which contradicts the profile '{profile}'\nhint: the profile writes: {written}; make the request without the extension, or with that"
    )]
    Value {
        /// Name and OID.
        extension: String,
        /// The profile.
        profile: String,
        /// What of it is too much.
        asked: String,
        /// What the profile writes.
        written: String,
    },
    /// An alternative name of a kind that the profile does not allow.
    #[error(
        "the request asks for the name {name} in subjectAltName (2.5.29.17), a kind that the profile '{profile}' does not allow\nhint: it allows: {allowed}"
    )]
    AltNameKind {
        /// The name.
        name: String,
        /// The profile.
        profile: String,
        /// What it allows.
        allowed: String,
    },
    /// An alternative name that is not the holder's.
    #[error(
        "the request asks for the name {name} in subjectAltName (2.5.29.17), and it was to be signed for '{asked}'\nhint: {hint}"
    )]
    AltName {
        /// The name.
        name: String,
        /// The name that was asked for.
        asked: String,
        /// What would do.
        hint: String,
    },
    /// The subject cannot be written, or a server has no name.
    #[error(transparent)]
    Subject(#[from] IssueError),
}

impl ApprovedCsr {
    /// Applies a profile to a request, for this holder.
    ///
    /// # Errors
    /// [`NotApproved`]: the first thing in the request that contradicts the profile or the holder's name.
    pub fn new(csr: &Csr, profile: &Profile, holder: Holder<'_>) -> Result<ApprovedCsr, NotApproved> {
        let judge = Judge { csr, profile, holder };
        judge.role()?;
        judge.key()?;
        let subject = subject_of(holder)?;
        judge.common_name()?;
        let alt_names = judge.extensions()?;
        let public_key = csr.public_key().clone();
        Ok(ApprovedCsr { profile: profile.clone(), subject, public_key, alt_names })
    }

    /// The profile that approved it.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// The key that the certificate will carry.
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// The alternative names that the certificate will carry.
    pub fn alt_names(&self) -> &[AltName] {
        &self.alt_names
    }

    pub(crate) fn subject(&self) -> &[u8] {
        &self.subject
    }
}

struct Judge<'a> {
    csr: &'a Csr,
    profile: &'a Profile,
    holder: Holder<'a>,
}

impl Judge<'_> {
    fn role(&self) -> Result<(), NotApproved> {
        let holder = self.holder.role();
        if self.profile.role == holder {
            return Ok(());
        }
        Err(NotApproved::OtherRole { profile: self.name(), role: self.profile.role, holder })
    }

    fn key(&self) -> Result<(), NotApproved> {
        let key = self.csr.public_key();
        if self.profile.allows_key(key) {
            return Ok(());
        }
        let mut allowed = words::list(words::KEYS, self.profile.keys());
        if allowed.ends_with("RSA") {
            allowed.push_str(&format!(" from {} bits", self.profile.rsa_bits_min));
        }
        Err(NotApproved::Key { profile: self.name(), kind: key.kind().to_string(), allowed })
    }

    /// A request without a CN is for whoever asks; one with a CN is for that one.
    fn common_name(&self) -> Result<(), NotApproved> {
        let found = self.csr.subject().common_names();
        let asked = self.asked();
        let text = match found.as_slice() {
            [] => return Ok(()),
            [one] => one.text(),
            _ => None,
        };
        let Some(text) = text else { return Err(NotApproved::CommonNames { asked, count: found.len() }) };
        let fits = match self.holder {
            Holder::Server(hosts) => hosts.iter().any(|host| is_host(&text, host)),
            Holder::Device(name) | Holder::Operator(name) => text == name.as_str(),
            Holder::OcspSigner => false,
        };
        if fits { Ok(()) } else { Err(NotApproved::OtherName { asked, found: shown(&text) }) }
    }

    /// The alternative names of the certificate: a server's are the asker's, a device's those in the request that say
    /// the device's name.
    fn extensions(&self) -> Result<Vec<AltName>, NotApproved> {
        let mut names = match self.holder {
            Holder::Server(hosts) => alt_names_of(hosts),
            Holder::Device(_) | Holder::Operator(_) | Holder::OcspSigner => Vec::new(),
        };
        for name in &names {
            self.alt_name_kind(name)?;
        }
        for requested in self.csr.requested() {
            let what = self.allowed(requested)?;
            match &requested.value {
                RequestedValue::AltNames(wanted) => self.alt_names(wanted, &mut names)?,
                RequestedValue::KeyUsage(usage) => self.key_usage(what, *usage)?,
                RequestedValue::ExtKeyUsage(purposes) => self.purposes(what, purposes)?,
                RequestedValue::BasicConstraints(constraints) if constraints.ca => {
                    return Err(self.contradiction(what, "CA:TRUE".to_owned(), "CA:FALSE".to_owned()));
                }
                RequestedValue::BasicConstraints(_) => {}
                RequestedValue::Other(_) => {
                    unreachable!("what may be asked for is read; the others are not allowed")
                }
            }
        }
        Ok(names)
    }

    /// Whether it may be asked for at all, and as critical as it is.
    fn allowed<'r>(&self, requested: &'r Requested) -> Result<&'r str, NotApproved> {
        let kind = match &requested.value {
            RequestedValue::AltNames(_) => Some(Requestable::SubjectAltName),
            RequestedValue::KeyUsage(_) => Some(Requestable::KeyUsage),
            RequestedValue::ExtKeyUsage(_) => Some(Requestable::ExtKeyUsage),
            RequestedValue::BasicConstraints(_) => Some(Requestable::BasicConstraints),
            RequestedValue::Other(_) => None,
        };
        let extension = || words::extension(&requested.oid);
        let Some(kind) = kind.filter(|kind| self.profile.requestable.contains(kind)) else {
            let allowed = words::list(words::REQUESTABLE, &self.profile.requestable);
            return Err(NotApproved::Extension { extension: extension(), profile: self.name(), allowed });
        };
        let ours = matches!(kind, Requestable::KeyUsage | Requestable::BasicConstraints);
        if requested.critical && !ours {
            return Err(NotApproved::Critical { extension: extension(), profile: self.name() });
        }
        Ok(&requested.oid)
    }

    fn key_usage(&self, oid: &str, usage: KeyUsage) -> Result<(), NotApproved> {
        let written = self.profile.key_usage_for(self.csr.public_key());
        let excess: Vec<_> = words::KEY_USAGE
            .iter()
            .map(|(_, bit)| *bit)
            .filter(|bit| usage.has(*bit) && !written.contains(bit))
            .collect();
        if excess.is_empty() {
            return Ok(());
        }
        let asked = words::list(words::KEY_USAGE, &excess);
        Err(self.contradiction(oid, asked, words::list(words::KEY_USAGE, &written)))
    }

    fn purposes(&self, oid: &str, purposes: &[ExtKeyUsage]) -> Result<(), NotApproved> {
        let fits = |purpose: &&ExtKeyUsage| {
            let ours = match purpose {
                ExtKeyUsage::ServerAuth => Some(Purpose::Server),
                ExtKeyUsage::ClientAuth => Some(Purpose::Client),
                ExtKeyUsage::Other(oid) if oid == "1.3.6.1.5.5.7.3.9" => Some(Purpose::OcspSigning),
                ExtKeyUsage::Other(_) | ExtKeyUsage::Any => None,
            };
            ours.is_some_and(|purpose| self.profile.purposes.contains(&purpose))
        };
        let excess: Vec<String> =
            purposes.iter().filter(|purpose| !fits(purpose)).map(purpose_word).collect();
        if excess.is_empty() {
            return Ok(());
        }
        let written = words::list(words::PURPOSES, &self.profile.purposes);
        Err(self.contradiction(oid, excess.join(", "), written))
    }

    fn alt_names(&self, wanted: &[AltName], names: &mut Vec<AltName>) -> Result<(), NotApproved> {
        for name in wanted {
            self.alt_name_kind(name)?;
            let hint = match self.holder {
                Holder::Server(_) if names.iter().any(|known| is_same(known, name)) => continue,
                Holder::Server(_) => "give each name and address of the server with --name".to_owned(),
                Holder::OcspSigner => "its key is the broker's own".to_owned(),
                Holder::Device(holder) | Holder::Operator(holder) => {
                    if says(name, holder) {
                        if !names.contains(name) {
                            names.push(name.clone());
                        }
                        continue;
                    }
                    format!(
                        "a name beside the CN must be '{holder}' too: DNS:{holder}, or a URI that ends with it, such as urn:device:{holder}"
                    )
                }
            };
            return Err(NotApproved::AltName { name: bounded(name), asked: self.asked(), hint });
        }
        Ok(())
    }

    fn alt_name_kind(&self, name: &AltName) -> Result<(), NotApproved> {
        let kind = match name {
            AltName::Dns(_) => Some(AltNameKind::Dns),
            AltName::Ip(_) => Some(AltNameKind::Ip),
            AltName::Uri(_) => Some(AltNameKind::Uri),
            AltName::Email(_) => Some(AltNameKind::Email),
            AltName::Other(_) => None,
        };
        if kind.is_some_and(|kind| self.profile.alt_names.contains(&kind)) {
            return Ok(());
        }
        let allowed = words::list(words::ALT_NAMES, &self.profile.alt_names);
        Err(NotApproved::AltNameKind { name: bounded(name), profile: self.name(), allowed })
    }

    fn contradiction(&self, oid: &str, asked: String, written: String) -> NotApproved {
        NotApproved::Value { extension: words::extension(oid), profile: self.name(), asked, written }
    }

    fn name(&self) -> String {
        self.profile.name.to_string()
    }

    /// The name that was asked for; a server's first.
    fn asked(&self) -> String {
        match self.holder {
            Holder::Server(hosts) => hosts.first().map(ToString::to_string).unwrap_or_default(),
            Holder::Device(name) | Holder::Operator(name) => name.to_string(),
            Holder::OcspSigner => "this broker's OCSP signer".to_owned(),
        }
    }
}

fn is_host(text: &str, host: &HostName) -> bool {
    match host {
        HostName::Dns(name) => text.eq_ignore_ascii_case(name.as_str()),
        HostName::Ip(address) => text.parse::<IpAddr>().is_ok_and(|ip| ip == *address),
    }
}

fn is_same(known: &AltName, wanted: &AltName) -> bool {
    match (known, wanted) {
        (AltName::Dns(known), AltName::Dns(wanted)) => known.eq_ignore_ascii_case(wanted),
        (known, wanted) => known == wanted,
    }
}

/// Whether an alternative name says this name and no other, for listeners whose `identity_source` reads it there.
fn says(name: &AltName, holder: &Name) -> bool {
    match name {
        AltName::Dns(text) | AltName::Email(text) => text == holder.as_str(),
        AltName::Uri(uri) => uri
            .strip_suffix(holder.as_str())
            .is_some_and(|before| before.ends_with([':', '/']) && !uri.contains(['?', '#', '%'])),
        AltName::Ip(_) | AltName::Other(_) => false,
    }
}

fn purpose_word(purpose: &ExtKeyUsage) -> String {
    match purpose {
        ExtKeyUsage::Any => "anyExtendedKeyUsage".to_owned(),
        ExtKeyUsage::ServerAuth => "serverAuth".to_owned(),
        ExtKeyUsage::ClientAuth => "clientAuth".to_owned(),
        ExtKeyUsage::Other(oid) => oid.clone(),
    }
}

fn bounded(name: &AltName) -> String {
    name.to_string().chars().take(200).collect()
}
