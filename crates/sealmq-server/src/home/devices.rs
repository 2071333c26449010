//! Devices and users: certificates for the one, passwords for the other, and never both for a name.
//!
//! A device's certificate is signed first ([`Home::draft_device`]), written into its bundle by whoever asked, and only
//! then entered into the inventory ([`Home::enter`]). A certificate that is not in the inventory is refused, so a crash
//! in between leaves a bundle that opens nothing and a name that is still free, never the reverse.

use std::num::NonZeroU32;

use sealmq_pki::audit::{Draft as AuditDraft, Subject, What};
use sealmq_pki::host::HostName;
use sealmq_pki::inventory::{Inventory as _, Record, Role};
use sealmq_pki::issue::{End, Holder, LeafRequest, issue_leaf_under};
use sealmq_pki::{AltName, Name, NameKey, PublicKey, ReservedNames, Serial, Timestamp};

use super::create::fresh_serial;
use super::error::HomeError;
use super::leaves::names;
use super::passwords::{self, Hash, Removed};
use super::requests::refused;
use super::{Home, Surroundings, addresses};
use crate::inventory::Filter;

/// What a device's certificate is to be.
#[derive(Clone, Debug)]
pub struct DeviceRequest {
    /// Its name, as typed.
    pub name: String,
    /// Whether somebody new gets it, or the holder of an older one.
    pub holder: DeviceHolder,
    /// Its public key; the private one never comes here.
    pub public_key: PublicKey,
    /// `--days`; without it, to the end of the issuing CA.
    pub days: Option<NonZeroU32>,
    /// The targets that the bundle is for, by name.
    pub bundles: Vec<String>,
    /// `--host`: where the device will dial.
    pub host: Option<HostName>,
}

/// Whom a device's certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceHolder {
    /// `device add`: nobody may have the name.
    New,
    /// `device rotate`: a device must have the name; its certificates are superseded.
    Known,
}

/// A certificate that was signed and counts for nothing yet.
#[derive(Clone, Debug)]
pub struct Draft {
    record: Record,
    holder: DeviceHolder,
    /// The device's name.
    pub name: Name,
    /// The certificate, PEM.
    pub certificate_pem: String,
    /// The issuing CA's certificate, PEM.
    pub issuing_pem: String,
    /// The anchors that the device trusts, PEM.
    pub anchors_pem: String,
    /// Last second of its validity.
    pub not_after: Timestamp,
    /// Where the device dials.
    pub host: HostName,
    /// Who chose that host.
    pub host_from: HostFrom,
    /// The other names and addresses of the server.
    pub other_hosts: Vec<HostName>,
}

/// Who chose the host in a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostFrom {
    /// `--host`.
    Asked,
    /// The first `up --name`.
    GivenName,
    /// The address of the default route, which may change.
    DefaultRoute,
    /// This machine has no route out: only itself can dial it.
    Loopback,
}

impl Home {
    /// Signs a device's certificate without entering it.
    pub fn draft_device(&self, request: &DeviceRequest, around: &Surroundings) -> Result<Draft, HomeError> {
        let now = self.judge_at(around);
        let name = self.holders_name(&request.name, request.holder, now)?;
        let holder = request.holder;
        let (host, host_from) = self.bundle_host(request.host.as_ref())?;
        let request = (
            request,
            LeafRequest {
                holder: Holder::Device(&name),
                public_key: &request.public_key,
                serial: fresh_serial()?,
                now,
                end: request.days.map_or(End::Profile, End::Days),
            },
        );
        // A bundle cannot renew itself: it lives as long as the profile of such devices says.
        let profiles = self.profiles()?;
        let profile = profiles.find("static-device").map_err(|error| refused(&error))?;
        let certificate = issue_leaf_under(self.issuing(), profile, &request.1)?;
        let mut record = certificate.record(self.issuing(), Role::Device, Some(&name), now);
        record.bundles.clone_from(&request.0.bundles);
        Ok(Draft {
            record,
            holder,
            certificate_pem: certificate.pem(),
            issuing_pem: self.chain_pem().to_owned(),
            anchors_pem: self.anchors_pem().to_owned(),
            not_after: certificate.facts().not_after,
            other_hosts: self.other_hosts(&host)?,
            host,
            host_from,
            name,
        })
    }

    /// Enters a draft into the inventory: from now on its holder is let in.
    pub fn enter(&self, draft: &Draft, around: &Surroundings) -> Result<(), HomeError> {
        let act = self.act(around);
        match draft.holder {
            DeviceHolder::New => self.inventory().insert_new_name(&draft.record, &act)?,
            DeviceHolder::Known => self.inventory().insert_successor(&draft.record, &act)?,
        }
        Ok(())
    }

    /// Whether the issuing CA's certificate with this serial is in the inventory, whatever its state.
    pub fn is_entered(&self, serial: &Serial) -> Result<bool, HomeError> {
        Ok(self.inventory().find(self.issuing().inventory_id(), serial)?.is_some())
    }

