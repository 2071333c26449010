//! What `cert verify` says about chains made by openssl, good and wrong in one way each.

use std::path::Path;

use sealmq_pki::explain::{
    Class, List, ProblemCode, Purpose, Question, RevocationCheck, Specimen, explain, findings, fuzz,
};
use sealmq_pki::{HostName, Timestamp, pem};

use crate::fixture::attempt;

const CA: &str = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n";

/// A folder in which openssl makes certificates; `None` where there is no openssl.
struct Maker(tempfile::TempDir);

impl Maker {
    fn new() -> Option<Maker> {
        let maker = Maker(tempfile::tempdir().unwrap());
        attempt("openssl", &["version"], maker.dir())?;
        maker.issue("root", "root", CA);
        Some(maker)
    }

    fn dir(&self) -> &Path {
        self.0.path()
    }

    fn openssl(&self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        let (done, printed) = attempt("openssl", &words, self.dir()).unwrap();
        assert!(done, "openssl {line}: {printed}");
    }

    /// `name.crt`, by `issuer`'s key; without extensions it is version 1 (before OpenSSL 3.2).
    fn issue(&self, name: &str, issuer: &str, extensions: &str) -> Specimen {
        self.issue_with(name, issuer, extensions, "-sha256 -days 100")
    }

    fn issue_with(&self, name: &str, issuer: &str, extensions: &str, more: &str) -> Specimen {
        std::fs::write(self.dir().join("ext"), extensions).unwrap();
        if !self.dir().join(format!("{name}.key")).exists() {
            self.openssl(&format!("ecparam -name prime256v1 -genkey -noout -out {name}.key"));
        }
        self.openssl(&format!("req -new -key {name}.key -subj /O=Explained/CN={name} -out {name}.csr"));
        let by = match name == issuer {
            true => format!("-signkey {name}.key"),
            false => format!("-CA {issuer}.crt -CAkey {issuer}.key"),
        };
        self.openssl(&format!("x509 -req -in {name}.csr {by} {more} -extfile ext -out {name}.crt"));
        self.read(name)
    }

    fn read(&self, name: &str) -> Specimen {
        let text = std::fs::read(self.dir().join(format!("{name}.crt"))).unwrap();
        let der = pem::of_label(&text, "CERTIFICATE").unwrap()[0].to_vec();
        Specimen::parse(der, format!("{name}.crt")).unwrap()
    }
}

fn now(specimen: &Specimen) -> Timestamp {
    specimen.facts().not_before.plus_secs(3600)
}

/// The codes of the problems, by depth.
fn found(leaf: &Specimen, between: &[Specimen], root: &Specimen) -> Vec<(ProblemCode, usize)> {
    asked(leaf, between, root, |_| ())
}

