//! What can be said to a person about a certificate: its chain as found, and everything that is wrong with it.
//!
//! Not for admission. Who may connect is decided by `sealmq-tls` alone, with webpki; this reader goes further than a
//! verifier should (it collects every problem, follows names as OpenSSL compares them, verifies weak signatures so that
//! it can tell "weak" from "forged") and says things that a verifier does not. Commands show both verdicts.
//!
//! Invariants: no bytes panic; building a chain is bounded ([`SPECIMENS_MAX`], [`PATHS_MAX`]); what cannot be checked is a
//! problem, never silence; a problem's code is stable.

mod constraints;
mod findings;
mod general_name;
mod names;
mod path;
mod problem;
mod revocation;
mod specimen;

pub use findings::{Finding, findings};
pub use path::{
    Explanation, Link, PATHS_MAX, Purpose, Question, RevocationCheck, SPECIMENS_MAX, Signed, explain,
};
pub use problem::{Class, Problem, ProblemCode};
pub use revocation::List;
pub use specimen::{Specimen, Url, UrlKind};

/// What the fuzz target runs; a test on stable runs it over the corpus. Panics where an invariant is broken.
///
/// The bytes are certificates and lists, DER, one after the other; the first is the leaf and all of them are trusted.
pub fn fuzz(bytes: &[u8]) {
    let mut specimens = Vec::new();
    let mut lists = Vec::new();
    let mut reader = crate::cert::Reader::new(bytes);
    while !reader.is_empty() && specimens.len() < 32 {
        let Ok(value) = reader.any("fuzz") else { break };
        match Specimen::parse(value.whole.to_vec(), "fuzz") {
            Ok(specimen) => specimens.push(specimen),
            Err(_) => lists.push(List::read(value.whole.to_vec(), "fuzz")),
        }
    }
    let Some((leaf, others)) = specimens.split_first() else { return };
    let now = leaf.facts().not_before;
    findings(leaf, now).iter().for_each(|finding| assert_plain(&finding.text));
    let question = Question {
        leaf,
        untrusted: others,
        trusted: &specimens,
        lists: &lists,
        revocation: RevocationCheck::Chain,
        purpose: Purpose::Any,
        name: None,
        at: now,
    };
    let explanation = explain(&question);
    assert!(explanation.links.len() <= specimens.len());
    explanation.problems.iter().for_each(|problem| assert_plain(&problem.text));
}

fn assert_plain(text: &str) {
    assert!(text.chars().count() < 2000 && !text.chars().any(char::is_control), "{text:?}");
}
