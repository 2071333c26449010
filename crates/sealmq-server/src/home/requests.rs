//! Certificates for requests (PKCS#10), and certificates of this CA that the inventory does not know.
//!
//! A request is judged here again, whoever read it before: its signature, its name against the asker's, its extensions
//! against the profile. As with devices, what is signed counts for nothing until it is entered.

use std::num::NonZeroU32;

use sealmq_pki::cert::{ExtKeyUsage, SignedBy, signed_by};
use sealmq_pki::host::HostName;
use sealmq_pki::inventory::{
    Inventory as _, InventoryError, Origin, Reason, Record, Role, name_is_free, predecessors,
};
use sealmq_pki::issue::{Certificate, End, Holder, issue_approved};
use sealmq_pki::{ApprovedCsr, Csr, Name, Profile, Timestamp};

use super::create::fresh_serial;
use super::error::HomeError;
use super::{DeviceHolder, Home, Surroundings};

/// What a request is to become.
#[derive(Clone, Debug)]
pub struct CsrRequest {
    /// The request: PEM, DER or Base64.
    pub csr: Vec<u8>,
    /// The profile's name.
    pub profile: String,
    /// Who gets it, as the asker says: one name, or the names and addresses of a server.
    pub names: Vec<String>,
    /// Whether somebody new gets it, or the holder of an older one.
    pub holder: DeviceHolder,
    /// `--days`; without it, as the profile says.
    pub days: Option<NonZeroU32>,
}

/// A certificate that was signed for a request and counts for nothing yet.
#[derive(Clone, Debug)]
pub struct SignedCsr {
    record: Record,
    holder: DeviceHolder,
    /// The certificate.
    pub certificate: Certificate,
}

impl SignedCsr {
    /// Whose it is; servers have hosts and no name.
    pub fn name(&self) -> Option<&Name> {
        self.record.name.as_ref()
    }
}

impl Home {
    /// Signs a request without entering the certificate.
    pub fn sign_csr(&self, request: &CsrRequest, around: &Surroundings) -> Result<SignedCsr, HomeError> {
        let now = self.judge_at(around);
        let profiles = self.profiles()?;
        let profile = profiles.find(&request.profile).map_err(|error| refused(&error))?;
        let csr = Csr::read(&request.csr).map_err(|error| refused(&error))?;
        match profile.role() {
            Role::Device => {
                let name = self.holders_name(sole_name(&request.names)?, request.holder, now)?;
                self.sign(&csr, profile, Holder::Device(&name), request, now)
            }
            Role::Server => {
                let hosts: Vec<HostName> =
                    request.names.iter().map(|name| HostName::parse(name)).collect::<Result<_, _>>()?;
                self.sign(&csr, profile, Holder::Server(&hosts), request, now)
            }
            Role::Operator | Role::OcspSigner | Role::Root | Role::Issuing => Err(HomeError::Refused {
                what: format!(
                    "no request is signed under the profile '{}': such certificates are this broker's own",
                    profile.name()
                ),
                hint: "choose the profile of a device or a server: --profile device".to_owned(),
            }),
        }
    }

    fn sign(
        &self,
        csr: &Csr,
        profile: &Profile,
        holder: Holder<'_>,
        request: &CsrRequest,
        now: Timestamp,
    ) -> Result<SignedCsr, HomeError> {
        let approved = ApprovedCsr::new(csr, profile, holder).map_err(|error| refused(&error))?;
        let end = request.days.map_or(End::Profile, End::Days);
        let certificate = issue_approved(self.issuing(), &approved, &fresh_serial()?, now, end)?;
        let name = match holder {
            Holder::Device(name) | Holder::Operator(name) => Some(name),
            Holder::Server(_) | Holder::OcspSigner => None,
        };
        let record = certificate.record(self.issuing(), holder.role(), name, now);
        Ok(SignedCsr { record, holder: request.holder, certificate })
    }

    /// Enters what was signed: from now on it counts.
    pub fn enter_csr(&self, signed: &SignedCsr, around: &Surroundings) -> Result<(), HomeError> {
        let act = self.act(around);
        match (signed.holder, &signed.record.name) {
            (_, None) => self.inventory().insert(&signed.record, &act)?,
            (DeviceHolder::New, Some(_)) => self.inventory().insert_new_name(&signed.record, &act)?,
            (DeviceHolder::Known, Some(_)) => self.inventory().insert_successor(&signed.record, &act)?,
        }
        Ok(())
    }

    /// Enters a certificate that the issuing CA's key has signed and the inventory does not know: from a time behind a
    /// restored backup, or made by hand. Why goes into the audit log.
    pub fn adopt(&self, der: Vec<u8>, why: Reason, around: &Surroundings) -> Result<Record, HomeError> {
        let certificate = Certificate::from_der(der).map_err(|error| refused(&error))?;
        let act = self.act(around).because(Some(why));
        let record = self.adoptable(&certificate, act.at)?;
        self.inventory().change(&act, |change| {
            if let Some(known) = change.find(&record.issuer, &record.serial)? {
                return Err(already_there(&known, &record));
            }
            if change.listed(&record.issuer, &record.serial)?.is_some() {
                return Err(revoked_before(&record));
            }
            let Some(name) = &record.name else { return Ok(change.insert(&record)?) };
            let namesakes = change.by_name(&name.key())?;
            // A device that got a newer certificate after the backup: it takes the place of what the backup has.
            match predecessors(name, &namesakes, act.at) {
                Ok(_) => Ok(change.insert_successor(&record)?),
                Err(InventoryError::NoPredecessor { .. }) => Ok(change.insert_new_name(&record)?),
                Err(other) => Err(HomeError::from(other)),
            }
        })?;
        Ok(record)
    }

