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
use crate::door::authenticate::{CertificateNames, Denied, refuse_certificate_names};
use crate::door::enhanced::Conversation;
use crate::post::{Mail, PostOffice};
use crate::trust::{Admitted, NameProof, Proofs};

/// What a connection needs to be authenticated again.
#[derive(Clone)]
pub(crate) struct Again {
    pub(crate) admitted: Arc<Admitted>,
    pub(crate) names: Option<Arc<dyn CertificateNames>>,
}

/// The same on a shard, with the exchange that waits for the client's next packet.
pub(crate) struct Proving {
    again: Again,
    conversation: Option<Conversation>,
}

impl Proving {
    pub(crate) fn new(again: Again) -> Box<Proving> {
        Box::new(Proving { again, conversation: None })
    }
}

/// An errand that is done, on its way back.
pub struct ErrandReport {
    conn: ConnId,
    outcome: ErrandOutcome,
    conversation: Option<Conversation>,
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
        let (again, conversation) = (proving.again.clone(), proving.conversation.take());
        let (asked, deadline) = (Instant::now(), self.hashing.deadline());
        let errand = Box::new(move || {
            if asked.elapsed() > deadline {
                return;
            }
            match prove(&again, step, conversation, &data) {
                Ok((outcome, conversation)) => answer.send(outcome, conversation),
                Err(denied) => answer.send(refused(denied), None),
            }
        });
        // No place for it: the answer is dropped with it.
        let _ = self.hashing.run_errand(errand);
    }

    /// Gives the core the answer; the exchange waits here for the client.
    pub(super) fn errand_done(&mut self, now: Now, report: ErrandReport) {
        let ErrandReport { conn, outcome, conversation } = report;
        if let Some(proving) = self.conns.get_mut(conn).and_then(|conn| conn.proving.as_mut()) {
            proving.conversation = conversation;
        }
        self.handle(now, Input::ErrandDone { conn, outcome });
    }
}

fn prove(
    again: &Again,
    step: AuthStep,
    conversation: Option<Conversation>,
    data: &AuthData,
) -> Result<(ErrandOutcome, Option<Conversation>), Denied> {
    let Again { admitted, names } = again;
    // Read before anything is judged, as at the door.
    let generation = admitted.trust.current();
    match (step, conversation) {
        (AuthStep::Begin, _) => {
            let (conversation, challenge) = Conversation::begin(&admitted.listener.proofs(), data.expose())?;
            Ok((ErrandOutcome::Challenge(AuthData::new(challenge)), Some(conversation)))
        }
        (AuthStep::Continue, Some(conversation)) => {
            let login = conversation.finish(data.expose())?;
            if admitted.proofs.certificate.is_none() && admitted.proofs.proxied.is_none() {
                refuse_certificate_names(names.as_deref(), &login.username)?;
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
    fn send(mut self, outcome: ErrandOutcome, conversation: Option<Conversation>) {
        self.sent = Sent::Yes;
        self.post_back(outcome, conversation);
    }

    fn post_back(&self, outcome: ErrandOutcome, conversation: Option<Conversation>) {
        let report = ErrandReport { conn: self.conn, outcome, conversation };
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
