//! What each kind of certificate looks like: one table, and the file that may change it.
//!
//! Chosen against what mbedTLS 2.28, BearSSL and wolfSSL accept: nothing critical beyond BasicConstraints and
//! KeyUsage, no name constraints, no CRL or OCSP addresses in device certificates.
//!
//! Invariants: a [`Profile`] comes from this table or from [`Profiles::parse`], which lets no leaf become a CA, lose its
//! purpose, take another role's purpose, or live longer than the issuing CA does.

mod approve;
mod file;
mod words;

use std::borrow::Cow;

use thiserror::Error;

pub use approve::{ApprovedCsr, NotApproved};
pub use file::{PROFILES_BYTES_MAX, ProfileProblem, ProfilesError};

use crate::cert::{Curve, KeyKind, KeyUsageBit};
use crate::inventory::Role;
use crate::key::PublicKey;
use crate::time::{DAY_SECS, Timestamp};

/// How one kind of certificate is issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    pub(crate) name: Cow<'static, str>,
    pub(crate) role: Role,
    pub(crate) constraints: Constraints,
    pub(crate) purposes: Cow<'static, [Purpose]>,
    pub(crate) key_usage: Cow<'static, [KeyUsageBit]>,
    pub(crate) life: Life,
    pub(crate) backdated_secs: i64,
    pub(crate) keys: Cow<'static, [KeyAlgorithm]>,
    pub(crate) rsa_bits_min: u32,
    pub(crate) alt_names: Cow<'static, [AltNameKind]>,
    pub(crate) requestable: Cow<'static, [Requestable]>,
}

/// BasicConstraints of a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Constraints {
    /// A CA, with this many CA certificates allowed below it.
    Ca {
        /// pathLenConstraint.
        path_len: u8,
    },
    /// CA:FALSE.
    EndEntity,
}

/// What an end-entity certificate may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// id-kp-serverAuth.
    Server,
    /// id-kp-clientAuth.
    Client,
    /// id-kp-OCSPSigning; such a certificate carries id-pkix-ocsp-nocheck too (RFC 6960 §4.2.2.2.1).
    OcspSigning,
}

/// How long a certificate lives unless somebody says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// So many days, or to the issuer's end if that is earlier.
    Days(u32),
    /// As long as its issuer: for holders that cannot renew.
    WithIssuer,
}

/// A kind of key that a profile allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyAlgorithm {
    /// EC P-256.
    P256,
    /// EC P-384.
    P384,
    /// RSA, of at least the profile's bits.
    Rsa,
}

/// A kind of alternative name that a profile allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AltNameKind {
    /// dNSName.
    Dns,
    /// iPAddress.
    Ip,
    /// uniformResourceIdentifier.
    Uri,
    /// rfc822Name.
    Email,
}

/// An extension that a request may ask for; what it says must be what the profile writes, or less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requestable {
    /// subjectAltName.
    SubjectAltName,
    /// keyUsage.
    KeyUsage,
    /// extKeyUsage.
    ExtKeyUsage,
    /// basicConstraints.
    BasicConstraints,
}

const CA_KEYS: Cow<'static, [KeyAlgorithm]> = Cow::Borrowed(&[KeyAlgorithm::P256, KeyAlgorithm::P384]);
const LEAF_KEYS: Cow<'static, [KeyAlgorithm]> =
    Cow::Borrowed(&[KeyAlgorithm::P256, KeyAlgorithm::P384, KeyAlgorithm::Rsa]);
const CA_USAGE: Cow<'static, [KeyUsageBit]> =
    Cow::Borrowed(&[KeyUsageBit::KeyCertSign, KeyUsageBit::CrlSign]);
const LEAF_USAGE: Cow<'static, [KeyUsageBit]> =
    Cow::Borrowed(&[KeyUsageBit::DigitalSignature, KeyUsageBit::KeyEncipherment]);
const REQUESTABLE: Cow<'static, [Requestable]> = Cow::Borrowed(&Requestable::ALL);

/// The root: 20 years.
pub const ROOT: Profile = Profile {
    name: Cow::Borrowed("root"),
    role: Role::Root,
    constraints: Constraints::Ca { path_len: 1 },
    purposes: Cow::Borrowed(&[]),
    key_usage: CA_USAGE,
    life: Life::Days(7305),
    backdated_secs: DAY_SECS,
    keys: CA_KEYS,
    rsa_bits_min: 2048,
    alt_names: Cow::Borrowed(&[]),
    requestable: Cow::Borrowed(&[]),
};

