//! Revocation lists: made by `openssl ca -gencrl`, each refusal beside its accepting twin.

use std::path::Path;
use std::sync::Arc;

use sealmq_pki::cert::Version;
use sealmq_pki::{Timestamp, pem};
use sealmq_tls::{
    Again, BuildError, ClientAuth, ClientDates, Code, CrlAge, CrlCheck, CrlError, CrlLedger, CrlPolicy,
    CrlSource, CrlSpec, PeerChain, Revocation, ServerTls, ServerTlsSpec,
};

use crate::fixture::{CA, CLIENT, Pair, fixtures, issue, now, openssl, root, root_with_key, s, write};
use crate::pair::{chain_of, client, client_spec, meet, server, server_spec};

const DAY: i64 = 86_400;

/// What `openssl ca -gencrl` is asked for.
#[derive(Clone)]
pub(crate) struct Asked<'a> {
    pub(crate) name: &'a str,
    pub(crate) revoked: &'a [&'a Pair],
    /// Days from `now` to thisUpdate and nextUpdate.
    pub(crate) days: (i64, i64),
    /// cRLNumber; 0: none.
    pub(crate) number: u32,
    /// Lines of crl_extensions; none: not even an authorityKeyIdentifier.
    pub(crate) extensions: &'a str,
}

