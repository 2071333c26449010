//! A listener's section, typed: with the global access keys where they count for it.

use super::global::if_positive;
use crate::config::{
    Access, Bind, CertificateAndKey, ClientCertificates, ClientDates, CrlCheck, CrlPolicy, CrlSettings,
    FileSetting, IdentityRule, Jwt, LegacyClientCerts, Listener, ListenerTls, MaxQos, Mode, Protocol,
    ProtocolVersions, Proxy, ProxyVersion, Resumption, SocketFamily, UnknownAlpn,
};
use crate::diagnostic::Diagnostic;
use crate::document::{Base, Document, Findings, ListenerSection, Origin, Section, Setting};
use crate::tls_version::TlsVersions;
use crate::value::Value;

const TOPIC_ALIAS_DEFAULT: u16 = 10;
const TLS_RECORD_BYTES_DEFAULT: u16 = 4_096;
const CRL_GRACE_SECS_DEFAULT: u32 = 7 * 86_400;
const AUTO_ID_PREFIX: &str = "auto-";

/// What is the same for all listeners.
pub(super) struct Shared<'a> {
    pub(super) document: &'a Document,
    pub(super) base: &'a Base,
    pub(super) mode: Mode,
}

/// The listener, if it could be built.
pub(super) fn resolve(
    listener: &ListenerSection,
    shared: &Shared<'_>,
    findings: &mut Findings,
) -> Option<Listener> {
    let section = &listener.section;
    let proxy = super::proxy::resolve(section, findings)?;
    let tls = tls(listener, shared, proxy.as_ref(), findings)?;
    tokens_without_key(section, shared, findings);
    Some(Listener {
        at: listener.at.clone(),
        bind: bind(listener, shared.base),
        bind_address: match listener.origin {
            Origin::Default => section.text_setting("bind_address"),
            Origin::Named { .. } => None,
        },
        protocol: match section.word("protocol") {
            Some("websockets") => Protocol::WebSockets,
            Some("auto") => Protocol::Auto,
            Some("http_api") => Protocol::HttpApi,
            Some(_) | None => Protocol::Mqtt,
        },
        websockets_origins: section.all("websockets_origin").iter().filter_map(origin).collect(),
        http_dir: section.file("http_dir", shared.base),
        tls,
        proxy,
        access: access(section, shared),
        max_connections: if_positive(section, "max_connections"),
        max_qos: match section.number("max_qos") {
            Some(0) => MaxQos::AtMostOnce,
            Some(1) => MaxQos::AtLeastOnce,
            Some(_) | None => MaxQos::ExactlyOnce,
        },
        max_topic_alias: section.bounded("max_topic_alias").unwrap_or(TOPIC_ALIAS_DEFAULT),
        max_topic_alias_broker: section.bounded("max_topic_alias_broker").unwrap_or(TOPIC_ALIAS_DEFAULT),
        mount_point: section.text("mount_point"),
        accept_protocol_versions: match section.last("accept_protocol_versions").map(|setting| &setting.value)
        {
            Some(Value::Versions(versions)) => *versions,
            _ => ProtocolVersions::ALL,
        },
    })
}

fn origin(setting: &Setting) -> Option<String> {
    let Value::Text(text) = &setting.value else { return None };
    Some(text.clone())
}

fn bind(listener: &ListenerSection, base: &Base) -> Bind {
    let section = &listener.section;
    let family = match section.word("socket_domain") {
        Some("ipv4") => SocketFamily::Ipv4,
        Some("ipv6") => SocketFamily::Ipv6,
        Some(_) | None => SocketFamily::Any,
    };
    let interface = section.text("bind_interface");
    match &listener.origin {
        Origin::Named { port: 0, place } => {
            Bind::Unix { path: base.join(place.as_deref().unwrap_or_default()) }
        }
        Origin::Named { port, place } => Bind::Tcp { port: *port, address: place.clone(), family, interface },
        Origin::Default => {
            let port = section.bounded("port").unwrap_or(1883);
            Bind::Tcp { port, address: section.text("bind_address"), family, interface }
        }
    }
}