/// The issuing CA: 10 years.
pub const ISSUING: Profile = Profile {
    name: Cow::Borrowed("issuing"),
    role: Role::Issuing,
    constraints: Constraints::Ca { path_len: 0 },
    life: Life::Days(ISSUING_DAYS),
    ..ROOT
};

const ISSUING_DAYS: u32 = 3652;

/// This server: 90 days, renewed by the broker itself.
pub const SERVER: Profile = Profile {
    name: Cow::Borrowed("server"),
    role: Role::Server,
    constraints: Constraints::EndEntity,
    purposes: Cow::Borrowed(&[Purpose::Server]),
    key_usage: LEAF_USAGE,
    life: Life::Days(90),
    backdated_secs: 300,
    keys: LEAF_KEYS,
    rsa_bits_min: 2048,
    alt_names: Cow::Borrowed(&[AltNameKind::Dns, AltNameKind::Ip]),
    requestable: REQUESTABLE,
};

/// A device that can renew itself: 1 year; a bundle that cannot gets the life of the issuing CA.
pub const DEVICE: Profile = Profile {
    name: Cow::Borrowed("device"),
    role: Role::Device,
    purposes: Cow::Borrowed(&[Purpose::Client]),
    life: Life::Days(365),
    backdated_secs: DAY_SECS,
    alt_names: Cow::Borrowed(&[AltNameKind::Dns, AltNameKind::Uri]),
    ..SERVER
};

/// A device that nobody will ever renew: as long as the issuing CA.
pub const STATIC_DEVICE: Profile =
    Profile { name: Cow::Borrowed("static-device"), life: Life::WithIssuer, ..DEVICE };

/// The client side of a bridge on another broker: a device that runs on a server and is renewed as one.
pub const BRIDGE: Profile =
    Profile { name: Cow::Borrowed("bridge"), life: Life::Days(90), backdated_secs: 300, ..DEVICE };

/// An operator: 30 days.
pub const OPERATOR: Profile = Profile {
    name: Cow::Borrowed("operator"),
    role: Role::Operator,
    life: Life::Days(30),
    alt_names: Cow::Borrowed(&[]),
    ..DEVICE
};

/// A delegated OCSP responder: 30 days, and nobody asks whether it is revoked, so no longer.
pub const OCSP_SIGNER: Profile = Profile {
    name: Cow::Borrowed("ocsp-signer"),
    role: Role::OcspSigner,
    purposes: Cow::Borrowed(&[Purpose::OcspSigning]),
    key_usage: Cow::Borrowed(&[KeyUsageBit::DigitalSignature]),
    life: Life::Days(30),
    backdated_secs: 300,
    alt_names: Cow::Borrowed(&[]),
    requestable: Cow::Borrowed(&[]),
    ..SERVER
};

/// All profiles of an installation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profiles {
    all: Vec<Profile>,
}

/// There is no profile of that name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("there is no profile '{name}'\nhint: {hint}")]
pub struct UnknownProfile {
    /// The name, escaped and bounded.
    pub name: String,
    /// The nearest one, or all of them.
    pub hint: String,
}

impl Default for Profiles {
    /// As they are without a file.
    fn default() -> Profiles {
        let all = vec![ROOT, ISSUING, SERVER, DEVICE, STATIC_DEVICE, BRIDGE, OPERATOR, OCSP_SIGNER];
        Profiles { all }
    }
}

impl Profiles {
    /// The defaults, changed by the text of a `profiles.toml`.
    ///
    /// # Errors
    /// Everything that is wrong with it, with lines; then nothing of it counts.
    pub fn parse(text: &str) -> Result<Profiles, ProfilesError> {
        file::parse(text)
    }

    /// The profile of that name.
    ///
    /// # Errors
    /// [`UnknownProfile`].
    pub fn find(&self, name: &str) -> Result<&Profile, UnknownProfile> {
        self.all.iter().find(|profile| profile.name == name).ok_or_else(|| {
            let names = self.all.iter().map(Profile::name);
            UnknownProfile { name: words::shown(name), hint: words::suggestion(name, names) }
        })
    }

    /// All of them, the built-in ones first.
    pub fn all(&self) -> &[Profile] {
        &self.all
    }

