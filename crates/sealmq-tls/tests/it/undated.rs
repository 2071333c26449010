//! `disable_client_cert_date_checks`: the client's own dates do not count; everything else does.

use std::path::Path;

use sealmq_pki::{Facts, Timestamp};
use sealmq_tls::{ClientDates, Code, PeerChain, ServerTls, ServerTlsSpec};

use crate::fixture::{
    CA, CLIENT, Pair, SERVER, fixtures, issue, issue_with_key, now, openssl, root, root_with_key, s, write,
};
use crate::pair::{client, client_spec, meet_at, server, server_spec};

const DAY: i64 = 86_400;

/// A leaf whose life, of 2012, was over before its CA's present certificate was made.
fn ancient(issuer: &Pair, name: &str, extensions: &str) -> Pair {
    let dir = fixtures().dir().join(format!("ancient-{name}"));
    std::fs::create_dir_all(&dir).unwrap();
    let fresh = issue(&dir, issuer, name, &format!("/CN={name}"), Some(extensions), 365);
    let cnf = format!(
        "[ca]\ndefault_ca=d\n[d]\ndatabase={0}/index.txt\nnew_certs_dir={0}\ndefault_md=sha256\npolicy=p\nrand_serial=yes\n[p]\ncommonName=supplied\n",
        s(&dir)
    );
    let cnf = write(&dir, "cnf", &cnf);
    write(&dir, "index.txt", "");
    let (cert, key) = (write(&dir, "ca.crt", &issuer.cert), write(&dir, "ca.key", &issuer.key));
    let (csr, ext, out) =
        (dir.join(format!("{name}.csr")), dir.join(format!("{name}.ext")), dir.join("old.crt"));
    let line: [&Path; 5] = [&cnf, &key, &cert, &csr, &ext];
    let [cnf, key, cert, csr, ext] = line.map(s);
    openssl(&[
        "ca",
        "-batch",
        "-notext",
        "-config",
        cnf,
        "-keyfile",
        key,
        "-cert",
        cert,
        "-in",
        csr,
        "-extfile",
        ext,
        "-startdate",
        "20120101000000Z",
        "-enddate",
        "20121231235959Z",
        "-out",
        s(&out),
    ]);
    Pair { cert: std::fs::read_to_string(out).unwrap(), ..fresh }
}

fn spec(anchors: &[&Pair], client_dates: ClientDates) -> ServerTlsSpec {
    ServerTlsSpec { anchors: anchors.iter().map(|ca| ca.source()).collect(), client_dates, ..server_spec() }
}

fn unchecked(anchors: &[&Pair]) -> ServerTls {
    server(spec(anchors, ClientDates::Unchecked))
}

#[track_caller]
fn refused(tls: &ServerTls, pair: &Pair, at: Timestamp) -> Option<Code> {
    let met = meet_at(tls, &client(client_spec(Some(pair))), "localhost", at);
    met.ends.server.failure.map(|failure| failure.code)
}

#[test]
fn a_leaf_of_2012_is_let_in_where_dates_do_not_count_and_only_there() {
    let f = fixtures();
    let middle = issue(f.dir(), &f.ca, "undated-middle", "/CN=Undated Middle", Some(CA), 3650);
    let old = ancient(&middle, "under-middle", CLIENT);
    assert!(old.facts().not_after < middle.facts().not_before);
    let checked = server(spec(&[&f.ca, &middle], ClientDates::Checked));
    assert_eq!(refused(&checked, &old, now()), Some(Code::Expired));
    assert_eq!(refused(&unchecked(&[&f.ca, &middle]), &old, now()), None);
    // The client brings the CA between along.
    assert_eq!(refused(&unchecked(&[&f.ca]), &old.with_chain(&[&middle]), now()), None);
    assert_eq!(refused(&unchecked(&[&f.ca]), &old, now()), Some(Code::UnknownIssuer));
    assert_eq!(refused(&unchecked(&[&f.ca]), &ancient(&f.ca, "under-root", CLIENT), now()), None);
}

#[test]
fn the_cas_above_it_must_be_within_their_dates() {
    let f = fixtures();
    let brief = issue(f.dir(), &f.ca, "undated-brief", "/CN=Undated Brief", Some(CA), 30);
    let old = ancient(&brief, "under-brief", CLIENT);
    let tls = unchecked(&[&f.ca, &brief]);
    assert_eq!(refused(&tls, &old, now().plus_secs(20 * DAY)), None);
    assert_eq!(refused(&tls, &old, now().plus_secs(40 * DAY)), Some(Code::Expired));
}

