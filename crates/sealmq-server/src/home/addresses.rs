//! What this machine is called and at which addresses it is reached: the names of the server certificate.
//!
//! Only what stays: interfaces that are up, no containers' bridges, no temporary or link-local addresses. Nothing is
//! asked from the network; a resolver that hangs must not delay the start.

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use sealmq_pki::host::HostName;

/// The names under which this machine knows itself: `localhost`, the host name, its full name where `/etc/hosts` has
/// one, and `HOST.local` (multicast DNS).
pub fn own_names() -> Vec<HostName> {
    let mut candidates = vec!["localhost".to_owned()];
    if let Some(host) = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok()) {
        candidates.extend(names_from(&host, &fs::read_to_string("/etc/hosts").unwrap_or_default()));
    }
    let mut names = Vec::new();
    for candidate in candidates {
        if let Ok(name @ HostName::Dns(_)) = HostName::parse(&candidate)
            && !names.contains(&name)
        {
            names.push(name);
        }
    }
    names
}

/// The addresses that stay, loopback first.
pub fn own_addresses() -> std::io::Result<BTreeSet<IpAddr>> {
    let temporary = temporary_ipv6(&fs::read_to_string("/proc/net/if_inet6").unwrap_or_default());
    let mut addresses = BTreeSet::from([IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)]);
    for interface in if_addrs::get_if_addrs()? {
        let up = interface.is_oper_up() && !is_virtual(&interface.name);
        let ip = interface.ip();
        if up && stays(&ip) && !temporary.contains(&ip) {
            addresses.insert(ip);
        }
    }
    Ok(addresses)
}

/// The address from which this machine would reach the rest of the world; no packet is sent.
pub fn default_route_address() -> Option<IpAddr> {
    // Documentation addresses (RFC 5737, RFC 3849): routable by the default route, owned by nobody.
    let probes: [(SocketAddr, SocketAddr); 2] = [
        (([0, 0, 0, 0], 0).into(), ([192, 0, 2, 1], 9).into()),
        ((Ipv6Addr::UNSPECIFIED, 0).into(), (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), 9).into()),
    ];
    probes.iter().find_map(|(local, remote)| {
        let socket = UdpSocket::bind(local).ok()?;
        socket.connect(remote).ok()?;
        socket.local_addr().ok().map(|address| address.ip()).filter(stays)
    })
}

fn names_from(host: &str, hosts_file: &str) -> Vec<String> {
    let short = host.split('.').next().unwrap_or(host);
    let mut names = vec![host.to_owned()];
    names.extend(full_name(host, hosts_file));
    names.push(format!("{short}.local"));
    names
}

/// As `hostname -f` finds it on most machines: the first name of the line of `/etc/hosts` that lists the host name.
fn full_name(host: &str, hosts_file: &str) -> Option<String> {
    hosts_file.lines().find_map(|line| {
        let mut words = line.split('#').next().unwrap_or_default().split_whitespace().skip(1);
        let first = words.next()?;
        let listed = first == host || words.any(|word| word == host);
        (listed && first.contains('.') && !first.starts_with("localhost")).then(|| first.to_owned())
    })
}

/// Interfaces of containers and virtual machines: their addresses are not where a device would look.
fn is_virtual(name: &str) -> bool {
    const PREFIXES: &[&str] =
        &["docker", "veth", "br-", "virbr", "vnet", "cni", "flannel", "cali", "lxc", "lxdbr", "podman"];
    PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

fn stays(ip: &IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => !v4.is_link_local() && !v4.is_unspecified(),
        IpAddr::V6(v6) => !v6.is_unicast_link_local() && !v6.is_unspecified() && !v6.is_multicast(),
    }
}

/// Addresses in `/proc/net/if_inet6` that are temporary (RFC 8981), deprecated, tentative or duplicates.
fn temporary_ipv6(table: &str) -> BTreeSet<IpAddr> {
    // include/uapi/linux/if_addr.h
    const TEMPORARY: u32 = 0x01;
    const DAD_FAILED: u32 = 0x08;
    const DEPRECATED: u32 = 0x20;
    const TENTATIVE: u32 = 0x40;
    let parse = |line: &str| {
        let mut words = line.split_whitespace();
        let address = u128::from_str_radix(words.next()?, 16).ok()?;
        let flags = u32::from_str_radix(words.nth(3)?, 16).ok()?;
        let passing = flags & (TEMPORARY | DAD_FAILED | DEPRECATED | TENTATIVE) != 0;
        passing.then(|| IpAddr::V6(Ipv6Addr::from(address)))
    };
    table.lines().filter_map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_full_name_comes_from_the_hosts_file() {
        let file = "127.0.0.1 localhost\n127.0.1.1 box.example.net box # me\n";
        assert_eq!(names_from("box", file), ["box", "box.example.net", "box.local"]);
        assert_eq!(names_from("box", "127.0.0.1 localhost box\n"), ["box", "box.local"]);
        assert_eq!(names_from("box.lan", ""), ["box.lan", "box.local"]);
    }

    #[test]
    fn temporary_addresses_are_left_out() {
        let table = "fd000000000000000000000000000002 04 40 00 80     eth0\n\
                     fd000000000000000000000000000003 04 40 00 01     eth0\n\
                     fd000000000000000000000000000004 04 40 00 20     eth0\n";
        let passing: Vec<String> = temporary_ipv6(table).iter().map(ToString::to_string).collect();
        assert_eq!(passing, ["fd00::3", "fd00::4"]);
    }

    #[test]
    fn this_machine_has_its_loopback_addresses_and_localhost() {
        assert!(own_addresses().unwrap().contains(&IpAddr::from([127, 0, 0, 1])));
        assert_eq!(own_names()[0].to_string(), "localhost");
    }

    #[test]
    fn containers_and_link_local_addresses_are_not_where_devices_look() {
        assert!(is_virtual("docker0") && is_virtual("veth12ab") && is_virtual("br-0f3a"));
        assert!(!is_virtual("eth0") && !is_virtual("wlan0") && !is_virtual("br0"));
        assert!(!stays(&"169.254.3.4".parse().unwrap()) && !stays(&"fe80::1".parse().unwrap()));
        assert!(stays(&"10.0.0.2".parse().unwrap()) && stays(&"fd00::2".parse().unwrap()));
    }
}
