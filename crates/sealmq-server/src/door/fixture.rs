//! What unit tests of several modules begin with: a plaintext listener, a trust generation, tokens.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sealmq_auth::jwt::{Keys, Rules};
use sealmq_broker::{ListenerId, ListenerRules, TrustGeneration};
use sealmq_config::{IdentityRule, LiveSession, Protocol, ProtocolVersions, TakenBack, WillOfTheRefused};

use super::limits::Counter;
use super::listener::{AccessRules, ListenerFacts, ListenerState, Terms};
use super::name_proofs::{NameProofs, TokenJudge};
use super::web::Web;

/// A generation that a test sets.
pub(crate) struct Generation(pub(crate) AtomicU64);

impl TrustGeneration for Generation {
    fn current(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// Plaintext, nobody anonymous.
pub(crate) fn listener(proofs: Arc<NameProofs>) -> Arc<ListenerState> {
    let access = AccessRules {
        allow_anonymous: false,
        allow_zero_length_clientid: true,
        auto_id_prefix: String::new(),
        use_username_as_clientid: false,
        client_id_matches_identity: false,
        clientid_prefixes: None,
        versions: ProtocolVersions::ALL,
    };
    let web = Web { protocol: Protocol::Mqtt, origins: Vec::new(), files: None, head_bytes_max: 4096 };
    let terms = Terms {
        web: Arc::new(web),
        identity: IdentityRule::None,
        taken_back: TakenBack {
            revoked: LiveSession::Ends,
            expired: LiveSession::Ends,
            will: WillOfTheRefused::Published,
        },
        rules: Arc::new(ListenerRules::default()),
        record_bytes_max: usize::MAX,
        access: Arc::new(access),
        tls: None,
        passwords: None,
        proofs,
    };
    let facts = ListenerFacts { port: 1, address: None, path: None, protocol: Protocol::Mqtt };
    Arc::new(ListenerState::new(ListenerId(0), "port 1".to_owned(), facts, Counter::new(1), terms))
}

/// Who makes tokens.
pub(crate) struct Issuer(Ed25519KeyPair);

impl Issuer {
    pub(crate) fn new() -> Issuer {
        Issuer(Ed25519KeyPair::generate().unwrap())
    }

    /// What believes its tokens.
    pub(crate) fn judge(&self) -> Arc<TokenJudge> {
        self.judge_by(Rules::default())
    }

    pub(crate) fn judge_by(&self, rules: Rules) -> Arc<TokenJudge> {
        let der = self.0.public_key().as_der().unwrap();
        let keys = Keys::parse(sealmq_pki::pem::encode("PUBLIC KEY", der.as_ref()).as_bytes()).unwrap();
        Arc::new(TokenJudge::new(keys, rules))
    }

    /// A token that ends in this second since 1970.
    pub(crate) fn token(&self, name: &str, exp: i64) -> String {
        let claims = format!(r#"{{"sub":"{name}","exp":{exp}}}"#);
        let signed =
            format!("{}.{}", URL_SAFE_NO_PAD.encode(r#"{"alg":"EdDSA"}"#), URL_SAFE_NO_PAD.encode(claims));
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(self.0.sign(signed.as_bytes())))
    }
}
