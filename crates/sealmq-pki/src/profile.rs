//! What each kind of certificate looks like: one table.
//!
//! Chosen against what mbedTLS 2.28, BearSSL and wolfSSL accept: nothing critical beyond BasicConstraints and
//! KeyUsage, no name constraints, no CRL or OCSP addresses in device certificates.

use crate::inventory::Role;
use crate::time::{DAY_SECS, Timestamp};

/// How one kind of certificate is issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// What it is for.
    pub role: Role,
    /// CA or not.
    pub constraints: Constraints,
    /// Its ExtendedKeyUsage; CAs have none.
    pub purpose: Option<Purpose>,
    /// How many days it lives unless somebody says otherwise.
    pub days: u32,
    /// How far before the moment of issue its validity begins, for clocks that are behind.
    pub backdated_secs: i64,
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

/// The root: 20 years.
pub const ROOT: Profile = Profile {
    role: Role::Root,
    constraints: Constraints::Ca { path_len: 1 },
    purpose: None,
    days: 7305,
    backdated_secs: DAY_SECS,
};

/// The issuing CA: 10 years.
pub const ISSUING: Profile = Profile {
    role: Role::Issuing,
    constraints: Constraints::Ca { path_len: 0 },
    purpose: None,
    days: 3652,
    backdated_secs: DAY_SECS,
};

/// This server: 90 days, renewed by the broker itself.
pub const SERVER: Profile = Profile {
    role: Role::Server,
    constraints: Constraints::EndEntity,
    purpose: Some(Purpose::Server),
    days: 90,
    backdated_secs: 300,
};

/// A device that can renew itself: 1 year; one that cannot gets the life of the issuing CA.
pub const DEVICE: Profile = Profile {
    role: Role::Device,
    constraints: Constraints::EndEntity,
    purpose: Some(Purpose::Client),
    days: 365,
    backdated_secs: DAY_SECS,
};

/// An operator: 30 days.
pub const OPERATOR: Profile = Profile {
    role: Role::Operator,
    constraints: Constraints::EndEntity,
    purpose: Some(Purpose::Client),
    days: 30,
    backdated_secs: DAY_SECS,
};

/// A delegated OCSP responder: 30 days, and nobody asks whether it is revoked, so no longer.
pub const OCSP_SIGNER: Profile = Profile {
    role: Role::OcspSigner,
    constraints: Constraints::EndEntity,
    purpose: Some(Purpose::OcspSigning),
    days: 30,
    backdated_secs: 300,
};

/// The moment at which a certificate that renews itself should: after two thirds of its life.
pub fn renew_at(not_before: Timestamp, not_after: Timestamp) -> Timestamp {
    not_before.plus_secs(not_after.secs_since(not_before) / 3 * 2)
}
