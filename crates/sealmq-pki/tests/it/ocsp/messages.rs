//! Reading and writing: what we write we read, what is broken or too much is an error, no bytes panic.

use std::path::PathBuf;
use std::sync::Arc;

use sealmq_pki::crl::Reason;
use sealmq_pki::ocsp::{
    ANSWERS_MAX, Answer, CERTIFICATES_MAX, CertId, DraftError, HashAlgorithm, Nonce, OcspError,
    REQUEST_BYTES_MAX, REQUESTED_MAX, RESPONSE_BYTES_MAX, Request, Response, Status, fuzz_request,
    fuzz_response,
};
use sealmq_pki::{SignError, Signer, SoftKey};

use super::made::{Issuer, REVOKED, data, extension, pkix, response_around, single, successful};
use crate::asn1::{ECDSA_SHA256, der, seq};
use crate::fixture::{NOW, serial};

#[test]
fn a_request_comes_out_as_it_went_in() {
    let issuer = Issuer::new();
    let ids = vec![issuer.id(HashAlgorithm::Sha1), issuer.id(HashAlgorithm::Sha256)];
    for nonce in [None, Some(Nonce::from_random([7; 32]))] {
        let request = Request { ids: ids.clone(), nonce };
        assert_eq!(Request::parse(&request.to_der()).unwrap(), request);
    }
    let id = &ids[1];
    assert!(id.is_of_issuer(issuer.ca.facts()) && id.is_of(issuer.leaf.facts(), issuer.ca.facts()));
    assert!(!id.is_of_issuer(Issuer::new().ca.facts()));
    assert_eq!(
        (id.serial(), id.hash_algorithm()),
        (&issuer.leaf.facts().serial, Some(HashAlgorithm::Sha256))
    );
}

#[test]
fn a_hash_that_we_do_not_have_names_nobody_and_is_repeated_as_it_came() {
    let issuer = Issuer::new();
    let of = |algorithm: &[u8]| {
        let known = issuer.id(HashAlgorithm::Sha1);
        // SEQUENCE { OID of SHA-1 (5 octets), NULL }
        let rest = &known.der()[2 + 11..];
        let id = seq(&[algorithm.to_vec(), rest.to_vec()]);
        let request = seq(&[seq(&[seq(&[seq(std::slice::from_ref(&id))])])]);
        let read = Request::parse(&request).unwrap().ids.remove(0);
        assert_eq!(read.der(), id);
        read.is_of(issuer.leaf.facts(), issuer.ca.facts())
    };
    let sha1 = der(0x06, &[0x2b, 14, 3, 2, 26]);
    assert!(of(&seq(&[sha1.clone(), der(5, &[])])));
    assert!(of(&seq(std::slice::from_ref(&sha1))), "without the NULL it is the same algorithm");
    assert!(!of(&seq(&[sha1, der(4, &[1])])));
    assert!(!of(&seq(&[der(0x06, &[0x2b, 14, 3, 2, 25])])));
}

