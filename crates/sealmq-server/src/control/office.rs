//! Where a command takes its wish: to the running broker, or, where none runs, to the directory itself.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sealmq_pki::{PublicKey, Serial};

use super::certificate_list::{ListRequest, ListedCertificate};
use super::certificate_status::{CertificateId, CertificateStatus};
use super::client::Connection;
use super::desk::{self, Errand};
use super::protocol::{
    BanRow, DeviceRow, DraftRequest, Issued, Request, Response, Status, TakeBackRequest, TakenBackRow,
};
use crate::home::passwords::Hash;
use crate::home::{Home, HomeError, Place, Surroundings, Unlock, tls_port};

/// Who does the work.
pub struct Office(Kind);

enum Kind {
    /// The broker that holds the directory.
    Broker(Connection),
    /// This process, which holds it now.
    Directory { home: Box<Home>, errand: Errand, port: u16 },
}

impl Office {
    /// Reaches whoever may change the directory.
    pub fn reach(place: &Place) -> Result<Self, HomeError> {
        if let Some(connection) = reach_broker(place)? {
            return Ok(Self(Kind::Broker(connection)));
        }
        let home = Box::new(Home::open_with(place, &Surroundings::look()?, &Unlock::of_process(None))?);
        let port = tls_port(place)?;
        Ok(Self(Kind::Directory { home, errand: Errand::of_user(crate::home::files::own_uid()), port }))
    }

    /// What runs there.
    pub fn status(&mut self) -> Result<Status, HomeError> {
        let Response::Status(status) = self.ask(Request::Status)? else { return Err(unexpected()) };
        Ok(status)
    }

    /// Has a certificate signed, which counts after [`Office::enter`].
    pub fn draft_device(&mut self, mut request: DraftRequest, key: &PublicKey) -> Result<Issued, HomeError> {
        request.public_key = BASE64.encode(key.spki_der());
        let Response::Issued(issued) = self.ask(Request::DeviceDraft(request))? else {
            return Err(unexpected());
        };
        Ok(*issued)
    }

    /// Makes the certificate that was drafted last count.
    pub fn enter(&mut self) -> Result<(), HomeError> {
        self.ask_done(Request::DeviceEnter)
    }

    /// Whether the certificate with this serial counts: whoever lost the broker while it answered
    /// [`enter`](Self::enter) asks anew, through an office of its own.
    pub fn is_entered(&mut self, serial: &Serial) -> Result<bool, HomeError> {
        let Response::IsEntered(entered) = self.ask(Request::IsEntered { serial: serial.to_string() })?
        else {
            return Err(unexpected());
        };
        Ok(entered)
    }

    /// The certificates of devices.
    pub fn devices(&mut self) -> Result<Vec<DeviceRow>, HomeError> {
        let Response::Devices(rows) = self.ask(Request::DeviceList)? else { return Err(unexpected()) };
        Ok(rows)
    }

    /// Revokes certificates, puts them on hold, lets go of them.
    pub fn take_back(&mut self, request: TakeBackRequest) -> Result<TakenBackRow, HomeError> {
        let Response::TakenBack(row) = self.ask(Request::TakeBack(request))? else {
            return Err(unexpected());
        };
        Ok(*row)
    }

    /// Lets a name in with a password.
    pub fn add_user(&mut self, name: &str, hash: &Hash) -> Result<(), HomeError> {
        self.ask_done(Request::UserAdd { name: name.to_owned(), hash: hash.as_str().to_owned() })
    }

    /// Takes a password away.
    pub fn remove_user(&mut self, name: &str) -> Result<(), HomeError> {
        self.ask_done(Request::UserRemove { name: name.to_owned() })
    }

    /// The names that log in with a password.
    pub fn users(&mut self) -> Result<Vec<String>, HomeError> {
        let Response::Users(names) = self.ask(Request::UserList)? else { return Err(unexpected()) };
        Ok(names)
    }

    /// Certificates of the inventory, all that the request means; the one that ends first first.
    ///
    /// # Errors
    /// The inventory cannot be asked, or the request makes no sense.
    pub fn certificates(&mut self, mut asked: ListRequest) -> Result<Vec<ListedCertificate>, HomeError> {
        let mut all = Vec::new();
        loop {
            let Response::Certificates(rows) = self.ask(Request::CertificateList(asked.clone()))? else {
                return Err(unexpected());
            };
            if rows.is_empty() {
                return Ok(all);
            }
            asked.skip = asked.skip.saturating_add(u32::try_from(rows.len()).unwrap_or(u32::MAX));
            all.extend(rows);
        }
    }

