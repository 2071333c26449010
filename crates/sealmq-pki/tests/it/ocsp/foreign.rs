//! The verdict of other people's tools on our messages, and ours on theirs.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use sealmq_pki::ocsp::{
    Answer, Draft, Good, HashAlgorithm, Nonce, Question, Refused, Request, ResponderId, SignedFor, Status,
    Unsuccessful, verify,
};
use sealmq_pki::{Certificate, SoftKey, Timestamp};

use super::made::{Handmade, Issuer, REVOKED, extension, pkix};
use crate::asn1::der;
use crate::fixture::{attempt, tool, write};
use crate::foreign::assert_waived;

/// The tools know no other time.
fn now() -> Timestamp {
    let secs = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    Timestamp::from_secs(i64::try_from(secs).unwrap())
}

/// Issuer and leaf as files: `ca.pem`, `leaf.pem`, `ca.key`.
fn written(dir: &Path, now: Timestamp) -> Issuer {
    let issuer = Issuer::at(now);
    write(dir, "ca.pem", issuer.ca.certificate().pem());
    write(dir, "leaf.pem", issuer.leaf.pem());
    write(dir, "ca.key", issuer.key.to_pem().as_bytes());
    issuer
}

fn answer(issuer: &Issuer, hash: HashAlgorithm, status: Status, now: Timestamp) -> Answer {
    let (this_update, next_update) = (now.plus_secs(-60), Some(now.plus_secs(3600)));
    Answer { id: issuer.id(hash), status, this_update, next_update }
}

fn delegate(issuer: &Issuer, key: &SoftKey) -> Certificate {
    let mut made = Handmade::responder(issuer, key);
    // Without a CA's date of birth in the way, whenever this runs.
    made.dates = [b"260101000000Z", b"491231235959Z"];
    made.extensions.push(extension(pkix(&[48, 1, 5]), false, &der(5, &[])));
    made.certificate()
}

/// Our answer in `openssl ocsp` and `ocsptool`, as clients.
#[test]
fn openssl_and_gnutls_believe_what_we_sign() {
    let dir = tempfile::tempdir().unwrap();
    let now = now();
    let issuer = written(dir.path(), now);
    let key = SoftKey::generate().unwrap();
    let responder = delegate(&issuer, &key);
    for hash in [HashAlgorithm::Sha1, HashAlgorithm::Sha256] {
        for (status, text) in [(Status::Good, "good"), (REVOKED, "revoked"), (Status::Unknown, "unknown")] {
            let mut draft = issuer.draft(vec![answer(&issuer, hash, status, now)]);
            draft.produced_at = now;
            write(dir.path(), "own.der", draft.sign(issuer.key.as_ref(), &[]).unwrap());
            draft.responder = ResponderId::by_name(responder.facts());
            write(dir.path(), "delegated.der", draft.sign(&key, &[&responder]).unwrap());
            let digest = if hash == HashAlgorithm::Sha1 { "-sha1" } else { "-sha256" };
            for file in ["own.der", "delegated.der"] {
                let args = ["ocsp", "-respin", file, digest, "-issuer", "ca.pem", "-cert", "leaf.pem"];
                let args = [args.as_slice(), &["-CAfile", "ca.pem", "-no_nonce"]].concat();
                let Some(seen) = tool("openssl", &args, dir.path()) else { return };
                assert!(seen.contains("Response verify OK"), "{file}: {seen}");
                assert!(seen.contains(&format!("leaf.pem: {text}")), "{file}: {seen}");
            }
            let args = ["--verify-response", "--load-trust", "ca.pem", "-S", "delegated.der"];
            let Some(seen) = tool("ocsptool", &args, dir.path()) else { return };
            assert!(seen.contains("Success"), "{seen}");
        }
    }
}