/// Without `per_listener_settings` the global keys count for every listener; a listener has a file of its own then only
/// by `plugin_use`. With it, only what stands under the listener counts.
fn access(section: &Section, shared: &Shared<'_>) -> Access {
    let global = &shared.document.global;
    let keys = if shared.document.per_listener_settings { section } else { global };
    let file = |key: &str| section.file(key, shared.base).or_else(|| keys.file(key, shared.base));
    // Without per_listener_settings allow_anonymous is global and listener_allow_anonymous overrides it. With it both
    // are about this listener: if they disagree, the stricter one counts.
    let shared_anonymous = keys.flag("allow_anonymous");
    let allow_anonymous = match (section.flag("listener_allow_anonymous"), shared_anonymous) {
        (Some(own), Some(other)) if shared.document.per_listener_settings => own && other,
        (Some(own), _) => own,
        (None, Some(other)) => other,
        (None, None) => shared.mode == Mode::LocalOnly,
    };
    Access {
        allow_anonymous,
        password_file: file("password_file"),
        scram_file: file("scram_file"),
        jwt: keys.file("jwt_key", shared.base).map(|key| Jwt { key, rules: token_rules(keys) }),
        acl_file: file("acl_file"),
        allow_zero_length_clientid: keys.flag("allow_zero_length_clientid").unwrap_or(true),
        auto_id_prefix: section
            .text("listener_auto_id_prefix")
            .or_else(|| keys.text("auto_id_prefix"))
            .unwrap_or_else(|| AUTO_ID_PREFIX.to_owned()),
        use_username_as_clientid: section.flag("use_username_as_clientid").unwrap_or(false),
        client_id_matches_identity: section.flag("client_id_matches_identity").unwrap_or(false),
    }
}

fn token_rules(keys: &Section) -> sealmq_auth::jwt::Rules {
    let usual = sealmq_auth::jwt::Rules::default();
    sealmq_auth::jwt::Rules {
        issuer: keys.text("jwt_issuer"),
        audience: keys.text("jwt_audience"),
        username_claim: keys.text("jwt_username_claim").unwrap_or(usual.username_claim),
        acl_claim: keys.text("jwt_acl_claim").unwrap_or(usual.acl_claim),
    }
}

/// What is demanded of tokens demands tokens: alone, such a key would promise a check that nobody makes.
fn tokens_without_key(section: &Section, shared: &Shared<'_>, findings: &mut Findings) {
    let keys = if shared.document.per_listener_settings { section } else { &shared.document.global };
    let demands = ["jwt_issuer", "jwt_audience", "jwt_username_claim", "jwt_acl_claim"];
    for key in demands.iter().filter(|key| keys.has(key) && !keys.has("jwt_key")) {
        let text = format!("{key} specified without jwt_key: there is no key that could check a token.");
        findings.add(Diagnostic::error(keys.at(key), text).hint("add `jwt_key PATH` beside it"));
    }
}

/// `None`: an error was found. `Some(None)`: plaintext.
fn tls(
    listener: &ListenerSection,
    shared: &Shared<'_>,
    proxy: Option<&Proxy>,
    findings: &mut Findings,
) -> Option<Option<ListenerTls>> {
    let section = &listener.section;
    let file = |key: &str| section.file(key, shared.base);
    match (file("certfile"), file("keyfile")) {
        (Some(certfile), Some(keyfile)) => {
            let tls = tls_with(section, shared, certfile, keyfile);
            without_effect(&tls, section, findings);
            let sound = one_rule(section, findings) & anchors(&tls, section, shared.document, findings);
            sound.then_some(Some(tls))
        }
        (Some(lonely), None) | (None, Some(lonely)) => {
            let text = "Both certfile and keyfile must be provided to enable a TLS listener.";
            findings.add(Diagnostic::error(lonely.at, text).hint("add the other one below it"));
            None
        }
        (None, None) => plaintext(section, proxy, findings).then_some(None),
    }
}

