//! Who may answer for an issuer.

use sealmq_pki::ocsp::{Draft, Good, OcspError, Refused, ResponderId, SignedFor};
use sealmq_pki::{Certificate, SoftKey};

use super::made::{Handmade, Issuer, OCSP_SIGNING, SERVER_AUTH, extension, pkix, purposes};
use crate::asn1::der;

/// A responder that holds `certificate` for `key` answers, and says who it is by `id`.
fn verdict(
    issuer: &Issuer,
    certificate: &Certificate,
    key: &SoftKey,
    id: impl Fn(&sealmq_pki::Facts) -> ResponderId,
) -> Result<Good, Refused> {
    let responder = id(certificate.facts());
    let draft = Draft { responder, ..issuer.draft(vec![issuer.answer()]) };
    issuer.verify(&draft.sign(key, &[certificate]).unwrap())
}

fn of(change: impl FnOnce(&mut Handmade<'_>)) -> Result<(), Refused> {
    let (issuer, key) = (Issuer::new(), SoftKey::generate().unwrap());
    let mut made = Handmade::responder(&issuer, &key);
    change(&mut made);
    verdict(&issuer, &made.certificate(), &key, ResponderId::by_name).map(|good| {
        assert!(matches!(good.signed_for(), SignedFor::Delegate(_)));
    })
}

fn lacks(result: Result<(), Refused>) -> &'static str {
    match result {
        Err(Refused::NotAuthorized { why, .. }) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_responder_of_the_issuers_making_is_believed() {
    let (issuer, key) = (Issuer::new(), SoftKey::generate().unwrap());
    let certificate = Handmade::responder(&issuer, &key).certificate();
    for id in [ResponderId::by_name, ResponderId::by_key] {
        assert!(verdict(&issuer, &certificate, &key, id).is_ok());
    }
    // The issuer itself, by its name, with its own certificate along: some responders send it.
    let itself = issuer.ca.certificate();
    let good = verdict(&issuer, itself, &issuer.key, ResponderId::by_name).unwrap();
    assert!(matches!(good.signed_for(), SignedFor::Issuer));
}

#[test]
fn a_responder_without_the_purpose_is_not() {
    assert_eq!(of(|_| {}), Ok(()));
    let both = purposes(&[pkix(&SERVER_AUTH), pkix(&OCSP_SIGNING)]);
    assert_eq!(of(|made| made.extensions = vec![both]), Ok(()));
    let expected = "its certificate is not for OCSP signing (extendedKeyUsage)";
    assert_eq!(lacks(of(|made| made.extensions = vec![purposes(&[pkix(&SERVER_AUTH)])])), expected);
    // anyExtendedKeyUsage, and no word about purposes at all.
    let any = purposes(&[der(0x06, &[0x55, 0x1d, 37, 0])]);
    assert_eq!(lacks(of(|made| made.extensions = vec![any])), expected);
    let other = extension(pkix(&[48, 1, 5]), false, &der(5, &[]));
    assert_eq!(lacks(of(|made| made.extensions = vec![other])), expected);
}

#[test]
fn a_responder_that_another_key_made_is_not() {
    // Of the same name, so that only the signature tells.
    let (issuer, other) = (Issuer::new(), Issuer::new());
    let key = SoftKey::generate().unwrap();
    let made = Handmade { signer: &other.key, ..Handmade::responder(&issuer, &key) };
    let refused = verdict(&issuer, &made.certificate(), &key, ResponderId::by_key).map(|_| ());
    assert_eq!(lacks(refused), "its certificate was not issued by the same CA, with the same key");
    let made = Handmade::responder(&issuer, &key);
    assert!(verdict(&issuer, &made.certificate(), &key, ResponderId::by_key).is_ok());
    // Below the issuer, but not directly: its own leaf issued it.
    let made = Handmade { issuer: issuer.leaf.facts(), signer: &key, ..Handmade::responder(&issuer, &key) };
    let refused = verdict(&issuer, &made.certificate(), &key, ResponderId::by_key).map(|_| ());
    assert_eq!(lacks(refused), "its certificate was not issued by the same CA, with the same key");
}

#[test]
fn a_responder_must_be_within_its_dates() {
    // The fixture's now is 2026-06-01T00:00:00Z; both ends are within.
    assert_eq!(of(|made| made.dates = [b"260601000000Z", b"260601000000Z"]), Ok(()));
    let expected = "its certificate is not within its dates";
    assert_eq!(lacks(of(|made| made.dates = [b"260501000000Z", b"260531235959Z"])), expected);
    assert_eq!(lacks(of(|made| made.dates = [b"260601000001Z", b"260701000000Z"])), expected);
}

#[test]
fn a_responder_whose_key_usage_is_something_else_is_not() {
    let usage = |bits: u8| extension(der(0x06, &[0x55, 0x1d, 15]), true, &der(0x03, &[0, bits]));
    let with = |bits: u8| of(|made| made.extensions.push(usage(bits)));
    // digitalSignature, nonRepudiation, keyEncipherment.
    assert_eq!(with(0x80), Ok(()));
    assert_eq!(with(0x40), Ok(()));
    assert_eq!(lacks(with(0x20)), "its keyUsage lacks digitalSignature");
}

#[test]
fn a_responder_with_an_unknown_critical_extension_is_not() {
    let odd = |critical| extension(pkix(&[1, 99]), critical, &der(5, &[]));
    assert_eq!(of(|made| made.extensions.push(odd(false))), Ok(()));
    let expected = "its certificate has a critical extension that is not supported";
    assert_eq!(lacks(of(|made| made.extensions.push(odd(true)))), expected);
    // id-pkix-ocsp-nocheck is usually not critical; where it is, it says nothing that we would have to do.
    assert_eq!(of(|made| made.extensions.push(extension(pkix(&[48, 1, 5]), true, &der(5, &[])))), Ok(()));
}

#[test]
fn a_responder_must_be_the_one_that_the_answer_names_and_have_signed_it() {
    let (issuer, key, other) = (Issuer::new(), SoftKey::generate().unwrap(), SoftKey::generate().unwrap());
    let certificate = Handmade::responder(&issuer, &key).certificate();
    let sign = |responder, with: &SoftKey, along: &[&Certificate]| {
        let draft = Draft { responder, ..issuer.draft(vec![issuer.answer()]) };
        issuer.verify(&draft.sign(with, along).unwrap()).map(|_| ())
    };
    let itself = || ResponderId::by_key(certificate.facts());
    assert_eq!(sign(itself(), &key, &[&certificate]), Ok(()));
    assert_eq!(sign(itself(), &key, &[issuer.ca.certificate(), &issuer.leaf, &certificate]), Ok(()));
    assert_eq!(sign(itself(), &other, &[&certificate]), Err(Refused::BadSignature));
    assert!(matches!(sign(itself(), &key, &[]), Err(Refused::UnknownResponder { .. })));
    let leaf = ResponderId::by_name(issuer.leaf.facts());
    assert!(matches!(sign(leaf, &key, &[&certificate]), Err(Refused::UnknownResponder { .. })));
    // In the issuer's name, by the responder's key.
    let as_issuer = ResponderId::by_name(issuer.ca.facts());
    assert_eq!(sign(as_issuer, &key, &[&certificate]), Err(Refused::BadSignature));
}

#[test]
fn a_certificate_along_that_cannot_be_read_refuses() {
    let issuer = Issuer::new();
    let key = SoftKey::generate().unwrap();
    let certificate = Handmade::responder(&issuer, &key).certificate();
    let draft =
        Draft { responder: ResponderId::by_key(certificate.facts()), ..issuer.draft(vec![issuer.answer()]) };
    let whole = draft.sign(&key, &[&certificate]).unwrap();
    assert!(issuer.verify(&whole).is_ok());
    // Its version becomes 18.
    let at = whole.windows(5).rposition(|five| five == [0xa0, 3, 2, 1, 2]).unwrap();
    let mut broken = whole;
    broken[at + 4] = 18;
    let refused = issuer.verify(&broken).unwrap_err();
    assert!(matches!(refused, Refused::Unreadable(OcspError::Malformed { field: "certs", .. })));
}
