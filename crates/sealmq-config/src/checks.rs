//! What is legal but worth saying once the whole configuration is known.

use crate::config::{
    Bind, ClientCertificates, ClientTls, Config, IdentityRule, Listener, Mode, ProtocolVersions, ProxySources,
};
use crate::diagnostic::{Diagnostic, Place};
use crate::document::{Document, Findings};
use crate::resolve::PASSED_OVER;

/// Adds warnings and notices; never an error.
pub(crate) fn cross_check(config: &Config, document: &Document, findings: &mut Findings) {
    identity_without_certificates(config, findings);
    plaintext_beside_tls(config, findings);
    nobody_gets_in(config, findings);
    no_version_taken(config, findings);
    proxies_believed(config, findings);
    web_pages(config, findings);
    names_believed(config, findings);
    keys_for_all_listeners(config, document, findings);
    default_listener_keys(config, document, findings);
    if config.mode == Mode::LocalOnly {
        let text = "Starting in local only mode. Connections will only be possible from clients running on this machine.";
        let hint = "a `listener PORT` line allows remote access";
        findings.add(Diagnostic::notice(None, text).hint(hint));
    }
}

fn identity_without_certificates(config: &Config, findings: &mut Findings) {
    for listener in &config.listeners {
        let Some(tls) = &listener.tls else { continue };
        if tls.identity != IdentityRule::None && tls.client_certificates == ClientCertificates::None {
            let text = format!(
                "{} takes user names from client certificates, but asks for none: every client is refused.",
                name(listener)
            );
            findings
                .add(Diagnostic::warning(listener.at.clone(), text).hint("add `require_certificate true`"));
        }
    }
}

fn plaintext_beside_tls(config: &Config, findings: &mut Findings) {
    if !config.listeners.iter().any(|listener| listener.tls.is_some()) {
        return;
    }
    let plaintext =
        |listener: &&Listener| listener.tls.is_none() && listener.proxy.is_none() && is_remote(listener);
    for listener in config.listeners.iter().filter(plaintext) {
        let text = format!(
            "{} is plaintext beside a TLS listener: whatever its clients send, passwords too, can be read and changed on the way.",
            name(listener)
        );
        let hint =
            "remove it, bind it to this machine (`listener PORT 127.0.0.1`), or give it certfile and keyfile";
        findings.add(Diagnostic::warning(listener.at.clone(), text).hint(hint));
    }
}

/// mosquitto's rule since 2.0, and its most frequent surprise.
fn nobody_gets_in(config: &Config, findings: &mut Findings) {
    for listener in &config.listeners {
        let named_by_certificate = takes_names_from_certificates(listener);
        let access = &listener.access;
        let own_users = config.global.data_dir.is_some();
        if access.allow_anonymous || access.checks_names() || named_by_certificate || own_users {
            continue;
        }
        let text = format!(
            "{} refuses every client: anonymous ones are not allowed, and there is no password_file to check others against.",
            name(listener)
        );
        let hint = "add `password_file PATH`, or `listener_allow_anonymous true` below the listener to let everybody in";
        findings.add(Diagnostic::warning(listener.at.clone(), text).hint(hint));
    }
}

fn no_version_taken(config: &Config, findings: &mut Findings) {
    for listener in &config.listeners {
        let ProtocolVersions { v31: false, v311: false, v5: false } = listener.accept_protocol_versions
        else {
            continue;
        };
        let text =
            format!("{} refuses every client: accept_protocol_versions names no version.", name(listener));
        let hint = "write any of 3 (MQTT 3.1), 4 (MQTT 3.1.1) and 5 (MQTT 5.0), as in `accept_protocol_versions 4,5`";
        findings.add(Diagnostic::warning(listener.at.clone(), text).hint(hint));
    }
}

/// mosquitto's rule: without a password_file whoever gives a name has it, and its lines of the access list.
fn names_believed(config: &Config, findings: &mut Findings) {
    for listener in &config.listeners {
        let access = &listener.access;
        let checked = access.checks_names() || takes_names_from_certificates(listener);
        if checked || !access.allow_anonymous || access.acl_file.is_none() {
            continue;
        }
        let text = format!(
            "{} believes the user name that a client gives, and the acl_file goes by it: whoever says a name gets its topics.",
            name(listener)
        );
        let hint =
            "add `password_file PATH`, or let certificates name clients (`use_identity_as_username true`)";
        findings.add(Diagnostic::warning(listener.at.clone(), text).hint(hint));
    }
}

/// Whose word is believed about where clients come from, and who they are.
fn proxies_believed(config: &Config, findings: &mut Findings) {
    for listener in config.listeners.iter().filter(|listener| is_remote(listener)) {
        let Some(proxy) = &listener.proxy else { continue };
        let hint = "add `proxy_protocol_from ADDRESS…` with the addresses of your proxies";
        let admits = proxy.client_certificates != ClientCertificates::None
            || proxy.identity != IdentityRule::None
            || proxy.client_tls == ClientTls::Required;
        let text = match (&proxy.from, admits) {
            (ProxySources::Networks(_), _) => continue,
            (ProxySources::ThisMachine, _) => format!(
                "{} takes clients' certificates from PROXY headers, and no proxy_protocol_from says whose: only headers from this machine are believed.",
                name(listener)
            ),
            (ProxySources::Anyone, false) => format!(
                "{} believes the PROXY header of whoever connects: any client can say any address, in logs and limits too.",
                name(listener)
            ),
            (ProxySources::Anyone, true) => format!(
                "{} believes the PROXY header of whoever connects: any client can say that it came over TLS and showed any certificate.",
                name(listener)
            ),
        };
        findings.add(Diagnostic::warning(listener.at.clone(), text).hint(hint));
    }
    certificates_not_looked_up(config, findings);
}