#[test]
fn signature_purpose_and_rank_count_as_ever() {
    let f = fixtures();
    let tls = unchecked(&[&f.ca]);
    let forger = root(f.dir(), "undated-forger", "/O=Test/CN=Root", CA, 3650);
    assert_eq!(refused(&tls, &ancient(&forger, "forged", CLIENT), now()), Some(Code::BadSignature));
    assert_eq!(refused(&tls, &ancient(&f.ca, "for-servers", SERVER), now()), Some(Code::WrongPurpose));
    let leaf = f.leaf("undated-leaf-as-ca", "/CN=Leaf As CA", Some(CLIENT));
    let below = ancient(&leaf, "under-leaf", CLIENT);
    assert_eq!(refused(&tls, &below.with_chain(&[&leaf]), now()), Some(Code::UnknownIssuer));
    // A CA of that name that a stranger made.
    let stranger = root(f.dir(), "undated-stranger", "/CN=Stranger", CA, 3650);
    let middle = issue(f.dir(), &stranger, "undated-foreign", "/CN=Undated Foreign", Some(CA), 3650);
    let foreign = ancient(&middle, "under-foreign", CLIENT);
    assert_eq!(refused(&tls, &foreign.with_chain(&[&middle, &stranger]), now()), Some(Code::UnknownIssuer));
}

#[test]
fn limits_of_a_ca_above_count_or_refuse() {
    let f = fixtures();
    let refused_under = |name: &str, top: &str, middle: &str| {
        let top = issue(f.dir(), &f.ca, &format!("{name}-top"), &format!("/CN={name} Top"), Some(top), 3650);
        let middle =
            issue(f.dir(), &top, &format!("{name}-mid"), &format!("/CN={name} Mid"), Some(middle), 3650);
        let old = ancient(&middle, &format!("{name}-old"), CLIENT).with_chain(&[&middle, &top]);
        refused(&unchecked(&[&f.ca]), &old, now())
    };
    let ca = |more: &str| format!("{CA}{more}");
    assert_eq!(refused_under("undated-plain", CA, CA), None);
    let short = CA.replace("CA:TRUE", "CA:TRUE,pathlen:0");
    assert_eq!(refused_under("undated-pathlen", &short, CA), Some(Code::CaMisuse));
    let constrained = ca("nameConstraints=permitted;DNS:example.com\n");
    assert_eq!(refused_under("undated-names", &constrained, CA), Some(Code::CaMisuse));
    let servers = ca("extendedKeyUsage=serverAuth\n");
    assert_eq!(refused_under("undated-eku", &servers, CA), Some(Code::WrongPurpose));
    assert_eq!(refused_under("undated-eku-issuer", CA, &servers), Some(Code::WrongPurpose));
    let unknown = ca("1.3.6.1.4.1.99999.1=critical,ASN1:NULL\n");
    assert_eq!(refused_under("undated-unknown", CA, &unknown), Some(Code::CaMisuse));
}

#[test]
fn a_served_certificate_that_ended_logs_nobody_in_either() {
    let f = fixtures();
    let own = ancient(&f.ca, "undated-served", "basicConstraints=CA:FALSE\nsubjectAltName=DNS:localhost\n");
    let shown = {
        let tls = unchecked(&[&f.ca]);
        let met = meet_at(&tls, &client(client_spec(Some(&own))), "localhost", now());
        met.ends.server.session.peer_chain()
    };
    let judge =
        |tls: &ServerTls, shown: &PeerChain| tls.judge(shown, now()).err().map(|refusal| refusal.code);
    assert_eq!(judge(&unchecked(&[&f.ca]), &shown), None);
    let mut spec = spec(&[&f.ca], ClientDates::Unchecked);
    spec.served = sealmq_tls::Served::of([&own.load()]);
    assert_eq!(judge(&server(spec), &shown), Some(Code::ServedAsClient));
    let facts: Facts = own.facts();
    assert!(facts.not_after < now());
}

