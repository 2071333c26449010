//! The table of TLS failures: one row per symptom, for the log, `check` and `explain`.
//!
//! A row says in plain words what happened, once for each direction, because most confusion is about who refused
//! whom. `{peer}` is "the client" or "the server", `{theirs}` the peer's certificate, `{ours}` ours.
//!
//! Invariant: the codes are stable. A new row gets a new number; a row is never renumbered.

use std::fmt;

/// What went wrong, as a row of [`SYMPTOMS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Code {
    /// The issuer is not trusted, or a CA certificate between is missing.
    UnknownIssuer = 1,
    /// A certificate that nobody but itself vouches for.
    SelfSigned = 3,
    /// The certificate is for another name.
    NameMismatch = 4,
    /// Leaf, intermediate or anchor is past its end.
    Expired = 5,
    /// Validity has not begun; often the clock.
    NotYetValid = 6,
    /// Not a certificate that can be read or used.
    BadCertificate = 7,
    /// Refused without a reason (alert 46).
    CertificateUnknown = 8,
    /// ExtendedKeyUsage says another purpose.
    WrongPurpose = 9,
    /// A client certificate was required and none came.
    NoCertificate = 10,
    /// No suite, group or signature algorithm in common.
    NothingInCommon = 11,
    /// No TLS version in common.
    Version = 12,
    /// Plain MQTT on a TLS port.
    PlainMqtt = 13,
    /// HTTP on a TLS port.
    PlainHttp = 14,
    /// A signature does not verify.
    BadSignature = 15,
    /// Revoked.
    Revoked = 16,
    /// Whether it is revoked cannot be found out.
    RevocationUnknown = 17,
    /// Key or signature algorithm too weak.
    TooWeak = 18,
    /// The peer closed in the middle of the handshake.
    ClosedInHandshake = 23,
    /// Host name or application protocol refused.
    NameOrProtocolRefused = 24,
    /// A version 1 certificate where they are not accepted.
    Version1 = 26,
    /// A certificate or key that one of our listeners serves, used by a client.
    ServedAsClient = 27,
    /// A CA certificate used as a leaf, or a leaf used as CA.
    CaMisuse = 28,
    /// A trust anchor that does not count any more.
    AnchorEnded = 29,
    /// The name that makes the identity is absent or empty.
    IdentityAbsent = 30,
    /// Several names, and no rule which one counts.
    IdentitySeveral = 31,
    /// A character that a user name must not have.
    IdentityForbidden = 32,
    /// Our CA's certificate is not in the inventory.
    NotInInventory = 33,
    /// The inventory cannot answer.
    InventorySilent = 34,
    /// The peer broke the protocol.
    Protocol = 35,
    /// A check of ours failed; what cannot be checked is refused.
    Internal = 36,
    /// A certificate of ours whose recorded role is not that of a client.
    WrongRole = 37,
    /// Bytes that are neither TLS nor something we know.
    NotTls = 38,
    /// The server closed before its first byte of TLS.
    ClosedAtOnce = 39,
    /// Revocation is checked, and no list of the issuer is here.
    NoCrl = 40,
    /// The issuer's list is past its end and its grace.
    CrlEnded = 41,
    /// The issuer's list begins later.
    CrlNotYet = 42,
    /// An OCSP response is required, and none is stapled.
    NoOcspResponse = 43,
    /// The stapled OCSP response cannot be read or believed, or is about another certificate.
    OcspUnverifiable = 44,
    /// The stapled OCSP response is past its end, or begins later.
    OcspOutOfDate = 45,
    /// The OCSP responder does not know the certificate.
    OcspUnknown = 46,
    /// A certificate of ours that is on hold.
    OnHold = 47,
}

