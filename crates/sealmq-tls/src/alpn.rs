//! Application protocols (ALPN): what a listener speaks, and what becomes of a client that offers only others.
//!
//! RFC 7301 §3.2 wants `no_application_protocol` for it. mosquitto does not know the extension and lets it in, and devices
//! rely on that, so under a mosquitto.conf it comes in with no protocol agreed upon.

use rustls::server::Acceptor;

/// What is spoken, and how strictly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alpn {
    /// Protocols, most preferred first.
    pub protocols: Vec<Vec<u8>>,
    /// What becomes of a client that offers others only.
    pub unknown: UnknownAlpn,
}

/// A client that offers only application protocols which are not spoken here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownAlpn {
    /// It comes in, as if it had offered none.
    Ignored,
    /// It is refused with `no_application_protocol`.
    Refused,
}

impl Alpn {
    /// Whatever a client offers is ignored.
    pub const NONE: Alpn = Alpn { protocols: Vec::new(), unknown: UnknownAlpn::Ignored };

    /// Whether the first bytes must be looked at before rustls has them.
    pub(crate) fn looks_first(&self) -> bool {
        self.unknown == UnknownAlpn::Ignored && !self.protocols.is_empty()
    }
}

/// What the first bytes of a connection offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Offer {
    /// The ClientHello is not whole yet.
    Incomplete,
    /// None, one of these, or bytes that are no ClientHello: rustls' matter.
    Ordinary,
    /// Only protocols that are not spoken here.
    OnlyUnknown,
}

/// Looks at the ClientHello of one connection, by rustls' own reader, before the connection itself gets it.
pub(crate) struct Look {
    acceptor: Acceptor,
    /// How much of the first bytes it has.
    fed: usize,
    spoken: Vec<Vec<u8>>,
}

impl Look {
    pub(crate) fn new(spoken: Vec<Vec<u8>>) -> Look {
        Look { acceptor: Acceptor::default(), fed: 0, spoken }
    }

    /// `incoming` is everything since the first byte.
    pub(crate) fn at(&mut self, incoming: &[u8]) -> Offer {
        loop {
            let mut rest = incoming.get(self.fed..).unwrap_or_default();
            match self.acceptor.read_tls(&mut rest) {
                Ok(0) => return Offer::Incomplete,
                Ok(read) => self.fed += read,
                Err(_) => return Offer::Ordinary,
            }
            match self.acceptor.accept() {
                Ok(None) => {}
                Err(_) => return Offer::Ordinary,
                Ok(Some(accepted)) => {
                    let hello = accepted.client_hello();
                    let Some(mut offered) = hello.alpn() else { return Offer::Ordinary };
                    let known = offered.any(|protocol| self.spoken.iter().any(|spoken| spoken == protocol));
                    return if known { Offer::Ordinary } else { Offer::OnlyUnknown };
                }
            }
        }
    }
}