/// Names are what anybody can write: between two CAs the signature counts, and so does the name.
#[test]
fn each_ca_was_signed_by_the_one_above_it_and_names_it() {
    let f = fixtures();
    let twin = root(f.dir(), "undated-twin", "/O=Test/CN=Root", CA, 3650);
    let middle = issue(f.dir(), &twin, "undated-under-twin", "/CN=Under Twin", Some(CA), 3650);
    let old = ancient(&middle, "under-twin", CLIENT).with_chain(&[&middle]);
    assert_eq!(refused(&unchecked(&[&f.ca]), &old, now()), Some(Code::UnknownIssuer));
    assert_eq!(refused(&unchecked(&[&f.ca, &twin]), &old, now()), None);

    // The same between two intermediates.
    let real = issue(f.dir(), &f.ca, "undated-between", "/CN=Between", Some(CA), 3650);
    let forger = root(f.dir(), "undated-between-twin", "/CN=Between", CA, 3650);
    let below = |ca: &Pair, name: &str| {
        let issuing = issue(f.dir(), ca, name, "/CN=Issuing", Some(CA), 3650);
        ancient(&issuing, &format!("{name}-leaf"), CLIENT).with_chain(&[&issuing, &real])
    };
    assert_eq!(refused(&unchecked(&[&f.ca]), &below(&real, "below-real"), now()), None);
    let forged = below(&forger, "below-forger");
    assert_eq!(refused(&unchecked(&[&f.ca]), &forged, now()), Some(Code::UnknownIssuer));

    // The key alone is not enough: another CA's certificate has it, too.
    let renamed = root_with_key(f.dir(), &f.ca, "undated-renamed", "/CN=Renamed");
    let old = ancient(&real, "under-between", CLIENT).with_chain(&[&real]);
    assert_eq!(refused(&unchecked(&[&renamed]), &old, now()), Some(Code::UnknownIssuer));
    assert_eq!(refused(&unchecked(&[&renamed, &f.ca]), &old, now()), None);
}

/// What a client sends can make a search long: CAs that all signed one another.
#[test]
fn a_search_through_cas_that_signed_one_another_comes_to_an_end() {
    let f = fixtures();
    let first = root(f.dir(), "undated-mesh-0", "/CN=Mesh", CA, 3650);
    let mut mesh = vec![first.clone()];
    mesh.extend((1..5).map(|n| root_with_key(f.dir(), &first, &format!("undated-mesh-{n}"), "/CN=Mesh")));
    let top = issue(f.dir(), &f.ca, "undated-mesh-top", "/CN=Mesh Top", Some(CA), 3650);
    let astray = issue_with_key(f.dir(), &first, &top, "undated-mesh-astray", "/CN=Mesh Top");
    let old = ancient(&top, "undated-mesh-leaf", CLIENT);
    let behind = |mesh: &[Pair]| {
        let sent: Vec<&Pair> = std::iter::once(&astray).chain(mesh).chain([&top]).collect();
        refused(&unchecked(&[&f.ca]), &old.with_chain(&sent), now())
    };
    assert_eq!(behind(&mesh[..2]), None);
    assert_eq!(behind(&mesh), Some(Code::UnknownIssuer));
}

/// RFC 5280 §6.1.4 (l): a CA's new certificate under its old key is no step down.
#[test]
fn a_rollover_certificate_does_not_count_against_the_path_length() {
    let f = fixtures();
    let short = CA.replace("CA:TRUE", "CA:TRUE,pathlen:0");
    let top = root(f.dir(), "rollover-top", "/CN=Rollover", &short, 3650);
    let new = issue(f.dir(), &top, "rollover-new", "/CN=Rollover", Some(CA), 3650);
    let other = issue(f.dir(), &top, "rollover-other", "/CN=Not Rollover", Some(CA), 3650);
    for (ca, code) in [(&new, None), (&other, Some(Code::CaMisuse))] {
        let old = ancient(ca, &format!("{}-leaf", ca.name), CLIENT).with_chain(&[ca]);
        assert_eq!(refused(&unchecked(&[&f.ca, &top]), &old, now()), code, "{}", ca.name);
        let leaf = issue(f.dir(), ca, &format!("{}-now", ca.name), "/CN=now", Some(CLIENT), 365);
        let checked = server(spec(&[&f.ca, &top], ClientDates::Checked));
        assert_eq!(refused(&checked, &leaf.with_chain(&[ca]), now()), code, "{}", ca.name);
    }
}

#[test]
fn of_what_a_client_sends_sixteen_certificates_are_looked_at() {
    let f = fixtures();
    let middle = issue(f.dir(), &f.ca, "sixteen-middle", "/CN=Sixteen", Some(CA), 3650);
    let leaf = issue(f.dir(), &middle, "sixteen-leaf", "/CN=sixteen", Some(CLIENT), 365);
    let old = ancient(&middle, "sixteen-old", CLIENT);
    let padded = |pair: &Pair, before: usize| {
        let sent: Vec<&Pair> = std::iter::repeat_n(&f.server, before).chain([&middle]).collect();
        pair.with_chain(&sent)
    };
    for (pair, dates) in [(&leaf, ClientDates::Checked), (&old, ClientDates::Unchecked)] {
        let tls = server(spec(&[&f.ca], dates));
        assert_eq!(refused(&tls, &padded(pair, 15), now()), None);
        assert_eq!(refused(&tls, &padded(pair, 16), now()), Some(Code::UnknownIssuer));
    }
}