/// A row: one failure in plain words.
#[derive(Debug)]
pub struct Symptom {
    /// Which.
    pub code: Code,
    /// Stable name in words, for filters and documentation addresses.
    pub name: &'static str,
    /// What people paste: messages of OpenSSL, mbedTLS, browsers and libraries.
    pub pasted: &'static [&'static str],
    /// Where we refused.
    pub we_refused: &'static str,
    /// Where the peer refused.
    pub they_refused: &'static str,
    /// What mends it where we refused.
    pub hint_we: &'static str,
    /// What mends it where the peer refused.
    pub hint_they: &'static str,
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Code {
    /// `SMQ-T001` and so on.
    pub fn as_str(self) -> &'static str {
        // A `match` would repeat the table; the numbers are the discriminants.
        const NAMES: [&str; 48] = [
            "SMQ-T000", "SMQ-T001", "SMQ-T002", "SMQ-T003", "SMQ-T004", "SMQ-T005", "SMQ-T006", "SMQ-T007",
            "SMQ-T008", "SMQ-T009", "SMQ-T010", "SMQ-T011", "SMQ-T012", "SMQ-T013", "SMQ-T014", "SMQ-T015",
            "SMQ-T016", "SMQ-T017", "SMQ-T018", "SMQ-T019", "SMQ-T020", "SMQ-T021", "SMQ-T022", "SMQ-T023",
            "SMQ-T024", "SMQ-T025", "SMQ-T026", "SMQ-T027", "SMQ-T028", "SMQ-T029", "SMQ-T030", "SMQ-T031",
            "SMQ-T032", "SMQ-T033", "SMQ-T034", "SMQ-T035", "SMQ-T036", "SMQ-T037", "SMQ-T038", "SMQ-T039",
            "SMQ-T040", "SMQ-T041", "SMQ-T042", "SMQ-T043", "SMQ-T044", "SMQ-T045", "SMQ-T046", "SMQ-T047",
        ];
        NAMES[self as usize]
    }

    /// Its row.
    pub fn symptom(self) -> &'static Symptom {
        SYMPTOMS.iter().find(|row| row.code == self).expect("a test holds the table to one row for each code")
    }
}

macro_rules! rows {
    ($($code:ident $name:literal [$($pasted:literal),*] we $we:literal hint $hint_we:literal they $they:literal hint $hint_they:literal;)*) => {
        /// Every symptom. A test holds it to one row for each [`Code`].
        pub static SYMPTOMS: &[Symptom] = &[$(Symptom {
            code: Code::$code, name: $name, pasted: &[$($pasted),*],
            we_refused: $we, hint_we: $hint_we, they_refused: $they, hint_they: $hint_they,
        }),*];
        #[cfg(test)]
        const ALL_CODES: &[Code] = &[$(Code::$code),*];
    };
}

