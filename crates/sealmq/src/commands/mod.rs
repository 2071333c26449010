//! One file per command: its options, what it does, what it prints.

pub(crate) mod audit_log;
pub(crate) mod backup;
pub(crate) mod ban;
pub(crate) mod broker;
pub(crate) mod ca;
pub(crate) mod cert;
pub(crate) mod context;
pub(crate) mod device;
mod log_format;
pub(crate) mod passwd;
pub(crate) mod publish;
mod source;
pub(crate) mod subscribe;
pub(crate) mod up;
pub(crate) mod user;