impl<'a> Asked<'a> {
    pub(crate) fn new(name: &'a str, revoked: &'a [&'a Pair]) -> Asked<'a> {
        Asked { name, revoked, days: (-1, 29), number: 7, extensions: "" }
    }

    pub(crate) fn of(self, ca: &Pair) -> CrlSource {
        let dir = fixtures().dir().join(format!("crl-{}", self.name));
        std::fs::create_dir_all(&dir).unwrap();
        make(&dir, ca, &self)
    }
}

fn make(dir: &Path, ca: &Pair, asked: &Asked<'_>) -> CrlSource {
    let index: String = asked
        .revoked
        .iter()
        .map(|pair| {
            format!(
                "R\t991231235959Z\t260101000000Z,keyCompromise\t{}\tunknown\t/CN=x\n",
                even(&pair.facts().serial.to_string())
            )
        })
        .collect();
    write(dir, "index.txt", &index);
    write(dir, "index.txt.attr", "unique_subject = no\n");
    write(dir, "number", &format!("{:04X}\n", asked.number));
    let number = if asked.number == 0 { String::new() } else { format!("crlnumber={}/number\n", s(dir)) };
    let extensions = if asked.extensions.is_empty() { "" } else { "crl_extensions=e\n" };
    let cnf = format!(
        "[ca]\ndefault_ca=d\n[d]\ndatabase={0}/index.txt\n{number}default_md=sha256\n{extensions}[e]\n{1}\n",
        s(dir),
        asked.extensions
    );
    let cnf = write(dir, "cnf", &cnf);
    let (cert, key) = (write(dir, "ca.crt", &ca.cert), write(dir, "ca.key", &ca.key));
    let out = dir.join("out.crl");
    let at = |days: i64| stamp(now().plus_secs(days * DAY));
    let (this, next) = (at(asked.days.0), at(asked.days.1));
    openssl(&[
        "ca",
        "-config",
        s(&cnf),
        "-gencrl",
        "-keyfile",
        s(&key),
        "-cert",
        s(&cert),
        "-crl_lastupdate",
        &this,
        "-crl_nextupdate",
        &next,
        "-out",
        s(&out),
    ]);
    CrlSource::new(format!("{}.crl", asked.name), std::fs::read(out).unwrap())
}

/// GeneralizedTime, as openssl's options want it.
fn stamp(at: Timestamp) -> String {
    at.to_string().chars().filter(|c| !matches!(c, '-' | ':' | 'T')).collect()
}

fn even(hex: &str) -> String {
    if hex.len() % 2 == 1 { format!("0{hex}") } else { hex.to_owned() }
}

pub(crate) fn crl_spec(sources: Vec<CrlSource>) -> CrlSpec {
    CrlSpec { sources, policy: CrlPolicy::DEFAULT, check: CrlCheck::Leaf, ledger: CrlLedger::new() }
}

fn spec(sources: Vec<CrlSource>) -> ServerTlsSpec {
    ServerTlsSpec { crls: Some(crl_spec(sources)), ..server_spec() }
}

fn with(sources: Vec<CrlSource>) -> ServerTls {
    server(spec(sources))
}

fn refused(sources: Vec<CrlSource>) -> CrlError {
    match ServerTls::build(spec(sources), now()).expect_err("a build error") {
        BuildError::Crls(error) => error,
        other @ (BuildError::Anchors(_) | BuildError::Policy(_) | BuildError::Library { .. }) => {
            panic!("{other}")
        }
    }
}

fn chain(pair: &Pair) -> PeerChain {
    chain_of(&server(server_spec()), pair)
}

#[track_caller]
fn code(tls: &ServerTls, chain: &PeerChain, at: Timestamp) -> Option<Code> {
    tls.judge(chain, at).err().map(|refusal| refusal.code)
}

#[test]
fn who_is_on_the_list_is_refused_in_the_handshake_and_who_is_not_is_let_in() {
    let f = fixtures();
    let gone = f.leaf("crl-gone", "/CN=gone", Some(CLIENT));
    let tls = with(vec![Asked::new("plain", &[&gone]).of(&f.ca)]);
    assert_eq!(meet(&tls, &client(client_spec(Some(&f.client)))).name(), "client1");
    let met = meet(&tls, &client(client_spec(Some(&gone))));
    let failure = met.server_failure();
    assert_eq!(failure.code, Code::Revoked);
    assert!(failure.to_string().contains("keyCompromise by the CRL in plain.crl"), "{failure}");
    // The alert says so too: certificate_revoked.
    assert_eq!(met.client_failure().code, Code::Revoked);
    // Judged again, not only in the handshake.
    assert_eq!(code(&tls, &chain(&gone), now()), Some(Code::Revoked));
    assert_eq!(code(&tls, &chain(&f.client), now()), None);
}

#[test]
fn der_and_several_lists_in_one_file_are_read() {
    let f = fixtures();
    let gone = f.leaf("crl-gone-der", "/CN=gone", Some(CLIENT));
    let list = Asked::new("der", &[&gone]).of(&f.ca);
    let der = pem::of_label(&list.bytes, "X509 CRL").unwrap()[0].to_vec();
    let tls = with(vec![CrlSource::new("der.crl", der)]);
    assert_eq!(code(&tls, &chain(&gone), now()), Some(Code::Revoked));
    let guide = Asked::new("of-the-guide", &[]).of(&f.guide_ca);
    let both = CrlSource::new("both.crl", [guide.bytes, list.bytes].concat());
    let tls = with(vec![both]);
    assert_eq!(code(&tls, &chain(&gone), now()), Some(Code::Revoked));
    assert_eq!(code(&tls, &chain(&f.client), now()), None);
}

/// Version 1 goes past webpki: its own path must ask the lists too.
#[test]
fn version_1_certificates_are_looked_up_too() {
    let f = fixtures();
    if f.guide_client.facts().version != Version::V1 {
        println!("skipped: this openssl makes no version 1 certificates");
        return;
    }
    let guide = |list: CrlSource| ServerTlsSpec {
        key_pair: f.guide_server.load(),
        anchors: vec![f.guide_ca.source()],
        ..spec(vec![list])
    };
    let free = server(ServerTlsSpec { crls: None, ..guide(CrlSource::new("none", "")) });
    let mut dial = client_spec(Some(&f.guide_client));
    dial.anchors = vec![f.guide_ca.source()];
    let mut ends =
        crate::pair::Ends::new(free.session(now()), client(dial).session("mqtt.example.com", now()).unwrap());
    ends.run();
    let shown = ends.server.session.peer_chain();
    let fine = server(guide(Asked::new("v1-fine", &[]).of(&f.guide_ca)));
    assert_eq!(code(&fine, &shown, now()), None);
    let gone = server(guide(Asked::new("v1-gone", &[&f.guide_client]).of(&f.guide_ca)));
    assert_eq!(code(&gone, &shown, now()), Some(Code::Revoked));
}

#[test]
fn an_empty_crlfile_stops_everything() {
    for nothing in ["", "# nobody yet\n", &fixtures().ca.cert] {
        let error = refused(vec![CrlSource::new("empty.crl", nothing)]);
        assert!(matches!(error, CrlError::Empty { .. }), "{error}");
        assert!(error.to_string().contains("empty.crl: holds no CRL"), "{error}");
    }
    assert!(matches!(refused(Vec::new()), CrlError::Empty { .. }));
    with(vec![Asked::new("nobody", &[]).of(&fixtures().ca)]);
}

#[test]
fn a_damaged_list_stops_everything_also_beside_a_good_one() {
    let good = Asked::new("good", &[]).of(&fixtures().ca);
    let cut = CrlSource::new("cut.crl", &good.bytes[..good.bytes.len() / 2]);
    assert!(matches!(refused(vec![good.clone(), cut]), CrlError::Pem { .. }));
    let mut der = pem::of_label(&good.bytes, "X509 CRL").unwrap()[0].to_vec();
    der.pop();
    assert!(matches!(refused(vec![good.clone(), CrlSource::new("cut.der", der)]), CrlError::List { .. }));
    let garbage = CrlSource::new("garbage.crl", "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n");
    assert!(matches!(refused(vec![good, garbage]), CrlError::List { .. }));
}

#[test]
fn a_list_of_another_issuer_does_not_count_and_is_said() {
    let f = fixtures();
    let list = Asked::new("other", &[]).of(&f.guide_ca);
    let (tls, findings) = ServerTls::build(spec(vec![list]), now()).unwrap();
    assert!(findings.iter().any(|finding| finding.code == "crl-of-another-issuer"), "{findings:?}");
    let met = meet(&tls, &client(client_spec(Some(&f.client))));
    assert_eq!(met.server_failure().code, Code::NoCrl);
    assert!(
        met.server_failure().to_string().contains("no CRL of 'CN=Root,O=Test'"),
        "{}",
        met.server_failure()
    );
}

#[test]
fn a_list_that_the_ca_of_that_name_did_not_sign_stops_everything() {
    let f = fixtures();
    let impostor = root(f.dir(), "crl-impostor", "/O=Test/CN=Root", CA, 3650);
    let error = refused(vec![Asked::new("forged", &[]).of(&impostor)]);
    assert!(matches!(&error, CrlError::Signature { origin, .. } if origin == "forged.crl"), "{error}");
    let mut flipped =
        pem::of_label(&Asked::new("flip", &[]).of(&f.ca).bytes, "X509 CRL").unwrap()[0].to_vec();
    *flipped.last_mut().unwrap() ^= 1;
    assert!(matches!(refused(vec![CrlSource::new("flip.crl", flipped)]), CrlError::Signature { .. }));
}

/// Name and key: a list counts for the CA that signed it, not for another one of the same name.
#[test]
fn of_two_cas_of_one_name_each_needs_its_own_list() {
    let f = fixtures();
    let twin = root(f.dir(), "crl-twin", "/O=Test/CN=Root", CA, 3650);
    let of_twin = issue(f.dir(), &twin, "crl-twin-client", "/CN=twin", Some(CLIENT), 365);
    let both = |sources| {
        let anchors = vec![f.ca.source(), twin.source()];
        server(ServerTlsSpec { anchors, ..spec(sources) })
    };
    let shown = |pair: &Pair| {
        chain_of(
            &server(ServerTlsSpec { anchors: vec![f.ca.source(), twin.source()], ..server_spec() }),
            pair,
        )
    };
    let first = Asked::new("first-of-two", &[]).of(&f.ca);
    let second = Asked::new("second-of-two", &[]).of(&twin);
    let one = both(vec![first.clone()]);
    assert_eq!(code(&one, &shown(&f.client), now()), None);
    assert_eq!(code(&one, &shown(&of_twin), now()), Some(Code::NoCrl));
    let two = both(vec![first, second]);
    assert_eq!(code(&two, &shown(&f.client), now()), None);
    assert_eq!(code(&two, &shown(&of_twin), now()), None);
}

#[test]
fn a_ca_without_crl_sign_signs_no_lists() {
    let f = fixtures();
    let cas = |name: &str, usage: &str| {
        let extensions = format!("basicConstraints=critical,CA:TRUE\n{usage}");
        root(f.dir(), name, &format!("/CN={name}"), &extensions, 3650)
    };
    for (name, usage, may) in [
        ("crl-no-right", "keyUsage=critical,keyCertSign\n", false),
        ("crl-right", "keyUsage=critical,keyCertSign,cRLSign\n", true),
        ("crl-no-usage", "", true),
    ] {
        let ca = cas(name, usage);
        let list = Asked::new(name, &[]).of(&ca);
        let built = ServerTls::build(ServerTlsSpec { anchors: vec![ca.source()], ..spec(vec![list]) }, now());
        match built {
            Ok(_) => assert!(may, "{name}"),
            Err(BuildError::Crls(CrlError::NoCrlSign { .. })) => assert!(!may, "{name}"),
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn lists_that_are_not_complete_stop_everything() {
    let f = fixtures();
    for (name, extensions) in [
        ("delta", "2.5.29.27=critical,ASN1:INTEGER:1"),
        ("indirect", "issuingDistributionPoint=critical,@p\n[p]\nindirectCRL=TRUE"),
        ("relative", "issuingDistributionPoint=critical,@p\n[p]\nrelativename=n\n[n]\nCN=1"),
        ("reasons", "issuingDistributionPoint=critical,@p\n[p]\nonlysomereasons=keyCompromise"),
        ("unknown", "1.3.6.1.4.1.99999.1=critical,ASN1:NULL"),
    ] {
        let error = refused(vec![Asked { extensions, ..Asked::new(name, &[]) }.of(&f.ca)]);
        assert!(matches!(error, CrlError::List { .. }), "{name}: {error}");
        assert!(error.to_string().contains("\nhint: "), "{error}");
    }
    for (name, extensions) in
        [("known", "authorityKeyIdentifier=keyid,issuer"), ("harmless", "1.3.6.1.4.1.99999.1=ASN1:NULL")]
    {
        let tls = with(vec![Asked { extensions, ..Asked::new(name, &[]) }.of(&f.ca)]);
        assert_eq!(code(&tls, &chain(&f.client), now()), None, "{name}");
    }
}

/// A list of leaves says nothing about CA certificates, and the other way round.
#[test]
fn a_list_counts_for_what_it_speaks_about_only() {
    let f = fixtures();
    let point = |what: &str| format!("issuingDistributionPoint=critical,@p\n[p]\n{what}=TRUE");
    let of = |name: &str, what: &str| Asked { extensions: &point(what), ..Asked::new(name, &[]) }.of(&f.ca);
    let shown = chain(&f.client);
    assert_eq!(code(&with(vec![of("leaves", "onlyuser")]), &shown, now()), None);
    assert_eq!(code(&with(vec![of("cas", "onlyCA")]), &shown, now()), Some(Code::NoCrl));
    // The two stand beside each other, and neither holds the other back at a reload.
    let newer = Asked { extensions: &point("onlyCA"), number: 9, ..Asked::new("cas-newer", &[]) }.of(&f.ca);
    let leaves = of("leaves-too", "onlyuser");
    assert_eq!(code(&with(vec![leaves.clone(), newer.clone()]), &shown, now()), None);
    let crls = crl_spec(vec![newer]);
    server(ServerTlsSpec { crls: Some(crls.clone()), ..server_spec() }).in_force();
    server(ServerTlsSpec { crls: Some(CrlSpec { sources: vec![leaves], ..crls }), ..server_spec() });
}

/// RFC 5280 §6.3.3 (b)(2)(i): EJBCA, AD CS and others write the list's own address into it, and into each certificate.
#[test]
fn a_list_of_a_distribution_point_counts_for_certificates_that_name_the_same_point() {
    const ONE: &str = "http://ca.example/1.crl";
    let f = fixtures();
    let device = |name: &str, points: &str| {
        let extensions = format!("{CLIENT}crlDistributionPoints={points}\n");
        issue(f.dir(), &f.ca, name, "/CN=pointed", Some(&extensions), 365)
    };
    let of = |name: &str, at: &str, revoked: &[&Pair], number: u32| {
        let extensions = format!("issuingDistributionPoint=critical,@p\n[p]\nfullname={at}");
        Asked { extensions: &extensions, number, ..Asked::new(name, revoked) }.of(&f.ca)
    };
    let same = device("crl-point-same", &format!("URI:{ONE}"));
    let both = device("crl-point-both", &format!("URI:ldap:///cn=ca,URI:{ONE}"));
    let other = device("crl-point-other", "URI:http://ca.example/2.crl");
    let reasons = device("crl-point-reasons", &format!("p\n[p]\nfullname=URI:{ONE}\nreasons=keyCompromise"));
    let issuer = device(
        "crl-point-issuer",
        &format!("p\n[p]\nfullname=URI:{ONE}\nCRLissuer=dirName:n\n[n]\nCN=Other"),
    );
    let one = of("point-1", &format!("URI:{ONE}"), &[], 7);
    let tls = with(vec![one.clone()]);
    for pair in [&same, &both] {
        assert_eq!(code(&tls, &chain(pair), now()), None);
    }
    // Another point, only some reasons, another issuer, or no point at all: the list says nothing about these.
    for pair in [&other, &reasons, &issuer, &f.client] {
        let error = tls.judge(&chain(pair), now()).unwrap_err();
        assert_eq!(error.code, Code::NoCrl);
        assert!(error.to_string().contains("is about other certificates"), "{error}");
    }
    // Lists of two points stand beside each other: the newer does not replace the older.
    let two = of("point-2", "URI:http://ca.example/2.crl", &[], 9);
    let tls = with(vec![one.clone(), two.clone()]);
    for pair in [&same, &other] {
        assert_eq!(code(&tls, &chain(pair), now()), None);
    }
    // Whoever is on any list of its issuer is revoked.
    let gone = of("point-3", &format!("URI:{ONE}"), &[&same, &other], 8);
    let tls = with(vec![gone, two]);
    for pair in [&same, &other] {
        assert_eq!(code(&tls, &chain(pair), now()), Some(Code::Revoked));
    }
    assert_eq!(code(&tls, &chain(&both), now()), None);
    // Neither holds the other back at a reload.
    let crls = crl_spec(vec![of("point-4", "URI:http://ca.example/2.crl", &[], 9)]);
    server(ServerTlsSpec { crls: Some(crls.clone()), ..server_spec() }).in_force();
    let sources = vec![of("point-5", &format!("URI:{ONE}"), &[], 3)];
    server(ServerTlsSpec { crls: Some(CrlSpec { sources, ..crls }), ..server_spec() });
    // A complete list is about everybody.
    let tls = with(vec![one, Asked::new("point-none", &[]).of(&f.ca)]);
    for pair in [&same, &other, &reasons, &f.client] {
        assert_eq!(code(&tls, &chain(pair), now()), None);
    }
}

#[test]
fn with_chain_every_ca_below_the_root_is_looked_up() {
    let f = fixtures();
    let middle = issue(f.dir(), &f.ca, "crl-middle", "/CN=Middle", Some(CA), 3650);
    let leaf = issue(f.dir(), &middle, "crl-below", "/CN=below", Some(CLIENT), 365);
    let anchors = vec![f.ca.source(), middle.source()];
    let build = |check, sources| {
        let crls = Some(CrlSpec { check, ..crl_spec(sources) });
        server(ServerTlsSpec { anchors: anchors.clone(), crls, ..server_spec() })
    };
    let shown = chain_of(&server(ServerTlsSpec { anchors: anchors.clone(), ..server_spec() }), &leaf);
    let of_middle = Asked::new("of-middle", &[]).of(&middle);
    let of_root = Asked::new("of-root", &[]).of(&f.ca);
    let without_middle = Asked::new("without-middle", &[&middle]).of(&f.ca);
    let ask = |check, sources| code(&build(check, sources), &shown, now());
    assert_eq!(ask(CrlCheck::Leaf, vec![of_middle.clone()]), None);
    assert_eq!(ask(CrlCheck::Chain, vec![of_middle.clone()]), Some(Code::NoCrl));
    assert_eq!(ask(CrlCheck::Chain, vec![of_middle.clone(), of_root]), None);
    assert_eq!(ask(CrlCheck::Chain, vec![of_middle, without_middle]), Some(Code::Revoked));
}

/// Devices that bring their intermediate along: its list cannot be verified before its certificate is seen.
#[test]
fn the_list_of_a_ca_that_the_client_brings_along_counts_once_its_signature_was_checked() {
    let f = fixtures();
    let middle = issue(f.dir(), &f.ca, "crl-brought", "/CN=Brought", Some(CA), 3650);
    let forger = root(f.dir(), "crl-brought-forger", "/CN=Brought", CA, 3650);
    let leaf =
        issue(f.dir(), &middle, "crl-bringer", "/CN=bringer", Some(CLIENT), 365).with_chain(&[&middle]);
    let shown = chain(&leaf);
    let list = |name, revoked: &[&Pair], by: &Pair| with(vec![Asked::new(name, revoked).of(by)]);
    assert_eq!(code(&list("brought", &[], &middle), &shown, now()), None);
    assert_eq!(code(&list("brought-gone", &[&leaf], &middle), &shown, now()), Some(Code::Revoked));
    assert_eq!(code(&list("brought-forged", &[], &forger), &shown, now()), Some(Code::NoCrl));
    // Nor does the list of one that may not sign lists.
    let no_right = CA.replace(",cRLSign", "");
    let middle = issue(f.dir(), &f.ca, "crl-brought-no-right", "/CN=No Right", Some(&no_right), 3650);
    let leaf =
        issue(f.dir(), &middle, "crl-bringer-2", "/CN=bringer", Some(CLIENT), 365).with_chain(&[&middle]);
    assert_eq!(code(&list("brought-no-right", &[], &middle), &chain(&leaf), now()), Some(Code::NoCrl));
}

#[test]
fn past_its_end_a_list_serves_for_the_grace_with_alarms_and_then_no_more() {
    let f = fixtures();
    let gone = f.leaf("crl-gone-grace", "/CN=gone", Some(CLIENT));
    let source = || vec![Asked { days: (-10, 10), ..Asked::new("aging", &[&gone]) }.of(&f.ca)];
    let policy = |policy| {
        server(ServerTlsSpec { crls: Some(CrlSpec { policy, ..crl_spec(source()) }), ..server_spec() })
    };
    let (graceful, strict) = (policy(CrlPolicy::GraceSecs(3 * 86_400)), policy(CrlPolicy::Strict));
    let (fine, out) = (chain(&f.client), chain(&gone));
    let day = |days: i64| now().plus_secs(days * DAY);
    let ages = |tls: &ServerTls, at| tls.crl_alarms(at).into_iter().map(|(age, _)| age).collect::<Vec<_>>();
    for (at, grace, strictly, age) in [
        (day(-1), None, None, vec![]),
        (day(1), None, None, vec![CrlAge::PastHalf]),
        (day(10).plus_secs(-1), None, None, vec![CrlAge::PastHalf]),
        (day(10), None, Some(Code::CrlEnded), vec![CrlAge::Grace]),
        (day(13).plus_secs(-1), None, Some(Code::CrlEnded), vec![CrlAge::Grace]),
        (day(13), Some(Code::CrlEnded), Some(Code::CrlEnded), vec![CrlAge::Ended]),
    ] {
        assert_eq!(code(&graceful, &fine, at.max(now())), if at < now() { None } else { grace });
        assert_eq!(code(&strict, &fine, at.max(now())), if at < now() { None } else { strictly });
        assert_eq!(ages(&graceful, at), age, "{at}");
        // Whoever is on it stays out, however old it is.
        assert_eq!(code(&graceful, &out, at.max(now())), Some(Code::Revoked));
    }
    // The trust generation must rise when it ceases to count.
    assert_eq!(graceful.next_change(day(1)), Some(day(13)));
    assert_eq!(strict.next_change(day(1)), Some(day(10)));
}

#[test]
fn a_list_that_begins_later_does_not_count_yet() {
    let f = fixtures();
    let list = Asked { days: (1, 10), ..Asked::new("future", &[]) }.of(&f.ca);
    let (tls, findings) = ServerTls::build(spec(vec![list]), now()).unwrap();
    assert!(findings.iter().any(|finding| finding.code == "crl-not-yet-valid"), "{findings:?}");
    let shown = chain(&f.client);
    assert_eq!(code(&tls, &shown, now()), Some(Code::CrlNotYet));
    assert_eq!(tls.next_change(now()), Some(now().plus_secs(DAY)));
    assert_eq!(code(&tls, &shown, now().plus_secs(DAY)), None);
}

#[test]
fn a_list_that_goes_back_is_refused_and_the_one_in_force_stays() {
    let f = fixtures();
    let ledger = CrlLedger::new();
    let build = |source: CrlSource| {
        let crls = CrlSpec { ledger: Arc::clone(&ledger), ..crl_spec(vec![source]) };
        ServerTls::build(ServerTlsSpec { crls: Some(crls), ..server_spec() }, now()).map(|(tls, _)| tls)
    };
    let list = |name, number, this| Asked { number, days: (this, 20), ..Asked::new(name, &[]) }.of(&f.ca);
    let goes_back = |source| matches!(build(source), Err(BuildError::Crls(CrlError::Backwards { .. })));
    // What was only built is in force nowhere.
    build(list("back-9", 9, -1)).unwrap();
    build(list("back-7", 7, -2)).unwrap().in_force();
    build(list("back-8", 8, -2)).unwrap().in_force();
    assert!(goes_back(list("back-number", 7, -1)), "a lower number");
    assert!(goes_back(list("back-date", 9, -3)), "a higher number, made earlier");
    assert!(build(list("back-same", 8, -2)).is_ok(), "the same list again");
    assert!(matches!(build(list("back-future", 9, 1)), Err(BuildError::Crls(CrlError::Future { .. }))));
    let text = build(list("back-text", 3, -1)).unwrap_err().to_string();
    assert!(text.contains("number 3, in force is number 8") && text.contains("\nhint: "), "{text}");
    // Another CA's lists have numbers of their own.
    let other = Asked { number: 1, ..Asked::new("back-other", &[]) }.of(&f.guide_ca);
    assert!(build(other).is_ok());
}

#[test]
fn of_two_lists_of_one_ca_the_newer_counts() {
    let f = fixtures();
    let back = f.leaf("crl-on-hold", "/CN=hold", Some(CLIENT));
    let old = Asked { number: 1, ..Asked::new("two-old", &[&back]) }.of(&f.ca);
    let new = Asked { number: 2, ..Asked::new("two-new", &[]) }.of(&f.ca);
    for sources in [vec![old.clone(), new.clone()], vec![new.clone(), old.clone()]] {
        let (tls, findings) = ServerTls::build(spec(sources), now()).unwrap();
        assert_eq!(code(&tls, &chain(&back), now()), None, "it was on hold, and is not any more");
        assert!(
            findings.iter().any(|f| f.code == "crl-superseded" && f.text.contains("two-old")),
            "{findings:?}"
        );
    }
    assert_eq!(code(&with(vec![old]), &chain(&back), now()), Some(Code::Revoked));
}

/// `disable_client_cert_date_checks`.
#[test]
fn where_the_clients_dates_do_not_count_those_of_its_cas_do() {
    let f = fixtures();
    let late = now().plus_secs(366 * DAY);
    let tls = |client_dates| server(ServerTlsSpec { client_dates, ..server_spec() });
    let (checked, unchecked) = (tls(ClientDates::Checked), tls(ClientDates::Unchecked));
    let shown = chain(&f.client);
    assert_eq!(code(&checked, &shown, late), Some(Code::Expired));
    assert_eq!(code(&unchecked, &shown, late), None);
    let early = f.client.facts().not_before.plus_secs(-1).max(f.ca.facts().not_before);
    assert_eq!(code(&unchecked, &shown, early), None);
    // Its end ends no session; the CA's does.
    let judged = unchecked.judge(&shown, now()).unwrap();
    assert_eq!(judged.identity().unwrap().not_after(), f.ca.facts().not_after);
    assert_eq!(code(&unchecked, &shown, f.ca.facts().not_after.plus_secs(1)), Some(Code::AnchorEnded));
    let middle = issue(f.dir(), &f.ca, "dates-middle", "/CN=Dates Middle", Some(CA), 30);
    let leaf = issue(f.dir(), &middle, "dates-leaf", "/CN=dates", Some(CLIENT), 10).with_chain(&[&middle]);
    let shown = chain(&leaf);
    assert_eq!(code(&unchecked, &shown, now().plus_secs(20 * DAY)), None);
    assert_eq!(code(&unchecked, &shown, now().plus_secs(31 * DAY)), Some(Code::Expired));
}

#[test]
fn version_1_dates_do_not_count_either_where_none_do() {
    let f = fixtures();
    let old = issue(f.dir(), &f.ca, "v1-dates", "/CN=old", None, 10);
    let tls = |client_dates| server(ServerTlsSpec { client_dates, ..server_spec() });
    let shown = chain(&old);
    let late = now().plus_secs(11 * DAY);
    assert_eq!(code(&tls(ClientDates::Checked), &shown, late), Some(Code::Expired));
    assert_eq!(code(&tls(ClientDates::Unchecked), &shown, late), None);
}

/// `revocation_kick false`, `expiry_kick false`: for who is in already, and only for that.
#[test]
fn a_session_that_may_stay_is_judged_without_what_may_not_end_it() {
    let f = fixtures();
    let gone = f.leaf("crl-gone-stays", "/CN=gone", Some(CLIENT));
    let tls = with(vec![Asked { days: (-1, 2), ..Asked::new("stays", &[&gone]) }.of(&f.ca)]);
    let (fine, out) = (chain(&f.client), chain(&gone));
    let ignoring = Again { revocation: Revocation::Ignored, ..Again::as_new(now()) };
    assert!(tls.judge_again(&out, ignoring).is_ok());
    assert_eq!(tls.judge_again(&out, Again::as_new(now())).unwrap_err().code, Code::Revoked);
    let late = now().plus_secs(400 * DAY);
    let as_of = Again { dates_as_of: now(), ..Again::as_new(late) };
    assert_eq!(
        tls.judge_again(&fine, as_of).unwrap_err().code,
        Code::CrlEnded,
        "the list is as old as it is"
    );
    assert!(tls.judge_again(&fine, Again { revocation: Revocation::Ignored, ..as_of }).is_ok());
    assert_eq!(tls.judge_again(&fine, Again::as_new(late)).unwrap_err().code, Code::Expired);
    // What else is wrong ends it all the same.
    let other = server(ServerTlsSpec { anchors: vec![f.guide_ca.source()], ..server_spec() });
    assert_eq!(other.judge_again(&out, ignoring).unwrap_err().code, Code::UnknownIssuer);
}

#[test]
fn without_a_certificate_no_list_is_asked() {
    let tls = server(ServerTlsSpec {
        client_auth: ClientAuth::Optional,
        ..spec(vec![Asked::new("optional", &[]).of(&fixtures().guide_ca)])
    });
    assert!(tls.judge(&PeerChain::NONE, now()).is_ok());
    assert_eq!(code(&tls, &chain(&fixtures().client), now()), Some(Code::NoCrl));
}

/// A key that two CAs share: each has a name of its own, and the lists of one say nothing about the other's certificates.
#[test]
fn of_two_cas_with_one_key_each_needs_its_own_list() {
    let f = fixtures();
    let renamed = root_with_key(f.dir(), &f.ca, "crl-renamed", "/CN=CRL Renamed");
    let anchors = vec![f.ca.source(), renamed.source()];
    let ledger = CrlLedger::new();
    let with = |sources| {
        let crls = CrlSpec { ledger: Arc::clone(&ledger), ..crl_spec(sources) };
        server(ServerTlsSpec { anchors: anchors.clone(), crls: Some(crls), ..server_spec() })
    };
    let of = |name, number, ca: &Pair| Asked { number, ..Asked::new(name, &[]) }.of(ca);
    let below = issue(f.dir(), &renamed, "crl-below-renamed", "/CN=renamed", Some(CLIENT), 365);
    let free = server(ServerTlsSpec { anchors: anchors.clone(), ..server_spec() });
    let [root, other] = [&f.client, &below].map(|pair| chain_of(&free, pair));
    let one = with(vec![of("one-key-root", 9, &f.ca)]);
    assert_eq!((code(&one, &root, now()), code(&one, &other, now())), (None, Some(Code::NoCrl)));
    one.in_force();
    // Neither replaces the other, here and at a reload.
    let both = with(vec![of("one-key-both", 9, &f.ca), of("one-key-other", 3, &renamed)]);
    assert_eq!((code(&both, &root, now()), code(&both, &other, now())), (None, None));
}

/// A name that two CAs share, in the memory of what has been in force.
#[test]
fn lists_of_two_cas_of_one_name_have_numbers_of_their_own() {
    let f = fixtures();
    let twin = root(f.dir(), "crl-numbers-twin", "/O=Test/CN=Root", CA, 3650);
    let build = |anchors: &[&Pair], ledger: &Arc<CrlLedger>, source: CrlSource| {
        let anchors = anchors.iter().map(|ca| ca.source()).collect();
        let crls = CrlSpec { ledger: Arc::clone(ledger), ..crl_spec(vec![source]) };
        ServerTls::build(ServerTlsSpec { anchors, crls: Some(crls), ..server_spec() }, now())
            .map(|(tls, _)| tls.in_force())
    };
    let list =
        |name, number, ca: &Pair, extensions| Asked { number, extensions, ..Asked::new(name, &[]) }.of(ca);
    let known = CrlLedger::new();
    build(&[&f.ca, &twin], &known, list("twins-9", 9, &f.ca, "")).unwrap();
    build(&[&f.ca, &twin], &known, list("twins-3", 3, &twin, "")).unwrap();
    assert!(build(&[&f.ca, &twin], &known, list("twins-2", 2, &twin, "")).is_err());
    // Of CAs that are not configured, what the list itself says of its key.
    const KEY: &str = "authorityKeyIdentifier=keyid";
    let brought = CrlLedger::new();
    build(&[&f.guide_ca], &brought, list("brought-9", 9, &f.ca, KEY)).unwrap();
    build(&[&f.guide_ca], &brought, list("brought-3", 3, &twin, KEY)).unwrap();
    assert!(build(&[&f.guide_ca], &brought, list("brought-2", 2, &twin, KEY)).is_err());
}

#[test]
fn a_list_without_a_number_goes_back_behind_one_that_has_one() {
    let f = fixtures();
    let ledger = CrlLedger::new();
    let build = |name, number| {
        let source = Asked { number, ..Asked::new(name, &[]) }.of(&f.ca);
        let crls = CrlSpec { ledger: Arc::clone(&ledger), ..crl_spec(vec![source]) };
        ServerTls::build(ServerTlsSpec { crls: Some(crls), ..server_spec() }, now()).map(|(tls, _)| tls)
    };
    build("numberless", 0).unwrap().in_force();
    let [older, newer] = [build("numbered-4", 4), build("numbered-6", 6)].map(Result::unwrap);
    newer.in_force();
    assert!(matches!(build("numberless-again", 0), Err(BuildError::Crls(CrlError::Backwards { .. }))));
    // What was built before and comes into force after it takes nothing back.
    older.in_force();
    assert!(matches!(build("numbered-5", 5), Err(BuildError::Crls(CrlError::Backwards { .. }))));
    assert!(build("numbered-7", 7).is_ok());
}

#[test]
fn a_list_that_begins_later_may_follow_one_that_does_not_count_yet_either() {
    let f = fixtures();
    let ledger = CrlLedger::new();
    let build = |name, number, begins| {
        let source = Asked { number, days: (begins, 20), ..Asked::new(name, &[]) }.of(&f.ca);
        let crls = CrlSpec { ledger: Arc::clone(&ledger), ..crl_spec(vec![source]) };
        ServerTls::build(ServerTlsSpec { crls: Some(crls), ..server_spec() }, now()).map(|(tls, _)| tls)
    };
    build("later-1", 1, 1).unwrap().in_force();
    build("later-2", 2, 2).unwrap().in_force();
    build("later-3", 3, -1).unwrap_err();
}

/// The hashed names of a folder are links to files that lie there too: nothing is older than itself.
#[test]
fn the_same_list_twice_is_one() {
    let list = Asked::new("twice", &[]).of(&fixtures().ca);
    let (_, findings) = ServerTls::build(spec(vec![list.clone(), list]), now()).unwrap();
    assert!(findings.is_empty(), "{findings:?}");
}