#[test]
fn a_request_that_asks_too_much_or_what_nobody_understands_is_refused() {
    let issuer = Issuer::new();
    let id = || issuer.id(HashAlgorithm::Sha256);
    let asking = |count: usize| Request { ids: vec![id(); count], nonce: None }.to_der();
    assert!(Request::parse(&asking(REQUESTED_MAX)).is_ok());
    assert!(matches!(Request::parse(&asking(REQUESTED_MAX + 1)), Err(OcspError::TooMany { .. })));
    assert!(Request::parse(&asking(0)).is_err());
    assert!(matches!(Request::parse(&vec![0x30; REQUEST_BYTES_MAX + 1]), Err(OcspError::TooLarge { .. })));
    let with = |first: &[Vec<u8>], single_rest: &[Vec<u8>], rest: &[Vec<u8>], after: &[Vec<u8>]| {
        let single = seq(&[&[id().der().to_vec()], single_rest].concat());
        let tbs = seq(&[first, &[seq(&[single])], rest].concat());
        Request::parse(&seq(&[&[tbs], after].concat())).map(|request| request.nonce)
    };
    let version = |number: u8| der(0xa0, &der(0x02, &[number]));
    let requestor = der(0xa1, &der(0xa4, &seq(&[])));
    let odd = |critical| seq(&[extension(pkix(&[48, 1, 4]), critical, &seq(&[]))]);
    assert_eq!(
        with(&[version(0), requestor], &[], &[], &[der(0xa0, &seq(&[]))]),
        Ok(None),
        "version 1, signed"
    );
    assert!(with(&[version(1)], &[], &[], &[]).is_err());
    assert_eq!(with(&[], &[der(0xa0, &odd(false))], &[der(0xa2, &odd(false))], &[]), Ok(None));
    assert!(matches!(
        with(&[], &[der(0xa0, &odd(true))], &[], &[]),
        Err(OcspError::CriticalExtension { .. })
    ));
    assert!(matches!(
        with(&[], &[], &[der(0xa2, &odd(true))], &[]),
        Err(OcspError::CriticalExtension { .. })
    ));
    let nonce = |octets: usize| {
        let value = der(4, &vec![7; octets]);
        let list = seq(&[extension(pkix(&[48, 1, 2]), false, &value)]);
        with(&[], &[], &[der(0xa2, &list)], &[])
    };
    assert_eq!(nonce(128), Ok(Some(Nonce::from_octets(&[7; 128]).unwrap())));
    assert!(nonce(0).is_err() && nonce(129).is_err());
    let twice = vec![extension(pkix(&[48, 1, 2]), false, &der(4, &[7])); 2];
    assert!(with(&[], &[], &[der(0xa2, &seq(&twice))], &[]).is_err());
    let many = |count: u8| -> Vec<u8> {
        seq(&(0..count).map(|arc| extension(pkix(&[99, arc]), false, &[])).collect::<Vec<_>>())
    };
    assert_eq!(with(&[], &[], &[der(0xa2, &many(16))], &[]), Ok(None));
    assert!(matches!(with(&[], &[], &[der(0xa2, &many(17))], &[]), Err(OcspError::TooMany { .. })));
}

#[test]
fn an_answer_comes_out_as_it_went_in() {
    let issuer = Issuer::new();
    let statuses = [Status::Good, Status::Unknown, REVOKED].into_iter().chain(
        [
            Reason::Unspecified,
            Reason::AuthorityCompromise,
            Reason::AffiliationChanged,
            Reason::Superseded,
            Reason::CessationOfOperation,
            Reason::CertificateHold,
            Reason::RemoveFromCrl,
            Reason::PrivilegeWithdrawn,
        ]
        .map(|reason| Status::Revoked { at: NOW, reason }),
    );
    let answers: Vec<Answer> = statuses
        .zip([Some(NOW), None].into_iter().cycle())
        .map(|(status, next_update)| Answer { status, next_update, ..issuer.answer() })
        .collect();
    let mut draft = issuer.draft(answers.clone());
    draft.nonce = Some(Nonce::from_random([9; 32]));
    let der = draft.sign(issuer.key.as_ref(), &[]).unwrap();
    let response = Response::parse(&der).unwrap();
    assert_eq!(response.answers(), answers);
    assert_eq!((response.responder(), response.produced_at()), (&draft.responder, NOW));
    assert_eq!(response.nonce(), draft.nonce.as_ref());
}

#[test]
fn an_answer_can_be_signed_elsewhere() {
    let issuer = Issuer::new();
    let tbs = issuer.draft(vec![issuer.answer()]).finalize().unwrap();
    let signature = issuer.key.sign(tbs.as_bytes()).unwrap();
    let whole = tbs.assemble(issuer.key.algorithm(), &signature, &[]).unwrap();
    assert!(issuer.verify(&whole).is_ok());
}

#[test]
fn a_draft_that_says_nothing_or_too_much_is_not_signed() {
    let issuer = Issuer::new();
    let sign = |answers, along: usize| {
        let along = vec![issuer.ca.certificate(); along];
        issuer.draft(answers).sign(issuer.key.as_ref(), &along)
    };
    assert!(sign(vec![issuer.answer(); ANSWERS_MAX], CERTIFICATES_MAX).is_ok());
    assert!(matches!(sign(vec![issuer.answer(); ANSWERS_MAX + 1], 0), Err(DraftError::Answers(65))));
    assert!(matches!(sign(Vec::new(), 0), Err(DraftError::Answers(0))));
    assert!(matches!(sign(vec![issuer.answer()], CERTIFICATES_MAX + 1), Err(DraftError::Certificates(9))));
    let backwards = Answer { next_update: Some(NOW.plus_secs(-1801)), ..issuer.answer() };
    assert!(matches!(sign(vec![backwards], 0), Err(DraftError::EndsBeforeItBegins { .. })));
    let ancient = Answer { this_update: NOW.plus_days(-40_000), ..issuer.answer() };
    assert!(matches!(sign(vec![ancient], 0), Err(DraftError::Encoding { .. })));
}

