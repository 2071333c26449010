//! What an answer proves: about whom, when, and what it says. Each refusal beside what is accepted.

use sealmq_pki::ocsp::{
    AGE_WITHOUT_NEXT_UPDATE_MAX_SECS, Answer, CLOCK_SKEW_SECS, CertId, HashAlgorithm, Nonce, OcspError,
    Question, Refused, SignedFor, Status, Unsuccessful, verify,
};

use super::made::{Issuer, REVOKED, data, extension, pkix, response_around, single};
use crate::asn1::{ECDSA_SHA256, der, seq};
use crate::fixture::{NOW, serial};

#[test]
fn good_by_the_issuer_itself_is_believed() {
    let issuer = Issuer::new();
    for hash in [HashAlgorithm::Sha1, HashAlgorithm::Sha256, HashAlgorithm::Sha384, HashAlgorithm::Sha512] {
        let good = issuer.verdict(Answer { id: issuer.id(hash), ..issuer.answer() }).unwrap();
        assert!(matches!(good.signed_for(), SignedFor::Issuer));
        assert_eq!(good.this_update(), issuer.answer().this_update);
        assert_eq!(good.counts_until(), NOW.plus_secs(1800 + CLOCK_SKEW_SECS));
    }
}

#[test]
fn revoked_and_unknown_refuse() {
    let issuer = Issuer::new();
    let say = |status| issuer.verdict(Answer { status, ..issuer.answer() });
    assert!(say(Status::Good).is_ok());
    assert!(matches!(say(REVOKED), Err(Refused::Revoked { at, .. }) if at == NOW.plus_secs(-60)));
    assert_eq!(say(Status::Unknown).unwrap_err(), Refused::Unknown);
    // Old news of a revocation is no reason to doubt it.
    let old = Answer { status: REVOKED, next_update: Some(NOW.plus_secs(-900)), ..issuer.answer() };
    assert!(matches!(issuer.verdict(old), Err(Refused::Revoked { .. })));
}

#[test]
fn no_answer_at_all_refuses() {
    let issuer = Issuer::new();
    assert_eq!(issuer.verify(&[]).unwrap_err(), Refused::Missing);
    for status in [
        Unsuccessful::MalformedRequest,
        Unsuccessful::InternalError,
        Unsuccessful::TryLater,
        Unsuccessful::SigRequired,
        Unsuccessful::Unauthorized,
        Unsuccessful::Other(4),
    ] {
        let refused = issuer.verify(&status.to_der()).unwrap_err();
        assert_eq!(refused, Refused::Unreadable(OcspError::Unsuccessful(status)));
    }
    assert!(issuer.verify(&issuer.signed(vec![issuer.answer()])).is_ok());
}

#[test]
fn an_answer_about_another_certificate_proves_nothing() {
    let (issuer, other) = (Issuer::new(), Issuer::new());
    let about = |id| issuer.verdict(Answer { id, ..issuer.answer() });
    let leaf = &issuer.leaf.facts().serial;
    assert!(about(CertId::new(HashAlgorithm::Sha256, issuer.ca.facts(), leaf)).is_ok());
    let other_serial = CertId::new(HashAlgorithm::Sha256, issuer.ca.facts(), &serial(4));
    assert_eq!(about(other_serial).unwrap_err(), Refused::NotAbout);
    // A CA of the same name with another key: the name's hash fits, the key's does not.
    assert_eq!(other.ca.facts().subject, issuer.ca.facts().subject);
    let other_key = CertId::new(HashAlgorithm::Sha1, other.ca.facts(), leaf);
    assert_eq!(about(other_key).unwrap_err(), Refused::NotAbout);
    // The same key under another name: the leaf itself stands in for a CA here, only its name is of use.
    let mut named = issuer.ca.facts().clone();
    named.subject = issuer.leaf.facts().subject.clone();
    assert_eq!(about(CertId::new(HashAlgorithm::Sha1, &named, leaf)).unwrap_err(), Refused::NotAbout);
}

#[test]
fn of_many_answers_those_about_the_certificate_must_all_hold() {
    let issuer = Issuer::new();
    let other = |status| Answer {
        id: CertId::new(HashAlgorithm::Sha1, issuer.ca.facts(), &serial(4)),
        status,
        ..issuer.answer()
    };
    let sha256 = |status| Answer { id: issuer.id(HashAlgorithm::Sha256), status, ..issuer.answer() };
    let verdict = |answers| issuer.verify(&issuer.signed(answers));
    assert!(verdict(vec![other(REVOKED), issuer.answer()]).is_ok());
    assert!(verdict(vec![issuer.answer(), sha256(Status::Good)]).is_ok());
    assert!(matches!(verdict(vec![issuer.answer(), sha256(REVOKED)]), Err(Refused::Revoked { .. })));
    assert_eq!(verdict(vec![sha256(Status::Unknown), issuer.answer()]).unwrap_err(), Refused::Unknown);
    assert_eq!(verdict(vec![other(Status::Good)]).unwrap_err(), Refused::NotAbout);
    let stale = Answer { next_update: Some(NOW.plus_secs(-900)), ..sha256(Status::Good) };
    assert!(matches!(verdict(vec![issuer.answer(), stale]), Err(Refused::Ended { .. })));
    // The shortest of them says until when.
    let shorter = Answer { next_update: Some(NOW.plus_secs(60)), ..sha256(Status::Good) };
    let good = verdict(vec![issuer.answer(), shorter]).unwrap();
    assert_eq!(good.counts_until(), NOW.plus_secs(60 + CLOCK_SKEW_SECS));
}