    /// Certificates, issued and seen, that end within so many seconds and that nothing has replaced; the first 500.
    ///
    /// # Errors
    /// The inventory cannot be asked.
    pub fn certificates_expiring(&mut self, within_secs: i64) -> Result<Vec<ListedCertificate>, HomeError> {
        let request = Request::CertificatesExpiring { within_secs };
        let Response::Certificates(rows) = self.ask(request)? else { return Err(unexpected()) };
        Ok(rows)
    }

    /// What the inventory says about certificates of our own CA, in the same order.
    pub fn certificate_statuses(
        &mut self,
        asked: Vec<CertificateId>,
    ) -> Result<Vec<CertificateStatus>, HomeError> {
        let count = asked.len();
        let Response::CertificateStatuses(statuses) = self.ask(Request::CertificateStatus(asked))? else {
            return Err(unexpected());
        };
        if statuses.len() == count { Ok(statuses) } else { Err(unexpected()) }
    }

    /// The addresses that are banned.
    pub fn bans(&mut self) -> Result<Vec<BanRow>, HomeError> {
        let Response::Bans(rows) = self.ask(Request::BanList)? else { return Err(unexpected()) };
        Ok(rows)
    }

    /// Ends a ban.
    pub fn lift_ban(&mut self, address: std::net::IpAddr) -> Result<(), HomeError> {
        self.ask_done(Request::BanLift { address })
    }

    fn ask_done(&mut self, request: Request) -> Result<(), HomeError> {
        let Response::Done = self.ask(request)? else { return Err(unexpected()) };
        Ok(())
    }

    pub(super) fn ask(&mut self, request: Request) -> Result<Response, HomeError> {
        let response = match &mut self.0 {
            Kind::Broker(connection) => connection.ask(&request)?,
            Kind::Directory { home, errand, port } => desk::answer(home, None, *port, errand, request),
        };
        unless_refused(response)
    }
}

/// The answer, if it is none that refuses.
pub(super) fn unless_refused(response: Response) -> Result<Response, HomeError> {
    if let Response::Refused { what, hint } = response {
        return Err(HomeError::Refused { what, hint });
    }
    Ok(response)
}

/// The running broker; `None` where there is none and this user may open the directory itself.
pub(super) fn reach_broker(place: &Place) -> Result<Option<Connection>, HomeError> {
    check_owner(place)?;
    let connection = Connection::open(place)?;
    if connection.is_none() {
        check_sole_owner(place)?;
    }
    Ok(connection)
}

/// The owner and root may ask the broker; for others the socket is out of reach, and this says why.
fn check_owner(place: &Place) -> Result<(), HomeError> {
    let owner = owner(place)?;
    let uid = crate::home::files::own_uid();
    if uid == owner || uid == 0 { Ok(()) } else { Err(wrong_owner(place, owner, uid)) }
}

/// Without a broker even root leaves the files to their owner: what root writes the broker could not read.
pub(super) fn check_sole_owner(place: &Place) -> Result<(), HomeError> {
    let owner = owner(place)?;
    let uid = crate::home::files::own_uid();
    if uid == owner { Ok(()) } else { Err(wrong_owner(place, owner, uid)) }
}

fn owner(place: &Place) -> Result<u32, HomeError> {
    use std::os::unix::fs::MetadataExt;
    match std::fs::symlink_metadata(place.folder()) {
        Ok(facts) => Ok(facts.uid()),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            Err(HomeError::Absent { path: place.folder().to_owned() })
        }
        Err(e) => Err(HomeError::io("read", place.folder(), e)),
    }
}

fn wrong_owner(place: &Place, owner: u32, uid: u32) -> HomeError {
    HomeError::WrongOwner { path: place.folder().to_owned(), owner, uid }
}

pub(super) fn unexpected() -> HomeError {
    HomeError::Refused {
        what: "the broker gave an answer to another question".to_owned(),
        hint: "use the sealmq that the broker runs".to_owned(),
    }
}