rows! {
    UnknownIssuer "unknown-issuer"
        ["tlsv1 alert unknown ca", "sslv3 alert unknown ca", "UnknownIssuer", "unable to get local issuer certificate",
         "certificate verify failed", "UNABLE_TO_VERIFY_LEAF_SIGNATURE"]
        we "we refused {peer}: {theirs} was not issued by a CA that we trust"
        hint "put the root CA that issued it (and the CAs between) into 'cafile', or give {peer} a certificate of the CA that is there"
        they "{peer} refused us: it does not trust the CA that issued {ours}"
        hint "install our root CA on {peer} ('cafile' there), and let 'certfile' here hold the chain, leaf first";
    SelfSigned "self-signed"
        ["self-signed certificate", "DEPTH_ZERO_SELF_SIGNED_CERT", "self signed certificate in certificate chain"]
        we "we refused {peer}: {theirs} is self-signed and not one of our trust anchors"
        hint "give {peer} a certificate from the CA in 'cafile'"
        they "{peer} refused us: {ours} is self-signed and not in its trust store"
        hint "install our root CA on {peer} ('cafile' there)";
    NameMismatch "name-mismatch"
        ["Hostname/IP doesn't match certificate's altnames", "IP address mismatch", "NotValidForName",
         "BADCERT_CN_MISMATCH", "hostname mismatch"]
        we "we refused {peer}: {theirs} is not for the name that we dialled"
        hint "connect by a name that is in the certificate, or reissue it with this name as SAN (DNS and IP); --insecure skips only this check"
        they "{peer} refused us: {ours} is not for the name that it dialled"
        hint "reissue {ours} with the dialled name or address as SAN, or dial a name that it holds";
    Expired "expired"
        ["certificate has expired", "alert certificate expired", "CERT_HAS_EXPIRED", "sslv3 alert certificate expired"]
        we "we refused {peer}: {theirs} (or a CA above it) has expired"
        hint "renew the certificate; if its dates are right, look at the clock of this machine"
        they "{peer} refused us: {ours} (or a CA above it) has expired, or its clock is wrong"
        hint "renew {ours} and reload; on devices set the time (NTP) before TLS";
    NotYetValid "not-yet-valid"
        ["certificate is not yet valid", "BADCERT_FUTURE", "CERT_NOT_YET_VALID"]
        we "we refused {peer}: {theirs} is not valid yet"
        hint "compare its 'not before' with the clock of this machine; issue certificates backdated by a day"
        they "{peer} refused us: {ours} is not valid yet by its clock"
        hint "set the clock of {peer} (NTP) before TLS";
    BadCertificate "bad-certificate"
        ["sslv3 alert bad certificate", "tlsv1 alert bad certificate", "BadEncoding", "MBEDTLS_ERR_X509_INVALID_FORMAT"]
        we "we refused {peer}: {theirs} cannot be read or used"
        hint "look at it with `openssl x509 -noout -text`: version 3, order leaf first, P-256 or RSA 2048, purpose clientAuth"
        they "{peer} refused us: it cannot read or use {ours}"
        hint "many clients say so for a name that is not in the certificate: compare what they dial with its SANs; old devices refuse version 1 certificates, Ed25519 keys and critical name constraints: reissue as version 3 with P-256 or RSA 2048";
    CertificateUnknown "certificate-unknown"
        ["alert certificate unknown", "sslv3 alert certificate unknown"]
        we "we refused {peer}: {theirs} is not acceptable"
        hint "look at it with `openssl x509 -noout -text`"
        they "{peer} refused {ours} without saying why"
        hint "its log says why; browsers, Java and Android do so for a CA that they do not know: import our root CA there";
    WrongPurpose "wrong-purpose"
        ["unsupported certificate", "unsupported certificate purpose", "InvalidPurpose", "unsuitable certificate purpose"]
        we "we refused {peer}: {theirs} is for another purpose (extended key usage)"
        hint "issue one whose extendedKeyUsage has clientAuth for clients, serverAuth for servers"
        they "{peer} refused us: {ours} is for another purpose (extended key usage)"
        hint "issue one whose extendedKeyUsage has serverAuth for servers, clientAuth for clients";
    NoCertificate "no-client-certificate"
        ["peer did not return a certificate", "alert certificate required", "tlsv13 alert certificate required",
         "CertificateRequired"]
        we "we refused {peer}: it sent no certificate, and one is required here"
        hint "give {peer} a certificate and key ('--cert' and '--key'); check that its issuer is in 'cafile' here"
        they "{peer} refused us: it requires a client certificate and we sent none"
        hint "add '--cert FILE --key FILE'";
    NothingInCommon "nothing-in-common"
        ["no shared cipher", "alert handshake failure", "sslv3 alert handshake failure", "NoCipherSuitesInCommon",
         "NoSignatureSchemesInCommon", "NoKxGroupsInCommon"]
        we "we refused {peer}: no cipher suite, key exchange group or signature algorithm in common"
        hint "{peer} must offer ECDHE with AES-GCM or ChaCha20; look at 'ciphers', and whether the certificate's key (RSA or ECDSA) fits them"
        they "{peer} refused us: nothing that we offer suits it (cipher suites, groups or signature algorithms)"
        hint "look at its 'ciphers' and at the kind of its certificate's key";
    Version "no-common-version"
        ["unsupported protocol", "alert protocol version", "tlsv1 alert protocol version", "wrong ssl version"]
        we "we refused {peer}: no TLS version in common"
        hint "TLS 1.2 is the oldest here; update {peer}, or look at 'tls_version'"
        they "{peer} refused us: no TLS version in common"
        hint "look at 'tls_version' (there) and '--tls-version' (here)";
    PlainMqtt "plain-mqtt-on-tls-port"
        ["wrong version number", "packet length too long", "unknown protocol", "InvalidContentType"]
        we "we refused {peer}: the peer speaks plain MQTT to a TLS port"
        hint "let {peer} use TLS ('--cafile', port 8883), or the plaintext listener's port"
        they "{peer} closed: it does not speak TLS on this port"
        hint "dial its TLS port (8883)";
    PlainHttp "http-on-tls-port"
        ["http request", "HTTP/1.1 400 Bad Request"]
        we "we refused {peer}: the peer speaks HTTP to an MQTT TLS port"
        hint "a browser, monitor or load balancer check: point it at another port"
        they "{peer} speaks HTTP: this is no MQTT over TLS port"
        hint "dial its MQTT port (8883)";
    BadSignature "bad-signature"
        ["decrypt error", "alert decrypt error", "bad signature", "invalid signature", "BadSignature"]
        we "we refused {peer}: a signature does not verify: {theirs} was signed by another key than its issuer's, or its private key is not the one of the certificate"
        hint "two CAs with the same name? compare the key identifiers, and the pair with `openssl x509 -noout -pubkey` and `openssl pkey -pubout`"
        they "{peer} refused us: a signature does not verify with {ours}"
        hint "check that certificate and key are a pair, and that {peer} has this CA and not an older one of the same name";
    Revoked "revoked"
        ["certificate revoked", "alert certificate revoked"]
        we "we refused {peer}: {theirs} was revoked"
        hint "if it should connect again, issue a new one; a revoked certificate never comes back"
        they "{peer} refused us: {ours} was revoked"
        hint "get a new certificate";
    RevocationUnknown "revocation-unknown"
        ["UnknownRevocationStatus", "bad certificate status response"]
        we "we refused {peer}: it cannot be found out whether {theirs} was revoked"
        hint "bring a current CRL of its issuer"
        they "{peer} refused us: it could not find out whether {ours} was revoked"
        hint "bring a current CRL to {peer}";
    TooWeak "too-weak"
        ["ca md too weak", "ee key too small", "dh key too small", "UnsupportedSignatureAlgorithm"]
        we "we refused {peer}: {theirs} has a key or a signature algorithm that is too weak or not supported"
        hint "reissue it with SHA-256 and P-256 or RSA 2048"
        they "{peer} refused us: {ours} has a key or a signature algorithm that it does not take"
        hint "reissue it with SHA-256 and P-256 or RSA 2048";
    ClosedInHandshake "closed-in-handshake"
        ["unexpected eof while reading", "Connection reset by peer", "handshake timed out"]
        we "{peer} did not finish the handshake"
        hint "a port scan, a load balancer's check, or a client that gives up silently"
        they "{peer} closed in the middle of the handshake without an alert"
        hint "many small TLS clients send no alert when they refuse a certificate: look at its own log, its CA and its clock";
    ClosedAtOnce "closed-at-once"
        ["EOF occurred in violation of protocol", "unexpected eof while reading:ssl/record"]
        we "{peer} closed the connection without one byte of TLS"
        hint "a port scan or a load balancer's check"
        they "{peer} closed the connection without one byte of TLS"
        hint "a plaintext port does so (plain MQTT is usually on 1883, TLS on 8883): check the port; so does a broker that is full or blocks this address: look at its log";
    NameOrProtocolRefused "name-or-protocol-refused"
        ["alert unrecognized name", "no application protocol", "NoApplicationProtocol"]
        we "we refused {peer}: no application protocol (ALPN) in common"
        hint "leave ALPN away, or offer 'mqtt'"
        they "{peer} refused the host name (SNI) or the application protocol (ALPN)"
        hint "dial it by the name it serves; check '--tls-alpn'";
    Version1 "version-1"
        ["UnsupportedCertVersion", "certificate version 1"]
        we "we refused {peer}: {theirs} is an X.509 version 1 certificate, which cannot say what it is for"
        hint "reissue it as version 3 (`openssl x509 -req` with '-extfile'; OpenSSL before 3.2 makes version 1 without it), or accept it knowingly with the legacy option ('legacy_client_certs', 'legacy_server_certs')"
        they "{peer} refused us: {ours} is an X.509 version 1 certificate"
        hint "reissue it as version 3: `openssl x509 -req` with '-extfile'";
    ServedAsClient "server-certificate-as-client"
        ["server certificate used as client"]
        we "we refused {peer}: it logs in with a certificate or key that a listener of this broker serves"
        hint "give {peer} a certificate and key of its own, and ask who has a copy of the server's key"
        they "{peer} refused us: we used its own server certificate"
        hint "use a certificate of your own";
    CaMisuse "ca-misuse"
        ["CaUsedAsEndEntity", "invalid CA certificate", "EndEntityUsedAsCa", "path length constraint exceeded"]
        we "we refused {peer}: a CA certificate is used as a leaf, or one that is no CA (or may have no CA below it) signed another"
        hint "connect with a leaf certificate; certificates are issued by CA:TRUE certificates with keyCertSign only"
        they "{peer} refused us: a certificate in our chain is used as what it is not"
        hint "look at basicConstraints and keyUsage of each certificate in 'certfile'";
    AnchorEnded "anchor-ended"
        ["root certificate expired"]
        we "we refused {peer}: the CA in our trust store that vouches for {theirs} is out of its dates"
        hint "renew the CA, put the new root into 'cafile' and reload"
        they "{peer} refused us: our CA is out of its dates"
        hint "renew the CA and install the new root on {peer}";
    IdentityAbsent "identity-absent"
        ["identity empty"]
        we "we refused {peer}: {theirs} has no name that could be the user name"
        hint "issue it with a CN, or with what 'identity_source' of this listener names"
        they "{peer} refused our identity"
        hint "issue our certificate with a CN";
    IdentitySeveral "identity-several"
        ["several CN"]
        we "we refused {peer}: {theirs} has several names, and nothing says which one is the user name"
        hint "issue it with exactly one, or take another field ('use_subject_as_username', 'identity_source')"
        they "{peer} refused our identity"
        hint "issue our certificate with exactly one CN";
    IdentityForbidden "identity-forbidden"
        ["forbidden character in identity"]
        we "we refused {peer}: the name in {theirs} has a character that a user name must not have (NUL, control, '+', '#', and '/' under 'identity_source')"
        hint "issue it with another name: such characters would widen access rules with %u"
        they "{peer} refused our identity"
        hint "issue our certificate with a CN without control characters, '+' and '#'";
    NotInInventory "not-in-inventory"
        ["not in inventory"]
        we "we refused {peer}: {theirs} carries our CA's signature, but our inventory does not know it"
        hint "if the data directory was restored from an old backup, add the device again; otherwise ask who had the CA key"
        they "{peer} refused us: its CA does not know {ours}"
        hint "get a new certificate";
    InventorySilent "inventory-silent"
        ["inventory unavailable"]
        we "we refused {peer}: the inventory cannot say whether {theirs} is valid"
        hint "look at the broker's log for the inventory's error; disk full, or locked by another process?"
        they "{peer} could not check {ours}"
        hint "try again; look at its log";
    Protocol "protocol-violation"
        ["unexpected message", "record overflow", "illegal parameter", "bad record mac", "decode error",
         "renegotiation"]
        we "we refused {peer}: it broke the TLS protocol"
        hint "a bad network card, a middle box, a faulty TLS library, or an attack"
        they "{peer} says that we broke the TLS protocol"
        hint "a middle box between, or a faulty TLS library";
    Internal "internal"
        ["internal error"]
        we "we refused {peer}: a check on our side failed, and what cannot be checked is refused"
        hint "please report it, with the lines of the log around it"
        they "{peer} reports an internal error"
        hint "look at its log";
    WrongRole "wrong-role"
        ["not a client certificate"]
        we "we refused {peer}: {theirs} was issued by us, but not to a client"
        hint "connect with a device's or operator's certificate: `sealmq device add NAME`"
        they "{peer} refused us: {ours} was not issued to a client"
        hint "connect with a device's certificate";
    NotTls "not-tls"
        ["wrong version number", "not an SSL record", "first record does not look like a TLS handshake"]
        we "we refused {peer}: it does not speak TLS"
        hint "check port and scheme; a PROXY header needs 'enable_proxy_protocol'; SSL 2 and 3 are not supported"
        they "{peer} does not speak TLS on this port"
        hint "check port and scheme: TLS is usually on 8883";
    NoCrl "no-crl"
        ["unable to get certificate CRL", "UnknownRevocationStatus", "MBEDTLS_X509_BADCRL_NOT_TRUSTED"]
        we "we refused {peer}: 'crlfile' has no CRL of the CA that issued {theirs}, so it cannot be found out whether it was revoked"
        hint "put that CA's CRL into 'crlfile' as well (`openssl ca -gencrl -out FILE`; several may stand one after the other) and reload; with 'crl_check chain' every CA needs one"
        they "{peer} refused us: it has no CRL of the CA that issued {ours}"
        hint "bring that CA's CRL to {peer}";
    CrlEnded "crl-ended"
        ["CRL has expired", "MBEDTLS_X509_BADCRL_EXPIRED", "ExpiredRevocationList"]
        we "we refused {peer}: the CRL of the CA that issued {theirs} is out of date, so it cannot be found out whether it was revoked"
        hint "bring the CA's newest CRL (`openssl ca -gencrl -out FILE`) into 'crlfile' and reload; 'crl_policy grace 7d' gives time to do so"
        they "{peer} refused us: its CRL is out of date"
        hint "bring a current CRL to {peer}";
    CrlNotYet "crl-not-yet-valid"
        ["CRL is not yet valid", "MBEDTLS_X509_BADCRL_FUTURE"]
        we "we refused {peer}: the CRL of the CA that issued {theirs} is not valid yet"
        hint "compare the clock of this machine with that of the CA's (`date -u`, `openssl crl -noout -lastupdate -in FILE`)"
        they "{peer} refused us: its CRL is not valid yet"
        hint "look at the clock of {peer}";
    NoOcspResponse "no-ocsp-response"
        ["OCSP: no response", "OCSP response: no response sent", "no OCSP response received", "InvalidOcspResponse"]
        we "we refused {peer}: it staples no OCSP response for {theirs}, and one is required"
        hint "let it staple (nginx ssl_stapling, openssl s_server -status_file), or remove 'bridge_require_ocsp'; look with: openssl s_client -connect HOST:PORT -status"
        they "{peer} refused us: we staple no OCSP response for {ours}"
        hint "turn the requirement off at {peer}";
    OcspUnverifiable "ocsp-unverifiable"
        ["OCSP: invalid response", "OCSP: response verification failed", "OCSP: invalid status", "Response Verify Failure"]
        we "we refused {peer}: the OCSP response that it staples for {theirs} proves nothing"
        hint "it must be about this certificate, and signed by its issuer or by a responder that the issuer made (extendedKeyUsage OCSPSigning); look with: openssl s_client -connect HOST:PORT -status"
        they "{peer} refused us: the OCSP response for {ours} proves nothing to it"
        hint "fetch a new one from the CA's responder";
    OcspOutOfDate "ocsp-out-of-date"
        ["OCSP: OCSP response has expired", "Status times invalid"]
        we "we refused {peer}: the OCSP response that it staples for {theirs} is not of this time"
        hint "let it fetch a new one from the CA's responder, and compare the clocks of both machines (date -u)"
        they "{peer} refused us: the OCSP response for {ours} is not of this time"
        hint "fetch a new one from the CA's responder, and compare the clocks of both machines (date -u)";
    OcspUnknown "ocsp-unknown"
        ["OCSP: SSL certificate status: unknown"]
        we "we refused {peer}: the OCSP responder does not know {theirs}"
        hint "does the CA's responder have its newest list of certificates? was this certificate issued by that CA at all?"
        they "{peer} refused us: the OCSP responder does not know {ours}"
        hint "look at the CA's responder";
    OnHold "on-hold"
        ["certificate hold", "certificateHold"]
        we "we refused {peer}: {theirs} is on hold"
        hint "if it may connect again: `sealmq cert unhold NAME`; if it never may: `sealmq cert revoke NAME`"
        they "{peer} refused us: {ours} is on hold"
        hint "ask whoever runs the CA to let go of it";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_a_code_of_its_own_and_every_number_a_name() {
        for (index, code) in ALL_CODES.iter().enumerate() {
            assert!(!ALL_CODES[..index].contains(code), "{code} twice");
            assert_eq!(code.symptom().code, *code);
            assert_eq!(code.as_str(), format!("SMQ-T{:03}", *code as u8));
        }
    }
}
