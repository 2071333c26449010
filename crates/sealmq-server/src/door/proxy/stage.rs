//! The door's first stage on a listener behind a proxy: the header is read, judged, and becomes the client.
//!
//! Invariants: no byte of a peer whose header is not believed is parsed; what a proxy vouches for is a [`Vouched`], never
//! a `VerifiedIdentity`; whoever comes through a proxy comes from elsewhere, whatever address the header gives.

use std::sync::Arc;
use std::time::Instant;

use sealmq_config::{ClientCertificates, ClientTls, IdentityRule, Proxy};

use super::refusal::ProxyRefusal;
use super::{
    HEADER_BYTES_MAX, Header, HeaderError, Parsed, ProxiedCertificate, ProxiedClient, ProxiedTls, Source,
    parse,
};
use crate::door::refuse::Turned;
use crate::door::stream::PeerAddress;
use crate::door::visit::{READ_BYTES, Visit};
use crate::log::Event;

/// What a believed proxy says of its client's certificate, where the listener goes by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Vouched {
    /// Nothing: no TLS, no certificate, none that was found good, or no name in it.
    Nothing,
    /// The common name of a certificate that the proxy found good.
    Name(Arc<str>),
    /// A name that nobody may have here, and why.
    Unusable(&'static str),
}

impl Visit<'_> {
    /// Reads the header and makes its client ours. Bytes behind it are taken in as the client's first.
    pub(in crate::door) async fn read_proxy_header(&mut self, proxy: &Proxy) -> Result<(), Turned> {
        if !proxy.from.believes(self.address.ip()) {
            return Err(Turned::Proxy(ProxyRefusal::Stranger));
        }
        let mut early = zeroize::Zeroizing::new(Vec::with_capacity(READ_BYTES + HEADER_BYTES_MAX));
        let taken = loop {
            let mut buffer = zeroize::Zeroizing::new([0; READ_BYTES]);
            let n = self.receive(buffer.as_mut()).await?;
            early.extend_from_slice(&buffer[..n]);
            self.waiting.charge(early.capacity()).map_err(Turned::Full)?;
            match parse(proxy.version, &early) {
                Ok(Parsed::Incomplete) => {}
                Ok(Parsed::Header { header, bytes }) => {
                    self.take_header(proxy, header)?;
                    break bytes;
                }
                Err(error) => {
                    if let HeaderError::Fields { address, .. } = &error {
                        self.address = address_of(address);
                    }
                    return Err(Turned::Proxy(ProxyRefusal::Corrupt(error)));
                }
            }
        };
        match &early[taken..] {
            [] => Ok(()),
            behind => self.take_in(behind),
        }
    }

    fn take_header(&mut self, proxy: &Proxy, header: Header) -> Result<(), Turned> {
        let client = match header {
            // A health check wants to know that somebody listens, and gets no line in the log, as in mosquitto.
            Header::Local => return Err(Turned::Gone),
            Header::Unknown => return self.knock(),
            Header::Client(client) => client,
        };
        self.address = address_of(&client.source);
        self.knock()?;
        self.door.gatekeeper.readdress(&mut self.waiting, self.address.ip()).map_err(Turned::Full)?;
        judge(proxy, &client).map_err(Turned::Proxy)?;
        if let Some(ProxiedTls { version: Some(version), cipher: Some(cipher), .. }) = &client.tls {
            let (version, cipher) = (crate::log::Escaped(version), crate::log::Escaped(cipher));
            self.door.log.with(Event::TlsNegotiated, || {
                format!("Connection from {} negotiated {version} cipher {cipher}", self.address)
            });
        }
        self.vouched = vouched(proxy, client.tls.as_ref());
        Ok(())
    }

    /// What `accept.rs` asks about everybody who comes directly.
    fn knock(&self) -> Result<(), Turned> {
        self.door.fence.knock(self.address.ip(), Instant::now()).map_err(Turned::Full)
    }
}

fn address_of(source: &Source) -> PeerAddress {
    match source {
        Source::Ip(address) => PeerAddress::Ip(*address),
        Source::Unix(path) => PeerAddress::Proxied(Arc::clone(path)),
    }
}

