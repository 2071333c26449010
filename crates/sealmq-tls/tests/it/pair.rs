//! A server and a client in memory.

use std::sync::{Arc, OnceLock};

use sealmq_pki::Timestamp;
use sealmq_tls::{
    Alpn, ClientAuth, ClientDates, ClientTls, ClientTlsSpec, IdentityRule, Judged, KnownSignatures,
    LegacyClientCerts, LegacyServerCerts, PeerChain, Progress, RecordSize, Refusal, Resumption, Served,
    ServerOcsp, ServerTls, ServerTlsSpec, TlsFailure, TlsPolicy, TlsSession, TrustGeneration, VerifyServer,
    Versions,
};

use crate::fixture::{Pair, fixtures, now};

/// One for all tests: each of them refuses with everything remembered that another one accepted.
fn signatures() -> Arc<KnownSignatures> {
    static SIGNATURES: OnceLock<Arc<KnownSignatures>> = OnceLock::new();
    Arc::clone(SIGNATURES.get_or_init(KnownSignatures::new))
}

/// A mutual-TLS server for the CA of the fixtures, CN as identity.
pub(crate) fn server_spec() -> ServerTlsSpec {
    ServerTlsSpec {
        policy: TlsPolicy::default(),
        key_pair: fixtures().server.load(),
        more_key_pairs: Vec::new(),
        resumption: Resumption::On,
        anchors: vec![fixtures().ca.source()],
        client_auth: ClientAuth::Required,
        identity: IdentityRule::CommonName,
        legacy_client_certs: LegacyClientCerts::Warn,
        client_dates: ClientDates::Checked,
        crls: None,
        own: None,
        served: Served::default(),
        generation: TrustGeneration::new(),
        signatures: signatures(),
        record_size_max: RecordSize::default(),
        alpn: Alpn::NONE,
    }
}

pub(crate) fn client_spec(pair: Option<&Pair>) -> ClientTlsSpec {
    ClientTlsSpec {
        policy: TlsPolicy::default(),
        anchors: vec![fixtures().ca.source()],
        os_roots: None,
        key_pair: pair.map(Pair::load),
        legacy_server_certs: LegacyServerCerts::Warn,
        verify: VerifyServer::Full,
        ocsp: ServerOcsp::NotRequired,
        alpn: Vec::new(),
        record_size_max: RecordSize::default(),
    }
}

pub(crate) fn server(spec: ServerTlsSpec) -> ServerTls {
    ServerTls::build(spec, now()).unwrap().0
}

pub(crate) fn client(spec: ClientTlsSpec) -> ClientTls {
    ClientTls::build(spec, now()).unwrap().0
}

pub(crate) const VERSIONS: [Versions; 2] = [Versions::OnlyV1_2, Versions::OnlyV1_3];

pub(crate) fn policy(versions: Versions) -> TlsPolicy {
    TlsPolicy::from_openssl(versions, None, None).unwrap().0
}

/// One end: its session and what has not been moved yet.
pub(crate) struct End {
    pub(crate) session: TlsSession,
    pub(crate) incoming: Vec<u8>,
    pub(crate) plain: Vec<u8>,
    pub(crate) out: Vec<u8>,
    pub(crate) failure: Option<TlsFailure>,
    pub(crate) closed: bool,
}

impl End {
    pub(crate) fn new(session: TlsSession) -> End {
        let (incoming, plain, out) = (Vec::new(), Vec::new(), Vec::new());
        End { session, incoming, plain, out, failure: None, closed: false }
    }

    fn turn(&mut self) {
        if self.failure.is_some() {
            return;
        }
        match self.session.open(&mut self.incoming, &mut self.plain, &mut self.out) {
            Ok(progress) => self.closed |= progress == Progress::Closed,
            Err(failure) => self.failure = Some(failure),
        }
    }
}

pub(crate) struct Ends {
    pub(crate) server: End,
    pub(crate) client: End,
}

impl Ends {
    pub(crate) fn new(server: TlsSession, client: TlsSession) -> Ends {
        Ends { server: End::new(server), client: End::new(client) }
    }

    /// Moves bytes until nothing moves any more. A failed end still gets its last bytes out.
    pub(crate) fn run(&mut self) -> &mut Ends {
        self.run_with(|_| {})
    }

    /// As `run`; `wire` sees (and may change) what the client sends.
    pub(crate) fn run_with(&mut self, mut wire: impl FnMut(&mut Vec<u8>)) -> &mut Ends {
        loop {
            self.client.turn();
            let mut flight = std::mem::take(&mut self.client.out);
            wire(&mut flight);
            self.server.incoming.append(&mut flight);
            self.server.turn();
            let quiet = self.server.out.is_empty();
            self.client.incoming.append(&mut self.server.out);
            if quiet {
                self.client.turn();
                if self.client.out.is_empty() {
                    return self;
                }
            }
        }
    }

    pub(crate) fn established(&self) -> bool {
        let done = |end: &End| end.failure.is_none() && !end.session.is_handshaking();
        done(&self.server) && done(&self.client)
    }
}

/// Runs a handshake and, if it went through at the server, the judgment.
pub(crate) fn meet(server: &ServerTls, client: &ClientTls) -> Met {
    meet_at(server, client, "localhost", now())
}

pub(crate) fn meet_at(server: &ServerTls, client: &ClientTls, name: &str, at: Timestamp) -> Met {
    let mut ends = Ends::new(server.session(at), client.session(name, at).unwrap());
    ends.run();
    let judged = ends.server.failure.is_none().then(|| server.judge(&ends.server.session.peer_chain(), at));
    Met { ends, judged }
}

pub(crate) struct Met {
    pub(crate) ends: Ends,
    pub(crate) judged: Option<Result<Judged, Refusal>>,
}

impl Met {
    pub(crate) fn name(&self) -> String {
        assert!(self.ends.established(), "{:?} {:?}", self.ends.server.failure, self.ends.client.failure);
        let judged = self.judged.as_ref().unwrap().as_ref().unwrap();
        judged.identity().unwrap().name().unwrap().to_string()
    }

    pub(crate) fn server_failure(&self) -> &TlsFailure {
        self.ends.server.failure.as_ref().expect("the server refused")
    }

    pub(crate) fn client_failure(&self) -> &TlsFailure {
        self.ends.client.failure.as_ref().expect("the client saw a failure")
    }
}

/// A chain as a peer would have sent it, without a handshake: what a shard judges again.
pub(crate) fn chain_of(server: &ServerTls, pair: &Pair) -> PeerChain {
    let met = meet(server, &client(client_spec(Some(pair))));
    assert!(met.ends.established(), "{:?}", met.ends.server.failure);
    met.ends.server.session.peer_chain()
}
