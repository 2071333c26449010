//! The OCSP responder of the issuing CA (RFC 6960, RFC 9919).
//!
//! What it says is what the inventory says at the moment of asking. It signs with the delegated signer's key, never with
//! the key that issues. Answers about certificates that we issued are kept, for who asks without a nonce; all others are
//! signed for one client, so many a second.
//!
//! The issuing CA's own certificate is the root's to speak about, and the root is offline: such a request is
//! unauthorized here, as about any other CA's certificates.
//!
//! Invariants: no record, no "good"; an inventory that cannot tell, a signer that is missing, revoked or past its end: no
//! answer at all.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sealmq_pki::inventory::{Role, State};
use sealmq_pki::ocsp::{Answer, Draft, Nonce, Request, ResponderId, Status, Unsuccessful};
use sealmq_pki::{Facts, Fingerprint, Timestamp, profile};

use super::Moment;
use super::bucket::{Bucket, Empty};
use super::kept::{Answers, Kept};
use crate::home::{Home, KeyPairFiles, OcspSigner};
use crate::inventory::{Inventory, StoreError};
use crate::log::{Event, Line};

/// How long an answer counts.
const LIFE_SECS: i64 = 86_400;
/// Signatures a second for one client each, and at once: a few hundredths of a core.
const FRESH_PER_SECOND: u32 = 100;
const FRESH_BURST: u32 = 300;
/// The same for answers that are kept. Who asks in turn about more than there is room for reaches it.
const KEPT_PER_SECOND: u32 = 300;
const KEPT_BURST: u32 = 2_000;
/// How often the signer's files are looked at, where a newer one is due.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// How often the same fault is told.
const SAY_AGAIN: Duration = Duration::from_secs(60);

/// What comes of a request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// The same for everybody who asks so until then.
    Kept { der: Arc<[u8]>, this_update: Timestamp, next_update: Timestamp },
    /// For this client alone.
    Fresh(Vec<u8>),
    /// No answer.
    None(Unsuccessful),
}

/// See the module.
pub(crate) struct Responder {
    issuer: Facts,
    inventory: Arc<Inventory>,
    files: KeyPairFiles,
    signer: Mutex<Held>,
    answers: Mutex<Answers>,
    fresh: Mutex<Bucket>,
    kept: Mutex<Bucket>,
    fault: Mutex<Option<Fault>>,
}

/// The signer, as it was read last.
#[derive(Default)]
struct Held {
    signer: Option<Arc<OcspSigner>>,
    looked: Option<Instant>,
}

/// What went wrong last, for the log.
struct Fault {
    line: Option<Line>,
    at: Instant,
}

/// Why there is no answer.
struct NoAnswer(Unsuccessful, String);

impl Responder {
    pub(crate) fn of(home: &Home) -> Responder {
        Responder {
            issuer: home.issuing().facts().clone(),
            inventory: Arc::clone(home.inventory()),
            files: home.place().ocsp(),
            signer: Mutex::default(),
            answers: Mutex::default(),
            fresh: Mutex::new(Bucket::new(FRESH_PER_SECOND, FRESH_BURST)),
            kept: Mutex::new(Bucket::new(KEPT_PER_SECOND, KEPT_BURST)),
            fault: Mutex::default(),
        }
    }

    /// The CA that it answers for.
    pub(crate) fn issuer(&self) -> &Facts {
        &self.issuer
    }

    /// Answers a request, DER.
    pub(crate) fn answer(&self, request: &[u8], moment: Moment) -> Reply {
        let Ok(request) = Request::parse(request) else { return Reply::None(Unsuccessful::MalformedRequest) };
        if !request.ids.iter().all(|id| id.is_of_issuer(&self.issuer)) {
            return Reply::None(Unsuccessful::Unauthorized);
        }
        self.answer_ours(&request, moment).unwrap_or_else(|NoAnswer(why, text)| {
            self.note(&text, moment.mono);
            Reply::None(why)
        })
    }

    /// A line for the log about what failed since the last call, where one is due.
    pub(crate) fn take_fault(&self) -> Option<Line> {
        lock(&self.fault).as_mut().and_then(|fault| fault.line.take())
    }

    fn answer_ours(&self, request: &Request, moment: Moment) -> Result<Reply, NoAnswer> {
        let signer = self.signer(moment)?;
        let statuses: Vec<_> =
            request.ids.iter().map(|id| self.state(id.serial())).collect::<Result<_, _>>()?;
        // Only what we issued is kept: strangers' serials could fill the memory.
        if let ([id], [Some(state)], None) = (&request.ids[..], &statuses[..], &request.nonce) {
            let (now, status) = (moment.wall, Status::of_state(state));
            let by = signer.certificate.facts().fingerprint;
            if let Some(kept) = lock(&self.answers).find(id.der(), status, by, now) {
                return Ok(reply(kept));
            }
            lock(&self.kept).take(moment.mono).map_err(|Empty| busy())?;
            let kept = self.sign_to_keep(&signer, request, status, by, now)?;
            lock(&self.answers).add(id.der().to_vec(), kept.clone());
            return Ok(reply(kept));
        }
        lock(&self.fresh).take(moment.mono).map_err(|Empty| busy())?;
        let statuses = statuses.iter().map(|state| state.as_ref().map_or(Status::Unknown, Status::of_state));
        let statuses: Vec<Status> = statuses.collect();
        let (der, _) = sign(&signer, request, &statuses, request.nonce.clone(), moment.wall)?;
        Ok(Reply::Fresh(der))
    }

