//! A data directory and the broker that runs on it: what the one asks of the other.
//!
//! The directory's CA is trusted on every TLS listener, and its inventory is asked about every certificate of that CA:
//! root *and* issuing CA are named as our own, or a device's certificate would pass without being in the inventory.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sealmq_broker::Owner;
use sealmq_pki::Name;
use sealmq_tls::{OwnIssuer, PemSource};

use crate::believed;
use crate::control::{self, BanRow, ControlSpec, ControlThread, Status, Swept};
use crate::door::authenticate::{CannotTell, CertificateNames};
use crate::door::ban::Ban;
use crate::home::{Floor, Home, wall_now};
use crate::inventory::Inventory;
use crate::log::Log;
use crate::pki_http::Publisher;
use crate::plan::StartError;
use crate::reload::Reloader;
use crate::serve::{Hooks, Served};

/// What this directory adds to its configuration.
#[must_use]
pub fn hooks(home: &Home) -> Hooks {
    let pem = format!("{}\n{}", home.anchors_pem(), home.chain_pem());
    let inventory = Arc::clone(home.inventory());
    let own = OwnIssuer {
        certificates: PemSource::new("the data directory's CA", pem),
        known: Arc::clone(&inventory) as _,
        staples: Arc::default(),
    };
    let names = LivingNames { inventory: Arc::clone(&inventory), floor: home.floor().clone() };
    believed::raise_floor(home.floor().value());
    Hooks {
        own: Some(own),
        names: Some(Arc::new(names)),
        publisher: Some(Arc::new(Publisher::of(home))),
        inventory: Some(inventory),
        ..Hooks::default()
    }
}

/// Starts the control socket of a broker that runs on this directory.
///
/// # Errors
/// The socket or its thread cannot be made.
pub fn control(home: Home, served: &Served, port: u16, log: &Log) -> Result<ControlThread, StartError> {
    let broker = Box::new(Desk { reloader: served.reloader(), port });
    control::start(ControlSpec { home, broker, port, log: log.clone() }).map_err(|error| {
        StartError::new(format!("Error: the control socket cannot be opened: {error}"), 1)
            .hint("the data directory's 'run' folder must be this user's")
    })
}

/// Names of certificates that live at a time that is believed: a clock that was set back frees no name.
struct LivingNames {
    inventory: Arc<Inventory>,
    floor: Floor,
}

impl CertificateNames for LivingNames {
    fn is_live(&self, name: &str) -> Result<bool, CannotTell> {
        // What cannot be a certificate's name has none.
        let Ok(name) = Name::parse(name) else { return Ok(false) };
        // The operator's name is a certificate's even in the moment between two of them.
        if name.key() == Name::operator().key() {
            return Ok(true);
        }
        let now = self.floor.judge_at(wall_now());
        self.inventory.certificate_lives(&name.key(), now).map_err(|error| CannotTell(error.to_string()))
    }
}

/// The broker as the control socket sees it.
struct Desk {
    reloader: Reloader,
    port: u16,
}

impl control::Broker for Desk {
    fn status(&self) -> Status {
        Status {
            pid: std::process::id(),
            port: self.port,
            connections: self.reloader.connections(),
            server_not_after_secs: self.reloader.server_not_after_secs(),
        }
    }

    fn passwords_changed(&self) -> Result<(), String> {
        self.reloader.reload_passwords().map_err(|error| error.to_string())
    }

    fn certificate_changed(&self) -> Result<(), String> {
        self.reloader.reload_files().map_err(|error| error.to_string())
    }

    fn device_entered(&self, name: &Name) {
        self.reloader.control().judge_holders_of(name);
    }

    fn taken_back(&self, passwords: &[String], gone: &[Owner]) -> Result<Swept, String> {
        let control = self.reloader.control();
        let before = control.sessions_revoked();
        // Published first; if that fails the certificates are judged all the same.
        let read = match passwords {
            [] => Ok(()),
            [_, ..] => self.passwords_changed(),
        };
        let generation = control.raise();
        if !control.wait_judged(generation, JUDGED_WITHIN) {
            return Err(format!("not every session was judged again within {} s", JUDGED_WITHIN.as_secs()));
        }
        let ended = control.sessions_revoked() - before;
        let forgotten = match gone {
            [] => Some(0),
            [_, ..] => control.forget(gone, JUDGED_WITHIN),
        };
        read.map_err(|error| format!("the running broker still goes by the old passwords: {error}"))?;
        let forgotten = forgotten.ok_or("stored sessions were not all forgotten in time")?;
        Ok(Swept { ended, forgotten })
    }

    fn bans(&self) -> Vec<BanRow> {
        let bans = self.reloader.control().fence().bans(Instant::now());
        let row = |ban: Ban| BanRow { network: ban.network.to_string(), left_secs: ban.left.as_secs() };
        bans.into_iter().map(row).collect()
    }

    fn lift_ban(&self, address: IpAddr) -> bool {
        self.reloader.control().fence().lift(address)
    }
}

/// A command waits twenty seconds for its answer.
const JUDGED_WITHIN: Duration = Duration::from_secs(8);
