//! `tls_version`: which TLS versions a listener speaks.
//!
//! One value is a minimum, as in mosquitto. A list (`tlsv1.2 tlsv1.3`), which mosquitto refuses and many guides write,
//! means exactly these. Versions below 1.2 do not exist here: asked for, they are refused with the reason.

use crate::lexer::words;

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

/// Why a `tls_version` is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsVersionError {
    /// Nothing there.
    #[error("Empty 'tls_version' value in configuration.")]
    Empty,
    /// Not a version.
    #[error("Unsupported tls_version \"{0}\".")]
    Unknown(String),
    /// 1.1 and older.
    #[error(
        "Unsupported tls_version \"{0}\": TLS below 1.2 is not in SealMQ, its handshakes can be forged (RFC 8996)."
    )]
    TooOld(String),
}

impl TlsVersions {
    /// Reads the value of `tls_version`.
    pub fn parse(value: &str) -> Result<TlsVersions, TlsVersionError> {
        let mut found = Vec::new();
        for word in words(value).flat_map(|word| word.split(',')).filter(|word| !word.is_empty()) {
            match word {
                "tlsv1.2" => found.push(false),
                "tlsv1.3" => found.push(true),
                "tlsv1" | "tlsv1.0" | "tlsv1.1" | "sslv2" | "sslv3" => {
                    return Err(TlsVersionError::TooOld(word.to_owned()));
                }
                other => return Err(TlsVersionError::Unknown(other.to_owned())),
            }
        }
        match (found.len(), found.contains(&false), found.contains(&true)) {
            (0, _, _) => Err(TlsVersionError::Empty),
            (1, true, _) => Ok(TlsVersions::From12),
            (_, true, true) => Ok(TlsVersions::From12),
            (_, true, false) => Ok(TlsVersions::Only12),
            (_, false, _) => Ok(TlsVersions::Only13),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_is_the_lowest_version() {
        assert_eq!(TlsVersions::parse("tlsv1.2"), Ok(TlsVersions::From12));
        assert_eq!(TlsVersions::parse("tlsv1.3 # devices are new"), Ok(TlsVersions::Only13));
    }

    #[test]
    fn a_list_is_exactly_these() {
        assert_eq!(TlsVersions::parse("tlsv1.2 tlsv1.3"), Ok(TlsVersions::From12));
        assert_eq!(TlsVersions::parse("tlsv1.3, tlsv1.2"), Ok(TlsVersions::From12));
        assert_eq!(TlsVersions::parse("tlsv1.2 tlsv1.2"), Ok(TlsVersions::Only12));
    }

    #[test]
    fn versions_below_1_2_are_refused_also_in_a_list() {
        assert_eq!(TlsVersions::parse("tlsv1.1"), Err(TlsVersionError::TooOld("tlsv1.1".into())));
        assert_eq!(TlsVersions::parse("tlsv1.1 tlsv1.2"), Err(TlsVersionError::TooOld("tlsv1.1".into())));
        assert_eq!(TlsVersions::parse("1.2"), Err(TlsVersionError::Unknown("1.2".into())));
        assert_eq!(TlsVersions::parse("# none"), Err(TlsVersionError::Empty));
    }
}