fn tls_with(
    section: &Section,
    shared: &Shared<'_>,
    certfile: FileSetting,
    keyfile: FileSetting,
) -> ListenerTls {
    let base = shared.base;
    ListenerTls {
        certfile,
        keyfile,
        cafile: section.file("cafile", base),
        capath: section.file("capath", base),
        client_certificates: client_certificates(section),
        identity: identity(section),
        versions: match section.last("tls_version").map(|setting| &setting.value) {
            Some(Value::Tls(versions)) => *versions,
            _ => TlsVersions::From12,
        },
        ciphers: section.text_setting("ciphers"),
        ciphers_tls13: section.text_setting("ciphers_tls1.3"),
        legacy_client_certs: match section.word("legacy_client_certs") {
            Some("accept") => LegacyClientCerts::Accept,
            Some("deny") => LegacyClientCerts::Deny,
            Some(_) | None => LegacyClientCerts::Warn,
        },
        tls_record_size_max: section.bounded("tls_record_size_max").unwrap_or(TLS_RECORD_BYTES_DEFAULT),
        crl: crl(section, base),
        client_dates: match section.flag("disable_client_cert_date_checks") {
            Some(true) => ClientDates::Unchecked,
            Some(false) | None => ClientDates::Checked,
        },
        sni_certificates: sni_certificates(section, base),
        unknown_alpn: match (section.word("alpn"), shared.document.global.has("data_dir")) {
            (Some("strict"), _) | (None, true) => UnknownAlpn::Refused,
            (Some(_), _) | (None, false) => UnknownAlpn::Ignored,
        },
        resumption: match section.flag("resumption") {
            Some(false) => Resumption::Off,
            Some(true) | None => Resumption::On,
        },
    }
}

fn sni_certificates(section: &Section, base: &Base) -> Vec<CertificateAndKey> {
    let read = |setting: &Setting| {
        let Value::CertificateAndKey { certificate, key } = &setting.value else { return None };
        let file = |written: &str| FileSetting {
            path: base.join(written),
            written: written.to_owned(),
            at: setting.at.clone(),
        };
        Some(CertificateAndKey { certificate: file(certificate), key: file(key) })
    };
    section.all("sni_certificate").iter().filter_map(read).collect()
}

fn crl(section: &Section, base: &Base) -> CrlSettings {
    CrlSettings {
        file: section.file("crlfile", base),
        policy: match section.last("crl_policy").map(|setting| &setting.value) {
            Some(Value::CrlPolicy(policy)) => *policy,
            _ => CrlPolicy::GraceSecs(CRL_GRACE_SECS_DEFAULT),
        },
        check: match section.word("crl_check") {
            Some("chain") => CrlCheck::Chain,
            Some(_) | None => CrlCheck::Leaf,
        },
    }
}

/// Keys about client certificates say nothing where none is asked for, or where there are no lists.
fn without_effect(tls: &ListenerTls, section: &Section, findings: &mut Findings) {
    let mut warn = |key: &str, why: &str| {
        if section.has(key) {
            let text = format!("'{key}' has no effect: {why}.");
            findings.add(
                Diagnostic::warning(section.at(key), text).hint("is the line under the right listener?"),
            );
        }
    };
    if tls.client_certificates == ClientCertificates::None {
        for key in ["crlfile", "disable_client_cert_date_checks"] {
            warn(key, "this listener does not ask for client certificates (require_certificate)");
        }
    }
    if tls.crl.file.is_none() {
        for key in ["crl_policy", "crl_check"] {
            warn(key, "this listener has no crlfile");
        }
    }
}

pub(super) fn client_certificates(section: &Section) -> ClientCertificates {
    match section.word("require_certificate") {
        Some("true" | "1") => ClientCertificates::Required,
        Some("optional") => ClientCertificates::Optional,
        Some(_) | None => ClientCertificates::None,
    }
}