/// A browser shows a certificate to whatever page asks it to connect, and the page then speaks in its owner's name.
fn web_pages(config: &Config, findings: &mut Findings) {
    for listener in &config.listeners {
        if !listener.protocol.has_websockets() {
            if listener.http_dir.is_some() || !listener.websockets_origins.is_empty() {
                let text = format!(
                    "{} serves no browsers: http_dir and websockets_origin have no effect.",
                    name(listener)
                );
                let hint = "add `protocol websockets`, or remove the lines";
                findings.add(Diagnostic::warning(listener.at.clone(), text).hint(hint));
            }
            continue;
        }
        let by_certificate = takes_names_from_certificates(listener)
            || listener.tls.as_ref().is_some_and(|tls| tls.client_certificates != ClientCertificates::None);
        if by_certificate && listener.websockets_origins.is_empty() {
            let text = format!(
                "{} takes client certificates from browsers, and any web page can make a browser connect with one.",
                name(listener)
            );
            let hint = "add `websockets_origin https://HOST` with the origin of your own page";
            findings.add(Diagnostic::warning(listener.at.clone(), text).hint(hint));
        }
    }
}

/// Our CA's word is the inventory, and a header has no serial number to look up there.
fn certificates_not_looked_up(config: &Config, findings: &mut Findings) {
    let admits = |listener: &&Listener| {
        listener.proxy.as_ref().is_some_and(|proxy| proxy.client_certificates != ClientCertificates::None)
    };
    for listener in config.listeners.iter().filter(admits).filter(|_| config.global.data_dir.is_some()) {
        let text = format!(
            "{} takes the proxy's word for certificates: one that was revoked here counts for as long as the proxy takes it.",
            name(listener)
        );
        let hint = "let the proxy pass TLS through (`enable_proxy_protocol 1` with certfile and keyfile)";
        findings.add(Diagnostic::warning(listener.at.clone(), text).hint(hint));
    }
}

fn takes_names_from_certificates(listener: &Listener) -> bool {
    let by_proxy = listener.proxy.as_ref().map(|proxy| proxy.identity);
    let own = listener.tls.as_ref().map(|tls| tls.identity);
    own.or(by_proxy).is_some_and(|identity| identity != IdentityRule::None)
}

fn keys_for_all_listeners(config: &Config, document: &Document, findings: &mut Findings) {
    if config.listeners.len() < 2 || config.mode == Mode::LocalOnly {
        return;
    }
    for (key, at) in &document.for_all_listeners {
        let text = format!(
            "'{key}' stands under one listener and counts for all of them (per_listener_settings is false)."
        );
        let hint = match *key {
            "allow_anonymous" => "for one listener write `listener_allow_anonymous`",
            "auto_id_prefix" => "for one listener write `listener_auto_id_prefix`",
            _ => "for one listener put `per_listener_settings true` on the first line of the file",
        };
        findings.add(Diagnostic::warning(at.clone(), text).hint(hint));
    }
}

/// Listener keys that are about nothing the file asked for.
fn default_listener_keys(config: &Config, document: &Document, findings: &mut Findings) {
    let Some(listener) = document.default_listener.map(|index| &document.listeners[index]) else { return };
    if listener.is_asked_for() {
        return;
    }
    let text = match config.mode {
        Mode::LocalOnly => {
            "Listener keys without a listener: they count for 127.0.0.1 and ::1, where this file lets the broker listen."
        }
        Mode::Configured => {
            "Listener keys before the first listener: they make a default listener on port 1883, on all addresses, as in mosquitto."
        }
    };
    let hint = "write `listener PORT` above them";
    findings.add(Diagnostic::warning(Place::clone(&listener.at), text).hint(hint));
    if config.mode == Mode::LocalOnly {
        for key in PASSED_OVER {
            let Some(at) = listener.section.at(key) else { continue };
            let text =
                format!("'{key}' without a listener has no effect: 127.0.0.1 and ::1 both speak MQTT.");
            findings.add(Diagnostic::warning(at, text).hint("write `listener PORT` above it"));
        }
    }
}

fn is_remote(listener: &Listener) -> bool {
    match &listener.bind {
        Bind::Unix { .. } => false,
        Bind::Tcp { address: None, .. } => true,
        Bind::Tcp { address: Some(address), .. } => {
            let loopback = address.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
            !loopback && address != "localhost"
        }
    }
}

/// As people call it: `listener 1883`, `listener 0 /run/mqtt.sock`.
fn name(listener: &Listener) -> String {
    match &listener.bind {
        Bind::Unix { path } => format!("listener 0 {}", path.display()),
        Bind::Tcp { port, address: Some(address), .. } => format!("listener {port} {address}"),
        Bind::Tcp { port, address: None, .. } => format!("listener {port}"),
    }
}
