//! What the core asks for and what must not hold up a turn: a client of 5.0 that proves itself again (MQTT §4.12.1).
//!
//! It runs in the door's hashing pool, bounded and with a deadline, and comes back as mail. Invariant: every errand is
//! answered exactly once; one that finds no place, takes too long or panics is answered with a refusal, which ends the
//! session.

use std::sync::Arc;
use std::time::Instant;

use sealmq_broker::{
    AuthData, AuthStep, ConnId, Ended, Errand, ErrandOutcome, Farewell, Input, Now, Renewed, ShardId,
};

use super::Shard;
use crate::door::authenticate::Denied;
use crate::door::enhanced::Conversation;
use crate::post::{Mail, PostOffice};
use crate::trust::{Admitted, NameProof, Proofs};

/// An exchange that waits for the client's next packet, and the trust generation that was read before its entry was.
struct Begun {
    conversation: Conversation,
    generation: u64,
}

/// What a connection needs to be authenticated again: what admitted it, and the exchange that waits for its next packet.
pub(crate) struct Proving {
    admitted: Arc<Admitted>,
    begun: Option<Begun>,
}

impl Proving {
    pub(crate) fn new(admitted: Arc<Admitted>) -> Box<Proving> {
        Box::new(Proving { admitted, begun: None })
    }
}

/// An errand that is done, on its way back.
pub struct ErrandReport {
    conn: ConnId,
    outcome: ErrandOutcome,
    begun: Option<Begun>,
}

impl std::fmt::Debug for ErrandReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ErrandReport").field("conn", &self.conn).finish_non_exhaustive()
    }
}

impl Shard {
    pub(super) fn run_errand(&mut self, id: ConnId, errand: Errand) {
        let Errand::Authenticate { step, data } = errand;
        // Dropped unsent on every path below that does not answer: a refusal.
        let answer = Answer { post: Arc::clone(&self.post), shard: self.id, conn: id, sent: Sent::NotYet };
        let Some(proving) = self.conns.get_mut(id).and_then(|conn| conn.proving.as_mut()) else { return };
        let (admitted, begun) = (Arc::clone(&proving.admitted), proving.begun.take());
        let (asked, deadline) = (Instant::now(), self.hashing.deadline());
        let errand = Box::new(move || {
            if asked.elapsed() > deadline {
                return;
            }
            match prove(&admitted, step, begun, &data) {
                Ok((outcome, begun)) => answer.send(outcome, begun),
                Err(denied) => answer.send(refused(denied), None),
            }
        });
        // No place for it: the answer is dropped with it.
        let _ = self.hashing.run_errand(errand);
    }

    /// Gives the core the answer; the exchange waits here for the client.
    pub(super) fn errand_done(&mut self, now: Now, report: ErrandReport) {
        let ErrandReport { conn, outcome, begun } = report;
        if let Some(proving) = self.conns.get_mut(conn).and_then(|conn| conn.proving.as_mut()) {
            proving.begun = begun;
        }
        self.handle(now, Input::ErrandDone { conn, outcome });
    }
}

fn prove(
    admitted: &Admitted,
    step: AuthStep,
    begun: Option<Begun>,
    data: &AuthData,
) -> Result<(ErrandOutcome, Option<Begun>), Denied> {
    match (step, begun) {
        (AuthStep::Begin, _) => {
            // Read before the entry is, as at the door, and kept until the end: where trust moves in
            // between, the core judges the entry again.
            let generation = admitted.trust.current();
            let (conversation, challenge) = Conversation::begin(&admitted.listener.proofs(), data.expose())?;
            Ok((ErrandOutcome::Challenge(AuthData::new(challenge)), Some(Begun { conversation, generation })))
        }
        (AuthStep::Continue, Some(Begun { conversation, generation })) => {
            let login = conversation.finish(data.expose())?;
            // The name that the session has: the core ends one that proved another. None is held where a certificate
            // gave it, to us or to a proxy.
            if let Some(held) = &admitted.held {
                held.check()?;
            }
            let name = NameProof::Scram { username: Arc::clone(&login.username), entry: login.entry };
            let Proofs { certificate, proxied, name: _ } = &admitted.proofs;
            let proofs =
                Proofs { certificate: certificate.clone(), proxied: proxied.clone(), name: Some(name) };
            let admitted_by = Arc::new(Admitted {
                listener: Arc::clone(&admitted.listener),
                trust: Arc::clone(&admitted.trust),
                came: admitted.came.clone(),
                proofs,
                held: admitted.held.clone(),
            });
            let data = AuthData::new(login.server_final);
            let renewed = Renewed { username: login.username, admitted_by, generation, data };
            Ok((ErrandOutcome::Renewed(renewed), None))
        }
        (AuthStep::Continue, None) => Err(Conversation::lost()),
    }
}

