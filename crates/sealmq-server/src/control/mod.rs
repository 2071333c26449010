//! How commands change a data directory: through the broker that runs on it, or on the directory itself.
//!
//! The control socket is `run/control.sock` (0600 in a 0700 folder), one JSON object per line each way, bounded; the
//! peer's user id must be the owner's or root's. While no broker runs, [`Office`] takes the directory's lock and does
//! the same work in this process. Either way the work itself is [`crate::home`]'s.
//!
//! Invariants: one writer at a time (whoever holds the lock); a device's private key never crosses the socket; what a
//! stranger on the machine sends is not read.

mod audit;
mod backup;
mod certificate_list;
mod certificate_status;
mod certs;
mod client;
mod desk;
mod office;
mod protocol;
mod serve;
mod socket;
mod taking_back;

pub use audit::{AuditLog, Page as AuditPage};
pub use backup::back_up;
pub use certificate_list::{ListRequest, ListedCertificate};
pub use certificate_status::{CertificateId, CertificateStatus};
pub use certs::{Adopted, CertIssued, CertRequest};
pub use desk::Broker;
pub use office::Office;
pub use protocol::{
    BanRow, CrlRow, DeviceHolder, DeviceRow, DraftRequest, HostFrom, Issued, KeepSession, Problem, Status,
    Swept, TakeBackRequest, TakenBackRow, TakenRow, WhatNow, WhoseCertificate,
};
pub use serve::{ControlSpec, ControlThread, start};
