//! A listener behind a proxy: who may send PROXY headers, and what one may vouch for.

use super::{ClientCertificates, IdentityRule};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// `enable_proxy_protocol` and what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// Which header comes first on each connection.
    pub version: ProxyVersion,
    /// `proxy_protocol_v2_require_tls`.
    pub client_tls: ClientTls,
    /// Whose headers are believed.
    pub from: ProxySources,
    /// `require_certificate` of a listener whose TLS the proxy does (version 2 only).
    pub client_certificates: ClientCertificates,
    /// `use_identity_as_username` there: the common name in the header is the user name.
    pub identity: IdentityRule,
}

/// `enable_proxy_protocol`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProxyVersion {
    /// `1`: a line of text; addresses only.
    V1,
    /// `2`: binary; addresses, and what the proxy knows of the client's TLS.
    V2,
}

/// `proxy_protocol_v2_require_tls`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClientTls {
    /// A client that came to the proxy without TLS is let in.
    Optional,
    /// It is not.
    Required,
}

/// Whose PROXY headers are believed. A unix socket's peers always are: its folder says who may connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProxySources {
    /// Everybody's, as in mosquitto: `insecure_proxy_from_anyone true`, or a listener where a header admits nobody.
    Anyone,
    /// Loopback only: the header admits clients, and no `proxy_protocol_from` says from where.
    ThisMachine,
    /// `proxy_protocol_from`.
    Networks(Vec<Network>),
}

impl ProxySources {
    /// Whether a PROXY header from `peer` is believed; `None` is a unix socket.
    pub fn believes(&self, peer: Option<IpAddr>) -> bool {
        let Some(peer) = peer else { return true };
        match self {
            ProxySources::Anyone => true,
            ProxySources::ThisMachine => peer.to_canonical().is_loopback(),
            ProxySources::Networks(networks) => networks.iter().any(|network| network.contains(peer)),
        }
    }
}

/// A network in CIDR notation (RFC 4632, RFC 4291 §2.3): `10.0.0.0/8`, `fd00::/8`, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    address: IpAddr,
    prefix_bits: u8,
}

/// Why a text is no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// Not an IP address before the slash.
    #[error("'{0}' is no IP address or network")]
    Address(String),
    /// Not a number of bits after it.
    #[error("'{0}' has no prefix length from 0 to {1}")]
    Prefix(String, u8),
    /// Bits are set behind the prefix: more or less was meant than was written.
    #[error("'{0}' has bits set behind its prefix; the network is {1}")]
    HostBits(String, Network),
}

impl Network {
    /// Reads `ADDRESS[/BITS]`.
    ///
    /// # Errors
    /// What is wrong with it. `10.1.2.3/8` is refused: it is a slip of either half.
    pub fn parse(text: &str) -> Result<Network, NetworkError> {
        let (address_text, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address_text.parse().map_err(|_| NetworkError::Address(text.to_owned()))?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let is_number =
            |digits: &&str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let prefix_bits = match prefix {
            None => bits,
            Some(prefix) => Some(prefix)
                .filter(is_number)
                .and_then(|prefix| prefix.parse().ok())
                .filter(|prefix| *prefix <= bits)
                .ok_or_else(|| NetworkError::Prefix(text.to_owned(), bits))?,
        };
        let network = Network { address: masked(address, prefix_bits), prefix_bits };
        if network.address != address {
            return Err(NetworkError::HostBits(text.to_owned(), network));
        }
        Ok(network)
    }

    /// Whether it holds `peer`. An IPv4 address that came in IPv6 clothes (`::ffff:10.0.0.1`) counts as IPv4.
    pub fn contains(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        peer.is_ipv4() == self.address.is_ipv4() && masked(peer, self.prefix_bits) == self.address
    }
}

fn masked(address: IpAddr, bits: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & mask))
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & mask))
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix_bits)
    }
}