fn asked(
    leaf: &Specimen,
    between: &[Specimen],
    root: &Specimen,
    change: impl Fn(&mut Question<'_>),
) -> Vec<(ProblemCode, usize)> {
    let mut question = Question {
        leaf,
        untrusted: between,
        trusted: std::slice::from_ref(root),
        lists: &[],
        revocation: RevocationCheck::Off,
        purpose: Purpose::Any,
        name: None,
        at: now(leaf),
    };
    change(&mut question);
    explain(&question).problems.iter().map(|problem| (problem.code, problem.depth)).collect()
}

#[test]
fn a_good_chain_has_no_problem_and_each_broken_one_has_its_own() {
    let Some(maker) = Maker::new() else { return };
    let root = maker.read("root");
    let middle = maker.issue("middle", "root", &format!("{CA}extendedKeyUsage=serverAuth\n"));
    let leaf = maker.issue("leaf", "middle", "extendedKeyUsage=serverAuth,clientAuth\n");
    assert_eq!(found(&leaf, std::slice::from_ref(&middle), &root), []);
    assert_eq!(found(&leaf, &[], &root), [(ProblemCode::NoIssuer, 0)]);
    assert_eq!(found(&leaf, &[middle.clone(), root.clone()], &middle), [(ProblemCode::RootNotTrusted, 2)]);
    assert_eq!(found(&root, &[], &leaf), [(ProblemCode::SelfSigned, 0)]);
    assert_eq!(found(&root, &[], &root), [], "a root that is trusted vouches for itself");

    let impostor = Maker::new().unwrap();
    assert_eq!(
        found(&leaf, std::slice::from_ref(&middle), &impostor.read("root")),
        [(ProblemCode::BadSignature, 1)],
        "a CA of the same name"
    );

    let late = |question: &mut Question<'_>| question.at = question.leaf.facts().not_after.plus_secs(86_400);
    let all = asked(&leaf, std::slice::from_ref(&middle), &root, late);
    assert_eq!(all.iter().filter(|(code, _)| *code == ProblemCode::Expired).count(), all.len());
    assert_eq!(all.len(), 3, "every certificate is told of, not only the first");
    let early = |question: &mut Question<'_>| question.at = question.at.plus_secs(-86_400);
    assert_eq!(asked(&leaf, std::slice::from_ref(&middle), &root, early)[0].0, ProblemCode::NotYetValid);
}

#[test]
fn purposes_are_asked_of_every_certificate() {
    let Some(maker) = Maker::new() else { return };
    let root = maker.read("root");
    let middle = maker.issue("middle", "root", &format!("{CA}extendedKeyUsage=serverAuth\n"));
    let leaf = maker.issue("leaf", "middle", "extendedKeyUsage=serverAuth,clientAuth\n");
    let between = std::slice::from_ref(&middle);
    let server = |question: &mut Question<'_>| question.purpose = Purpose::SslServer;
    let client = |question: &mut Question<'_>| question.purpose = Purpose::SslClient;
    assert_eq!(asked(&leaf, between, &root, server), []);
    assert_eq!(asked(&leaf, between, &root, client), [(ProblemCode::WrongPurpose, 1)]);
    let sealing = maker.issue("sealing", "root", "keyUsage=keyEncipherment\n");
    assert_eq!(asked(&sealing, &[], &root, client), [(ProblemCode::WrongPurpose, 0)]);
    assert_eq!(asked(&sealing, &[], &root, server), []);
}

#[test]
fn only_a_ca_certificate_issues_and_only_as_far_as_it_may() {
    let Some(maker) = Maker::new() else { return };
    let root = maker.read("root");
    let chain = |extensions: &str| {
        let middle = maker.issue("middle", "root", extensions);
        let leaf = maker.issue("leaf", "middle", "subjectAltName=DNS:a.example.com\n");
        found(&leaf, &[middle], &root)
    };
    let ca = "basicConstraints=critical,CA:TRUE\n";
    assert_eq!(chain(ca), []);
    assert_eq!(chain("basicConstraints=CA:FALSE\n"), [(ProblemCode::NotCa, 1)]);
    assert_eq!(chain(&format!("{ca}keyUsage=cRLSign\n")), [(ProblemCode::NoCertSign, 1)]);
    assert_eq!(chain(&format!("{ca}nameConstraints=critical,permitted;DNS:example.com\n")), []);
    assert_eq!(
        chain(&format!("{ca}nameConstraints=critical,permitted;DNS:example.org\n")),
        [(ProblemCode::NotPermitted, 0)]
    );
    assert_eq!(
        chain(&format!("{ca}nameConstraints=excluded;DNS:a.example.com\n")),
        [(ProblemCode::Excluded, 0)]
    );
    assert_eq!(chain(&format!("{ca}1.2.3.4=critical,ASN1:NULL\n")), [(ProblemCode::CriticalExtension, 1)]);
    assert_eq!(chain(&format!("{ca}1.2.3.4=ASN1:NULL\n")), []);
    assert_eq!(chain(&format!("{ca}nameConstraints=ASN1:NULL\n")), [(ProblemCode::BrokenExtension, 1)]);
    assert_eq!(
        chain(&format!("{ca}policyConstraints=requireExplicitPolicy:0\n")),
        [(ProblemCode::NoPolicy, 0)]
    );
    let none_below = maker.issue("none-below", "root", "basicConstraints=critical,CA:TRUE,pathlen:0\n");
    let middle = maker.issue("middle", "none-below", ca);
    let leaf = maker.issue("leaf", "middle", "subjectAltName=DNS:a.example.com\n");
    assert_eq!(found(&leaf, &[middle, none_below], &root), [(ProblemCode::PathLength, 2)]);
}

#[test]
fn weak_signatures_are_verified_and_told() {
    let Some(maker) = Maker::new() else { return };
    let root = maker.read("root");
    let leaf = maker.issue_with("leaf", "root", "basicConstraints=CA:FALSE\n", "-sha1 -days 100");
    assert_eq!(found(&leaf, &[], &root), [(ProblemCode::WeakSignature, 0)]);
    let codes: Vec<&str> = findings(&leaf, now(&leaf)).iter().map(|finding| finding.code).collect();
    assert_eq!(codes, ["weak-signature", "no-san"]);
    maker.openssl("genrsa -out short.key 1024");
    let short = maker.issue("short", "root", "subjectAltName=DNS:a\n");
    assert_eq!(found(&short, &[], &root), [(ProblemCode::WeakKey, 0)]);
}

#[test]
fn rsa_pss_is_verified() {
    let Some(maker) = Maker::new() else { return };
    maker.openssl("genrsa -out authority.key 2048");
    let root = maker.issue("authority", "authority", CA);
    let pss = "-sha384 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:48 -days 100";
    let leaf = maker.issue_with("leaf", "authority", "subjectAltName=DNS:a\n", pss);
    assert_eq!(found(&leaf, &[], &root), []);
    let mut der = leaf.der().to_vec();
    *der.last_mut().unwrap() ^= 1;
    let forged = Specimen::parse(der, "forged").unwrap();
    assert_eq!(found(&forged, &[], &root), [(ProblemCode::BadSignature, 0)]);
}

#[test]
fn the_name_is_looked_for_in_the_san_and_else_in_the_cn() {
    let Some(maker) = Maker::new() else { return };
    let root = maker.read("root");
    let leaf = maker.issue("leaf", "root", "subjectAltName=DNS:*.example.com,IP:192.0.2.7\n");
    let plain = maker.issue("broker.local", "root", "basicConstraints=CA:FALSE\n");
    let ask = |leaf: &Specimen, name: &str| {
        let name = HostName::parse(name).unwrap();
        let question = Question {
            leaf,
            untrusted: &[],
            trusted: std::slice::from_ref(&root),
            lists: &[],
            revocation: RevocationCheck::Off,
            purpose: Purpose::Any,
            name: Some(&name),
            at: now(leaf),
        };
        let explanation = explain(&question);
        (explanation.problems.first().map(|problem| problem.code), explanation.name_only_in_common_name)
    };
    assert_eq!(ask(&leaf, "a.example.com"), (None, false));
    assert_eq!(ask(&leaf, "192.0.2.7"), (None, false));
    assert_eq!(ask(&leaf, "leaf"), (Some(ProblemCode::HostMismatch), false), "the SAN alone counts");
    assert_eq!(ask(&leaf, "192.0.2.8"), (Some(ProblemCode::AddressMismatch), false));
    assert_eq!(ask(&plain, "broker.local"), (None, true));
    assert_eq!(ask(&plain, "other.local"), (Some(ProblemCode::HostMismatch), false));
}

#[test]
fn version_1_is_a_leaf_or_a_root_and_nothing_between() {
    let Some(maker) = Maker::new() else { return };
    let root = maker.read("root");
    let middle = maker.issue("middle", "root", "");
    if middle.facts().extensions.is_empty() && middle.facts().version.to_string() == "1" {
        assert_eq!(found(&middle, &[], &root), [], "a leaf");
        assert_eq!(findings(&middle, now(&middle))[0].code, "version-1");
        let leaf = maker.issue("leaf", "middle", "basicConstraints=CA:FALSE\n");
        assert_eq!(found(&leaf, &[middle], &root), [(ProblemCode::NotCa, 1)]);
    } else {
        println!("skipped: this openssl makes no version 1 certificates");
    }
}

#[test]
fn lists_are_asked_and_what_they_cannot_say_is_a_problem() {
    let Some(maker) = Maker::new() else { return };
    let root = maker.read("root");
    let leaf = maker.issue("leaf", "root", "subjectAltName=DNS:a\n");
    let conf =
        "[ca]\ndefault_ca=d\n[d]\ndatabase=index\ncrlnumber=number\ndefault_md=sha256\ndefault_crl_days=30\n";
    for (name, text) in [("ca.conf", conf), ("index", ""), ("number", "01")] {
        std::fs::write(maker.dir().join(name), text).unwrap();
    }
    let list = |name: &str| {
        maker.openssl(&format!("ca -gencrl -config ca.conf -keyfile root.key -cert root.crt -out {name}"));
        let text = std::fs::read(maker.dir().join(name)).unwrap();
        List::read(pem::of_label(&text, "X509 CRL").unwrap()[0].to_vec(), name)
    };
    let empty = list("empty.crl");
    maker.openssl("ca -config ca.conf -keyfile root.key -cert root.crt -revoke leaf.crt");
    let full = list("full.crl");
    let ask = |lists: &[List], at: Timestamp| {
        let question = Question {
            leaf: &leaf,
            untrusted: &[],
            trusted: std::slice::from_ref(&root),
            lists,
            revocation: RevocationCheck::Chain,
            purpose: Purpose::Any,
            name: None,
            at,
        };
        let explanation = explain(&question);
        (explanation.problems.first().map(|problem| problem.code), explanation.class())
    };
    let at = now(&leaf);
    assert_eq!(ask(std::slice::from_ref(&empty), at), (None, None));
    assert_eq!(ask(&[], at), (Some(ProblemCode::NoCrl), Some(Class::RevocationUnknown)));
    let later = at.plus_days(40);
    assert_eq!(ask(std::slice::from_ref(&empty), later).0, Some(ProblemCode::CrlEnded));
    assert_eq!(ask(&[empty, full], at), (Some(ProblemCode::Revoked), Some(Class::Revoked)));
    let broken = List::read(b"no list".to_vec(), "broken");
    assert_eq!(ask(&[broken], at).0, Some(ProblemCode::CrlUnusable));
    let other = Maker::new().unwrap();
    for name in ["ca.conf", "index", "number"] {
        std::fs::write(
            other.dir().join(name),
            if name == "ca.conf" {
                conf
            } else if name == "number" {
                "01"
            } else {
                ""
            },
        )
        .unwrap();
    }
    other.openssl("ca -gencrl -config ca.conf -keyfile root.key -cert root.crt -out other.crl");
    let text = std::fs::read(other.dir().join("other.crl")).unwrap();
    let foreign = List::read(pem::of_label(&text, "X509 CRL").unwrap()[0].to_vec(), "other.crl");
    assert_eq!(ask(&[foreign], at).0, Some(ProblemCode::CrlSignature), "a CA of the same name");
}

/// Certificates that all name each other cost a bounded number of steps.
#[test]
fn a_crowd_of_cas_of_one_name_is_given_up() {
    let Some(maker) = Maker::new() else { return };
    let root = maker.read("root");
    let mut crowd = Vec::new();
    for days in 1..20 {
        let ca = maker.issue_with("crowd", "root", CA, &format!("-days {}", 100 + days));
        crowd.push(ca);
    }
    maker.issue_with("crowd", "crowd", CA, "-days 100");
    let leaf = maker.issue("leaf", "crowd", "subjectAltName=DNS:a\n");
    assert_eq!(found(&leaf, &crowd, &root), [], "each of them leads to the root");
    let stranger = Maker::new().unwrap();
    let lost = stranger.read("root");
    let codes = found(&leaf, &crowd, &lost);
    assert!(!codes.is_empty());
}

#[test]
fn the_corpus_of_the_fuzz_target_is_explained() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/explain");
    let mut chains = 0;
    for file in std::fs::read_dir(corpus).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        fuzz(&bytes);
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            fuzz(&flipped);
        }
        chains += 1;
    }
    assert!(chains >= 2, "{chains}");
}
