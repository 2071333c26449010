//! Keys that mosquitto does not have.

use super::{Issue, Kind, OptionRow, Reload, Scope, integer, row, word};
use Issue::CertificatesForLife;
use Kind::{Boolean, Path, Text};
use Scope::{Bridge, Global, GlobalOrListener, Listener, ListenerOrDefault};

// One row of the table is one row of the text.
#[rustfmt::skip]
pub(super) const ROWS: &[OptionRow] = &[
    row("data_dir", Global, Path, "", "/var/lib/sealmq",
        "This broker is that data directory's: own CA, inventory, control socket. Relative: on this file's folder. \
         Other relative paths are then on data_dir.").restricts().once().reload(Reload::No),
    row("pki_listener", Global, Kind::SocketAddress, "", "8080",
        "Give out CA certificates, the revocation list and OCSP answers of data_dir's CA in plain HTTP on [ADDRESS:]PORT; \
         without ADDRESS on all of this machine. Nothing else is served there.").once().reload(Reload::No),
    row("pki_url", Global, Kind::HttpUrl, "", "http://pki.example:8080",
        "How others reach pki_listener. It is written into certificates from then on (cRLDistributionPoints, \
         authorityInfoAccess); without it they name no address.").once().reload(Reload::No),
    row("session_owner", Global,
        Kind::Word(&[word("mosquitto"), word("bound")], "Invalid 'session_owner' value ({})."),
        "mosquitto; bound where data_dir is set", "bound",
        "The same client id under another identity: mosquitto lets it take over, bound refuses it.").restricts(),
    row("scram_file", GlobalOrListener, Path, "", "scram",
        "File of user:SCRAM-SHA-256$… lines (`sealmq passwd --scram`): MQTT 5 clients log in with the Authentication \
         Method SCRAM-SHA-256.").restricts().reload(Reload::Content),
    row("jwt_key", GlobalOrListener, Path, "", "issuer.pem",
        "Public keys (PEM, or a JWK Set) whose JSON Web Tokens count as passwords. RS256, ES256 and EdDSA.")
        .restricts().reload(Reload::Content),
    row("jwt_issuer", GlobalOrListener, Text, "", "https://idp.example",
        "The `iss` that each token must have.").restricts(),
    row("jwt_audience", GlobalOrListener, Text, "", "mqtt",
        "The `aud` that each token must have. Without this key a token must have none (RFC 7519).").restricts(),
    row("jwt_username_claim", GlobalOrListener, Text, "sub", "preferred_username",
        "The claim that names the user.").restricts(),
    row("jwt_acl_claim", GlobalOrListener, Text, "acl", "mqtt_acl",
        "The claim that narrows the access list: {\"pub\": [filters], \"sub\": [filters]}.").restricts(),
    row("reload_on_change", Global, Boolean, "true", "false",
        "Read certificates, keys, CAs, revocation lists, password and access files again when they change. This file \
         itself is read again at SIGHUP only."),
    row("log_format", Global, Kind::Word(&[word("human"), word("json")], "Invalid 'log_format' value ({})."),
        "human", "json", "Sentences, or one JSON object for each line."),
    row("legacy_client_certs", ListenerOrDefault,
        Kind::Word(&[word("accept"), word("warn"), word("deny")], "Invalid 'legacy_client_certs' value ({})."),
        "warn", "deny", "X.509 version 1 client certificates that a configured CA signed directly.").restricts(),
    row("tls_record_size_max", ListenerOrDefault,
        integer(512, 16_384, "'tls_record_size_max' must be between 512 and 16384 inclusive."), "4096", "1024",
        "Largest TLS record in bytes that this listener sends; small devices need small ones.").restricts(),
    row("identity_source", ListenerOrDefault, Kind::Identity, "", "san_uri,cn",
        "Where the user name comes from: an ordered list of san_uri, san_dns, san_email, cn, subject, fingerprint. The \
         first that the certificate has decides; several values of it, or `+`, `#`, `/` in it, refuse the client. A URI \
         has its `/` and `%` percent-encoded (%2F, %25).").restricts(),
    row("client_id_matches_identity", ListenerOrDefault, Boolean, "false", "true",
        "A client id must be the user name that a certificate or a password proved.").restricts(),
    row("identity_issuers", ListenerOrDefault, Text, "", "plant1- ca1.crt",
        "Binds a prefix of names to an issuer.").restricts().adds().not_yet(CertificatesForLife),
    row("trust_intermediates", ListenerOrDefault, Boolean, "false", "true",
        "Intermediates in cafile are anchors.").restricts().not_yet(CertificatesForLife).harmless(&["false", "0"]),
    row("crl_policy", ListenerOrDefault, Kind::CrlPolicy, "grace 7d", "strict",
        "What holds after a CRL's nextUpdate: grace N (s, h, d, w; 90d at most) uses it so long with alarms; strict refuses \
         its issuer's clients at once, as mosquitto.").restricts(),
    row("crl_check", ListenerOrDefault, Kind::Word(&[word("leaf"), word("chain")], "Invalid 'crl_check' value ({})."),
        "leaf", "chain", "Look up the client's certificate in the CRLs, or every certificate below the root.").restricts(),
    row("sni_certificate", ListenerOrDefault, Kind::CertificateAndKey, "", "other.crt other.key",
        "CERTFILE KEYFILE, with blanks in neither: one more server certificate, for clients that ask for a name in its SAN \
         (SNI). Everybody else gets certfile.").restricts().adds().reload(Reload::Content),
    row("alpn", ListenerOrDefault, Kind::Word(&[word("lenient"), word("strict")], "Invalid 'alpn' value ({})."),
        "lenient; strict where data_dir is set", "strict",
        "A client that offers only application protocols other than mqtt and x-amzn-mqtt-ca: lenient lets it in, as \
         mosquitto; strict refuses it (RFC 7301).").restricts(),
    row("resumption", ListenerOrDefault, Boolean, "true", "false",
        "A client that comes again within a day may shorten its TLS handshake. Its certificate is judged all the same.")
        .restricts(),
    row("client_ocsp", ListenerOrDefault,
        Kind::Word(&[word("off"), word("soft"), word("hard")], "Invalid 'client_ocsp' value ({})."), "off", "hard",
        "Ask the issuer about client certificates.").restricts().not_yet(CertificatesForLife).harmless(&["off"]),
    row("revocation_kick", Global, Boolean, "true", "false",
        "End the session of a client whose certificate is revoked, within a second. false: as mosquitto, it stays until it \
         disconnects.").restricts(),
    row("expiry_kick", Global, Boolean, "true", "false",
        "End the session of a client whose certificate, or a CA above it, expires. false: as mosquitto, it stays.")
        .restricts(),
    row("revocation_will", Global,
        Kind::Word(&[word("publish"), word("drop")], "Invalid 'revocation_will' value ({})."), "publish", "drop",
        "The will of a client whose right to be here was taken back: published as far as the ACL allows, or dropped.")
        .restricts(),
    row("connection_rate", Global, Kind::Counts(&["RATE", "BURST"]), "200 2000, loopback exempt", "50 500",
        "Connections that one IPv4 address or IPv6 /64 may open: RATE a second in the long run, BURST at once; more are \
         closed before the first byte. Written out, it counts for loopback too. 0: off.").restricts(),
    row("ban_after", Global, Kind::Counts(&["FAILURES", "SECONDS", "DURATION"]), "0 (off)", "10 60 600",
        "So many failed authentications of one IPv4 address or IPv6 /64 within SECONDS: it is closed unheard for DURATION \
         seconds, unless a session is established from it.").restricts(),
    row("proxy_protocol_from", Listener, Kind::Networks, "anyone; this machine only where the header admits clients",
        "10.0.0.0/8", "Addresses and networks whose PROXY headers are believed; others are refused.").restricts().adds()
        .reload(Reload::No),
    row("insecure_proxy_from_anyone", Listener, Boolean, "false", "true",
        "Believe everybody's PROXY header, also where it says who the client is.").restricts().reload(Reload::No),
    row("legacy_server_certs", Bridge,
        Kind::Word(&[word("warn"), word("deny")], "Invalid 'legacy_server_certs' value ({})."), "warn", "deny",
        "X.509 version 1 certificates of the remote broker.").restricts(),
];