#[test]
fn a_key_that_signs_wrongly_is_found_at_once() {
    struct Faulty(Arc<SoftKey>);
    impl Signer for Faulty {
        fn algorithm(&self) -> sealmq_pki::SignatureAlgorithm {
            self.0.algorithm()
        }
        fn public_key(&self) -> &sealmq_pki::PublicKey {
            self.0.public_key()
        }
        fn sign(&self, _message: &[u8]) -> Result<Vec<u8>, SignError> {
            self.0.sign(b"something else")
        }
    }
    let issuer = Issuer::new();
    let draft = issuer.draft(vec![issuer.answer()]);
    assert!(matches!(draft.sign(&Faulty(issuer.key.clone()), &[]), Err(DraftError::BadSignature)));
    assert!(draft.sign(issuer.key.as_ref(), &[]).is_ok());
}

#[test]
fn an_answer_that_is_too_large_or_says_too_much_is_refused() {
    let issuer = Issuer::new();
    assert!(matches!(Response::parse(&vec![0x30; RESPONSE_BYTES_MAX + 1]), Err(OcspError::TooLarge { .. })));
    let read = |tbs: &[u8], certificates: usize| {
        let certs = der(0xa0, &seq(&vec![issuer.leaf.der().to_vec(); certificates]));
        let parts = seq(&[tbs.to_vec(), ECDSA_SHA256.to_vec(), der(0x03, &[0, 1]), certs]);
        Response::parse(&successful(&parts)).map(|response| response.answers().len())
    };
    let tbs = data(&issuer, &single(&issuer), &[]);
    assert_eq!(read(&tbs, CERTIFICATES_MAX), Ok(1));
    assert!(matches!(read(&tbs, CERTIFICATES_MAX + 1), Err(OcspError::TooMany { .. })));
    // The first single response of the list, many times.
    let many = |count: usize| {
        let head = [der(0xa2, &der(0x04, &[7; 20])), der(0x18, b"20260601000000Z")];
        seq(&[head[0].clone(), head[1].clone(), seq(&vec![seq(&single(&issuer)); count])])
    };
    assert_eq!(read(&many(ANSWERS_MAX), 0), Ok(ANSWERS_MAX));
    assert!(matches!(read(&many(ANSWERS_MAX + 1), 0), Err(OcspError::TooMany { .. })));
    assert!(read(&many(0), 0).is_err());
}

#[test]
fn an_answer_of_another_type_or_shape_is_refused() {
    let issuer = Issuer::new();
    let tbs = data(&issuer, &single(&issuer), &[]);
    let basic = seq(&[tbs, ECDSA_SHA256.to_vec(), der(0x03, &[0, 1])]);
    assert!(Response::parse(&successful(&basic)).is_ok());
    let around = |status: &[u8], oid: &[u8]| {
        let bytes = seq(&[pkix(oid), der(0x04, &basic)]);
        Response::parse(&seq(&[der(0x0a, status), der(0xa0, &bytes)])).map(|_| ())
    };
    assert_eq!(around(&[0], &[48, 1, 1]), Ok(()));
    assert!(matches!(around(&[0], &[48, 1, 2]), Err(OcspError::NotBasic { .. })));
    assert!(around(&[], &[48, 1, 1]).is_err() && around(&[0, 0], &[48, 1, 1]).is_err());
    assert!(around(&[0x80], &[48, 1, 1]).is_err());
    // An error that has an answer beside it is an error.
    assert!(matches!(around(&[3], &[48, 1, 1]), Err(OcspError::Unsuccessful(_))));
    assert!(Response::parse(&seq(&[der(0x0a, &[0])])).is_err(), "successful, and nothing follows");
}

