//! Resumption: what a ticket is worth, and where it is worth nothing. Peers are openssl and rustls' own client.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _};
use sealmq_pki::inventory::Role;
use sealmq_pki::{KeyId, Serial, Timestamp};
use sealmq_tls::{
    ClientAuth, Code, CrlSource, Judged, Known, OwnIssuer, PemSource, Refusal, Resumption, ServerTls,
    ServerTlsSpec, Status, TlsFailure, TrustGeneration, Versions,
};

use crate::fixture::{CA, CLIENT, Pair, fixtures, issue, now, root, s};
use crate::openssl_peer::{files, output, talk, version_flag};
use crate::pair::{End, VERSIONS, policy, server, server_spec};
use crate::revocation::{Asked, crl_spec};

const DAY: i64 = 86_400;

/// What one connection came to at the server.
struct Visit {
    resumed: bool,
    judged: Result<Judged, Refusal>,
}

impl Visit {
    #[track_caller]
    fn name(&self) -> String {
        self.judged.as_ref().unwrap().identity().unwrap().name().unwrap().to_string()
    }
}

/// rustls' client with a memory of sessions, or without a certificate.
struct Client(Arc<rustls::ClientConfig>);

impl Client {
    fn new(pair: Option<&Pair>) -> Client {
        Client::of(pair, &[&fixtures().ca])
    }

    fn of(pair: Option<&Pair>, roots: &[&Pair]) -> Client {
        let mut store = rustls::RootCertStore::empty();
        for ca in roots {
            store.add(CertificateDer::from_pem_slice(ca.cert.as_bytes()).unwrap()).unwrap();
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(store);
        let config = match pair {
            Some(pair) => {
                let chain =
                    CertificateDer::pem_slice_iter(pair.cert.as_bytes()).map(Result::unwrap).collect();
                builder
                    .with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap())
                    .unwrap()
            }
            None => builder.with_no_client_auth(),
        };
        Client(Arc::new(config))
    }

    fn visit(&self, tls: &ServerTls) -> Visit {
        self.visit_at(tls, now()).unwrap_or_else(|failure| panic!("{failure}"))
    }

    /// Shakes hands, is judged, and hears one word, so that tickets have arrived.
    fn visit_at(&self, tls: &ServerTls, at: Timestamp) -> Result<Visit, TlsFailure> {
        let name = ServerName::try_from("localhost").unwrap();
        let mut client = rustls::ClientConnection::new(Arc::clone(&self.0), name).unwrap();
        let mut end = End::new(tls.session(at));
        for _ in 0..4 {
            client.write_tls(&mut end.incoming).unwrap();
            end.session.open(&mut end.incoming, &mut end.plain, &mut end.out)?;
            client.read_tls(&mut end.out.as_slice()).unwrap();
            end.out.clear();
            // A refusal of the server's is seen at the server.
            let _ = client.process_new_packets();
        }
        assert!(!end.session.is_handshaking() && !client.is_handshaking());
        Ok(Visit { resumed: end.session.is_resumed(), judged: tls.judge(&end.session.peer_chain(), at) })
    }
}

fn tls(versions: Versions, change: impl FnOnce(&mut ServerTlsSpec)) -> ServerTls {
    let mut spec = server_spec();
    spec.policy = policy(versions);
    change(&mut spec);
    server(spec)
}

#[test]
fn a_client_that_comes_again_resumes_and_is_who_it_was() {
    for versions in VERSIONS {
        let tls = tls(versions, |_| {});
        let client = Client::new(Some(&fixtures().client));
        assert!(!client.visit(&tls).resumed);
        for _ in 0..3 {
            let again = client.visit(&tls);
            assert!(again.resumed);
            assert_eq!(again.name(), "client1");
        }
    }
}

#[test]
fn with_resumption_off_every_handshake_is_a_full_one() {
    for versions in VERSIONS {
        let tls = tls(versions, |spec| spec.resumption = Resumption::Off);
        let client = Client::new(Some(&fixtures().client));
        assert!((0..3).all(|_| !client.visit(&tls).resumed));
    }
}

/// Measured with a shared ticketer: a client without a certificate came from a server-only listener into a mutual one.
#[test]
fn a_session_of_another_listener_opens_nothing() {
    for versions in VERSIONS {
        let open = tls(versions, |spec| spec.client_auth = ClientAuth::None);
        let mutual = tls(versions, |_| {});
        let bare = Client::new(None);
        assert!(!bare.visit(&open).resumed);
        assert!(bare.visit(&open).resumed);
        assert_eq!(
            bare.visit_at(&mutual, now()).err().map(|failure| failure.code),
            Some(Code::NoCertificate)
        );
        // Of two alike, too; who has a certificate comes in by a full handshake.
        let (client, twin) = (Client::new(Some(&fixtures().client)), tls(versions, |_| {}));
        assert!(!client.visit(&mutual).resumed && client.visit(&mutual).resumed);
        let there = client.visit(&twin);
        assert!(!there.resumed);
        assert_eq!(there.name(), "client1");
    }
}

