//! What a full and a resumed handshake cost the server, and what a connection at rest holds. In memory, no sockets.
//!
//! `cargo run --release -p sealmq-tls --example handshakes [-- PART OF A LINE]`. One mutual listener, P-256, a root that signs the leaves
//! itself. CPU is the scheduler's time of this thread over the server's own steps (`session`, `open`, `judge`); memory is the
//! growth of this process' resident set over the sessions that were kept (all, to the end), client sides dropped.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, clippy::print_stdout)] // a measurement, not a library

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use sealmq_pki::{
    CaSubject, End, Holder, HostName, LeafRequest, Name, Serial, Signer as _, SoftKey, Timestamp, issue_leaf,
    issue_root,
};
use sealmq_tls::{
    Alpn, ClientAuth, ClientDates, IdentityRule, KeyPair, KnownSignatures, LegacyClientCerts, PemSource,
    RecordSize, Resumption, Served, ServerTls, ServerTlsSpec, TlsPolicy, TlsSession, TrustGeneration,
    Versions,
};

const HANDSHAKES: u32 = 500;

fn main() {
    let pki = Pki::new();
    let only = std::env::args().nth(1).unwrap_or_default();
    let measure = |name: String, work: &mut dyn FnMut() -> Duration| {
        if name.contains(&only) {
            let took: Duration = (0..HANDSHAKES).map(|_| work()).sum();
            println!("{name}: {:.0} µs", micros(took));
        }
    };
    for (name, versions) in [("TLS 1.2", Versions::OnlyV1_2), ("TLS 1.3", Versions::OnlyV1_3)] {
        for (how, resumption) in [("no ticket", Resumption::Off), ("a ticket", Resumption::On)] {
            // A memory of its own for each: nobody has seen the certificate before.
            measure(format!("{name}, full, first visit, {how}"), &mut || {
                meet(&pki.listener(versions, resumption), &pki.client()).1
            });
            let tls = pki.listener(versions, resumption);
            measure(format!("{name}, full, {how}"), &mut || meet(&tls, &pki.client()).1);
        }
        let (tls, client) = (pki.listener(versions, Resumption::On), pki.client());
        assert!(!meet(&tls, &client).0.is_resumed());
        measure(format!("{name}, resumed"), &mut || {
            let (session, took) = meet(&tls, &client);
            assert!(session.is_resumed());
            took
        });
    }
    if only.is_empty() {
        at_rest(&pki);
    }
}

fn at_rest(pki: &Pki) {
    // Kept to the end: what is freed would be used again and not be seen.
    let mut all = Vec::new();
    for (name, versions) in [("TLS 1.2", Versions::OnlyV1_2), ("TLS 1.3", Versions::OnlyV1_3)] {
        for (how, resumption) in [("no ticket", Resumption::Off), ("a ticket", Resumption::On)] {
            let tls = pki.listener(versions, resumption);
            let before = resident_bytes();
            let kept: Vec<TlsSession> = (0..HANDSHAKES).map(|_| meet(&tls, &pki.client()).0).collect();
            let grown = resident_bytes().saturating_sub(before);
            println!("{name}, {how}: {} bytes per session at rest", grown / kept.len());
            all.push(kept);
        }
    }
}

fn micros(total: Duration) -> f64 {
    total.as_secs_f64() * 1e6 / f64::from(HANDSHAKES)
}

/// One connection; the time is the server's.
fn meet(tls: &ServerTls, config: &Arc<rustls::ClientConfig>) -> (TlsSession, Duration) {
    let name = ServerName::try_from("localhost").unwrap();
    let mut client = rustls::ClientConnection::new(Arc::clone(config), name).unwrap();
    let (mut incoming, mut plain, mut out) = (Vec::new(), Vec::new(), Vec::new());
    let mut took = Duration::ZERO;
    let began = Cpu::now();
    let mut session = tls.session(now());
    took += began.elapsed();
    for _ in 0..4 {
        client.write_tls(&mut incoming).unwrap();
        let began = Cpu::now();
        session.open(&mut incoming, &mut plain, &mut out).unwrap();
        took += began.elapsed();
        client.read_tls(&mut out.as_slice()).unwrap();
        out.clear();
        client.process_new_packets().unwrap();
    }
    let began = Cpu::now();
    tls.judge(&session.peer_chain(), now()).unwrap();
    (session, took + began.elapsed())
}

struct Pki {
    root: String,
    server: KeyPair,
    device: (Vec<u8>, SoftKey),
}

impl Pki {
    fn new() -> Pki {
        let subject = CaSubject::root("Measured", 1).unwrap();
        let ca = issue_root(Arc::new(SoftKey::generate().unwrap()), &subject, serial(1), now()).unwrap();
        let leaf = |holder, number| {
            let key = SoftKey::generate().unwrap();
            let public_key = key.public_key();
            let request =
                LeafRequest { holder, public_key, serial: serial(number), now: now(), end: End::Profile };
            (issue_leaf(&ca, &request).unwrap(), key)
        };
        let hosts = [HostName::parse("localhost").unwrap()];
        let (certificate, key) = leaf(Holder::Server(&hosts), 2);
        let key = PemSource::new("key", key.to_pem().as_bytes());
        let server = KeyPair::load(&PemSource::new("server", certificate.pem()), &key, None).unwrap();
        let name = Name::parse("device").unwrap();
        let (certificate, key) = leaf(Holder::Device(&name), 3);
        Pki { root: ca.certificate().pem(), server, device: (certificate.der().to_vec(), key) }
    }

    fn listener(&self, versions: Versions, resumption: Resumption) -> ServerTls {
        let spec = ServerTlsSpec {
            policy: TlsPolicy::from_openssl(versions, None, None).unwrap().0,
            key_pair: self.server.clone(),
            more_key_pairs: Vec::new(),
            resumption,
            anchors: vec![PemSource::new("root", self.root.clone())],
            client_auth: ClientAuth::Required,
            identity: IdentityRule::CommonName,
            legacy_client_certs: LegacyClientCerts::Deny,
            client_dates: ClientDates::Checked,
            crls: None,
            own: None,
            served: Served::default(),
            generation: TrustGeneration::new(),
            signatures: KnownSignatures::new(),
            record_size_max: RecordSize::default(),
            alpn: Alpn::NONE,
        };
        ServerTls::build(spec, now()).unwrap().0
    }

    /// A client with a memory of its own.
    fn client(&self) -> Arc<rustls::ClientConfig> {
        let mut roots = rustls::RootCertStore::empty();
        for der in sealmq_pki::pem::of_label(self.root.as_bytes(), "CERTIFICATE").unwrap() {
            roots.add(CertificateDer::from(der.to_vec())).unwrap();
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let (der, key) = &self.device;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.pkcs8_der().to_vec()));
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_client_auth_cert(vec![CertificateDer::from(der.clone())], key)
            .unwrap();
        Arc::new(config)
    }
}

fn serial(number: u8) -> Serial {
    Serial::from_random([number; 16]).unwrap()
}

fn now() -> Timestamp {
    let secs = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    Timestamp::from_secs(i64::try_from(secs).unwrap())
}

/// The scheduler's time of this thread: other programs on a busy machine do not count. Linux only.
struct Cpu(Duration);

impl Cpu {
    fn now() -> Cpu {
        let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
        Cpu(Duration::from_nanos(stat.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0)))
    }

    fn elapsed(&self) -> Duration {
        Cpu::now().0.saturating_sub(self.0)
    }
}

/// Resident pages of this process; Linux only.
fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * 4096
}
