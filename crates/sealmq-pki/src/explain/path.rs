//! From a certificate to a root, as well as it goes, and everything that is wrong on the way (RFC 5280 §6).
//!
//! Candidate paths are built by names, then checked whole; the one with the least wrong with it is explained.

use std::cell::Cell;
use std::collections::HashMap;

use super::constraints::Violation;
use super::names::{CanonicalName, Matched, host_matches};
use super::problem::{Class, Problem, ProblemCode};
use super::revocation::{self, List};
use super::specimen::Specimen;
use crate::cert::{
    Curve, DistinguishedName, ExtKeyUsage, KeyKind, KeyUsageBit, SelfSigned, Signature, Version,
    explain_signature,
};
use crate::host::HostName;
use crate::policy::{self, Policies, Unfit};
use crate::{Facts, Timestamp};

/// The most certificates that are looked at, trusted ones included.
pub const SPECIMENS_MAX: usize = 2000;
/// The most complete paths that are compared; also the most that are given up.
pub const PATHS_MAX: usize = 64;
/// The longest path.
const DEPTH_MAX: usize = 16;
/// Steps of the search: what a set of certificates that all name each other can cost.
const STEPS_MAX: usize = 4000;

/// What the certificate is to be used for, in the words of `openssl verify -purpose`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// `sslserver`: a broker.
    SslServer,
    /// `sslclient`: a device.
    SslClient,
    /// `any`: not looked at.
    Any,
}

/// Whose revocation is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevocationCheck {
    /// Nobody's.
    Off,
    /// The leaf's (`-crl_check`).
    Leaf,
    /// Every certificate's below the root (`-crl_check_all`).
    Chain,
}

/// What is asked.
#[derive(Debug)]
pub struct Question<'a> {
    /// The certificate in question.
    pub leaf: &'a Specimen,
    /// Certificates that may stand between, whoever sent them.
    pub untrusted: &'a [Specimen],
    /// `--CAfile`: the self-signed ones are roots, the others may stand between.
    pub trusted: &'a [Specimen],
    /// Revocation lists.
    pub lists: &'a [List],
    /// Whether they are asked.
    pub revocation: RevocationCheck,
    /// What it is to be used for.
    pub purpose: Purpose,
    /// The host that is dialled.
    pub name: Option<&'a HostName>,
    /// The time of the question.
    pub at: Timestamp,
}

/// What became of the signature over a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signed {
    /// By the next certificate of the chain.
    Above(Signature),
    /// A root that is trusted: nobody needs to vouch for it.
    Anchor,
    /// By itself, and it is not trusted.
    Itself,
    /// The issuer's certificate is not here.
    Nobody,
}

/// One certificate of the chain.
#[derive(Clone, Copy, Debug)]
pub struct Link<'a> {
    /// The certificate.
    pub specimen: &'a Specimen,
    /// Who signed it, and whether that is so.
    pub signed: Signed,
}

/// The answer.
#[derive(Debug)]
pub struct Explanation<'a> {
    /// The chain as found, the leaf first.
    pub links: Vec<Link<'a>>,
    /// Everything that is wrong, from the leaf upwards. Empty: the certificate is good for what was asked.
    pub problems: Vec<Problem>,
    /// The host was found in the CN, since there is no DNS name in the SAN: OpenSSL takes it, most others do not.
    pub name_only_in_common_name: bool,
}

impl Explanation<'_> {
    /// The gravest kind of problem; `None`: there is none.
    pub fn class(&self) -> Option<Class> {
        self.problems.iter().map(|problem| problem.code.class()).min()
    }
}

/// Builds the chain and checks it.
pub fn explain<'a>(question: &Question<'a>) -> Explanation<'a> {
    let search = Search::new(question);
    let paths = search.paths();
    let explained = paths.iter().map(|path| search.check(path));
    let best = explained.min_by_key(|(links, problems)| (worth(problems), problems.len(), links.len()));
    let (links, mut problems) = best.unwrap_or_else(|| search.check(&[0]));
    if search.gave_up.get() {
        problems.push(Problem::new(
            ProblemCode::TooManyPaths,
            0,
            "more paths are possible between these certificates than are looked at",
        ));
    }
    let mut name_only_in_common_name = false;
    if let Some(name) = question.name {
        match host_matches(question.leaf.facts(), name) {
            Matched::AltName => {}
            Matched::CommonName => name_only_in_common_name = true,
            Matched::No => problems.push(mismatch(question.leaf.facts(), name)),
        }
    }
    problems.sort_by_key(|problem| problem.depth);
    Explanation { links, problems, name_only_in_common_name }
}

