//! Does what a request asks: the one place where requests meet the data directory, whoever brought them.

use std::num::NonZeroU32;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sealmq_broker::Owner;
use sealmq_pki::host::HostName;
use sealmq_pki::inventory::{Actor, Record, Standing};
use sealmq_pki::{Name, PublicKey, Serial, Timestamp};

use super::certificate_list;
use super::certificate_status;
use super::certs;
use super::protocol::{BanRow, DeviceRow, DraftRequest, Issued, Request, Response, Status, Swept};
use crate::home::passwords::{Hash, Removed};
use crate::home::{DeviceRequest, Draft, Home, HomeError, SignedCsr, Surroundings};

/// The broker that runs on the directory, as far as a change concerns it.
pub trait Broker: Send {
    /// Connections now, and the port of the TLS listener.
    fn status(&self) -> Status;

    /// The password file has changed: from now on the new one counts.
    ///
    /// # Errors
    /// It could not be read; the old one goes on counting. What, for the log and the command.
    fn passwords_changed(&self) -> Result<(), String>;

    /// The server has a new certificate: new connections get it.
    ///
    /// # Errors
    /// It could not be used; the old one goes on serving.
    fn certificate_changed(&self) -> Result<(), String>;

    /// A certificate of this name counts from now on: who goes by it without one is let go.
    fn device_entered(&self, name: &Name);

    /// Certificates count no more, or again, and the passwords of these users are gone: every session is judged again.
    /// Answers when all have been, and what was stored for `gone` is forgotten.
    ///
    /// # Errors
    /// Not all of it could be done in time. What, for the command; whoever is judged later is judged by the same.
    fn taken_back(&self, passwords: &[String], gone: &[Owner]) -> Result<Swept, String>;

    /// The addresses that are banned.
    fn bans(&self) -> Vec<BanRow>;

    /// Ends the ban of an address; whether there was one.
    fn lift_ban(&self, address: std::net::IpAddr) -> bool;
}

/// Who is at the other end of one connection, and what they have under way.
pub(super) struct Errand {
    by: Actor,
    draft: Option<Draft>,
    pub(super) signed: Option<SignedCsr>,
}

impl Errand {
    /// Nothing yet, for a user of this machine.
    pub(super) fn of_user(uid: u32) -> Self {
        Self { by: Actor::User { uid }, draft: None, signed: None }
    }
}

/// Answers one request.
pub(super) fn answer(
    home: &Home,
    broker: Option<&dyn Broker>,
    port: u16,
    errand: &mut Errand,
    request: Request,
) -> Response {
    let done = Surroundings::look()
        .map(|around| around.asked_by(errand.by.clone()))
        .and_then(|around| act(home, broker, port, errand, request, &around));
    done.unwrap_or_else(|error| Response::Refused { what: error.to_string(), hint: error.hint() })
}

fn act(
    home: &Home,
    broker: Option<&dyn Broker>,
    port: u16,
    errand: &mut Errand,
    request: Request,
    around: &Surroundings,
) -> Result<Response, HomeError> {
    match request {
        Request::Status => status(home, broker),
        Request::DeviceDraft(request) => {
            let draft = home.draft_device(&device_request(&request)?, around)?;
            let issued = issued(&draft, port);
            errand.draft = Some(draft);
            Ok(Response::Issued(Box::new(issued)))
        }
        Request::CertDraft(request) => certs::draft(home, errand, &request, around),
        Request::CertEnter => certs::enter(home, broker, errand, around),
        Request::CertAdopt { certificate, why } => certs::adopt(home, broker, &certificate, &why, around),
        Request::DeviceEnter => enter(home, broker, errand, around),
        Request::IsEntered { serial } => {
            let serial = Serial::parse_hex(&serial).map_err(|error| HomeError::Refused {
                what: error.to_string(),
                hint: "use the sealmq that the broker runs".to_owned(),
            })?;
            Ok(Response::IsEntered(home.is_entered(&serial)?))
        }
        Request::DeviceList => {
            let now = home.judge_at(around);
            Ok(Response::Devices(home.devices()?.iter().map(|record| row(record, now)).collect()))
        }
        Request::TakeBack(request) => super::taking_back::take_back(home, broker, &request, around),
        Request::UserAdd { name, hash } => {
            home.add_user(&name, &Hash::parse(&hash)?, around)?;
            tell_passwords(broker)
        }
        Request::UserRemove { name } => match home.remove_user(&Name::parse(&name)?.key(), around)? {
            Removed::Gone => tell_passwords(broker),
            Removed::WasNotThere => Err(HomeError::Refused {
                what: format!("there is no user '{name}'"),
                hint: "sealmq user list shows who there is".to_owned(),
            }),
        },
        Request::UserList => Ok(Response::Users(home.users()?)),
        Request::CertificateList(asked) => certificate_list::list(home, &asked, home.judge_at(around)),
        Request::CertificatesExpiring { within_secs } => {
            certificate_list::expiring(home, within_secs, home.judge_at(around))
        }
        Request::CertificateStatus(asked) => certificate_status::answer(home, &asked),
        Request::BackupNote => {
            home.inventory().note(&super::backup::told(), &home.act(around))?;
            Ok(Response::Done)
        }
        Request::AuditLog { first } => super::audit::answer(home, first).map(Response::AuditLog),
        Request::BanList => running(home, broker).map(|broker| Response::Bans(broker.bans())),
        Request::BanLift { address } => match running(home, broker)?.lift_ban(address) {
            true => Ok(Response::Done),
            false => Err(HomeError::Refused {
                what: format!("{address} is not banned"),
                hint: "sealmq ban list shows who is".to_owned(),
            }),
        },
    }
}

