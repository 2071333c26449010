//! Signatures over certificates that were found good before: arithmetic that need not be done twice.
//!
//! That a key made a signature over these bytes is true for ever, whoever asks and whatever they trust. So nothing of a
//! decision is remembered here: anchors, dates, purposes, revocation, the inventory and the identity are judged anew each
//! time, on the same certificates, and only the curve arithmetic of a signature that was computed before is left out. One
//! full handshake needs the same one twice (verifier, judgment), and a client that comes again needs it again.
//!
//! Not here: the signature by which a peer proves its key in a handshake. It is over fresh bytes and always verified.
//!
//! Invariants: successes only; what is compared is the whole of algorithm, key, message and signature, by SHA-256;
//! never more than [`ROUND_MAX`] twice over.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::digest::{Context, SHA256, SHA256_OUTPUT_LEN};
use rustls::pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm};

/// Signatures of one round; about 0.5 MiB, and one round before it is kept. A certificate's chain has one or two.
const ROUND_MAX: usize = 8_192;

type Digest = [u8; SHA256_OUTPUT_LEN];

/// The memory of one process; its listeners share it, and a reload keeps it.
#[derive(Debug, Default)]
pub struct KnownSignatures(Mutex<Rounds>);

/// What was found good since the last turn of the rounds, and in the round before. Who is asked about moves to the front.
#[derive(Debug, Default)]
struct Rounds {
    now: HashSet<Digest>,
    before: HashSet<Digest>,
}

impl Rounds {
    fn holds(&mut self, digest: &Digest) -> bool {
        if self.now.contains(digest) {
            return true;
        }
        let held = self.before.remove(digest);
        if held {
            self.add(*digest);
        }
        held
    }

    fn add(&mut self, digest: Digest) {
        if self.now.len() >= ROUND_MAX {
            self.before = std::mem::take(&mut self.now);
        }
        self.now.insert(digest);
    }
}

impl KnownSignatures {
    /// An empty memory.
    #[must_use]
    pub fn new() -> Arc<KnownSignatures> {
        Arc::default()
    }

    /// These algorithms, over this memory. Always the same list in one process: that of the crypto provider.
    pub(crate) fn over(&self, algorithms: &[&'static dyn SignatureVerificationAlgorithm]) -> Over<'_> {
        let numbered = algorithms.iter().enumerate();
        Over(
            numbered
                .map(|(number, algorithm)| Remembering { number, algorithm: *algorithm, known: self })
                .collect(),
        )
    }

    fn verify(&self, by: &Remembering<'_>, parts: [&[u8]; 3]) -> Result<(), InvalidSignature> {
        let digest = digest_of(by, parts);
        if self.rounds().holds(&digest) {
            return Ok(());
        }
        // Not under the lock: it takes a while.
        let [key, message, signature] = parts;
        by.algorithm.verify_signature(key, message, signature)?;
        self.rounds().add(digest);
        Ok(())
    }

    fn rounds(&self) -> MutexGuard<'_, Rounds> {
        // Sets of plain values: a panic while it was held leaves at worst a digest out.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Each part with its length, so that no two quadruples are the same bytes. An algorithm is told by its identifiers and
/// its place in the list: some differ in nothing but the smallest key that they take.
fn digest_of(by: &Remembering<'_>, parts: [&[u8]; 3]) -> Digest {
    let (of_key, of_signature) = (by.algorithm.public_key_alg_id(), by.algorithm.signature_alg_id());
    let number = by.number.to_be_bytes();
    let mut context = Context::new(&SHA256);
    for part in [&number[..], of_key.as_ref(), of_signature.as_ref()].into_iter().chain(parts) {
        context.update(&part.len().to_be_bytes());
        context.update(part);
    }
    let mut digest = [0; SHA256_OUTPUT_LEN];
    digest.copy_from_slice(context.finish().as_ref());
    digest
}

/// A list of algorithms that remembers.
pub(crate) struct Over<'a>(Vec<Remembering<'a>>);

impl Over<'_> {
    /// As the libraries want it.
    pub(crate) fn all(&self) -> Vec<&dyn SignatureVerificationAlgorithm> {
        self.0.iter().map(|algorithm| algorithm as _).collect()
    }
}

/// One algorithm that remembers.
struct Remembering<'a> {
    number: usize,
    algorithm: &'static dyn SignatureVerificationAlgorithm,
    known: &'a KnownSignatures,
}

impl std::fmt::Debug for Remembering<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.algorithm.fmt(f)
    }
}