/// What a problem makes of a path beside others: a path without a root is worse than one with an expired root.
fn worth(problems: &[Problem]) -> usize {
    problems
        .iter()
        .map(|problem| match problem.code.class() {
            Class::Untrusted => 1000,
            Class::Revoked | Class::Unknown | Class::Invalid => 100,
            Class::Weak | Class::Dates => 10,
            Class::Purpose | Class::Name | Class::Key | Class::RevocationUnknown => 1,
        })
        .sum()
}

/// The certificates of a question by number; the leaf is 0.
struct Search<'a, 'q> {
    question: &'q Question<'a>,
    all: Vec<&'a Specimen>,
    trusted_from: usize,
    subjects: HashMap<CanonicalName, Vec<usize>>,
    issuers: Vec<CanonicalName>,
    steps: Cell<usize>,
    gave_up: Cell<bool>,
}

impl<'a, 'q> Search<'a, 'q> {
    fn new(question: &'q Question<'a>) -> Search<'a, 'q> {
        let others = SPECIMENS_MAX - 1;
        let untrusted = question.untrusted.iter().take(others);
        let trusted_from = 1 + untrusted.len();
        let trusted = question.trusted.iter().take(others.saturating_sub(untrusted.len()));
        let given = 1 + question.untrusted.len() + question.trusted.len();
        let all: Vec<&'a Specimen> = std::iter::once(question.leaf).chain(untrusted).chain(trusted).collect();
        let mut subjects: HashMap<CanonicalName, Vec<usize>> = HashMap::new();
        // Trusted ones first: the shortest way to a root is tried before what a peer sent.
        for index in (trusted_from..all.len()).chain(0..trusted_from) {
            let facts = all[index].facts();
            subjects.entry(CanonicalName::of(&facts.subject)).or_default().push(index);
        }
        let issuers = all.iter().map(|specimen| CanonicalName::of(&specimen.facts().issuer)).collect();
        let gave_up = Cell::new(given > all.len());
        Search { question, all, trusted_from, subjects, issuers, steps: Cell::new(0), gave_up }
    }