    /// The profile of our own server.
    pub fn server(&self) -> &Profile {
        self.built_in("server")
    }

    /// The profile of an operator.
    pub fn operator(&self) -> &Profile {
        self.built_in("operator")
    }

    /// The profile of what signs OCSP answers.
    pub fn ocsp_signer(&self) -> &Profile {
        self.built_in("ocsp-signer")
    }

    fn built_in(&self, name: &str) -> &Profile {
        self.all.iter().find(|profile| profile.name == name).expect("a file cannot take a profile away")
    }
}

impl Profile {
    /// Its name: `server`, `device`, …
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What its certificates are for.
    pub const fn role(&self) -> Role {
        self.role
    }

    /// Its ExtendedKeyUsage; CAs have none.
    pub fn purposes(&self) -> &[Purpose] {
        &self.purposes
    }

    /// How long its certificates live unless somebody says otherwise.
    pub const fn life(&self) -> Life {
        self.life
    }

    /// How far before the moment of issue their validity begins, for clocks that are behind.
    pub const fn backdated_secs(&self) -> i64 {
        self.backdated_secs
    }

    /// The kinds of keys that it allows.
    pub fn keys(&self) -> &[KeyAlgorithm] {
        &self.keys
    }

    /// Whether it makes CA certificates.
    pub const fn is_ca(&self) -> bool {
        matches!(self.constraints, Constraints::Ca { .. })
    }

    /// The bits of KeyUsage in its certificates for this key: enciphering is for RSA keys, agreement for EC keys.
    pub(crate) fn key_usage_for(&self, key: &PublicKey) -> Vec<KeyUsageBit> {
        let rsa = matches!(key.kind(), KeyKind::Rsa { .. });
        let fits = |bit: &KeyUsageBit| match bit {
            KeyUsageBit::KeyEncipherment | KeyUsageBit::DataEncipherment => rsa,
            KeyUsageBit::KeyAgreement | KeyUsageBit::EncipherOnly | KeyUsageBit::DecipherOnly => !rsa,
            KeyUsageBit::DigitalSignature
            | KeyUsageBit::NonRepudiation
            | KeyUsageBit::KeyCertSign
            | KeyUsageBit::CrlSign => true,
        };
        self.key_usage.iter().copied().filter(fits).collect()
    }

    /// Whether it allows a key of this kind and size.
    pub fn allows_key(&self, key: &PublicKey) -> bool {
        match key.kind() {
            KeyKind::Ec(Curve::P256) => self.keys.contains(&KeyAlgorithm::P256),
            KeyKind::Ec(Curve::P384) => self.keys.contains(&KeyAlgorithm::P384),
            KeyKind::Rsa { bits } => {
                self.keys.contains(&KeyAlgorithm::Rsa) && *bits >= self.rsa_bits_min as usize
            }
            KeyKind::Ec(Curve::P521 | Curve::Other(_))
            | KeyKind::Ed25519
            | KeyKind::Ed448
            | KeyKind::Other(_) => false,
        }
    }
}

impl Requestable {
    const ALL: [Requestable; 4] = [
        Requestable::SubjectAltName,
        Requestable::KeyUsage,
        Requestable::ExtKeyUsage,
        Requestable::BasicConstraints,
    ];
}

/// The moment at which a certificate that renews itself should: after two thirds of its life.
pub fn renew_at(not_before: Timestamp, not_after: Timestamp) -> Timestamp {
    not_before.plus_secs(not_after.secs_since(not_before) / 3 * 2)
}

/// What the fuzz target runs; a test on stable runs it over the corpus. Panics where an invariant is broken.
pub fn fuzz(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Profiles::parse(text) {
        Ok(profiles) => {
            let leaf = |profile: &&Profile| !profile.is_ca();
            for profile in profiles.all().iter().filter(leaf) {
                assert!(!profile.purposes.is_empty() && !profile.keys.is_empty());
                assert!(!profile.key_usage.contains(&KeyUsageBit::KeyCertSign));
                assert!(!matches!(profile.life, Life::Days(0 | 3653..)));
                assert_eq!(profile.role == Role::Server, profile.purposes.contains(&Purpose::Server));
            }
        }
        Err(error) => {
            let lines = 1 + text.lines().count();
            assert!(error.0.iter().all(|problem| (1..=lines).contains(&problem.line)));
            assert!(error.to_string().chars().all(|c| c == '\n' || !c.is_control()));
        }
    }
}