    /// The records of devices, oldest first.
    pub fn devices(&self) -> Result<Vec<Record>, HomeError> {
        let devices = Filter { role: Some(Role::Device), ..Filter::new(Timestamp::EARLIEST) };
        Ok(self.inventory().list(&devices)?)
    }

    /// Lets a name in with a password.
    pub fn add_user(&self, name: &str, hash: &Hash, around: &Surroundings) -> Result<Name, HomeError> {
        let name = self.reserved()?.parse_new(name)?;
        if passwords::taken_names(&self.place().passwd())?.contains(&name.key()) {
            return Err(HomeError::Refused {
                what: format!("the user '{name}' exists already"),
                hint: format!("for a new password: sealmq user remove {name}, then add it again"),
            });
        }
        if self.inventory().certificate_lives(&name.key(), self.judge_at(around))? {
            return Err(HomeError::Refused {
                what: format!("the name '{name}' belongs to a certificate"),
                hint: "a name has one kind of proof, certificate or password: choose another name".to_owned(),
            });
        }
        let told = AuditDraft::new(What::UserAdded, vec![Subject::Name(name.key())]);
        let passwd = self.place().passwd();
        self.inventory().note_with(&told, &self.act(around), || passwords::add(&passwd, &name, hash))?;
        Ok(name)
    }

    /// Takes a user's password away.
    pub fn remove_user(&self, name: &NameKey, around: &Surroundings) -> Result<Removed, HomeError> {
        let passwd = self.place().passwd();
        if !passwords::taken_names(&passwd)?.contains(name) {
            return Ok(Removed::WasNotThere);
        }
        let told = AuditDraft::new(What::UserRemoved, vec![Subject::Name(name.clone())]);
        self.inventory().note_with(&told, &self.act(around), || passwords::remove(&passwd, name))
    }

    /// The names that log in with a password.
    pub fn users(&self) -> Result<Vec<String>, HomeError> {
        passwords::users(&self.place().passwd())
    }

    /// No name in the password file is that of a living certificate: a person may have edited the file.
    pub fn check_one_proof_each(&self, around: &Surroundings) -> Result<(), HomeError> {
        let now = self.judge_at(around);
        let passwd = self.place().passwd();
        let operator = Name::operator().key();
        for key in passwords::taken_names(&passwd)? {
            if key == operator || self.inventory().certificate_lives(&key, now)? {
                return Err(HomeError::Clash { name: key.to_string(), passwd });
            }
        }
        Ok(())
    }

    /// Reads a name for somebody new: well-formed and not reserved.
    pub(super) fn new_name(&self, text: &str) -> Result<Name, HomeError> {
        Ok(self.reserved()?.parse_new(text)?)
    }

    fn reserved(&self) -> Result<ReservedNames, HomeError> {
        let names = self.inventory().server_names()?;
        let mut all: Vec<String> = names.into_iter().map(|name| name.name).collect();
        all.extend(addresses::own_names().iter().map(HostName::to_string));
        Ok(ReservedNames::new(all))
    }

    fn other_hosts(&self, host: &HostName) -> Result<Vec<HostName>, HomeError> {
        let facts = self.server_facts()?;
        let mut hosts: Vec<HostName> = facts.alt_names.iter().filter_map(host_of).collect();
        hosts.retain(|other| other != host);
        hosts.dedup();
        Ok(hosts)
    }

    /// Where a bundle dials: what was asked for, else the first name given, else the default route's address. The
    /// server's certificate must vouch for it, or every device with this bundle would refuse the server.
    fn bundle_host(&self, asked: Option<&HostName>) -> Result<(HostName, HostFrom), HomeError> {
        let facts = self.server_facts()?;
        let vouched = |host: &HostName| names(&facts, host);
        if let Some(host) = asked {
            if vouched(host) {
                return Ok((host.clone(), HostFrom::Asked));
            }
            return Err(HomeError::Refused {
                what: format!(
                    "the server's certificate does not name '{host}', so the device would refuse the server"
                ),
                hint: format!("stop the broker and start it once with: sealmq up --name {host}"),
            });
        }
        if let Some(host) = self.given_names()?.into_iter().find(vouched) {
            return Ok((host, HostFrom::GivenName));
        }
        let route = addresses::default_route_address().map(HostName::Ip).filter(vouched);
        Ok(route.map_or_else(
            || (HostName::parse("localhost").expect("a well-formed name"), HostFrom::Loopback),
            |host| (host, HostFrom::DefaultRoute),
        ))
    }
}

fn host_of(name: &AltName) -> Option<HostName> {
    match name {
        // An address that stands as a DNS name too (for mbedTLS) is the same host.
        AltName::Dns(text) if text.parse::<std::net::IpAddr>().is_err() => HostName::parse(text).ok(),
        AltName::Ip(ip) => Some(HostName::Ip(*ip)),
        AltName::Dns(_) | AltName::Uri(_) | AltName::Email(_) | AltName::Other(_) => None,
    }
}
