//! What can be wrong with a chain: one table, with a stable code, OpenSSL's words, and the kind that makes the exit code.

use std::fmt;

/// The kinds of problems, gravest first: a script asks for the kind, a person for the problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// It was revoked.
    Revoked,
    /// It carries our CA's name, and the inventory does not know it.
    Unknown,
    /// No chain to a trusted root, or a signature in it is wrong.
    Untrusted,
    /// The chain breaks a rule: CA flag, path length, name constraints, policies, critical extensions.
    Invalid,
    /// A key or a signature is too weak, or of a kind that cannot be checked.
    Weak,
    /// Expired or not yet valid.
    Dates,
    /// It is for another purpose.
    Purpose,
    /// It is for another name.
    Name,
    /// The private key is another one's.
    Key,
    /// Whether it was revoked cannot be found out.
    RevocationUnknown,
}

/// One problem, about one certificate of the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Which.
    pub code: ProblemCode,
    /// Which certificate, counted from the leaf (0) as openssl counts.
    pub depth: usize,
    /// What, with the values: lower case, no final dot, escaped and bounded.
    pub text: String,
}

macro_rules! problems {
    ($($(#[$doc:meta])* $name:ident $text:literal $class:ident $openssl:literal $number:literal $hint:literal;)*) => {
        /// What is wrong. Displays as its stable name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ProblemCode { $($(#[$doc])* $name,)* }

        impl ProblemCode {
            /// All of them.
            pub const ALL: &[ProblemCode] = &[$(ProblemCode::$name,)*];

            /// The stable name.
            pub const fn as_str(self) -> &'static str {
                match self { $(ProblemCode::$name => $text,)* }
            }

            /// Its kind.
            pub const fn class(self) -> Class {
                match self { $(ProblemCode::$name => Class::$class,)* }
            }

            /// OpenSSL's words for it (`X509_verify_cert_error_string`), and the number of its error; ours where OpenSSL has
            /// none (number 0).
            pub const fn openssl(self) -> (&'static str, u32) {
                match self { $(ProblemCode::$name => ($openssl, $number),)* }
            }

            /// What mends it.
            pub const fn hint(self) -> &'static str {
                match self { $(ProblemCode::$name => $hint,)* }
            }
        }
    };
}