    /// The record that a certificate would have, if it is one that this CA issues to devices and servers.
    fn adoptable(&self, certificate: &Certificate, now: Timestamp) -> Result<Record, HomeError> {
        let facts = certificate.facts();
        let subject = facts.subject.rfc2253();
        let refuse = |why: String, hint: &str| {
            Err(HomeError::Refused {
                what: format!("the certificate '{subject}' is not adopted: {why}"),
                hint: hint.to_owned(),
            })
        };
        match signed_by(certificate.der(), self.issuing().facts()) {
            Ok(SignedBy::Yes) => {}
            Ok(SignedBy::No | SignedBy::Unverifiable) | Err(_) => {
                return refuse(
                    format!("the key of '{}' did not sign it", self.issuing().facts().subject.rfc2253()),
                    "a certificate of another CA gets a new one from this CA: sealmq cert reissue FILE --key KEY",
                );
            }
        }
        if now > facts.not_after {
            return refuse(
                format!("it ended {}", facts.not_after),
                "issue a new one: sealmq cert issue NAME",
            );
        }
        if facts.is_ca() || facts.basic_constraints.is_none_or(|constraints| constraints.ca) {
            return refuse("it may be a CA".to_owned(), "only leaf certificates of version 3 are adopted");
        }
        let hosts_or_name = match facts.ext_key_usage.as_deref() {
            Some([ExtKeyUsage::ClientAuth]) => match facts.common_names().as_slice() {
                [name] => Some(self.new_name(name)?),
                _ => return refuse("it has no CN, or several".to_owned(), NO_ROLE),
            },
            Some(purposes) if purposes.contains(&ExtKeyUsage::ServerAuth) => None,
            Some(_) | None => {
                return refuse(
                    "its extended key usage is neither a device's nor a server's".to_owned(),
                    NO_ROLE,
                );
            }
        };
        let role = if hosts_or_name.is_some() { Role::Device } else { Role::Server };
        let record = certificate.record(self.issuing(), role, hosts_or_name.as_ref(), now);
        Ok(Record { origin: Origin::Imported, ..record })
    }

    /// The name that a certificate is to have, free or taken as the asker wants it.
    pub(super) fn holders_name(
        &self,
        text: &str,
        holder: DeviceHolder,
        now: Timestamp,
    ) -> Result<Name, HomeError> {
        match holder {
            DeviceHolder::New => {
                let name = self.new_name(text)?;
                let records = self.inventory().by_name(&name.key())?;
                let has_password = self.inventory().has_password(&name.key())?;
                name_is_free(&name, &records, has_password, now)?;
                Ok(name)
            }
            DeviceHolder::Known => {
                let name = Name::parse(text)?;
                let records = self.inventory().by_name(&name.key())?;
                predecessors(&name, &records, now)?;
                Ok(name)
            }
        }
    }
}

const NO_ROLE: &str =
    "adopted are certificates of devices (clientAuth, one CN) and servers (serverAuth); issue a new one";

/// The stolen device's, from behind the backup that was put back.
fn revoked_before(wanted: &Record) -> HomeError {
    HomeError::Refused {
        what: format!(
            "the certificate '{}' is not adopted: it was revoked or put on hold before the backup was put back",
            wanted.subject
        ),
        hint: "issue a new one, if its holder is still to be let in: sealmq cert issue NAME".to_owned(),
    }
}

/// The same serial again is the same certificate, or a second one that somebody made with this CA's key.
fn already_there(known: &Record, wanted: &Record) -> HomeError {
    if known.fingerprint != wanted.fingerprint {
        return HomeError::Refused {
            what: format!(
                "the serial {} is that of another certificate, '{}': somebody else has signed with this CA's key",
                wanted.serial, known.subject
            ),
            hint: "take the CA's key for stolen: make a new CA, and find out where the old key has been"
                .to_owned(),
        };
    }
    HomeError::Refused {
        what: format!("the inventory knows the certificate {} already", wanted.serial),
        hint: "nothing is to be done; one that was revoked does not come back".to_owned(),
    }
}

fn sole_name(names: &[String]) -> Result<&str, HomeError> {
    match names {
        [name] => Ok(name),
        _ => Err(HomeError::Refused {
            what: format!("a device has one name, and {} were given", names.len()),
            hint: "give it once: --name NAME".to_owned(),
        }),
    }
}

/// An error of sealmq-pki, which writes `what\nhint: mend`.
pub(super) fn refused(error: &impl std::fmt::Display) -> HomeError {
    let text = error.to_string();
    let (what, hint) = text.split_once("\nhint: ").unwrap_or((&text, "see `sealmq cert --help`"));
    HomeError::Refused { what: what.to_owned(), hint: hint.to_owned() }
}
