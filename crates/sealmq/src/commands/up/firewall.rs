//! The firewall line: a device that cannot reach the port looks like a broken broker.
//!
//! Only what can be told from files that everyone may read; nothing is changed, and nothing is said where nothing is
//! found.

use std::path::Path;

/// The command that opens `port` in the firewall that is active here, if one is.
pub(super) fn command(port: u16) -> Option<String> {
    of_root(Path::new("/"), port)
}

fn of_root(root: &Path, port: u16) -> Option<String> {
    let ufw = std::fs::read_to_string(root.join("etc/ufw/ufw.conf")).unwrap_or_default();
    if ufw.lines().any(|line| line.trim().eq_ignore_ascii_case("ENABLED=yes")) {
        return Some(format!("ufw is active; to let devices in: sudo ufw allow {port}/tcp"));
    }
    if root.join("run/firewalld").exists() || root.join("var/run/firewalld.pid").exists() {
        return Some(format!(
            "firewalld is active; to let devices in: sudo firewall-cmd --permanent --add-port={port}/tcp && sudo firewall-cmd --reload"
        ));
    }
    let nft = std::fs::read_to_string(root.join("etc/nftables.conf")).unwrap_or_default();
    let drops = nft.lines().any(|line| line.contains("hook input") && line.contains("policy drop"));
    drops.then(|| format!("nftables drops what it does not know; to let devices in: tcp dport {port} accept (in /etc/nftables.conf)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root_with(file: &str, text: &str) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        root
    }

    #[test]
    fn an_active_firewall_gets_its_own_command() {
        let ufw = root_with("etc/ufw/ufw.conf", "# x\nENABLED=yes\n");
        assert!(of_root(ufw.path(), 8883).unwrap().ends_with("sudo ufw allow 8883/tcp"));
        let firewalld = root_with("var/run/firewalld.pid", "1");
        assert!(of_root(firewalld.path(), 8883).unwrap().contains("--add-port=8883/tcp"));
        let nft = root_with("etc/nftables.conf", "type filter hook input priority 0; policy drop;\n");
        assert!(of_root(nft.path(), 8883).unwrap().contains("tcp dport 8883 accept"));
    }

    #[test]
    fn no_firewall_no_line() {
        let off = root_with("etc/ufw/ufw.conf", "ENABLED=no\n");
        assert_eq!(of_root(off.path(), 8883), None);
    }
}