    fn sign_to_keep(
        &self,
        signer: &OcspSigner,
        request: &Request,
        status: Status,
        by: Fingerprint,
        now: Timestamp,
    ) -> Result<Kept, NoAnswer> {
        let (der, next_update) = sign(signer, request, &[status], None, now)?;
        Ok(Kept { der: der.into(), status, signer: by, this_update: now, next_update })
    }

    fn state(&self, serial: &sealmq_pki::Serial) -> Result<Option<State>, NoAnswer> {
        let record = self
            .inventory
            .record_now(&self.issuer.computed_key_id, serial)
            .map_err(|error| cannot_tell(&error))?;
        Ok(record.map(|record| record.state))
    }

    /// The signer that counts now, read again where it is due.
    fn signer(&self, moment: Moment) -> Result<Arc<OcspSigner>, NoAnswer> {
        let mut held = lock(&self.signer);
        let usable = match &held.signer {
            Some(signer) => self.counts(signer, moment.wall)?,
            None => false,
        };
        let looked = held.looked.is_some_and(|at| moment.mono.duration_since(at) < LOOK_AGAIN);
        let due = held.signer.as_ref().is_none_or(|signer| is_due(signer.certificate.facts(), moment.wall));
        if (!usable || due) && !looked {
            held.looked = Some(moment.mono);
            match OcspSigner::read(&self.files, &self.issuer) {
                Ok(read) if self.counts(&read, moment.wall)? => held.signer = Some(Arc::new(read)),
                Ok(_) if usable => {}
                Ok(_) => held.signer = None,
                // In the middle of a renewal the two files do not fit; the one before serves.
                Err(_) if usable => {}
                Err(error) => return Err(NoAnswer(Unsuccessful::InternalError, error.to_string())),
            }
        } else if !usable {
            held.signer = None;
        }
        held.signer.clone().ok_or_else(|| {
            let text = "its signer's certificate is revoked or not within its dates".to_owned();
            NoAnswer(Unsuccessful::InternalError, text)
        })
    }

    /// Whether a signer may sign: clients are told not to ask about it, so we do.
    fn counts(&self, signer: &OcspSigner, now: Timestamp) -> Result<bool, NoAnswer> {
        let facts = signer.certificate.facts();
        if !facts.is_current(now) {
            return Ok(false);
        }
        let record = self
            .inventory
            .record_now(&self.issuer.computed_key_id, &facts.serial)
            .map_err(|error| cannot_tell(&error))?;
        Ok(record.is_some_and(|record| {
            let good = Status::of_state(&record.state) == Status::Good;
            good && record.role == Role::OcspSigner && record.fingerprint == facts.fingerprint
        }))
    }

    fn note(&self, text: &str, now: Instant) {
        let mut fault = lock(&self.fault);
        if fault.as_ref().is_none_or(|fault| now.duration_since(fault.at) >= SAY_AGAIN) {
            let line = Line::new(Event::PkiFault, format!("The OCSP responder cannot answer: {text}."))
                .hint("clients that insist on an answer refuse what they ask about until this is mended");
            *fault = Some(Fault { line: Some(line), at: now });
        }
    }
}

fn reply(kept: Kept) -> Reply {
    Reply::Kept { der: kept.der, this_update: kept.this_update, next_update: kept.next_update }
}

fn is_due(signer: &Facts, now: Timestamp) -> bool {
    now >= profile::renew_at(signer.not_before, signer.not_after)
}

/// The answer and its nextUpdate, which never lies behind its signer's end.
fn sign(
    signer: &OcspSigner,
    request: &Request,
    statuses: &[Status],
    nonce: Option<Nonce>,
    now: Timestamp,
) -> Result<(Vec<u8>, Timestamp), NoAnswer> {
    let facts = signer.certificate.facts();
    let next_update = now.plus_secs(LIFE_SECS).min(facts.not_after);
    let answer = |(id, status): (&sealmq_pki::ocsp::CertId, &Status)| Answer {
        id: id.clone(),
        status: *status,
        this_update: now,
        next_update: Some(next_update),
    };
    let draft = Draft {
        responder: ResponderId::by_key(facts),
        produced_at: now,
        answers: request.ids.iter().zip(statuses).map(answer).collect(),
        nonce,
    };
    let der = draft
        .sign(&signer.key, &[&signer.certificate])
        .map_err(|error| NoAnswer(Unsuccessful::InternalError, error.to_string()))?;
    Ok((der, next_update))
}

fn busy() -> NoAnswer {
    NoAnswer(Unsuccessful::TryLater, "it is asked more often than it signs".to_owned())
}

fn cannot_tell(error: &StoreError) -> NoAnswer {
    let locked = matches!(error, StoreError::Locked { .. });
    let why = if locked { Unsuccessful::TryLater } else { Unsuccessful::InternalError };
    NoAnswer(why, error.to_string())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Tables of plain values are whole after a panic elsewhere.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
