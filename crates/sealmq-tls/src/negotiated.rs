//! What a handshake came to, as far as a listener may not allow it any more: version, suite, application protocols.
//!
//! A few bytes, kept with each session: a reload judges live sessions by them as the next handshake would be. Not the
//! certificates, which are `judge`'s.
//!
//! Invariant: what is not known of a session is not allowed.

use rustls::{CipherSuite, SupportedCipherSuite};

use crate::alpn::UnknownAlpn;
use crate::ciphers;
use crate::failure::Refusal;
use crate::policy::{TlsPolicy, TlsVersion, version_of};
use crate::symptoms::Code;

/// What was agreed upon with one client. From [`TlsSession::negotiated`](crate::TlsSession::negotiated).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Negotiated {
    /// The suite, which tells the version too. `None` before the end of the handshake.
    pub(crate) suite: Option<CipherSuite>,
    pub(crate) offered: Offered,
}

/// The application protocols that a client offered, beside those that are spoken (ALPN).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Offered {
    /// None, or one that is spoken among them.
    Ordinary,
    /// Others only: it came in as if it had offered none.
    OnlyUnknown,
}

impl Negotiated {
    /// Whether a handshake could come to the same under these rules.
    ///
    /// # Errors
    /// [`Refusal`], with the code that the next handshake would fail with.
    pub(crate) fn check(self, policy: &TlsPolicy, unknown: UnknownAlpn) -> Result<(), Refusal> {
        let is = |of: &&SupportedCipherSuite| Some(of.suite()) == self.suite;
        // The suites of a policy are those of its versions only.
        if !policy.provider.cipher_suites.iter().any(|suite| is(&suite)) {
            let known = ciphers::TLS13.iter().chain(ciphers::TLS12).map(|row| &row.suite).find(is);
            return Err(not_allowed(policy, known));
        }
        match (self.offered, unknown) {
            (Offered::OnlyUnknown, UnknownAlpn::Refused) => {
                Err(Refusal::new(Code::NameOrProtocolRefused, "it offered only others (ALPN)"))
            }
            (Offered::OnlyUnknown, UnknownAlpn::Ignored) | (Offered::Ordinary, _) => Ok(()),
        }
    }
}

fn not_allowed(policy: &TlsPolicy, suite: Option<&SupportedCipherSuite>) -> Refusal {
    let Some(suite) = suite else {
        return Refusal::new(Code::NothingInCommon, "its suite is not known");
    };
    let version: TlsVersion = version_of(*suite);
    if policy.versions.allow(version) {
        let name = ciphers::openssl_name(*suite);
        return Refusal::new(Code::NothingInCommon, format!("{name} is not allowed any more"));
    }
    Refusal::new(Code::Version, format!("{} is not allowed any more", version.as_str()))
}
