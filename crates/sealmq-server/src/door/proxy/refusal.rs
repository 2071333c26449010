//! Why a PROXY header lets nobody in, and the log lines of that: mosquitto's, byte for byte (contract section 4), with what
//! they leave out in the hint.

use super::{HeaderError, ProxiedCertificate};
use crate::door::listener::ListenerState;
use crate::door::stream::PeerAddress;
use crate::log::{Event, Line};

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ProxyRefusal {
    /// Headers from there are not believed.
    Stranger,
    /// It is none, or a broken one.
    Corrupt(HeaderError),
    /// `proxy_protocol_v2_require_tls`, and the client came without.
    NoTls,
    /// `require_certificate`, and the proxy has none that it found good.
    NoCertificate(ProxiedCertificate),
}

impl ProxyRefusal {
    /// Stable code, for muting repeats.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            ProxyRefusal::Stranger => "SMQ-D015",
            ProxyRefusal::Corrupt(_) => "SMQ-D016",
            ProxyRefusal::NoTls => "SMQ-D017",
            ProxyRefusal::NoCertificate(_) => "SMQ-D018",
        }
    }

    /// The line. `address` is the client's where the header gave one, else its peer's.
    pub(crate) fn line(&self, address: &PeerAddress, listener: &ListenerState) -> Line {
        let rejected = |why: &str| format!("Connection from {address} rejected, {why}.");
        let text = match self {
            ProxyRefusal::Stranger => format!(
                "Connection from {address} on {} rejected, PROXY headers from there are not believed.",
                listener.name
            ),
            ProxyRefusal::Corrupt(HeaderError::Text(_)) => {
                "Connection rejected, corrupt PROXY header.".to_owned()
            }
            // What mosquitto prints of a client that it knows nothing of.
            ProxyRefusal::Corrupt(HeaderError::Binary(_)) => {
                "Client (null) [(null):0] disconnected: bad socket read/write: Invalid input".to_owned()
            }
            ProxyRefusal::Corrupt(HeaderError::Empty) => {
                "Client (null) [(null):0] disconnected: protocol error.".to_owned()
            }
            ProxyRefusal::Corrupt(HeaderError::Fields { .. }) => rejected("corrupt PROXY header"),
            ProxyRefusal::NoTls => rejected("client did not connect using TLS"),
            ProxyRefusal::NoCertificate(_) => rejected("client did not provide a certificate"),
        };
        Line::new(Event::ConnectionRefused, text)
            .hint(self.hint(address, listener))
            .field("address", address.to_string())
            .field("listener", listener.name.clone())
    }

    fn hint(&self, address: &PeerAddress, listener: &ListenerState) -> String {
        match self {
            ProxyRefusal::Stranger => {
                "if it is a proxy of yours, add its address to proxy_protocol_from".to_owned()
            }
            ProxyRefusal::Corrupt(error) => format!(
                "what came from {address} on {}: {error}; is it a client that found the port of the proxies, or a proxy \
                 with another version than enable_proxy_protocol says?",
                listener.name
            ),
            ProxyRefusal::NoTls => "let it come to the TLS port of the proxy".to_owned(),
            ProxyRefusal::NoCertificate(ProxiedCertificate::Unverified) => {
                "it showed one that the proxy did not find good: the proxy's log says why".to_owned()
            }
            ProxyRefusal::NoCertificate(ProxiedCertificate::None | ProxiedCertificate::Verified) => {
                "the proxy must ask for it and tell (haproxy: `verify optional` on bind, `send-proxy-v2-ssl-cn`)"
                    .to_owned()
            }
        }
    }
}