    fn facts(&self, index: usize) -> &'a Facts {
        self.all[index].facts()
    }

    /// A self-signed certificate that is in the trusted set (the leaf may be one of them).
    fn is_anchor(&self, index: usize) -> bool {
        let facts = self.facts(index);
        let own = matches!(facts.self_signed, SelfSigned::Yes | SelfSigned::Unverifiable);
        let print = facts.fingerprint;
        own && self.all[self.trusted_from..].iter().any(|trusted| trusted.facts().fingerprint == print)
    }

    /// All paths, complete or not, within the bounds.
    fn paths(&self) -> Vec<Vec<usize>> {
        let mut found = Vec::new();
        self.extend(&mut vec![0], &mut found);
        found
    }

    fn extend(&self, path: &mut Vec<usize>, found: &mut Vec<Vec<usize>>) {
        let last = *path.last().expect("a path begins with the leaf");
        self.steps.set(self.steps.get() + 1);
        if found.len() >= PATHS_MAX || self.steps.get() > STEPS_MAX {
            self.gave_up.set(true);
            return;
        }
        if self.is_anchor(last) {
            return found.push(path.clone());
        }
        let above = self.above(path, last);
        if above.is_empty() || path.len() >= DEPTH_MAX {
            self.gave_up.set(self.gave_up.get() || !above.is_empty());
            return found.push(path.clone());
        }
        for index in above {
            path.push(index);
            self.extend(path, found);
            path.pop();
        }
    }

    /// Who may have issued `last`, the likeliest first. Nobody stands twice in a path.
    fn above(&self, path: &[usize], last: usize) -> Vec<usize> {
        let facts = self.facts(last);
        let print = |index: usize| self.facts(index).fingerprint;
        let mut above: Vec<usize> = self.subjects.get(&self.issuers[last]).cloned().unwrap_or_default();
        above.retain(|candidate| !path.iter().any(|used| print(*used) == print(*candidate)));
        let fits = |index: &usize| match (&facts.authority_key_id, &self.facts(*index).subject_key_id) {
            (Some(wanted), Some(has)) => usize::from(wanted != has),
            _ => 1,
        };
        above.sort_by_key(fits);
        above.dedup_by_key(|index| print(*index));
        above
    }

    fn check(&self, path: &[usize]) -> (Vec<Link<'a>>, Vec<Problem>) {
        let chain: Vec<&'a Specimen> = path.iter().map(|index| self.all[*index]).collect();
        let mut problems = Vec::new();
        let links: Vec<Link<'a>> = path
            .iter()
            .enumerate()
            .map(|(depth, index)| {
                let signed = self.signed(&chain, depth, *index);
                Link { specimen: self.all[*index], signed }
            })
            .collect();
        for (depth, link) in links.iter().enumerate() {
            self.signature(&chain, depth, link.signed, &mut problems);
            self.certificate(link, depth, &mut problems);
            self.as_authority(&chain, depth, &mut problems);
        }
        self.names(&chain, &mut problems);
        self.policies(&links, &mut problems);
        self.revocation(&links, &mut problems);
        (links, problems)
    }

    fn signed(&self, chain: &[&Specimen], depth: usize, index: usize) -> Signed {
        match chain.get(depth + 1) {
            Some(above) => Signed::Above(
                explain_signature(chain[depth].der(), above.facts()).unwrap_or(Signature::Unverifiable),
            ),
            None if self.is_anchor(index) => Signed::Anchor,
            None if self.facts(index).self_signed == SelfSigned::Yes => Signed::Itself,
            None => Signed::Nobody,
        }
    }

    fn signature(&self, chain: &[&Specimen], depth: usize, signed: Signed, problems: &mut Vec<Problem>) {
        let facts = chain[depth].facts();
        let algorithm = || clean(&facts.signature_algorithm);
        let (code, text) = match signed {
            Signed::Above(Signature::Verified) | Signed::Anchor => return,
            Signed::Above(Signature::VerifiedButWeak) => {
                (ProblemCode::WeakSignature, format!("its signature is right, but too weak: {}", algorithm()))
            }
            Signed::Above(Signature::Unverifiable) => (
                ProblemCode::SignatureUnverifiable,
                format!(
                    "its signature ({}) cannot be checked with a key of kind {}",
                    algorithm(),
                    chain[depth + 1].facts().key
                ),
            ),
            Signed::Above(Signature::Wrong) => (
                ProblemCode::BadSignature,
                format!("it is not signed by the key of '{}'", shown(&chain[depth + 1].facts().subject)),
            ),
            Signed::Itself if depth == 0 => {
                (ProblemCode::SelfSigned, "it is signed by itself and not among the trusted ones".to_owned())
            }
            Signed::Itself => (
                ProblemCode::RootNotTrusted,
                format!("the root '{}' is not among the trusted ones", shown(&facts.subject)),
            ),
            Signed::Nobody => (
                ProblemCode::NoIssuer,
                format!("the certificate of its issuer '{}' is not here", shown(&facts.issuer)),
            ),
        };
        problems.push(Problem::new(code, depth, text));
    }

    /// What is asked of every certificate of a chain.
    fn certificate(&self, link: &Link<'_>, depth: usize, problems: &mut Vec<Problem>) {
        let (specimen, facts, at) = (link.specimen, link.specimen.facts(), self.question.at);
        let mut add = |code, text: String| problems.push(Problem::new(code, depth, text));
        if facts.not_after < facts.not_before {
            add(
                ProblemCode::NeverValid,
                format!("it begins at {} and ends at {}", facts.not_before, facts.not_after),
            );
        } else if at < facts.not_before {
            add(ProblemCode::NotYetValid, format!("it begins at {}", facts.not_before));
        } else if at > facts.not_after {
            add(ProblemCode::Expired, format!("it {} (at {})", facts.ends_in(at), facts.not_after));
        }
        if is_weak(&facts.key) {
            add(ProblemCode::WeakKey, format!("its key is {}", facts.key));
        }
        if facts.version == Version::V2 {
            add(ProblemCode::Version2, "it is version 2, which nobody uses".to_owned());
        }
        for oid in facts.critical_extensions.iter().filter(|oid| !KNOWN_CRITICAL.contains(&oid.as_str())) {
            add(ProblemCode::CriticalExtension, format!("extension {} is critical and unknown", clean(oid)));
        }
        for oid in &specimen.unreadable {
            add(ProblemCode::BrokenExtension, format!("extension {} cannot be read", clean(oid)));
        }
        if let Some(text) = wrong_purpose(facts, self.question.purpose, depth) {
            add(ProblemCode::WrongPurpose, text);
        }
    }

    /// What is asked of a certificate that signed another.
    fn as_authority(&self, chain: &[&Specimen], depth: usize, problems: &mut Vec<Problem>) {
        let facts = chain[depth].facts();
        if depth == 0 {
            return;
        }
        let mut add = |code, text: String| problems.push(Problem::new(code, depth, text));
        let root = depth + 1 == chain.len() && facts.self_signed == SelfSigned::Yes;
        match facts.basic_constraints {
            Some(constraints) if constraints.ca => {
                let below = chain[1..depth].iter().filter(|ca| !ca.facts().is_self_issued()).count();
                if constraints.path_len.is_some_and(|max| below > max as usize) {
                    let max = constraints.path_len.unwrap_or(0);
                    add(
                        ProblemCode::PathLength,
                        format!("{below} CA certificates follow below one with pathlen {max}"),
                    );
                }
            }
            // A self-signed version 1 certificate is a root: there was no other way to say so.
            None if facts.version == Version::V1 && root => {}
            None if facts.version == Version::V1 => {
                add(ProblemCode::NotCa, "it is version 1 and cannot say that it is a CA".to_owned());
            }
            Some(_) | None => {
                add(ProblemCode::NotCa, "its basicConstraints do not say CA:TRUE".to_owned());
            }
        }
        if facts.key_usage.is_some_and(|usage| !usage.has(KeyUsageBit::KeyCertSign)) {
            add(ProblemCode::NoCertSign, "its keyUsage lacks keyCertSign".to_owned());
        }
    }

    fn names(&self, chain: &[&Specimen], problems: &mut Vec<Problem>) {
        for (depth, specimen) in chain.iter().enumerate() {
            // RFC 5280 §6.1.3 (b): a CA's certificate for itself is not looked at, unless it is the last.
            if depth > 0 && specimen.facts().is_self_issued() {
                continue;
            }
            for above in &chain[depth + 1..] {
                let Some(violation) = above.constraints.as_ref().and_then(|rules| rules.check(specimen))
                else {
                    continue;
                };
                let ca = shown(&above.facts().subject);
                let (code, text) = match violation {
                    Violation::NotPermitted(name) => {
                        (ProblemCode::NotPermitted, format!("'{ca}' may not certify {name}"))
                    }
                    Violation::Excluded(name) => (ProblemCode::Excluded, format!("'{ca}' excludes {name}")),
                    Violation::Unsupported(name) => (
                        ProblemCode::ConstraintUnsupported,
                        format!("the nameConstraints of '{ca}' cannot be compared with {name}"),
                    ),
                };
                problems.push(Problem::new(code, depth, text));
            }
        }
    }

    fn policies(&self, links: &[Link<'_>], problems: &mut Vec<Problem>) {
        let anchored = links.last().is_some_and(|link| link.signed == Signed::Anchor);
        let below = links.len() - usize::from(anchored);
        let down: Vec<(&Facts, &Policies)> = links[..below]
            .iter()
            .rev()
            .map(|link| (link.specimen.facts(), &link.specimen.policies))
            .collect();
        if let Err((index, unfit)) = policy::check(&down) {
            let depth = below - 1 - index;
            let code = match unfit {
                Unfit::NoExplicitPolicy => ProblemCode::NoPolicy,
                Unfit::AnyPolicyMapped => ProblemCode::PolicyMapping,
            };
            let text = unfit.to_string();
            problems.push(Problem::new(code, depth, text));
        }
    }

    fn revocation(&self, links: &[Link<'_>], problems: &mut Vec<Problem>) {
        let depths = match self.question.revocation {
            RevocationCheck::Off => return,
            RevocationCheck::Leaf => 1,
            RevocationCheck::Chain => links.len(),
        };
        let facts: Vec<&Facts> = links.iter().map(|link| link.specimen.facts()).collect();
        for (depth, link) in links.iter().enumerate().take(depths.min(links.len() - 1)) {
            let above = &facts[depth + 1..];
            let lists = self.question.lists;
            problems.extend(revocation::check(lists, link.specimen, above, depth, self.question.at));
        }
    }
}

/// What the checks above look at; anything else that is critical is refused (RFC 5280 §4.2).
const KNOWN_CRITICAL: [&str; 12] = [
    "2.5.29.14",
    "2.5.29.15",
    "2.5.29.17",
    "2.5.29.19",
    "2.5.29.30",
    "2.5.29.31",
    "2.5.29.32",
    "2.5.29.33",
    "2.5.29.35",
    "2.5.29.36",
    "2.5.29.37",
    "2.5.29.54",
];

/// Below what anybody takes today, or of a kind that no TLS of ours can use.
pub(super) fn is_weak(key: &KeyKind) -> bool {
    match key {
        KeyKind::Rsa { bits } => *bits < 2048,
        KeyKind::Ec(Curve::P256 | Curve::P384 | Curve::P521) | KeyKind::Ed25519 => false,
        KeyKind::Ec(Curve::Other(_)) | KeyKind::Ed448 | KeyKind::Other(_) => true,
    }
}

fn wrong_purpose(facts: &Facts, purpose: Purpose, depth: usize) -> Option<String> {
    let (wanted, word, bits): (_, _, &[KeyUsageBit]) = match purpose {
        Purpose::Any => return None,
        Purpose::SslServer => (
            ExtKeyUsage::ServerAuth,
            "serverAuth",
            &[KeyUsageBit::DigitalSignature, KeyUsageBit::KeyEncipherment, KeyUsageBit::KeyAgreement],
        ),
        Purpose::SslClient => (
            ExtKeyUsage::ClientAuth,
            "clientAuth",
            &[KeyUsageBit::DigitalSignature, KeyUsageBit::KeyAgreement],
        ),
    };
    if facts.ext_key_usage.as_ref().is_some_and(|usages| !usages.contains(&wanted)) {
        let whose = if depth == 0 { "its" } else { "this CA's" };
        return Some(format!("{whose} extendedKeyUsage lacks {word}"));
    }
    let lacks = |usage: crate::cert::KeyUsage| !bits.iter().any(|bit| usage.has(*bit));
    (depth == 0 && facts.key_usage.is_some_and(lacks))
        .then(|| "its keyUsage allows no signature in a handshake (digitalSignature)".to_owned())
}

fn mismatch(facts: &Facts, name: &HostName) -> Problem {
    let names: Vec<String> = match facts.alt_names.is_empty() {
        true => facts.common_names().iter().map(|cn| format!("CN {} (it has no SAN)", clean(cn))).collect(),
        false => facts.alt_names.iter().take(20).map(|name| clean(&name.to_string())).collect(),
    };
    let code = match name {
        HostName::Dns(_) => ProblemCode::HostMismatch,
        HostName::Ip(_) => ProblemCode::AddressMismatch,
    };
    let names = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
    Problem::new(code, 0, format!("'{name}' was dialled, it is for {}", bounded(&names, 600)))
}

/// A name of a stranger for a terminal: escaped and bounded.
pub(super) fn shown(name: &DistinguishedName) -> String {
    clean(&name.rfc2253())
}

/// Text of a stranger for a terminal: control characters escaped, at most 200 characters.
pub(super) fn clean(text: &str) -> String {
    bounded(text, 200)
}

fn bounded(text: &str, max: usize) -> String {
    let mut out = String::new();
    for (index, c) in text.chars().enumerate() {
        if index == max {
            out.push('…');
            break;
        }
        if c.is_control() { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out
}