/// What the listener demands of a client's TLS with its proxy.
fn judge(proxy: &Proxy, client: &ProxiedClient) -> Result<(), ProxyRefusal> {
    if proxy.client_tls == ClientTls::Required && client.tls.is_none() {
        return Err(ProxyRefusal::NoTls);
    }
    let certificate = client.tls.as_ref().map(|tls| tls.certificate).unwrap_or_default();
    match (proxy.client_certificates, certificate) {
        (ClientCertificates::None, _)
        | (ClientCertificates::Required, ProxiedCertificate::Verified)
        | (ClientCertificates::Optional, ProxiedCertificate::Verified | ProxiedCertificate::None) => Ok(()),
        (ClientCertificates::Required, ProxiedCertificate::None | ProxiedCertificate::Unverified)
        | (ClientCertificates::Optional, ProxiedCertificate::Unverified) => {
            Err(ProxyRefusal::NoCertificate(certificate))
        }
    }
}

/// The name that the listener takes, by the rules of names from certificates.
fn vouched(proxy: &Proxy, tls: Option<&ProxiedTls>) -> Vouched {
    let verified = tls.filter(|tls| tls.certificate == ProxiedCertificate::Verified);
    let name = match proxy.identity {
        // A header has the common name and nothing else; the configuration refuses the other rules beside version 2.
        IdentityRule::None | IdentityRule::Subject | IdentityRule::Sources(_) => None,
        IdentityRule::CommonName => verified.and_then(|tls| tls.common_name.as_deref()),
    };
    let Some(name) = name else { return Vouched::Nothing };
    match std::str::from_utf8(name) {
        Err(_) => Vouched::Unusable("it is not UTF-8"),
        Ok("") => Vouched::Unusable("it is empty"),
        Ok(name) if name.chars().any(|c| c.is_control() || matches!(c, '+' | '#')) => {
            Vouched::Unusable("it has a control character, + or #")
        }
        Ok(name) => Vouched::Name(Arc::from(name)),
    }
}

#[cfg(test)]
mod tests {
    use sealmq_config::{ProxySources, ProxyVersion};

    use super::*;

    fn proxy(client_certificates: ClientCertificates, identity: IdentityRule) -> Proxy {
        Proxy {
            version: ProxyVersion::V2,
            client_tls: ClientTls::Optional,
            from: ProxySources::ThisMachine,
            client_certificates,
            identity,
        }
    }

    fn client(certificate: ProxiedCertificate, name: &[u8]) -> ProxiedClient {
        let tls = ProxiedTls { certificate, common_name: Some(name.to_vec()), ..ProxiedTls::default() };
        ProxiedClient { source: Source::Unix("".into()), tls: Some(tls) }
    }

    #[test]
    fn only_a_certificate_that_the_proxy_found_good_counts_where_one_is_demanded() {
        use ProxiedCertificate::{None, Unverified, Verified};
        let of = |demanded, shown| judge(&proxy(demanded, IdentityRule::None), &client(shown, b"a"));
        assert_eq!(of(ClientCertificates::Required, Verified), Ok(()));
        assert_eq!(of(ClientCertificates::Required, None), Err(ProxyRefusal::NoCertificate(None)));
        assert_eq!(
            of(ClientCertificates::Required, Unverified),
            Err(ProxyRefusal::NoCertificate(Unverified))
        );
        assert_eq!(of(ClientCertificates::Optional, None), Ok(()));
        assert_eq!(
            of(ClientCertificates::Optional, Unverified),
            Err(ProxyRefusal::NoCertificate(Unverified))
        );
        assert_eq!(of(ClientCertificates::None, Unverified), Ok(()));
    }

    #[test]
    fn a_name_is_taken_from_a_good_certificate_only_and_only_where_names_come_from_there() {
        let named = proxy(ClientCertificates::None, IdentityRule::CommonName);
        let of = |proxy: &Proxy, shown| vouched(proxy, client(shown, b"device-1").tls.as_ref());
        assert_eq!(of(&named, ProxiedCertificate::Verified), Vouched::Name("device-1".into()));
        assert_eq!(of(&named, ProxiedCertificate::Unverified), Vouched::Nothing);
        assert_eq!(of(&named, ProxiedCertificate::None), Vouched::Nothing);
        let unnamed = proxy(ClientCertificates::Required, IdentityRule::None);
        assert_eq!(of(&unnamed, ProxiedCertificate::Verified), Vouched::Nothing);
    }

    #[test]
    fn a_name_that_would_widen_a_pattern_is_unusable() {
        let named = proxy(ClientCertificates::Required, IdentityRule::CommonName);
        for name in [&b"+"[..], b"a#", b"a\0b", b"", b"\xff"] {
            let found = vouched(&named, client(ProxiedCertificate::Verified, name).tls.as_ref());
            assert!(matches!(found, Vouched::Unusable(_)), "{name:?}");
        }
    }
}
