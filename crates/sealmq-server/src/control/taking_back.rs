//! `cert revoke`, `cert hold`, `cert unhold`: what the directory does, and then what the broker that runs on it does.
//!
//! Order: the inventory (from then on nobody is let in by it), the sessions, what the broker needs anew for itself, the
//! list. What fails behind the inventory is told as a problem, and does not stop what comes after it.

use sealmq_broker::Owner;
use sealmq_pki::inventory::{Reason, Record, RevocationReason, Role, State};
use sealmq_pki::{Name, Serial, Timestamp};

use super::desk::Broker;
use super::protocol::{
    CrlRow, KeepSession, Problem, Response, TakeBackRequest, TakenBackRow, TakenRow, WhatNow,
    WhoseCertificate,
};
use crate::door::authenticate::{owner_by_proof, owners_by_record};
use crate::home::{Home, HomeError, Leaf, Surroundings, TakeBack, TakenBack, Whose};

/// Does what the request asks.
pub(super) fn take_back(
    home: &Home,
    broker: Option<&dyn Broker>,
    request: &TakeBackRequest,
    around: &Surroundings,
) -> Result<Response, HomeError> {
    let what = what(&request.what)?;
    let why = request.comment.as_deref().map(Reason::parse).transpose().map_err(|error| refused(&error))?;
    let whose = match &request.whose {
        WhoseCertificate::Name(name) => Whose::Name(Name::parse(name)?),
        WhoseCertificate::Serial(hex) => Whose::Serial(Serial::parse_hex(hex).map_err(|error| {
            HomeError::Refused {
                what: format!("'{hex}' is no serial number: {error}"),
                hint: "give it in hex digits, as `sealmq device list` and `openssl x509 -serial` show it"
                    .to_owned(),
            }
        })?),
    };
    let taken = home.take_back(&whose, what, why, around, &mut |_| Ok(()))?;
    let mut problems = Vec::new();
    let gone = match request.session {
        KeepSession::Drop => owners(&taken),
        KeepSession::Keep => Vec::new(),
    };
    let swept = broker.and_then(|broker| {
        let hint = "the certificates are refused all the same; look at the broker's log";
        broker.taken_back(&taken.passwords, &gone).map_err(|what| note(&mut problems, what, hint)).ok()
    });
    let replaced = replace_own(home, broker, &taken, around).unwrap_or_else(|error| {
        note(&mut problems, error.to_string(), &error.hint());
        Vec::new()
    });
    let list = match home.publish(&taken, around, &mut |_| Ok(())) {
        Ok(list) => Some(list),
        Err(error) => {
            note(&mut problems, format!("the revocation list was not written: {error}"), &error.hint());
            None
        }
    };
    let now = home.judge_at(around);
    Ok(Response::TakenBack(Box::new(TakenBackRow {
        certificates: taken.certificates.iter().map(|record| row(record, now)).collect(),
        passwords: taken.passwords,
        broker: swept,
        replaced: replaced.iter().map(|role| role.as_str().to_owned()).collect(),
        crl: list.map(|list| CrlRow {
            number: list.number.to_string(),
            certificates: list.certificates,
            next_update_secs: list.next_update.as_secs(),
            file: home.place().ca().issuing_crl(),
        }),
        problems,
    })))
}

/// What the broker needs for itself it cannot be without. Answers the roles that have a new certificate now.
fn replace_own(
    home: &Home,
    broker: Option<&dyn Broker>,
    taken: &TakenBack,
    around: &Surroundings,
) -> Result<Vec<Role>, HomeError> {
    let has = |role| taken.certificates.iter().any(|record| record.role == role);
    let made = |leaf: Leaf| matches!(leaf, Leaf::Made { .. });
    let mut replaced = Vec::new();
    if has(Role::Operator) && made(home.ensure_operator(around, &mut |_| Ok(()))?) {
        replaced.push(Role::Operator);
    }
    if has(Role::OcspSigner) && made(home.ensure_ocsp_signer(around, &mut |_| Ok(()))?) {
        replaced.push(Role::OcspSigner);
    }
    // Last: that it cannot serve is told, with everything else done.
    if has(Role::Server) && made(home.ensure_server(around, &mut |_| Ok(()))?) {
        replaced.push(Role::Server);
        if let Some(broker) = broker {
            broker.certificate_changed().map_err(|what| HomeError::Refused {
                what: format!("the new server certificate cannot serve: {what}"),
                hint: "mend what it says, then send SIGHUP".to_owned(),
            })?;
        }
    }
    Ok(replaced)
}

/// Whose sessions nobody comes back to: of a name that is gone, whatever a listener made a user name of.
fn owners(taken: &TakenBack) -> Vec<Owner> {
    let of_passwords = taken.passwords.iter().map(|name| owner_by_proof(name));
    let of_certificates =
        taken.certificates.iter().filter(|_| taken.name.is_some()).flat_map(owners_by_record);
    of_passwords.chain(of_certificates).collect()
}

fn what(wanted: &WhatNow) -> Result<TakeBack, HomeError> {
    Ok(match wanted {
        WhatNow::Hold => TakeBack::Hold,
        WhatNow::Unhold => TakeBack::Unhold,
        WhatNow::Revoke { reason } => {
            TakeBack::Revoke(RevocationReason::parse(reason).ok_or_else(|| HomeError::Refused {
                what: format!("'{reason}' is no reason for a revocation"),
                hint: format!("one of {}", RevocationReason::ALL.map(RevocationReason::as_str).join(", ")),
            })?)
        }
    })
}

fn row(record: &Record, now: Timestamp) -> TakenRow {
    let reason = match &record.state {
        State::Revoked { reason, .. } => Some(reason.as_str().to_owned()),
        State::Valid | State::Superseded { .. } | State::Held { .. } => None,
    };
    TakenRow {
        name: record.name.as_ref().map_or_else(|| record.subject.clone(), Name::to_string),
        serial: record.serial.to_string(),
        role: record.role.as_str().to_owned(),
        not_after_secs: record.not_after.as_secs(),
        standing: super::desk::standing_word(record.standing(now)).to_owned(),
        reason,
    }
}

fn note(problems: &mut Vec<Problem>, what: String, hint: &str) {
    problems.push(Problem { what, hint: hint.to_owned() });
}

fn refused(error: &impl std::fmt::Display) -> HomeError {
    let text = error.to_string();
    let (what, hint) = text.split_once("\nhint: ").unwrap_or((&text, ""));
    HomeError::Refused { what: what.to_owned(), hint: hint.to_owned() }
}