problems! {
    /// No issuer's certificate is here.
    NoIssuer "no-issuer" Untrusted "unable to get local issuer certificate" 20
        "give the root with --CAfile and every CA certificate between with --untrusted; is it the right CA at all?";
    /// Nobody vouches for it but itself.
    SelfSigned "self-signed" Untrusted "self-signed certificate" 18
        "trust it knowingly with --CAfile FILE, or let a CA issue a certificate";
    /// The chain ends at a root that is not trusted.
    RootNotTrusted "root-not-trusted" Untrusted "self-signed certificate in certificate chain" 19
        "compare that root's SHA-256 with the one of the CA's owner, then give it with --CAfile";
    /// A signature is not by the key that the chain names.
    BadSignature "bad-signature" Untrusted "certificate signature failure" 7
        "another CA of the same name issued it (was the CA made again?), or the file was altered: compare with `sealmq cert show` whose key id the authorityKeyIdentifier names";
    /// More candidates than are looked at.
    TooManyPaths "too-many-paths" Untrusted "path building limit reached" 0
        "give fewer certificates: the CAs of this one only";
    /// A signature cannot be checked here.
    SignatureUnverifiable "signature-not-checkable" Weak "unsupported signature algorithm" 76
        "reissue it with ECDSA P-256 or RSA 2048 and SHA-256; MD5, DSA and unknown curves are not supported";
    /// A signature with SHA-1 or a short key.
    WeakSignature "weak-signature" Weak "CA signature digest algorithm too weak" 68
        "reissue it with SHA-256 and a CA key of P-256 or RSA 2048: no broker or library of today accepts it";
    /// A public key below RSA 2048 or of a kind that nobody here takes.
    WeakKey "weak-key" Weak "certificate key too weak" 66
        "make a new key (P-256 or RSA 2048) and have the certificate issued again";
    /// Past its end.
    Expired "expired" Dates "certificate has expired" 10
        "renew it; if it should still be valid, look at the clock of this computer (date -u) or use --attime";
    /// Not begun.
    NotYetValid "not-yet-valid" Dates "certificate is not yet valid" 9
        "look at the clock of this computer (date -u) and of the CA that issued it";
    /// The end lies before the beginning.
    NeverValid "never-valid" Dates "format error in certificate's notAfter field" 14
        "issue it again with dates in the right order";
    /// CA:FALSE, or version 1, and it signed another.
    NotCa "not-a-ca" Invalid "invalid CA certificate" 79
        "certificates are issued by CA certificates (basicConstraints CA:TRUE) only; reissue this CA with one";
    /// keyUsage without keyCertSign.
    NoCertSign "no-key-cert-sign" Invalid "Key usage does not include certificate signing" 32
        "reissue the CA certificate with keyUsage=keyCertSign,cRLSign";
    /// pathlen.
    PathLength "path-length" Invalid "path length constraint exceeded" 25
        "issue directly below the CA that has the limit, or reissue that CA with a larger pathlen";
    /// nameConstraints do not permit a name.
    NotPermitted "name-not-permitted" Invalid "permitted subtree violation" 47
        "issue it for a name within the CA's nameConstraints, or from another CA";
    /// nameConstraints exclude a name.
    Excluded "name-excluded" Invalid "excluded subtree violation" 48
        "issue it for a name outside of the CA's excluded names, or from another CA";
    /// nameConstraints that cannot be evaluated.
    ConstraintUnsupported "name-constraint-unsupported" Invalid "unsupported name constraint type" 51
        "what cannot be checked is refused: take the constraint out of the CA certificate, or use names that it can be compared with";
    /// An extension that is critical and unknown.
    CriticalExtension "critical-extension" Invalid "unhandled critical extension" 34
        "issue it without that extension, or with the extension not critical";
    /// An extension whose content is broken.
    BrokenExtension "broken-extension" Invalid "invalid or inconsistent certificate extension" 41
        "issue it again; the tool that made it wrote an extension that cannot be read";
    /// A policy is required and there is none.
    NoPolicy "no-policy" Invalid "no explicit policy" 43
        "a CA of the chain demands certificate policies (policyConstraints) that this path does not have in common";
    /// anyPolicy mapped.
    PolicyMapping "policy-mapping" Invalid "invalid or inconsistent certificate policy extension" 42
        "policyMappings must not map anyPolicy; reissue that CA";
    /// Version 2.
    Version2 "version-2" Invalid "certificate version 2 is not supported" 0
        "issue it as version 3";
    /// extendedKeyUsage or keyUsage says another purpose.
    WrongPurpose "wrong-purpose" Purpose "unsuitable certificate purpose" 26
        "issue it with the extendedKeyUsage that it is used for: serverAuth for a broker, clientAuth for a device";
    /// Another DNS name.
    HostMismatch "hostname-mismatch" Name "hostname mismatch" 62
        "dial a name that the certificate has, or reissue it with this name as subjectAltName";
    /// Another address.
    AddressMismatch "address-mismatch" Name "IP address mismatch" 64
        "dial a name that the certificate has, or reissue it with this address as subjectAltName (IP:…)";
    /// On a list, or revoked in the inventory.
    Revoked "revoked" Revoked "certificate revoked" 23
        "get a new certificate, with a new key if the old one may be in other hands";
    /// The inventory of our own CA does not know it.
    NotInInventory "not-in-inventory" Unknown "not in the inventory of the CA" 0
        "SealMQ's broker refuses it. Was the data directory restored from an older backup? then `sealmq cert adopt FILE` lets it count again; otherwise ask who has the CA key";
    /// The inventory knows another one under its serial.
    SerialOfAnother "serial-of-another" Unknown "its serial is that of another certificate" 0
        "somebody else has signed with the CA's key: treat the CA as compromised";
    /// No list of its issuer.
    NoCrl "no-crl" RevocationUnknown "unable to get certificate CRL" 3
        "give the issuer's current list with --crlfile";
    /// A list that is signed by nobody known.
    CrlSignature "crl-signature" RevocationUnknown "CRL signature failure" 8
        "bring the list again from the CA; one with this name was signed by another key, or altered";
    /// Past its end.
    CrlEnded "crl-ended" RevocationUnknown "CRL has expired" 12
        "bring the CA's newest list (openssl ca -gencrl -out FILE)";
    /// Not begun.
    CrlNotYet "crl-not-yet-valid" RevocationUnknown "CRL is not yet valid" 11
        "look at the clock of this computer (date -u) and of the CA";
    /// A list that cannot be read whole.
    CrlUnusable "crl-unusable" RevocationUnknown "different CRL scope" 44
        "use the complete list of each CA: delta and indirect lists, and lists of some reasons, are not supported";
    /// The private key belongs to another certificate.
    KeyMismatch "key-mismatch" Key "key values mismatch" 0
        "find the key that was made with this certificate's request: `sealmq cert show` of both shows the same public key";
}

impl Problem {
    pub(super) fn new(code: ProblemCode, depth: usize, text: impl Into<String>) -> Problem {
        Problem { code, depth, text: text.into() }
    }

    /// A problem that a caller found: the inventory's answer, a private key.
    pub fn found(code: ProblemCode, depth: usize, text: impl Into<String>) -> Problem {
        Problem::new(code, depth, text)
    }
}

impl Class {
    /// All of them, gravest first.
    pub const ALL: [Class; 10] = [
        Class::Revoked,
        Class::Unknown,
        Class::Untrusted,
        Class::Invalid,
        Class::Weak,
        Class::Dates,
        Class::Purpose,
        Class::Name,
        Class::Key,
        Class::RevocationUnknown,
    ];
}

impl fmt::Display for ProblemCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_has_a_name_of_its_own_and_a_hint() {
        for (index, code) in ProblemCode::ALL.iter().enumerate() {
            assert!(!ProblemCode::ALL[..index].iter().any(|other| other.as_str() == code.as_str()), "{code}");
            assert!(!code.hint().is_empty() && !code.hint().ends_with('.'), "{code}");
            assert!(Class::ALL.contains(&code.class()));
        }
    }
}