#[test]
fn a_single_answer_of_another_shape_is_refused() {
    let issuer = Issuer::new();
    let read = |change: &dyn Fn(&mut Vec<Vec<u8>>)| {
        let mut parts = single(&issuer);
        change(&mut parts);
        let whole = response_around(&data(&issuer, &parts, &[]), ECDSA_SHA256, &issuer.key);
        Response::parse(&whole).map(|response| response.answers()[0].status)
    };
    let time = |text: &[u8]| der(0x18, text);
    assert_eq!(read(&|_| {}), Ok(Status::Good));
    assert_eq!(read(&|parts| parts[1] = der(0x82, &[])), Ok(Status::Unknown));
    assert!(read(&|parts| parts[1] = der(0x80, &[5, 0])).is_err());
    assert!(read(&|parts| parts[1] = der(0x83, &[])).is_err());
    let revoked = |rest: &[u8]| der(0xa1, &[time(b"20260531000000Z").as_slice(), rest].concat());
    let reason = der(0xa0, &der(0x0a, &[7]));
    assert!(matches!(
        read(&|parts| parts[1] = revoked(&reason)),
        Ok(Status::Revoked { reason: Reason::Other, .. })
    ));
    assert!(read(&|parts| parts[1] = revoked(&[5, 0])).is_err());
    // UTCTime, fractions of a second, an end before the beginning, something behind the end.
    assert!(read(&|parts| parts[2] = der(0x17, b"260531234500Z")).is_err());
    assert!(read(&|parts| parts[2] = time(b"20260531234500.5Z")).is_err());
    assert!(read(&|parts| parts[3] = der(0xa0, &time(b"20260531234459Z"))).is_err());
    assert!(read(&|parts| parts[3] = der(0xa0, &time(b"20260531234500Z"))).is_ok());
    assert!(read(&|parts| parts[3].extend([5, 0])).is_err());
    assert!(read(&|parts| parts.push(der(5, &[]))).is_err());
    // A nonce belongs to the message, not to one answer in it.
    let nonce = seq(&[extension(pkix(&[48, 1, 2]), false, &der(4, &[7]))]);
    assert!(read(&|parts| parts.push(der(0xa1, &nonce))).is_err());
}

#[test]
fn whatever_is_cut_off_or_changed_is_an_error_or_an_answer_and_no_panic() {
    let issuer = Issuer::new();
    let mut draft = issuer.draft(vec![issuer.answer(), Answer { status: REVOKED, ..issuer.answer() }]);
    draft.nonce = Some(Nonce::from_random([9; 32]));
    let response = draft.sign(issuer.key.as_ref(), &[issuer.ca.certificate()]).unwrap();
    let id = CertId::new(HashAlgorithm::Sha256, issuer.ca.facts(), &serial(3));
    let request = Request { ids: vec![id; 2], nonce: draft.nonce }.to_der();
    for cut in 0..response.len() {
        assert!(Response::parse(&response[..cut]).is_err(), "{cut}");
    }
    for cut in 0..request.len() {
        assert!(Request::parse(&request[..cut]).is_err(), "{cut}");
    }
    assert!(Response::parse(&[response.as_slice(), &[0]].concat()).is_err());
    assert!(Request::parse(&[request.as_slice(), &[0]].concat()).is_err());
    for bit in 0..8 {
        for at in 0..response.len() {
            let mut flipped = response.clone();
            flipped[at] ^= 1 << bit;
            fuzz_response(&flipped);
            let _ = issuer.verify(&flipped);
        }
        for at in 0..request.len() {
            let mut flipped = request.clone();
            flipped[at] ^= 1 << bit;
            fuzz_request(&flipped);
        }
    }
}

#[test]
fn the_corpora_of_the_fuzz_targets_are_read() {
    let files = |name: &str| {
        let corpus = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(name);
        std::fs::read_dir(corpus).unwrap().map(|file| std::fs::read(file.unwrap().path()).unwrap())
    };
    let (mut responses, mut requests) = (0, 0);
    for bytes in files("ocsp_response") {
        responses += usize::from(Response::parse(&bytes).is_ok());
        fuzz_response(&bytes);
    }
    for bytes in files("ocsp_request") {
        requests += usize::from(Request::parse(&bytes).is_ok());
        fuzz_request(&bytes);
    }
    assert!(responses >= 3 && requests >= 3, "{responses} answers, {requests} requests");
}
