//! CAs that somebody else made: their names are copied byte for byte, or nothing is issued.

use std::path::Path;
use std::sync::Arc;

use sealmq_pki::{
    Ca, End, Holder, IssueError, LeafRequest, Name, Signer, SoftKey, Timestamp, issue_leaf, pem,
};

use crate::fixture::{serial, tool, write};

/// A self-signed CA of openssl's, with this subject and these extensions.
fn made(dir: &Path, subject: &str, extensions: &str) -> Option<(Vec<u8>, Arc<SoftKey>)> {
    let config = format!("[req]\ndistinguished_name=dn\nx509_extensions=e\n[dn]\n[e]\n{extensions}\n");
    write(dir, "ca.cnf", config);
    tool("openssl", &["genrsa", "-out", "ca.key", "2048"], dir)?;
    let args =
        ["req", "-new", "-x509", "-days", "365", "-key", "ca.key", "-config", "ca.cnf", "-out", "ca.crt"];
    tool("openssl", &[&args[..], &["-multivalue-rdn", "-subj", subject]].concat(), dir)?;
    let read = |name: &str| std::fs::read(dir.join(name)).unwrap();
    let der = pem::of_label(&read("ca.crt"), "CERTIFICATE").unwrap().remove(0).to_vec();
    Some((der, Arc::new(SoftKey::from_pem(&read("ca.key")).unwrap())))
}

const CA: &str = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign";

fn issue(ca: &Ca) -> Result<sealmq_pki::Certificate, IssueError> {
    let (name, key) = (Name::parse("d").unwrap(), SoftKey::generate().unwrap());
    let now: Timestamp = ca.facts().not_before.plus_secs(60);
    let request = LeafRequest {
        holder: Holder::Device(&name),
        public_key: key.public_key(),
        serial: serial(3),
        now,
        end: End::Profile,
    };
    issue_leaf(ca, &request)
}

#[test]
fn repeated_and_multi_valued_parts_of_a_ca_name_are_kept_byte_for_byte_and_openssl_finds_the_issuer() {
    let dir = tempfile::tempdir().unwrap();
    let subject = "/DC=com/DC=example/OU=A/OU=B/CN=imported+serialNumber=7/emailAddress=ca@example.com";
    let Some((der, key)) = made(dir.path(), subject, CA) else { return };
    let ca = Ca::open(der, key).unwrap();
    let leaf = issue(&ca).unwrap();
    assert_eq!(leaf.facts().issuer.der(), ca.facts().subject.der());
    assert_eq!(leaf.facts().authority_key_id.as_ref(), Some(ca.key_id()));
    write(dir.path(), "leaf.crt", leaf.pem());
    let at = ca.facts().not_before.plus_secs(120).as_secs().to_string();
    tool("openssl", &["verify", "-attime", &at, "-CAfile", "ca.crt", "leaf.crt"], dir.path()).unwrap();
}

#[test]
fn a_ca_name_that_cannot_be_copied_exactly_issues_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let Some((mut der, key)) = made(dir.path(), "/O=aa+OU=bb", CA) else { return };
    assert!(issue(&Ca::open(der.clone(), key.clone()).unwrap()).is_ok());
    // Both attributes take 11 octets; swapped, the SET OF is out of the order that DER wants.
    let one = [0x30, 0x09, 0x06, 0x03, 0x55, 0x04, 0x0a, 0x0c, 0x02, b'a', b'a'];
    let two = [0x30, 0x09, 0x06, 0x03, 0x55, 0x04, 0x0b, 0x0c, 0x02, b'b', b'b'];
    let (sorted, swapped) = ([one, two].concat(), [two, one].concat());
    while let Some(at) = der.windows(22).position(|w| w == sorted) {
        der[at..at + 22].copy_from_slice(&swapped);
    }
    let ca = Ca::open(der, key).unwrap();
    assert_eq!(ca.facts().subject.rfc2253(), "O=aa+OU=bb");
    assert!(matches!(issue(&ca), Err(IssueError::IssuerName { .. } | IssueError::Encoding { .. })));
}

#[test]
fn a_certificate_that_may_not_sign_certificates_is_no_ca() {
    let dir = tempfile::tempdir().unwrap();
    for (extensions, reason) in [
        (CA, None),
        ("basicConstraints=critical,CA:TRUE", None),
        ("basicConstraints=critical,CA:TRUE\nkeyUsage=critical,digitalSignature", Some("lacks keyCertSign")),
        ("basicConstraints=critical,CA:FALSE\nkeyUsage=critical,keyCertSign", Some("not marked CA:TRUE")),
        ("keyUsage=critical,keyCertSign", Some("not marked CA:TRUE")),
    ] {
        let Some((der, key)) = made(dir.path(), "/CN=x", extensions) else { return };
        let refused = Ca::open(der, key).map(|_| ()).err().map(|e| e.to_string());
        assert_eq!(refused.is_none(), reason.is_none(), "{extensions}");
        assert!(refused.unwrap_or_default().contains(reason.unwrap_or_default()), "{extensions}");
    }
}