#[test]
fn an_answer_counts_from_its_this_update_to_its_next_update() {
    let issuer = Issuer::new();
    let within = |this: i64, next: i64| {
        let (this_update, next_update) = (NOW.plus_secs(this), Some(NOW.plus_secs(next)));
        issuer.verdict(Answer { this_update, next_update, ..issuer.answer() })
    };
    assert!(within(CLOCK_SKEW_SECS, 3600).is_ok());
    assert!(matches!(within(CLOCK_SKEW_SECS + 1, 3600), Err(Refused::NotYet { .. })));
    assert!(within(-3600, -CLOCK_SKEW_SECS).is_ok());
    assert!(matches!(within(-3600, -CLOCK_SKEW_SECS - 1), Err(Refused::Ended { .. })));
}

#[test]
fn an_answer_without_next_update_counts_for_a_day() {
    let issuer = Issuer::new();
    let of_age = |secs: i64| {
        issuer.verdict(Answer { this_update: NOW.plus_secs(-secs), next_update: None, ..issuer.answer() })
    };
    let most = AGE_WITHOUT_NEXT_UPDATE_MAX_SECS + CLOCK_SKEW_SECS;
    assert_eq!(of_age(most).unwrap().counts_until(), NOW);
    assert!(matches!(of_age(most + 1), Err(Refused::TooOld { .. })));
}

#[test]
fn the_nonce_that_was_sent_must_come_back() {
    let issuer = Issuer::new();
    let (ours, theirs) = (Nonce::from_random([7; 32]), Nonce::from_octets(&[8]).unwrap());
    let verdict = |sent: Option<&Nonce>, returned: Option<&Nonce>| {
        let mut draft = issuer.draft(vec![issuer.answer()]);
        draft.nonce = returned.cloned();
        let response = draft.sign(issuer.key.as_ref(), &[]).unwrap();
        verify(&response, &Question { nonce: sent, ..issuer.question() }).map(|_| ())
    };
    assert_eq!(verdict(Some(&ours), Some(&ours)), Ok(()));
    assert_eq!(verdict(Some(&ours), Some(&theirs)), Err(Refused::NonceMismatch));
    assert_eq!(verdict(Some(&ours), None), Err(Refused::NonceMissing));
    // A stapled answer may have been made for somebody's request.
    assert_eq!(verdict(None, Some(&theirs)), Ok(()));
}

#[test]
fn the_issuer_asked_about_must_be_the_one_that_the_certificate_names() {
    let issuer = Issuer::new();
    let response = issuer.signed(vec![issuer.answer()]);
    let wrong = Question { issuer: issuer.leaf.facts(), ..issuer.question() };
    assert!(matches!(verify(&response, &wrong), Err(Refused::NotItsIssuer { .. })));
    assert!(verify(&response, &issuer.question()).is_ok());
}

#[test]
fn a_signature_that_is_not_the_issuers_refuses() {
    let (issuer, other) = (Issuer::new(), Issuer::new());
    let draft = issuer.draft(vec![issuer.answer()]);
    assert!(issuer.verify(&draft.sign(issuer.key.as_ref(), &[]).unwrap()).is_ok());
    let forged = draft.sign(other.key.as_ref(), &[]).unwrap();
    assert_eq!(issuer.verify(&forged).unwrap_err(), Refused::BadSignature);
    // Every bit that is signed: nothing that was changed on the way is believed.
    let whole = draft.sign(issuer.key.as_ref(), &[]).unwrap();
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        assert!(issuer.verify(&changed).is_err(), "octet {at}");
    }
}

#[test]
fn a_weak_signature_algorithm_refuses() {
    let issuer = Issuer::new();
    let tbs = data(&issuer, &single(&issuer), &[]);
    let verdict = |algorithm: &[u8]| issuer.verify(&response_around(&tbs, algorithm, &issuer.key));
    assert!(verdict(ECDSA_SHA256).is_ok());
    // ecdsa-with-SHA1.
    let sha1 = seq(&[der(0x06, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1])]);
    assert!(matches!(verdict(&sha1), Err(Refused::SignatureAlgorithm { .. })));
    // RSA with SHA-256, where the key is an elliptic curve's.
    let rsa = seq(&[der(0x06, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11]), der(5, &[])]);
    assert!(matches!(verdict(&rsa), Err(Refused::SignatureAlgorithm { .. })));
}

#[test]
fn a_critical_extension_that_nobody_knows_refuses() {
    let issuer = Issuer::new();
    let odd = |critical| seq(&[extension(pkix(&[48, 1, 99]), critical, &der(5, &[]))]);
    let verdict = |of_single: &[Vec<u8>], of_response: &[Vec<u8>]| {
        let single = [single(&issuer).as_slice(), of_single].concat();
        let tbs = data(&issuer, &single, of_response);
        issuer.verify(&response_around(&tbs, ECDSA_SHA256, &issuer.key)).map(|_| ())
    };
    let critical =
        Err(Refused::Unreadable(OcspError::CriticalExtension { oid: "1.3.6.1.5.5.7.48.1.99".to_owned() }));
    assert_eq!(verdict(&[der(0xa1, &odd(false))], &[der(0xa1, &odd(false))]), Ok(()));
    assert_eq!(verdict(&[der(0xa1, &odd(true))], &[]), critical);
    assert_eq!(verdict(&[], &[der(0xa1, &odd(true))]), critical);
}