/// As mosquitto: where both of its keys are true, the common name counts. Beside ours they are an error, see
/// [`one_rule`].
pub(super) fn identity(section: &Section) -> IdentityRule {
    if let Some(Value::Identity(sources)) = section.last("identity_source").map(|setting| &setting.value) {
        return IdentityRule::Sources(*sources);
    }
    let is = |key: &str| section.flag(key) == Some(true);
    match (is("use_identity_as_username"), is("use_subject_as_username")) {
        (true, _) => IdentityRule::CommonName,
        (false, true) => IdentityRule::Subject,
        (false, false) => IdentityRule::None,
    }
}

/// Two keys that say where the user name comes from leave it open which access lines count.
fn one_rule(section: &Section, findings: &mut Findings) -> bool {
    let other = ["use_identity_as_username", "use_subject_as_username"]
        .into_iter()
        .find(|key| section.flag(key) == Some(true));
    let (true, Some(other)) = (section.has("identity_source"), other) else { return true };
    let text = format!("identity_source and {other} cannot be used together on one listener.");
    let hint = "keep identity_source; `identity_source cn` is use_identity_as_username, `identity_source subject` the other";
    findings.add(Diagnostic::error(section.at("identity_source"), text).hint(hint));
    false
}

/// Client certificates are judged against something: a CA file, a CA folder, or this data directory's own CA.
fn anchors(tls: &ListenerTls, section: &Section, document: &Document, findings: &mut Findings) -> bool {
    let has_anchors = tls.cafile.is_some() || tls.capath.is_some() || document.global.has("data_dir");
    if tls.client_certificates == ClientCertificates::None || has_anchors {
        return true;
    }
    let text = "require_certificate needs a CA that signed the client certificates: no cafile, no capath.";
    findings
        .add(Diagnostic::error(section.at("require_certificate"), text).hint("add `cafile PATH` below it"));
    false
}

/// Keys that promise something only TLS can keep stop the start on a listener without it, unless a proxy in front does
/// TLS and says what it saw.
fn plaintext(section: &Section, proxy: Option<&Proxy>, findings: &mut Findings) -> bool {
    let proxy_does_tls = proxy.is_some_and(|proxy| proxy.version == ProxyVersion::V2);
    let mut sound = true;
    let mut refuse = |key: &str, text: String| {
        let hint = "add `certfile` and `keyfile` to this listener, or remove the line";
        findings.add(Diagnostic::error(section.at(key), text).hint(hint));
        sound = false;
    };
    for key in ["cafile", "capath", "crlfile", "sni_certificate"] {
        if section.has(key) {
            refuse(key, format!("{key} specified without certfile and keyfile."));
        }
    }
    if client_certificates(section) != ClientCertificates::None && !proxy_does_tls {
        let text = "require_certificate specified without certfile and keyfile: the listener would be plaintext and let everybody in.";
        refuse("require_certificate", text.to_owned());
    }
    for key in ["use_identity_as_username", "use_subject_as_username"] {
        if section.flag(key) == Some(true) && !proxy_does_tls {
            refuse(
                key,
                format!(
                    "{key} specified without certfile and keyfile: there is no certificate that names a client."
                ),
            );
        }
    }
    if section.has("identity_source") {
        let text = "identity_source specified without certfile and keyfile: there is no certificate that names a client.";
        refuse("identity_source", text.to_owned());
    }
    let of_tls = [
        "tls_version",
        "ciphers",
        "ciphers_tls1.3",
        "legacy_client_certs",
        "tls_record_size_max",
        "crl_policy",
        "crl_check",
        "disable_client_cert_date_checks",
        "alpn",
        "resumption",
    ];
    for key in of_tls {
        if section.has(key) {
            let text =
                format!("'{key}' has no effect: this listener is plaintext (no certfile and keyfile).");
            findings.add(
                Diagnostic::warning(section.at(key), text).hint("is the line under the right listener?"),
            );
        }
    }
    sound
}
