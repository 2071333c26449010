//! What is said on the control socket: one JSON object per line.
//!
//! Not a public interface: both ends are the same binary. Unknown requests and fields are refused.

mod taking_back;

use serde::{Deserialize, Serialize};

use super::audit::PageRow;
use super::certificate_list::{ListRequest, ListedCertificate};
use super::certificate_status::{CertificateId, CertificateStatus};
use super::certs::{Adopted, CertIssued, CertRequest};
pub use taking_back::{
    CrlRow, KeepSession, Problem, Swept, TakeBackRequest, TakenBackRow, TakenRow, WhatNow, WhoseCertificate,
};

/// The longest line either way, in bytes.
pub(super) const LINE_BYTES_MAX: usize = 256 * 1024;

/// What a command asks for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Request {
    /// What runs here.
    Status,
    /// Sign a device's certificate. It counts only after `DeviceEnter` on the same connection.
    DeviceDraft(DraftRequest),
    /// Enter the certificate that was drafted on this connection.
    DeviceEnter,
    /// Whether the issuing CA's certificate with this serial is in the inventory.
    IsEntered {
        /// Its serial number, hex.
        serial: String,
    },
    /// The certificates of devices.
    DeviceList,
    /// Sign a request. The certificate counts only after `CertEnter` on the same connection.
    CertDraft(CertRequest),
    /// Enter the certificate that was signed on this connection.
    CertEnter,
    /// Enter a certificate of this CA that the inventory does not know.
    CertAdopt {
        /// The certificate, DER in Base64.
        certificate: String,
        /// Why, for the audit log.
        why: String,
    },
    /// Revoke certificates, put them on hold, let go of them.
    TakeBack(TakeBackRequest),
    /// Let a name in with a password.
    UserAdd {
        /// The name.
        name: String,
        /// argon2id, PHC.
        hash: String,
    },
    /// Take a password away.
    UserRemove {
        /// The name.
        name: String,
    },
    /// The names that log in with a password.
    UserList,
    /// What the inventory says about certificates of our own CA.
    CertificateStatus(Vec<CertificateId>),
    /// Note that a backup with the keys in it is being made.
    BackupNote,
    /// Records of the audit log.
    AuditLog {
        /// The number of the first.
        first: u64,
    },
    /// Certificates of the inventory.
    CertificateList(ListRequest),
    /// Those that end within so many seconds and that nothing has replaced.
    CertificatesExpiring {
        /// From now on.
        within_secs: i64,
    },
    /// The addresses that are banned.
    BanList,
    /// End a ban.
    BanLift {
        /// An address of the network that is banned.
        address: std::net::IpAddr,
    },
}

/// The answer to one request.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Response {
    /// To `Status`.
    Status(Status),
    /// To `IsEntered`.
    IsEntered(bool),
    /// To `DeviceDraft`.
    Issued(Box<Issued>),
    /// To `DeviceList`.
    Devices(Vec<DeviceRow>),
    /// To `CertDraft`.
    CertIssued(Box<CertIssued>),
    /// To `CertAdopt`.
    Adopted(Adopted),
    /// To `TakeBack`.
    TakenBack(Box<TakenBackRow>),
    /// To `UserList`.
    Users(Vec<String>),
    /// To `CertificateList` and `CertificatesExpiring`.
    Certificates(Vec<ListedCertificate>),
    /// To `CertificateStatus`, in the same order.
    CertificateStatuses(Vec<CertificateStatus>),
    /// To `BanList`.
    Bans(Vec<BanRow>),
    /// To `AuditLog`.
    AuditLog(PageRow),
    /// It was done.
    Done,
    /// It was refused, and nothing was changed.
    Refused {
        /// What and why.
        what: String,
        /// What mends it.
        hint: String,
    },
}

/// What a device's certificate is to be.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DraftRequest {
    /// Its name, as typed.
    pub name: String,
    /// Whether somebody new gets it.
    pub holder: DeviceHolder,
    /// Its SubjectPublicKeyInfo, DER in Base64.
    pub public_key: String,
    /// `--days`.
    pub days: Option<u32>,
    /// The targets of its bundle.
    pub bundles: Vec<String>,
    /// `--host`, as typed.
    pub host: Option<String>,
}

/// Whom a device's certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceHolder {
    /// `device add`.
    New,
    /// `device rotate`.
    Known,
}

/// A certificate that was signed, and what goes into a bundle with it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Issued {
    /// The device's name.
    pub name: String,
    /// The certificate, PEM.
    pub certificate_pem: String,
    /// The issuing CA's certificate, PEM.
    pub issuing_pem: String,
    /// What the device trusts, PEM.
    pub anchors_pem: String,
    /// Last second of its validity, since the epoch.
    pub not_after_secs: i64,
    /// Where the device dials.
    pub host: String,
    /// Who chose that.
    pub host_from: HostFrom,
    /// The port of the TLS listener.
    pub port: u16,
    /// The server's other names and addresses.
    pub other_hosts: Vec<String>,
}

/// Who chose the host in a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostFrom {
    /// `--host`.
    Asked,
    /// The first `up --name`.
    GivenName,
    /// The address of the default route, which may change.
    DefaultRoute,
    /// This machine has no route out: only itself can dial it.
    Loopback,
}

/// A device's certificate in a list.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeviceRow {
    /// Its name.
    pub name: String,
    /// Its serial number, hex.
    pub serial: String,
    /// Last second of its validity, since the epoch.
    pub not_after_secs: i64,
    /// `valid`, `not yet`, `ended`, `held`, `revoked`.
    pub standing: String,
    /// The targets of its bundle.
    pub bundles: Vec<String>,
}

/// A ban in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BanRow {
    /// An IPv4 address or an IPv6 /64.
    pub network: String,
    /// How long it still lasts.
    pub left_secs: u64,
}

/// What runs on a data directory.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Status {
    /// The broker's process id.
    pub pid: u32,
    /// The port of its TLS listener.
    pub port: u16,
    /// Connections from accept to close.
    pub connections: usize,
    /// End of the server's certificate, since the epoch.
    pub server_not_after_secs: i64,
}

impl From<DeviceHolder> for crate::home::DeviceHolder {
    fn from(holder: DeviceHolder) -> Self {
        match holder {
            DeviceHolder::New => Self::New,
            DeviceHolder::Known => Self::Known,
        }
    }
}

impl From<crate::home::HostFrom> for HostFrom {
    fn from(from: crate::home::HostFrom) -> Self {
        match from {
            crate::home::HostFrom::Asked => Self::Asked,
            crate::home::HostFrom::GivenName => Self::GivenName,
            crate::home::HostFrom::DefaultRoute => Self::DefaultRoute,
            crate::home::HostFrom::Loopback => Self::Loopback,
        }
    }
}
