//! The PROXY protocol (haproxy's `proxy-protocol.txt`, versions 1 and 2): bytes in, what a proxy says of its client out.
//!
//! It only reads. Whether this proxy may say so at all is decided before, by `ProxySources`; what follows from it (the
//! client's address, its TLS, its name) is decided in `stage.rs`. Nothing here allocates for a length that only a
//! header claims: a header is parsed once its bytes are there, and [`HEADER_BYTES_MAX`] bounds them.

pub(crate) mod refusal;
pub(crate) mod stage;
mod v1;
mod v2;

use std::net::SocketAddr;
use std::sync::Arc;

use sealmq_config::ProxyVersion;

/// The largest header: 16 bytes and mosquitto's bound of 500 on what follows them.
pub const HEADER_BYTES_MAX: usize = v2::PREFIX_BYTES + v2::REST_BYTES_MAX;

/// What a header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Header {
    /// The proxy talks for itself: a health check.
    Local,
    /// The proxy does not know its client (version 1, `UNKNOWN`).
    Unknown,
    /// It talks for a client.
    Client(ProxiedClient),
}

/// A client in its proxy's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxiedClient {
    /// Where it came from.
    pub source: Source,
    /// Its TLS with the proxy, if any (version 2).
    pub tls: Option<ProxiedTls>,
}

/// Where a client came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// TCP.
    Ip(SocketAddr),
    /// A unix socket of the proxy's machine: its path, whatever could be read of it.
    Unix(Arc<str>),
}

/// `PP2_TYPE_SSL`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProxiedTls {
    /// Whether there was a client certificate, and whether the proxy found it good.
    pub certificate: ProxiedCertificate,
    /// `PP2_SUBTYPE_SSL_VERSION`: `TLSv1.3`.
    pub version: Option<String>,
    /// `PP2_SUBTYPE_SSL_CIPHER`.
    pub cipher: Option<String>,
    /// `PP2_SUBTYPE_SSL_CN`, as it came.
    pub common_name: Option<Vec<u8>>,
}

/// The certificate bits of `PP2_TYPE_SSL`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ProxiedCertificate {
    /// The client showed none in this TLS session.
    #[default]
    None,
    /// It showed one and the proxy's verification failed.
    Unverified,
    /// It showed one and the proxy's verification succeeded.
    Verified,
}

/// How far a header is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parsed {
    /// More bytes are needed.
    Incomplete,
    /// It is whole and took `bytes`.
    Header {
        /// What it says.
        header: Header,
        /// How long it is; what stands behind it is the client's.
        bytes: usize,
    },
}

/// Why bytes are no header.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// Version 1: not its grammar.
    #[error("it is no PROXY header of version 1: {0}")]
    Text(&'static str),
    /// Version 2: the fixed part, or a length that cannot be.
    #[error("it is no PROXY header of version 2: {0}")]
    Binary(&'static str),
    /// Version 2: no bytes follow where an address must.
    #[error("it is a PROXY header of version 2 without an address")]
    Empty,
    /// Version 2: the address is there, what follows it is broken.
    #[error("its PROXY header is broken behind the address: {what}")]
    Fields {
        /// The address that it gave.
        address: Source,
        /// What is broken.
        what: &'static str,
    },
}

/// Reads a header of `version` from the start of `bytes`.
///
/// # Errors
/// The bytes are, or begin, no such header; more bytes would not mend it.
pub fn parse(version: ProxyVersion, bytes: &[u8]) -> Result<Parsed, HeaderError> {
    match version {
        ProxyVersion::V1 => v1::parse(bytes),
        ProxyVersion::V2 => v2::parse(bytes),
    }
}

#[cfg(test)]
mod tests;