#[test]
fn a_session_of_a_generation_before_leads_to_a_full_handshake() {
    for versions in VERSIONS {
        let generation = TrustGeneration::new();
        let tls = tls(versions, |spec| spec.generation = Arc::clone(&generation));
        let client = Client::new(Some(&fixtures().client));
        assert!(!client.visit(&tls).resumed && client.visit(&tls).resumed);
        generation.publish(|| ());
        assert!(!client.visit(&tls).resumed);
        assert!(client.visit(&tls).resumed);
    }
}

/// What moves between the handshake and its ticket makes the ticket worthless.
#[test]
fn a_ticket_carries_the_generation_from_before_its_handshake() {
    for versions in VERSIONS {
        let generation = TrustGeneration::new();
        let tls = tls(versions, |spec| spec.generation = Arc::clone(&generation));
        let client = Client::new(Some(&fixtures().client));
        let name = ServerName::try_from("localhost").unwrap();
        let mut dial = rustls::ClientConnection::new(Arc::clone(&client.0), name).unwrap();
        let mut end = End::new(tls.session(now()));
        generation.publish(|| ());
        for _ in 0..4 {
            dial.write_tls(&mut end.incoming).unwrap();
            end.session.open(&mut end.incoming, &mut end.plain, &mut end.out).unwrap();
            dial.read_tls(&mut end.out.as_slice()).unwrap();
            end.out.clear();
            dial.process_new_packets().unwrap();
        }
        assert!(!client.visit(&tls).resumed);
    }
}

#[test]
fn a_session_outlives_neither_its_certificate_nor_a_day() {
    let f = fixtures();
    let brief = issue(f.dir(), &f.ca, "resume-brief", "/CN=brief", Some(CLIENT), 1);
    for versions in VERSIONS {
        let tls = tls(versions, |_| {});
        let client = Client::new(Some(&brief));
        let end = brief.facts().not_after;
        client.visit_at(&tls, end.plus_secs(-100)).unwrap();
        assert!(client.visit_at(&tls, end).unwrap().resumed);
        let failure = client.visit_at(&tls, end.plus_secs(1)).err().map(|failure| failure.code);
        assert_eq!(failure, Some(Code::Expired), "a full handshake, refused with its reason");
        // A resumed session hands on when the key was proved, not when it was resumed.
        let client = Client::new(Some(&f.client));
        client.visit(&tls);
        assert!(client.visit_at(&tls, now().plus_secs(DAY - 10)).unwrap().resumed);
        assert!(!client.visit_at(&tls, now().plus_secs(DAY + 10)).unwrap().resumed);
    }
}

/// Our own CA's inventory, with one status for everybody.
struct Everybody(Mutex<Option<Status>>);

impl Known for Everybody {
    fn status(&self, _: &KeyId, _: &Serial) -> Status {
        self.0.lock().unwrap().unwrap_or(Status::Unknown)
    }
}

/// A ticket for who is not let in would keep it out: each new attempt would be judged by the certificate in the ticket.
#[test]
fn who_is_not_let_in_gets_no_ticket_and_comes_in_with_its_next_certificate() {
    let f = fixtures();
    let own = root(f.dir(), "resume-own", "/CN=Resume Own", CA, 3650);
    let device = issue(f.dir(), &own, "resume-device", "/CN=device", Some(CLIENT), 365);
    let valid = Status::Valid { role: Role::Device, fingerprint: device.facts().fingerprint };
    for versions in VERSIONS {
        let book = Arc::new(Everybody(Mutex::new(None)));
        let tls = tls(versions, |spec| {
            let certificates = PemSource::new("own", own.cert.clone());
            spec.own = Some(OwnIssuer {
                certificates,
                known: Arc::clone(&book) as Arc<dyn Known>,
                staples: Arc::default(),
            });
        });
        let client = Client::new(Some(&device));
        for _ in 0..2 {
            let visit = client.visit(&tls);
            assert!(!visit.resumed);
            assert_eq!(visit.judged.unwrap_err().code, Code::NotInInventory);
        }
        *book.0.lock().unwrap() = Some(valid);
        assert_eq!(client.visit(&tls).name(), "device");
        assert!(client.visit(&tls).resumed);
        // Judged after the resumed handshake as after a full one.
        *book.0.lock().unwrap() = Some(Status::Revoked);
        let visit = client.visit(&tls);
        assert!(visit.resumed);
        assert_eq!(visit.judged.unwrap_err().code, Code::Revoked);
    }
}

#[test]
fn where_a_certificate_is_optional_a_session_without_one_stays_without_one() {
    for versions in VERSIONS {
        let tls = tls(versions, |spec| spec.client_auth = ClientAuth::Optional);
        let bare = Client::new(None);
        bare.visit(&tls);
        let again = bare.visit(&tls);
        assert!(again.resumed && again.judged.unwrap().identity().is_none());
    }
}

/// One `openssl s_client` with these flags.
fn s_client(tls: &ServerTls, flags: &[&str]) -> (Result<Visit, TlsFailure>, String) {
    s_client_with(tls, flags, None)
}

