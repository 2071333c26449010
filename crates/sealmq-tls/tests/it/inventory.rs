//! Certificates of our own CA: valid only if the inventory says so.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use sealmq_pki::inventory::Role;
use sealmq_pki::{KeyId, Serial};
use sealmq_tls::{Again, Code, CrlSource, Known, OwnIssuer, Revocation, ServerTls, ServerTlsSpec, Status};

use crate::fixture::{CA, CLIENT, Pair, fixtures, issue, now, root};
use crate::pair::{chain_of, client, client_spec, meet, server, server_spec};
use crate::revocation::{Asked, crl_spec};

#[derive(Default)]
struct Book(Mutex<HashMap<(KeyId, Serial), Status>>);

impl Book {
    fn set(&self, issuer: &Pair, pair: &Pair, status: Status) {
        let key = (issuer.facts().computed_key_id.clone(), pair.facts().serial.clone());
        self.0.lock().unwrap().insert(key, status);
    }
}

impl Known for Book {
    fn status(&self, issuer: &KeyId, serial: &Serial) -> Status {
        let book = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        book.get(&(issuer.clone(), serial.clone())).copied().unwrap_or(Status::Unknown)
    }
}

fn valid(pair: &Pair, role: Role) -> Status {
    Status::Valid { role, fingerprint: pair.facts().fingerprint }
}

struct Own {
    book: Arc<Book>,
    issuing: Pair,
    device: Pair,
    tls: ServerTls,
    spec: ServerTlsSpec,
    top: Pair,
}

fn own(name: &str) -> Own {
    let dir = fixtures().dir();
    let top = root(dir, &format!("{name}-own-root"), &format!("/CN={name} Own Root"), CA, 3650);
    let issuing =
        issue(dir, &top, &format!("{name}-own-issuing"), &format!("/CN={name} Own Issuing"), Some(CA), 3650);
    let device = issue(dir, &issuing, &format!("{name}-device"), "/CN=device1", Some(CLIENT), 365);
    let book = Arc::new(Book::default());
    book.set(&top, &issuing, valid(&issuing, Role::Issuing));
    book.set(&issuing, &device, valid(&device, Role::Device));
    let mut spec = server_spec();
    spec.anchors = Vec::new();
    let certificates = sealmq_tls::PemSource::new("own", format!("{}{}", top.cert, issuing.cert));
    spec.own =
        Some(OwnIssuer { certificates, known: Arc::clone(&book) as Arc<dyn Known>, staples: Arc::default() });
    Own { tls: server(spec.clone()), spec, book, issuing, device, top }
}

#[test]
fn a_recorded_device_is_let_in_with_its_role() {
    let own = own("recorded");
    let met = meet(&own.tls, &client(client_spec(Some(&own.device))));
    assert_eq!(met.name(), "device1");
    let judged = met.judged.unwrap().unwrap();
    let identity = judged.identity().unwrap();
    assert_eq!(identity.role(), Some(Role::Device));
    assert_eq!(identity.issuer(), &own.issuing.facts().computed_key_id);
    assert_eq!(identity.fingerprint(), own.device.facts().fingerprint);
    assert_eq!(identity.not_after(), own.device.facts().not_after);
}

#[test]
fn revoked_held_unknown_and_cannot_tell_are_refused_whatever_the_signature_says() {
    let own = own("statuses");
    let chain = chain_of(&own.tls, &own.device);
    assert!(own.tls.judge(&chain, now()).is_ok());
    for (status, code) in [
        (Status::Revoked, Code::Revoked),
        (Status::Held, Code::OnHold),
        (Status::Unknown, Code::NotInInventory),
        (Status::CannotTell, Code::InventorySilent),
        (valid(&own.device, Role::Server), Code::WrongRole),
        (valid(&own.device, Role::Issuing), Code::WrongRole),
        (valid(&own.device, Role::OcspSigner), Code::WrongRole),
    ] {
        own.book.set(&own.issuing, &own.device, status);
        assert_eq!(own.tls.judge(&chain, now()).unwrap_err().code, code, "{status:?}");
    }
    own.book.set(&own.issuing, &own.device, valid(&own.device, Role::Operator));
    assert_eq!(own.tls.judge(&chain, now()).unwrap().identity().unwrap().role(), Some(Role::Operator));
}

/// A stolen issuing key: its thief knows serials that are valid, the operator's for one.
#[test]
fn another_certificate_under_a_recorded_serial_is_refused() {
    let own = own("forged");
    let forged = issue(fixtures().dir(), &own.issuing, "forged-leaf", "/CN=device1", Some(CLIENT), 365);
    own.book.set(&own.issuing, &forged, valid(&own.device, Role::Operator));
    let refusal = own.tls.judge(&chain_of(&own.tls, &forged), now()).unwrap_err();
    assert_eq!(refusal.code, Code::NotInInventory);
    own.book.set(&own.issuing, &forged, valid(&forged, Role::Operator));
    assert!(own.tls.judge(&chain_of(&own.tls, &forged), now()).is_ok());
}

