//! The data directory's CA, where `cert verify` is given no other: its certificates, and what its inventory says.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use sealmq_pki::explain::{Link, Problem, ProblemCode, Specimen};
use sealmq_pki::{KeyId, Serial};
use sealmq_server::control::{CertificateId, CertificateStatus, Office};
use sealmq_server::home::{Environment, Place};
use sealmq_tls::{Known, OwnIssuer, PemSource, Status};

use super::files;
use crate::commands::device::home_failure;
use crate::report::Failure;

/// A data directory.
pub(super) struct Home {
    place: Place,
    /// Root and issuing CA.
    pub(super) certificates: Vec<Specimen>,
}

/// What the inventory said about a chain.
pub(super) struct Answers(HashMap<(KeyId, Serial), CertificateStatus>);

impl Home {
    /// Reads the CA's certificates; the inventory is asked later.
    pub(super) fn open(data_dir: Option<&Path>) -> Result<Home, Failure> {
        let place = Place::find(data_dir, &Environment::of_process()).map_err(home_failure)?;
        let mut certificates = files::certificates(&place.ca().anchors()).map_err(|failure| {
            failure.hint("give the CA with --CAfile FILE, or the broker's data directory with --data-dir DIR")
        })?;
        // Only the owner may read that folder. Without it nobody could tell which certificates the inventory must know.
        let issuing = files::certificates(&place.ca().issuing().certificate()).map_err(|failure| {
            failure.hint("run it as the owner of the data directory, or give the CA with --CAfile FILE: then no inventory is asked")
        })?;
        certificates.extend(issuing);
        Ok(Home { place, certificates })
    }

    /// Asks the inventory about every link that one of our CAs issued.
    pub(super) fn ask(&self, links: &[Link<'_>]) -> Result<Answers, Failure> {
        let ours = self.issued_here(links);
        let mut answers = HashMap::new();
        if ours.is_empty() {
            return Ok(Answers(answers));
        }
        let mut office = Office::reach(&self.place).map_err(home_failure)?;
        let asked = ours.iter().map(|(issuer, serial)| CertificateId::of(issuer, serial)).collect();
        let statuses = office.certificate_statuses(asked).map_err(home_failure)?;
        for (id, status) in ours.into_iter().zip(statuses) {
            answers.insert(id, status);
        }
        Ok(Answers(answers))
    }

    fn issued_here(&self, links: &[Link<'_>]) -> Vec<(KeyId, Serial)> {
        let is_own = |id: &KeyId| self.certificates.iter().any(|ca| ca.facts().computed_key_id == *id);
        let pairs =
            links.windows(2).map(|pair| (&pair[1].specimen.facts().computed_key_id, pair[0].specimen));
        pairs
            .filter(|(issuer, _)| is_own(issuer))
            .map(|(issuer, specimen)| (issuer.clone(), specimen.facts().serial.clone()))
            .collect()
    }

    /// The same CA, for the verifier's own verdict.
    pub(super) fn own_issuer(&self, answers: Answers) -> OwnIssuer {
        let pem: String = self
            .certificates
            .iter()
            .map(|ca| sealmq_pki::pem::encode("CERTIFICATE", ca.der()).as_str().to_owned())
            .collect();
        let certificates = PemSource::new(self.place.ca().anchors().display().to_string(), pem);
        OwnIssuer { certificates, known: Arc::new(answers), staples: Arc::default() }
    }
}

impl Answers {
    /// What is wrong with a chain by the inventory.
    pub(super) fn problems(&self, links: &[Link<'_>]) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (depth, pair) in links.windows(2).enumerate() {
            let facts = pair[0].specimen.facts();
            let issuer = &pair[1].specimen.facts().computed_key_id;
            let mut add = |code, text: &str| problems.push(Problem::found(code, depth, text));
            match self.0.get(&(issuer.clone(), facts.serial.clone())) {
                None => {}
                Some(CertificateStatus::Valid { fingerprint, .. })
                    if *fingerprint == facts.fingerprint.to_string() => {}
                Some(CertificateStatus::Valid { .. }) => {
                    add(
                        ProblemCode::SerialOfAnother,
                        "the inventory has another certificate under its serial",
                    );
                }
                Some(CertificateStatus::Revoked) => add(ProblemCode::Revoked, "the inventory says: revoked"),
                Some(CertificateStatus::Held) => add(ProblemCode::Revoked, "the inventory says: on hold"),
                Some(CertificateStatus::Unknown) => {
                    add(ProblemCode::NotInInventory, "our CA signed it, and its inventory does not know it");
                }
            }
        }
        problems
    }

    /// Whether anything was asked.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Known for Answers {
    fn status(&self, issuer: &KeyId, serial: &Serial) -> Status {
        self.0.get(&(issuer.clone(), serial.clone())).map_or(Status::Unknown, CertificateStatus::for_judgment)
    }
}