/// Our request in `openssl ocsp` as responder, and its answer with us.
#[test]
fn we_believe_what_openssl_signs() {
    let dir = tempfile::tempdir().unwrap();
    let now = now();
    let issuer = written(dir.path(), now);
    let serial = issuer.leaf.facts().serial.to_string();
    let key = SoftKey::generate().unwrap();
    write(dir.path(), "rsigner.pem", delegate(&issuer, &key).pem());
    write(dir.path(), "rsigner.key", key.to_pem().as_bytes());
    let nonce = Nonce::from_random([7; 32]);
    for hash in [HashAlgorithm::Sha1, HashAlgorithm::Sha256] {
        let request = Request { ids: vec![issuer.id(hash)], nonce: Some(nonce.clone()) };
        write(dir.path(), "request.der", request.to_der());
        let ask = |state: &str, signer: &str, lasting: &[&str]| -> Option<Result<Good, Refused>> {
            write(dir.path(), "index.txt", state);
            let (signer, its_key) = (format!("{signer}.pem"), format!("{signer}.key"));
            let args = ["ocsp", "-index", "index.txt", "-CA", "ca.pem", "-reqin", "request.der"];
            let signing =
                ["-rsigner", signer.as_str(), "-rkey", its_key.as_str(), "-respout", "response.der"];
            let args = [args.as_slice(), &signing, lasting].concat();
            tool("openssl", &args, dir.path())?;
            let response = std::fs::read(dir.path().join("response.der")).unwrap();
            let question = Question { nonce: Some(&nonce), now, ..issuer.question() };
            Some(verify(&response, &question))
        };
        let good = format!("V\t491231235959Z\t\t{serial}\tunknown\t/CN=x\n");
        let Some(verdict) = ask(&good, "ca", &["-ndays", "1"]) else { return };
        assert!(matches!(verdict.unwrap().signed_for(), SignedFor::Issuer));
        let delegated = ask(&good, "rsigner", &[]).unwrap().unwrap();
        assert!(matches!(delegated.signed_for(), SignedFor::Delegate(_)), "and without nextUpdate");
        let revoked = format!("R\t491231235959Z\t260101000000Z,keyCompromise\t{serial}\tunknown\t/CN=x\n");
        assert!(matches!(ask(&revoked, "ca", &[]).unwrap(), Err(Refused::Revoked { .. })));
        assert_eq!(ask("", "ca", &[]).unwrap().unwrap_err(), Refused::Unknown);
    }
}

/// Requests that openssl and GnuTLS make, and ours as they print it.
#[test]
fn requests_of_openssl_and_gnutls_are_read_and_they_read_ours() {
    let dir = tempfile::tempdir().unwrap();
    let issuer = written(dir.path(), now());
    let read = |name: &str| Request::parse(&std::fs::read(dir.path().join(name)).unwrap()).unwrap();
    for (digest, hash) in [("-sha1", HashAlgorithm::Sha1), ("-sha256", HashAlgorithm::Sha256)] {
        let args = ["ocsp", digest, "-issuer", "ca.pem", "-cert", "leaf.pem", "-reqout", "openssl.der"];
        let Some(_) = tool("openssl", &args, dir.path()) else { return };
        let request = read("openssl.der");
        assert_eq!(request.ids, [issuer.id(hash)]);
        assert!(request.nonce.is_some());
    }
    let args = ["-q", "--load-issuer", "ca.pem", "--load-cert", "leaf.pem", "--outfile", "gnutls.der"];
    let Some(_) = tool("ocsptool", &args, dir.path()) else { return };
    assert_eq!(read("gnutls.der").ids, [issuer.id(HashAlgorithm::Sha1)]);
    let ours =
        Request { ids: vec![issuer.id(HashAlgorithm::Sha256)], nonce: Some(Nonce::from_random([7; 32])) };
    write(dir.path(), "ours.der", ours.to_der());
    let seen = tool("ocsptool", &["-i", "-Q", "ours.der"], dir.path()).unwrap();
    let serial = issuer.leaf.facts().serial.to_string().to_lowercase();
    assert!(seen.contains("SHA256") && seen.to_lowercase().contains(&serial), "{seen}");
    let seen = tool("openssl", &["ocsp", "-reqin", "ours.der", "-req_text"], dir.path()).unwrap();
    assert!(seen.contains("Hash Algorithm: sha256") && seen.contains("OCSP Nonce"), "{seen}");
}

#[test]
fn openssl_reads_what_a_responder_says_that_does_not_answer() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "later.der", Unsuccessful::TryLater.to_der());
    let Some((_, seen)) = attempt("openssl", &["ocsp", "-respin", "later.der"], dir.path()) else { return };
    assert!(seen.contains("Responder Error: trylater (3)"), "{seen}");
}

#[test]
fn pkilint_finds_nothing_that_is_not_waived() {
    let dir = tempfile::tempdir().unwrap();
    let now = now();
    let issuer = Issuer::at(now);
    let key = SoftKey::generate().unwrap();
    let responder = delegate(&issuer, &key);
    let mut answers = vec![answer(&issuer, HashAlgorithm::Sha1, Status::Good, now)];
    answers.push(answer(&issuer, HashAlgorithm::Sha256, REVOKED, now));
    let draft = Draft { produced_at: now, ..issuer.draft(answers) };
    write(dir.path(), "own.der", draft.sign(issuer.key.as_ref(), &[]).unwrap());
    let draft = Draft { responder: ResponderId::by_name(responder.facts()), ..draft };
    write(dir.path(), "delegated.der", draft.sign(&key, &[&responder]).unwrap());
    for file in ["own.der", "delegated.der"] {
        let args = ["lint", "-s", "WARNING", "-f", "JSON", file];
        let Some((_, report)) = attempt("lint_ocsp_response", &args, dir.path()) else { return };
        assert_waived(file, &report);
    }
}
