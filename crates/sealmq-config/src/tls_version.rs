//! `tls_version`: which TLS versions a listener speaks.
//!
//! One value is a minimum, as in mosquitto. A list (`tlsv1.2 tlsv1.3`), which mosquitto refuses and many guides write,
//! means exactly these. Versions below 1.2 do not exist here: asked for, they are refused with the reason.

/// The TLS versions of a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TlsVersions {
    /// 1.2 only (only a list can say so: `tlsv1.2 tlsv1.2`).
    Only12,
    /// 1.3 only.
    Only13,
    /// Both (the default).
    From12,
}