fn refused(denied: Denied) -> ErrandOutcome {
    ErrandOutcome::Refused(Ended { code: denied.code, text: denied.text, farewell: Farewell::NotAuthorized })
}

/// The way back. Dropped without having been used, it refuses.
struct Answer {
    post: Arc<PostOffice>,
    shard: ShardId,
    conn: ConnId,
    sent: Sent,
}

#[derive(PartialEq, Eq)]
enum Sent {
    NotYet,
    Yes,
}

impl Answer {
    fn send(mut self, outcome: ErrandOutcome, begun: Option<Begun>) {
        self.sent = Sent::Yes;
        self.post_back(outcome, begun);
    }

    fn post_back(&self, outcome: ErrandOutcome, begun: Option<Begun>) {
        let report = ErrandReport { conn: self.conn, outcome, begun };
        self.post.post(self.shard, Mail::ErrandDone(Box::new(report)));
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if self.sent == Sent::NotYet {
            let text = "it could not be authenticated again in time".to_owned();
            self.post_back(
                ErrandOutcome::Refused(Ended { code: "SMQ-A014", text, farewell: Farewell::NotAuthorized }),
                None,
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicU64, Ordering};

    use sealmq_auth::scram::{Client, Entry, NonceSeed};
    use sealmq_broker::{TrustGeneration, Wall};
    use sealmq_config::IdentityRule;
    use sealmq_config::scram_file::ScramFile;

    use super::*;
    use crate::door::authenticate::{CannotTell, CertificateNames};
    use crate::door::fixture::{Generation, listener};
    use crate::door::held_names::HeldNames;
    use crate::door::listener::ListenerState;
    use crate::door::name_proofs::{NameProofs, ScramTable};
    use crate::trust::{Came, Carriage, IdIs};

    /// Whether `anna` belongs to a certificate, or that nobody knows.
    struct Names(Mutex<Result<bool, CannotTell>>);

    impl CertificateNames for Names {
        fn is_live(&self, _: &str) -> Result<bool, CannotTell> {
            self.0.lock().unwrap().clone()
        }
    }

    fn proofs_of(password: &str) -> Arc<NameProofs> {
        let mut file = ScramFile::default();
        assert!(file.set("anna", Entry::of(password.as_bytes(), [5; 16], 4_096).unwrap()));
        Arc::new(NameProofs { scram: Some(ScramTable::new(file)), tokens: None })
    }

    fn admitted(
        listener: &Arc<ListenerState>,
        trust: &Arc<Generation>,
        names: Option<&Arc<HeldNames>>,
    ) -> Admitted {
        let trust: Arc<dyn TrustGeneration> = Arc::clone(trust) as _;
        let came = Came {
            carriage: Carriage::Plain,
            mount_point: "".into(),
            identity: IdentityRule::None,
            version: sealmq_mqtt::Version::V5,
            given_id: sealmq_broker::ClientId::parse("c").expect("an id"),
            given_by: sealmq_broker::Assigned::ByClient,
            id_is: IdIs::Other,
            browsed: None,
        };
        let proofs = Proofs { certificate: None, name: None, proxied: None };
        let held = names.map(|names| names.hold(&"anna".into()).expect("nobody else's yet"));
        Admitted { listener: Arc::clone(listener), trust, proofs, came, held }
    }

    /// A whole re-authentication with `pencil`; `between` runs after the challenge.
    fn prove_again(admitted: &Admitted, between: impl FnOnce()) -> Result<Renewed, &'static str> {
        let client = Client::new("anna", b"pencil", &NonceSeed([3; 18])).unwrap();
        let begun = prove(admitted, AuthStep::Begin, None, &AuthData::new(client.first()));
        let Ok((ErrandOutcome::Challenge(challenge), begun)) = begun else { panic!("no challenge") };
        between();
        let (last, _) = client.answer(challenge.expose()).unwrap();
        match prove(admitted, AuthStep::Continue, begun, &AuthData::new(last))
            .map_err(|denied| denied.code)?
        {
            (ErrandOutcome::Renewed(renewed), None) => Ok(renewed),
            (ErrandOutcome::Renewed(_) | ErrandOutcome::Challenge(_) | ErrandOutcome::Refused(_), _) => {
                panic!("neither proved nor refused")
            }
        }
    }

    /// The client proves an entry that a reload has taken away since the challenge: the core must see that this
    /// judgment is older than the trust of now, and it says no when it is made again.
    #[test]
    fn an_entry_that_goes_between_challenge_and_proof_is_not_proved_at_the_generation_of_now() {
        let trust = Arc::new(Generation(AtomicU64::new(1)));
        let listener = listener(proofs_of("pencil"));
        let reloads = || {
            listener.change_terms(|terms| terms.proofs = proofs_of("changed"));
            trust.0.store(2, Ordering::SeqCst);
        };
        let stays = prove_again(&admitted(&listener, &trust, None), || {}).expect("the right password");
        assert_eq!((stays.generation, stays.admitted_by.judge(Wall(0)).is_ok()), (1, true));
        let gone = prove_again(&admitted(&listener, &trust, None), reloads).expect("right at the time");
        assert_eq!(gone.generation, 1, "not 2: judged before");
        assert_eq!(gone.admitted_by.judge(Wall(0)).unwrap_err().code, "SMQ-A004");
    }

    #[test]
    fn a_name_that_became_a_certificates_meanwhile_is_not_proved_again() {
        let trust = Arc::new(Generation(AtomicU64::new(1)));
        let listener = listener(proofs_of("pencil"));
        let prove = |becomes: Result<bool, CannotTell>| {
            let certificates = Arc::new(Names(Mutex::new(Ok(false))));
            let names = HeldNames::new(Arc::clone(&certificates) as _);
            let admitted = admitted(&listener, &trust, Some(&names));
            prove_again(&admitted, || *certificates.0.lock().unwrap() = becomes)
        };
        assert!(prove(Ok(false)).is_ok());
        assert_eq!(prove(Ok(true)).unwrap_err(), "SMQ-A015");
        assert_eq!(prove(Err(CannotTell("disk".to_owned()))).unwrap_err(), "SMQ-A016");
    }

    /// Neither while the proof is on its way nor later does a session that was proved again let go of its name.
    #[test]
    fn a_session_that_was_proved_again_goes_by_its_name_still() {
        let trust = Arc::new(Generation(AtomicU64::new(1)));
        let listener = listener(proofs_of("pencil"));
        let certificates = Arc::new(Names(Mutex::new(Ok(false))));
        let names = HeldNames::new(Arc::clone(&certificates) as _);
        let renewed = prove_again(&admitted(&listener, &trust, Some(&names)), || {}).expect("the right one");
        assert!(names.is_held(&sealmq_pki::Name::parse("Anna").unwrap()));
        assert!(renewed.admitted_by.judge(Wall(0)).is_ok());
        *certificates.0.lock().unwrap() = Ok(true);
        assert_eq!(renewed.admitted_by.judge(Wall(0)).unwrap_err().code, "SMQ-A015");
    }

    #[test]
    fn an_answer_to_no_challenge_is_refused() {
        let trust = Arc::new(Generation(AtomicU64::new(1)));
        let admitted = admitted(&listener(proofs_of("pencil")), &trust, None);
        assert!(prove(&admitted, AuthStep::Continue, None, &AuthData::default()).is_err());
    }
}