#[test]
fn a_revoked_issuing_ca_takes_its_devices_with_it() {
    let own = own("revokedca");
    let chain = chain_of(&own.tls, &own.device);
    own.book.set(&own.top, &own.issuing, Status::Revoked);
    let refusal = own.tls.judge(&chain, now()).unwrap_err();
    assert_eq!(refusal.code, Code::Revoked);
    assert_eq!(refusal.certificate.unwrap().subject, "CN=revokedca Own Issuing");
}

#[test]
fn a_device_is_no_issuer_even_if_its_record_says_device() {
    let own = own("depth");
    own.book.set(&own.top, &own.issuing, valid(&own.issuing, Role::Device));
    let chain = chain_of(&own.tls, &own.device);
    assert_eq!(own.tls.judge(&chain, now()).unwrap_err().code, Code::WrongRole);
}

#[test]
fn a_panic_in_the_inventory_refuses() {
    struct Panics;
    impl Known for Panics {
        fn status(&self, _: &KeyId, _: &Serial) -> Status {
            panic!("the database is gone")
        }
    }
    let own = own("panics");
    let chain = chain_of(&own.tls, &own.device);
    let mut spec = server_spec();
    let certificates = sealmq_tls::PemSource::new("own", format!("{}{}", own.top.cert, own.issuing.cert));
    spec.own = Some(OwnIssuer { certificates, known: Arc::new(Panics), staples: Arc::default() });
    assert_eq!(server(spec).judge(&chain, now()).unwrap_err().code, Code::Internal);
}

#[test]
fn our_own_ca_takes_no_version_1_leaf_whatever_the_rule() {
    let own = own("v1own");
    let old = issue(fixtures().dir(), &own.top, "v1-own-leaf", "/CN=old", None, 365);
    if old.facts().version != sealmq_pki::cert::Version::V1 {
        println!("skipped: this openssl makes no version 1 certificates");
        return;
    }
    own.book.set(&own.top, &old, valid(&old, Role::Device));
    let met = meet(&own.tls, &client(client_spec(Some(&old))));
    assert_eq!(met.server_failure().code, Code::Version1);
}

#[test]
fn certificates_of_other_cas_are_not_asked_about() {
    let own = own("foreign");
    let mut spec = server_spec();
    let certificates = sealmq_tls::PemSource::new("own", own.top.cert.clone());
    spec.own = Some(OwnIssuer { certificates, known: own.book, staples: Arc::default() });
    assert_eq!(meet(&server(spec), &client(client_spec(Some(&fixtures().client)))).name(), "client1");
}

/// `revocation_kick false`: who is in stays, whatever the role was; who is unknown goes all the same.
#[test]
fn a_revoked_device_that_is_in_may_stay_where_revocation_ends_no_session() {
    let own = own("stays");
    let chain = chain_of(&own.tls, &own.device);
    let staying = Again { revocation: Revocation::Ignored, ..Again::as_new(now()) };
    own.book.set(&own.issuing, &own.device, Status::Revoked);
    let judged = own.tls.judge_again(&chain, staying).unwrap();
    assert_eq!(judged.identity().unwrap().role(), None);
    assert_eq!(own.tls.judge(&chain, now()).unwrap_err().code, Code::Revoked);
    own.book.set(&own.issuing, &own.device, Status::Unknown);
    assert_eq!(own.tls.judge_again(&chain, staying).unwrap_err().code, Code::NotInInventory);
}

/// For our own CA a list may be absent, since the inventory knows; one that is there counts.
#[test]
fn a_list_of_our_own_ca_counts_beside_the_inventory() {
    let own = own("ownlist");
    let chain = chain_of(&own.tls, &own.device);
    let with = |list: CrlSource| {
        let tls = server(ServerTlsSpec { crls: Some(crl_spec(vec![list])), ..own.spec.clone() });
        tls.judge(&chain, now()).err().map(|refusal| refusal.code)
    };
    assert_eq!(with(Asked::new("own-none", &[]).of(&fixtures().ca)), None);
    assert_eq!(with(Asked::new("own-fine", &[]).of(&own.issuing)), None);
    assert_eq!(with(Asked::new("own-gone", &[&own.device]).of(&own.issuing)), Some(Code::Revoked));
    let ended = Asked { days: (-40, -20), ..Asked::new("own-ended", &[]) };
    assert_eq!(with(ended.of(&own.issuing)), Some(Code::CrlEnded));
}