fn enter(
    home: &Home,
    broker: Option<&dyn Broker>,
    errand: &mut Errand,
    around: &Surroundings,
) -> Result<Response, HomeError> {
    let Some(draft) = errand.draft.take() else {
        return Err(HomeError::Refused {
            what: "nothing was drafted on this connection".to_owned(),
            hint: "use `sealmq device add`".to_owned(),
        });
    };
    home.enter(&draft, around)?;
    if let Some(broker) = broker {
        broker.device_entered(&draft.name);
    }
    Ok(Response::Done)
}

/// The broker, where the wish makes no sense without one.
fn running<'a>(home: &Home, broker: Option<&'a dyn Broker>) -> Result<&'a dyn Broker, HomeError> {
    broker.ok_or_else(|| HomeError::Refused {
        what: format!("no broker runs on {}", home.place().folder().display()),
        hint: "start it: sealmq up".to_owned(),
    })
}

fn status(home: &Home, broker: Option<&dyn Broker>) -> Result<Response, HomeError> {
    let broker = running(home, broker)?;
    let server_not_after_secs = home.server_facts()?.not_after.as_secs();
    Ok(Response::Status(Status { pid: std::process::id(), server_not_after_secs, ..broker.status() }))
}

fn tell_passwords(broker: Option<&dyn Broker>) -> Result<Response, HomeError> {
    broker.map_or(Ok(()), Broker::passwords_changed).map_err(|what| HomeError::Refused {
        what: format!("the password file was written, but the running broker could not take it: {what}"),
        hint: "look at its log, and restart it".to_owned(),
    })?;
    Ok(Response::Done)
}

fn device_request(request: &DraftRequest) -> Result<DeviceRequest, HomeError> {
    let refuse = |what: &str| HomeError::Refused {
        what: what.to_owned(),
        hint: "use `sealmq device add` of the version that the broker runs".to_owned(),
    };
    let spki = BASE64.decode(&request.public_key).map_err(|_| refuse("the public key is not Base64"))?;
    let public_key =
        PublicKey::from_spki_der(&spki).map_err(|error| refuse(&format!("the public key: {error}")))?;
    let days = match request.days {
        None => None,
        Some(days) => Some(NonZeroU32::new(days).ok_or_else(|| HomeError::Refused {
            what: "a certificate of 0 days helps nobody".to_owned(),
            hint: "--days 1 or more; without it, it lives as long as its CA".to_owned(),
        })?),
    };
    let host = request.host.as_deref().map(HostName::parse).transpose()?;
    Ok(DeviceRequest {
        name: request.name.clone(),
        holder: request.holder.into(),
        public_key,
        days,
        bundles: request.bundles.clone(),
        host,
    })
}

fn issued(draft: &Draft, port: u16) -> Issued {
    Issued {
        name: draft.name.to_string(),
        certificate_pem: draft.certificate_pem.clone(),
        issuing_pem: draft.issuing_pem.clone(),
        anchors_pem: draft.anchors_pem.clone(),
        not_after_secs: draft.not_after.as_secs(),
        host: draft.host.to_string(),
        host_from: draft.host_from.into(),
        port,
        other_hosts: draft.other_hosts.iter().map(ToString::to_string).collect(),
    }
}

fn row(record: &Record, now: Timestamp) -> DeviceRow {
    DeviceRow {
        name: record.name.as_ref().map_or_else(|| record.subject.clone(), Name::to_string),
        serial: record.serial.to_string(),
        not_after_secs: record.not_after.as_secs(),
        standing: standing_word(record.standing(now)).to_owned(),
        bundles: record.bundles.clone(),
    }
}

/// How a certificate stands, in lists.
pub(super) const fn standing_word(standing: Standing) -> &'static str {
    match standing {
        Standing::Counts => "valid",
        Standing::NotYet => "not yet",
        Standing::Ended => "ended",
        Standing::Held => "held",
        Standing::Revoked => "revoked",
    }
}