/// The same, with another configuration of openssl.
fn s_client_with(
    tls: &ServerTls,
    flags: &[&str],
    conf: Option<&Path>,
) -> (Result<Visit, TlsFailure>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let ca = files(&fixtures().ca).0;
    let mut child = Command::new("openssl")
        .args(["s_client", "-connect", &address, "-CAfile", &ca, "-servername", "localhost", "-ign_eof"])
        .args(flags)
        .envs(conf.map(|conf| ("OPENSSL_CONF", conf)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.as_mut().unwrap().write_all(b"ping\n").unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut session = tls.session(now());
    let visit = talk(&mut stream, &mut session).map(|_| {
        let judged = tls.judge(&session.peer_chain(), now());
        let mut out = Vec::new();
        if judged.is_ok() {
            session.seal(b"pong\n", &mut out).unwrap();
        }
        session.close_notify(&mut out);
        stream.write_all(&out).unwrap();
        Visit { resumed: session.is_resumed(), judged }
    });
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let _ = stream.read(&mut [0; 64]);
    drop(child.stdin.take());
    (visit, output(child))
}

/// The whole story with openssl's client, which keeps its session in a file.
#[test]
fn s_client_resumes_and_after_its_revocation_comes_in_with_a_renewed_certificate_only() {
    let f = fixtures();
    for (index, versions) in VERSIONS.into_iter().enumerate() {
        let (first, renewed) = (format!("resume-first-{index}"), format!("resume-renewed-{index}"));
        let first = f.leaf(&first, "/CN=first", Some(CLIENT));
        let renewed = f.leaf(&renewed, "/CN=renewed", Some(CLIENT));
        let generation = TrustGeneration::new();
        let with = |list: CrlSource| {
            let generation = Arc::clone(&generation);
            tls(versions, |spec| {
                spec.crls = Some(crl_spec(vec![list]));
                spec.generation = generation;
            })
        };
        let before = with(Asked::new(&format!("resume-before-{index}"), &[]).of(&f.ca));
        let file = f.dir().join(format!("resume-{index}.session"));
        let kept = f.dir().join(format!("resume-{index}.kept"));
        let version = version_flag(index);
        let (cert, key) = files(&first);
        let of_first = [version, "-cert", &cert, "-key", &key];
        let (visit, _) = s_client(&before, &[&of_first[..], &["-sess_out", s(&file)]].concat());
        assert!(!visit.unwrap().resumed);
        std::fs::copy(&file, &kept).unwrap();
        let (visit, printed) = s_client(&before, &[&of_first[..], &["-sess_in", s(&file)]].concat());
        let visit = visit.unwrap();
        assert!(visit.resumed && printed.contains("Reused"), "{printed}");
        assert_eq!(visit.name(), "first");

        let after = with(Asked::new(&format!("resume-after-{index}"), &[&first]).of(&f.ca));
        generation.publish(|| ());
        let (visit, printed) = s_client(&after, &[&of_first[..], &["-sess_in", s(&kept)]].concat());
        assert_eq!(visit.err().map(|failure| failure.code), Some(Code::Revoked), "{printed}");
        assert!(printed.contains("certificate revoked"), "{printed}");
        // It still holds its old session; its new certificate is asked for and counts.
        let (cert, key) = files(&renewed);
        let (visit, _) = s_client(&after, &[version, "-cert", &cert, "-key", &key, "-sess_in", s(&kept)]);
        let visit = visit.unwrap();
        assert!(!visit.resumed);
        assert_eq!(visit.name(), "renewed");
    }
}

/// Without extended master secret a session can be moved to another connection (RFC 7627 §1).
#[test]
fn tls_1_2_without_extended_master_secret_gets_no_session() {
    let f = fixtures();
    let conf = crate::fixture::write(
        f.dir(),
        "no-ems.cnf",
        "openssl_conf=o\n[o]\nssl_conf=s\n[s]\nsystem_default=d\n[d]\nOptions=-ExtendedMasterSecret\n",
    );
    let tls = tls(Versions::OnlyV1_2, |_| {});
    let (cert, key) = files(&f.client);
    for (extended, resumes) in [(true, true), (false, false)] {
        let file = f.dir().join(format!("ems-{extended}.session"));
        let flags = ["-tls1_2", "-cert", cert.as_str(), "-key", key.as_str()];
        let run = |more: [&str; 2]| {
            let all = [&flags[..], &more[..]].concat();
            s_client_with(&tls, &all, (!extended).then_some(conf.as_path()))
        };
        let (visit, printed) = run(["-sess_out", s(&file)]);
        assert!(!visit.unwrap().resumed);
        let said = if extended { "Extended master secret: yes" } else { "Extended master secret: no" };
        assert!(printed.contains(said), "{printed}");
        // A session that cannot be resumed may not even be written.
        let resumed = file.exists() && run(["-sess_in", s(&file)]).0.unwrap().resumed;
        assert_eq!(resumed, resumes);
    }
}
