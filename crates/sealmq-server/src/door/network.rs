//! What counts as one stranger: an IPv4 address, an IPv6 /64.
//!
//! Whoever has an IPv6 address has the 2^64 of its subnet (RFC 7421 §1): counted one by one, they would be as many
//! strangers as he likes.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// See the module. Unix sockets are one stranger together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Network {
    /// A unix socket: no address.
    Local,
    /// One IPv4 address, also where it came mapped into IPv6.
    V4(std::net::Ipv4Addr),
    /// The upper 64 bits of an IPv6 address.
    V6(u64),
}

impl Network {
    /// The network that an address counts for; `None` is a unix socket.
    #[must_use]
    pub fn of(address: Option<IpAddr>) -> Network {
        match address.map(|address| address.to_canonical()) {
            None => Network::Local,
            Some(IpAddr::V4(v4)) => Network::V4(v4),
            // The upper half of 128 bits.
            Some(IpAddr::V6(v6)) => Network::V6((v6.to_bits() >> 64) as u64),
        }
    }

    /// Whether only this machine can be it.
    #[must_use]
    pub fn is_this_machine(self) -> bool {
        match self {
            Network::Local => true,
            Network::V4(v4) => v4.is_loopback(),
            // ::1 shares its /64 with nothing that is routed (RFC 4291 §2.5.3).
            Network::V6(upper) => upper == 0,
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Network::Local => f.write_str("unix"),
            Network::V4(v4) => v4.fmt(f),
            Network::V6(upper) => write!(f, "{}/64", Ipv6Addr::from_bits(u128::from(*upper) << 64)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Network {
        Network::of(Some(text.parse().unwrap()))
    }

    #[test]
    fn an_ipv6_subnet_is_one_and_each_ipv4_address_is_one() {
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_eq!(of("2001:db8:1:2::1").to_string(), "2001:db8:1:2::/64");
    }

    #[test]
    fn this_machine_is_loopback_and_unix_sockets() {
        assert!(of("127.0.0.1").is_this_machine() && of("::1").is_this_machine());
        assert!(Network::of(None).is_this_machine());
        assert!(!of("192.0.2.1").is_this_machine() && !of("2001:db8::1").is_this_machine());
    }
}