impl SignatureVerificationAlgorithm for Remembering<'_> {
    fn verify_signature(&self, key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        self.known.verify(self, [key, message, signature])
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm.public_key_alg_id()
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm.signature_alg_id()
    }

    fn fips(&self) -> bool {
        self.algorithm.fips()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Good where key and signature are the same; says how often it was asked.
    #[derive(Debug)]
    struct Counted {
        asked: AtomicUsize,
        of_key: &'static [u8],
        of_signature: &'static [u8],
    }

    impl SignatureVerificationAlgorithm for Counted {
        fn verify_signature(&self, key: &[u8], _: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
            self.asked.fetch_add(1, Ordering::Relaxed);
            if key == signature { Ok(()) } else { Err(InvalidSignature) }
        }

        fn public_key_alg_id(&self) -> AlgorithmIdentifier {
            AlgorithmIdentifier::from_slice(self.of_key)
        }

        fn signature_alg_id(&self) -> AlgorithmIdentifier {
            AlgorithmIdentifier::from_slice(self.of_signature)
        }
    }

    fn counted() -> &'static Counted {
        identified(&[1], &[2])
    }

    fn identified(of_key: &'static [u8], of_signature: &'static [u8]) -> &'static Counted {
        Box::leak(Box::new(Counted { asked: AtomicUsize::new(0), of_key, of_signature }))
    }

    #[test]
    fn a_good_signature_is_computed_once_and_a_bad_one_each_time() {
        let (known, algorithm) = (KnownSignatures::new(), counted());
        let over = known.over(&[algorithm]);
        let verify = |key: &[u8], message: &[u8], signature: &[u8]| {
            let outcome = over.all()[0].verify_signature(key, message, signature);
            (outcome.is_ok(), algorithm.asked.swap(0, Ordering::Relaxed))
        };
        assert_eq!(verify(b"k", b"m", b"k"), (true, 1));
        assert_eq!(verify(b"k", b"m", b"k"), (true, 0));
        for _ in 0..2 {
            assert_eq!(verify(b"k", b"m", b"x"), (false, 1), "a failure is not remembered");
        }
        // Anything else than exactly that is another signature.
        for (key, message, signature) in
            [(&b"K"[..], &b"m"[..], &b"K"[..]), (b"k", b"M", b"k"), (b"", b"km", b""), (b"km", b"", b"km")]
        {
            assert_eq!(verify(key, message, signature), (true, 1));
        }
        assert_eq!(verify(b"x", b"m", b"k"), (false, 1));
        assert_eq!(verify(b"k", b"x", b"x"), (false, 1));
        // The same bytes in a row, divided elsewhere.
        assert_eq!(verify(b"k", b"mk", b""), (false, 1));
        assert_eq!(verify(b"", b"km", b"k"), (false, 1));
    }

    #[test]
    fn what_one_algorithm_found_good_is_nothing_to_another() {
        let (known, one, other) = (KnownSignatures::new(), counted(), counted());
        let over = known.over(&[one, other]);
        assert!(over.all()[0].verify_signature(b"k", b"m", b"k").is_ok());
        assert!(over.all()[1].verify_signature(b"k", b"m", b"k").is_ok());
        assert_eq!(other.asked.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn an_algorithm_at_the_same_place_of_another_list_is_another_one() {
        let known = KnownSignatures::new();
        for (of_key, of_signature) in [(&[1][..], &[2][..]), (&[9], &[2]), (&[1], &[9])] {
            let algorithm = identified(of_key, of_signature);
            assert!(known.over(&[algorithm]).all()[0].verify_signature(b"k", b"m", b"k").is_ok());
            assert_eq!(algorithm.asked.load(Ordering::Relaxed), 1, "{of_key:?} {of_signature:?}");
        }
    }

    #[test]
    fn it_never_holds_more_than_two_rounds_and_keeps_who_comes_again() {
        let mut rounds = Rounds::default();
        let digest = |n: usize| {
            let mut digest = [0; SHA256_OUTPUT_LEN];
            digest[..8].copy_from_slice(&n.to_be_bytes());
            digest
        };
        rounds.add(digest(0));
        for n in 0..ROUND_MAX * 3 {
            assert!(!rounds.holds(&digest(n + 1)));
            rounds.add(digest(n + 1));
            assert!(
                n % 1000 != 0 || rounds.holds(&digest(0)),
                "who comes again is kept over any number of rounds"
            );
            assert!(rounds.now.len() + rounds.before.len() <= 2 * ROUND_MAX);
        }
        assert!(rounds.holds(&digest(0)) && rounds.holds(&digest(ROUND_MAX * 3)));
        assert!(!rounds.holds(&digest(1)), "the oldest went");
    }
}
