//! Leaves that say where their issuer's list and responder are, and the certificate of that responder.

use sealmq_pki::cert::ExtKeyUsage;
use sealmq_pki::inventory::Role;
use sealmq_pki::issue::{BaseUrl, BaseUrlError};
use sealmq_pki::{End, Holder, Name};

use crate::fixture::{NOW, Pki, tool, write};

const CRL_POINTS: &str = "2.5.29.31";
const INFORMATION_ACCESS: &str = "1.3.6.1.5.5.7.1.1";
const NO_CHECK: &str = "1.3.6.1.5.5.7.48.1.5";

fn published() -> Pki {
    let mut pki = Pki::new();
    let base = BaseUrl::parse("http://pki.example:8080/ca/").unwrap();
    pki.issuing = pki.issuing.published_at(Some(base));
    pki
}

fn has(extensions: &[String], oid: &str) -> bool {
    extensions.iter().any(|found| found == oid)
}

#[test]
fn leaves_of_a_published_ca_say_where_it_is_and_others_do_not() {
    let (silent, published) = (Pki::new(), published());
    let name = Name::parse("kitchen").unwrap();
    for holder in [Holder::Device(&name), Holder::Operator(&name)] {
        let extensions = &published.leaf(holder, End::Profile).facts().extensions.clone();
        assert!(has(extensions, CRL_POINTS) && has(extensions, INFORMATION_ACCESS), "{extensions:?}");
        let extensions = &silent.leaf(holder, End::Profile).facts().extensions.clone();
        assert!(!has(extensions, CRL_POINTS) && !has(extensions, INFORMATION_ACCESS), "{extensions:?}");
    }
    let server = published.server(&["broker.example"]);
    assert_eq!(server.facts().crl_points.len(), 1);
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "server.pem", server.pem());
    let args = ["x509", "-in", "server.pem", "-noout", "-ext", "crlDistributionPoints,authorityInfoAccess"];
    let Some(text) = tool("openssl", &args, dir.path()) else { return };
    let crl = format!("URI:http://pki.example:8080/ca/crl/{}.crl\n", published.issuing.key_id());
    for part in [
        crl.as_str(),
        "OCSP - URI:http://pki.example:8080/ca/ocsp\n",
        "CA Issuers - URI:http://pki.example:8080/ca/issuing.crt\n",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn an_ocsp_signer_is_for_that_alone_and_nobody_is_to_ask_about_it() {
    let pki = published();
    let signer = pki.leaf(Holder::OcspSigner, End::Profile);
    let facts = signer.facts();
    assert_eq!(
        facts.ext_key_usage.as_deref(),
        Some(&[ExtKeyUsage::Other("1.3.6.1.5.5.7.3.9".to_owned())][..])
    );
    assert!(has(&facts.extensions, NO_CHECK) && !has(&facts.extensions, CRL_POINTS));
    assert_eq!(facts.basic_constraints.map(|bc| bc.ca), Some(false));
    assert_eq!(facts.not_after, NOW.plus_days(30));
    assert_eq!(signer.record(&pki.issuing, Role::OcspSigner, None, NOW).role.as_str(), "ocsp-signer");
    assert!(!has(&pki.device("d").facts().extensions, NO_CHECK));
}

#[test]
fn only_a_plain_http_address_of_a_host_is_taken() {
    for (text, kept) in [
        ("http://pki.example", "http://pki.example"),
        ("http://pki.example:8080/", "http://pki.example:8080"),
        ("http://[2001:db8::1]:80/a/b%20c/", "http://[2001:db8::1]:80/a/b%20c"),
    ] {
        assert_eq!(BaseUrl::parse(text).unwrap().to_string(), kept);
    }
    for (text, error) in [
        ("https://pki.example", BaseUrlError::Scheme),
        ("pki.example", BaseUrlError::Scheme),
        ("http://", BaseUrlError::NoHost),
        ("http:///path", BaseUrlError::NoHost),
        ("http://:80", BaseUrlError::NoHost),
        ("http://user@host", BaseUrlError::Character('@')),
        ("http://host/?x", BaseUrlError::Character('?')),
        ("http://host/a b", BaseUrlError::Character(' ')),
        ("http://höst", BaseUrlError::Character('ö')),
    ] {
        assert_eq!(BaseUrl::parse(text), Err(error), "{text}");
    }
    assert!(BaseUrl::parse(&format!("http://{}", "h".repeat(121))).is_ok());
    assert_eq!(BaseUrl::parse(&format!("http://{}", "h".repeat(122))), Err(BaseUrlError::TooLong));
}
