//! The PROXY keys of a listener: which header comes first, and whose is believed.

use super::listener::{client_certificates, identity};
use crate::config::{
    ClientCertificates, ClientTls, IdentityRule, Network, Proxy, ProxySources, ProxyVersion,
};
use crate::diagnostic::Diagnostic;
use crate::document::{Findings, Section, Setting};
use crate::value::Value;

/// `None`: an error was found. `Some(None)`: clients come without a header.
pub(super) fn resolve(section: &Section, findings: &mut Findings) -> Option<Option<Proxy>> {
    let version = match section.number("enable_proxy_protocol") {
        Some(1) => ProxyVersion::V1,
        Some(_) => ProxyVersion::V2,
        None => return needs_proxy(section, findings).then_some(None),
    };
    let sound = match version {
        ProxyVersion::V1 => version_1(section, findings),
        ProxyVersion::V2 => version_2(section, findings),
    };
    if !sound {
        return None;
    }
    let (client_certificates, identity) = match version {
        // What these ask for is about TLS behind the header then, which the listener does itself.
        ProxyVersion::V1 => (ClientCertificates::None, IdentityRule::None),
        ProxyVersion::V2 => (client_certificates(section), identity(section)),
    };
    let admits = client_certificates != ClientCertificates::None || identity != IdentityRule::None;
    Some(Some(Proxy {
        version,
        client_tls: match section.flag("proxy_protocol_v2_require_tls") {
            Some(true) => ClientTls::Required,
            Some(false) | None => ClientTls::Optional,
        },
        from: sources(section, admits, findings)?,
        client_certificates,
        identity,
    }))
}

/// Keys that restrict who comes through a proxy, where none is spoken of.
fn needs_proxy(section: &Section, findings: &mut Findings) -> bool {
    let mut sound = true;
    let mut refuse = |key: &str, hint: &str| {
        let text = format!("{key} specified without enable_proxy_protocol: clients come here directly.");
        findings.add(Diagnostic::error(section.at(key), text).hint(hint));
        sound = false;
    };
    if section.has("proxy_protocol_from") {
        refuse("proxy_protocol_from", "add `enable_proxy_protocol 2` to the listener, or remove the line");
    }
    for key in ["proxy_protocol_v2_require_tls", "insecure_proxy_from_anyone"] {
        if section.flag(key) == Some(true) {
            refuse(key, "add `enable_proxy_protocol 2` to the listener, or remove the line");
        }
    }
    sound
}

/// A line of addresses says nothing about TLS.
fn version_1(section: &Section, findings: &mut Findings) -> bool {
    if section.flag("proxy_protocol_v2_require_tls") != Some(true) {
        return true;
    }
    let text = "proxy_protocol_v2_require_tls cannot be used with `enable_proxy_protocol 1`.";
    let hint = "a version 1 header does not say whether the client used TLS: write `enable_proxy_protocol 2`";
    findings.add(Diagnostic::error(section.at("proxy_protocol_v2_require_tls"), text).hint(hint));
    false
}

/// mosquitto's two refusals, in its words.
fn version_2(section: &Section, findings: &mut Findings) -> bool {
    if section.flag("use_subject_as_username") == Some(true) {
        let text = "use_subject_as_username cannot be used with `enable_proxy_protocol 2`.";
        let hint = "the header has the common name, not the subject: write `use_identity_as_username true`";
        findings.add(Diagnostic::error(section.at("use_subject_as_username"), text).hint(hint));
        return false;
    }
    if section.has("identity_source") {
        let text = "identity_source cannot be used with `enable_proxy_protocol 2`.";
        let hint = "the header has only the common name: write `use_identity_as_username true`";
        findings.add(Diagnostic::error(section.at("identity_source"), text).hint(hint));
        return false;
    }
    if let Some(key) = ["certfile", "keyfile"].into_iter().find(|key| section.has(key)) {
        let text = "certfile and keyfile cannot be used with `enable_proxy_protocol 2`.";
        let hint = "the proxy does TLS then; for TLS behind the header write `enable_proxy_protocol 1`";
        findings.add(Diagnostic::error(section.at(key), text).hint(hint));
        return false;
    }
    true
}

/// `admits`: whether a header can let somebody in. Then a stranger's is believed only if the file says so twice.
fn sources(section: &Section, admits: bool, findings: &mut Findings) -> Option<ProxySources> {
    let named = |setting: &Setting| {
        let Value::Networks(networks) = &setting.value else { return Vec::new() };
        networks.clone()
    };
    let networks: Vec<Network> = section.all("proxy_protocol_from").iter().flat_map(named).collect();
    let anyone = section.flag("insecure_proxy_from_anyone") == Some(true);
    Some(match (networks.is_empty(), anyone, admits) {
        (false, true, _) => {
            let text = "proxy_protocol_from and insecure_proxy_from_anyone contradict each other.";
            let hint = "remove `insecure_proxy_from_anyone true`";
            findings.add(Diagnostic::error(section.at("insecure_proxy_from_anyone"), text).hint(hint));
            return None;
        }
        (false, false, _) => ProxySources::Networks(networks),
        (true, false, true) => ProxySources::ThisMachine,
        (true, true, _) | (true, false, false) => ProxySources::Anyone,
    })
}
