//! The responder on a data directory, without sockets: what it says, and when it says nothing.

use std::time::{Duration, Instant};

use sealmq_pki::crl::Reason;
use sealmq_pki::inventory::{Inventory as _, RevocationReason, Role, State};
use sealmq_pki::ocsp::{
    CertId, HashAlgorithm, Nonce, Question, Request, Response, SignedFor, Status, Unsuccessful, verify,
};
use sealmq_pki::{Facts, Serial, Timestamp};

use super::responder::{Reply, Responder};
use super::{Moment, Publisher};
use crate::home::{Home, Leaf, Place, Surroundings, Wanted};
use crate::http::request::{Head, parse};

struct Machine {
    _folder: tempfile::TempDir,
    home: Home,
    around: Surroundings,
    responder: Responder,
    moment: Moment,
}

impl Machine {
    fn new() -> Machine {
        let folder = tempfile::tempdir().unwrap();
        let around = Surroundings::look().unwrap();
        let place = Place::at(&folder.path().join("data"));
        let (home, _report) = Home::up(&place, &Wanted::default(), &around, &mut |_| Ok(())).unwrap();
        let responder = Responder::of(&home);
        let moment = Moment { wall: around.now, mono: Instant::now() };
        Machine { _folder: folder, home, around, responder, moment }
    }

    fn serial(&self, role: Role) -> Serial {
        let records = self.home.inventory().all().unwrap();
        records.into_iter().rev().find(|record| record.role == role).unwrap().serial
    }

    fn issuer(&self) -> Facts {
        self.home.issuing().facts().clone()
    }

    fn request(&self, serial: &Serial) -> Request {
        let id = CertId::new(HashAlgorithm::Sha256, &self.issuer(), serial);
        Request { ids: vec![id], nonce: None }
    }

    fn nonced(&self, serial: &Serial) -> Request {
        Request { nonce: Some(Nonce::from_random([7; 32])), ..self.request(serial) }
    }

    fn ask(&self, request: &Request) -> Result<(Status, Vec<u8>), Unsuccessful> {
        let der = match self.responder.answer(&request.to_der(), self.moment) {
            Reply::Kept { der, .. } => der.to_vec(),
            Reply::Fresh(der) => der,
            Reply::None(why) => return Err(why),
        };
        let response = Response::parse(&der).unwrap();
        assert_eq!(response.nonce(), request.nonce.as_ref());
        let [answer] = response.answers() else { panic!("one answer") };
        assert_eq!(answer.id, request.ids[0]);
        Ok((answer.status, der))
    }

    fn status(&self, serial: &Serial) -> Status {
        let (kept, _) = self.ask(&self.request(serial)).unwrap();
        let (fresh, _) = self.ask(&self.nonced(serial)).unwrap();
        assert_eq!(kept, fresh);
        kept
    }

    fn set(&self, serial: &Serial, state: State) {
        let act = self.home.act(&self.around);
        self.home.inventory().set_state(self.home.issuing().key_id(), serial, state, &act).unwrap();
    }

    fn revoke(&self, serial: &Serial, reason: RevocationReason) {
        self.set(serial, State::Revoked { at: self.around.now, reason });
    }

    fn later(&mut self, secs: i64) {
        self.moment.wall = self.moment.wall.plus_secs(secs);
        self.moment.mono += Duration::from_secs(secs.unsigned_abs());
    }
}

#[test]
fn what_the_inventory_says_is_what_is_answered_from_that_moment_on() {
    let machine = Machine::new();
    let (server, operator) = (machine.serial(Role::Server), machine.serial(Role::Operator));
    let at = machine.around.now;
    assert_eq!(machine.status(&server), Status::Good);
    machine.set(&server, State::Superseded { at, by: operator.clone() });
    assert_eq!(machine.status(&server), Status::Good, "its holder may not have the new one yet");
    machine.set(&server, State::Superseded { at, by: operator.clone() }.held(at));
    assert_eq!(machine.status(&server), Status::Revoked { at, reason: Reason::CertificateHold });
    machine.set(&server, State::Superseded { at, by: operator.clone() });
    assert_eq!(machine.status(&server), Status::Good);
    machine.revoke(&server, RevocationReason::KeyCompromise);
    assert_eq!(machine.status(&server), Status::Revoked { at, reason: Reason::KeyCompromise });
    assert_eq!(machine.status(&operator), Status::Good, "nobody else is touched");
}

#[test]
fn what_was_never_issued_is_unknown_and_never_good() {
    let machine = Machine::new();
    let never = Serial::from_random([9; 16]).unwrap();
    assert_eq!(machine.status(&never), Status::Unknown);
    let mut many = machine.request(&machine.serial(Role::Server));
    many.ids.push(machine.request(&never).ids[0].clone());
    let Reply::Fresh(der) = machine.responder.answer(&many.to_der(), machine.moment) else {
        panic!("an answer")
    };
    let statuses: Vec<_> =
        Response::parse(&der).unwrap().answers().iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [Status::Good, Status::Unknown]);
}

#[test]
fn a_delegate_signs_and_not_the_key_that_issues() {
    let machine = Machine::new();
    let (_, der) = machine.ask(&machine.request(&machine.serial(Role::Server))).unwrap();
    let server = machine.home.server_facts().unwrap();
    let (issuer, now) = (machine.issuer(), machine.around.now);
    let question = Question { certificate: &server, issuer: &issuer, nonce: None, now };
    let good = verify(&der, &question).unwrap();
    assert!(matches!(good.signed_for(), SignedFor::Delegate(_)));
}

#[test]
fn other_issuers_are_not_spoken_for() {
    let machine = Machine::new();
    // The issuing CA's own certificate is the root's to speak about.
    let root = Facts::parse(
        &sealmq_pki::pem::of_label(machine.home.anchors_pem().as_bytes(), "CERTIFICATE").unwrap()[0],
    )
    .unwrap();
    let issuing = CertId::new(HashAlgorithm::Sha1, &root, &machine.issuer().serial);
    assert_eq!(
        machine.ask(&Request { ids: vec![issuing.clone()], nonce: None }),
        Err(Unsuccessful::Unauthorized)
    );
    let mut both = machine.request(&machine.serial(Role::Server));
    both.ids.push(issuing);
    assert!(matches!(
        machine.responder.answer(&both.to_der(), machine.moment),
        Reply::None(Unsuccessful::Unauthorized)
    ));
    for bytes in [&b""[..], b"\x30\x00", b"no request"] {
        assert!(matches!(
            machine.responder.answer(bytes, machine.moment),
            Reply::None(Unsuccessful::MalformedRequest)
        ));
    }
}

#[test]
fn an_inventory_that_cannot_tell_is_no_answer_not_even_a_kept_one() {
    let machine = Machine::new();
    let server = machine.serial(Role::Server);
    assert_eq!(machine.status(&server), Status::Good);
    let path = machine.home.place().ca().inventory();
    let aside = path.with_extension("aside");
    std::fs::rename(&path, &aside).unwrap();
    for request in [machine.request(&server), machine.nonced(&server)] {
        assert_eq!(machine.ask(&request), Err(Unsuccessful::InternalError));
    }
    assert!(machine.responder.take_fault().is_some() && machine.responder.take_fault().is_none());
    std::fs::rename(&aside, &path).unwrap();
    assert_eq!(machine.status(&server), Status::Good);
}

#[test]
fn a_signer_that_is_revoked_or_has_ended_signs_nothing_until_there_is_a_new_one() {
    let mut machine = Machine::new();
    let server = machine.serial(Role::Server);
    assert_eq!(machine.status(&server), Status::Good);
    machine.revoke(&machine.serial(Role::OcspSigner), RevocationReason::KeyCompromise);
    for request in [machine.request(&server), machine.nonced(&server)] {
        assert_eq!(machine.ask(&request), Err(Unsuccessful::InternalError), "what it signed before included");
    }
    let made = machine.home.ensure_ocsp_signer(&machine.around, &mut |_| Ok(())).unwrap();
    assert!(matches!(made, Leaf::Made { .. }));
    machine.later(5);
    assert_eq!(machine.status(&server), Status::Good);
    // Thirty days on, nobody having renewed it.
    machine.later(31 * 86_400);
    assert_eq!(machine.ask(&machine.request(&server)), Err(Unsuccessful::InternalError));
}

#[test]
fn a_signer_that_another_ca_issued_or_that_has_another_role_signs_nothing() {
    let (machine, elsewhere) = (Machine::new(), Machine::new());
    let request = machine.request(&machine.serial(Role::Server)).to_der();
    let ours = machine.home.place().ocsp();
    let answers = || !matches!(Responder::of(&machine.home).answer(&request, machine.moment), Reply::None(_));
    let put = |pair: &crate::home::KeyPairFiles| {
        for (from, to) in [(pair.key(), ours.key()), (pair.certificate(), ours.certificate())] {
            std::fs::copy(from, to).unwrap();
        }
    };
    let kept = tempfile::tempdir().unwrap();
    let (key, certificate) = (kept.path().join("key"), kept.path().join("crt"));
    std::fs::copy(ours.key(), &key).unwrap();
    std::fs::copy(ours.certificate(), &certificate).unwrap();
    assert!(answers());
    put(&machine.home.place().operator());
    assert!(!answers(), "another role");
    put(&elsewhere.home.place().ocsp());
    assert!(!answers(), "another CA");
    std::fs::copy(&certificate, ours.certificate()).unwrap();
    assert!(!answers(), "another key");
    std::fs::copy(&key, ours.key()).unwrap();
    assert!(answers());
    std::fs::remove_file(ours.key()).unwrap();
    assert!(!answers(), "no key");
}

#[test]
fn a_renewed_signer_takes_over_and_an_answer_never_outlives_its_signer() {
    let mut machine = Machine::new();
    let server = machine.serial(Role::Server);
    let (_, before) = machine.ask(&machine.request(&server)).unwrap();
    machine.later(29 * 86_400 + 43_200);
    let (_, last) = machine.ask(&machine.request(&server)).unwrap();
    let next = Response::parse(&last).unwrap().answers()[0].next_update.unwrap();
    assert_eq!(next, machine.around.now.plus_days(30));
    machine.around.now = machine.moment.wall;
    assert!(matches!(
        machine.home.ensure_ocsp_signer(&machine.around, &mut |_| Ok(())).unwrap(),
        Leaf::Made { .. }
    ));
    machine.later(5);
    let (_, after) = machine.ask(&machine.request(&server)).unwrap();
    let responder = |der: &[u8]| Response::parse(der).unwrap().responder().clone();
    assert_eq!(responder(&before), responder(&last));
    assert_ne!(responder(&before), responder(&after));
}

#[test]
fn an_answer_is_kept_until_half_of_its_life_and_one_with_a_nonce_never() {
    let mut machine = Machine::new();
    let request = machine.request(&machine.serial(Role::Server));
    let ask = |machine: &Machine| machine.ask(&request).unwrap().1;
    let first = ask(&machine);
    machine.later(43_199);
    assert_eq!(ask(&machine), first);
    machine.later(1);
    let second = ask(&machine);
    assert_ne!(second, first);
    let answers = Response::parse(&second).unwrap().answers().to_vec();
    assert_eq!(answers[0].this_update, machine.moment.wall);
    assert_eq!(answers[0].next_update, Some(machine.moment.wall.plus_days(1)));
    let nonced = machine.nonced(&machine.serial(Role::Server));
    assert_ne!(machine.ask(&nonced).unwrap().1, machine.ask(&nonced).unwrap().1);
}

#[test]
fn signatures_for_strangers_are_bounded_and_kept_answers_go_on() {
    let mut machine = Machine::new();
    let server = machine.serial(Role::Server);
    let kept = machine.request(&server);
    assert!(machine.ask(&kept).is_ok());
    let fresh = |machine: &Machine, request: &Request| {
        (0..1_000).take_while(|_| machine.ask(request).is_ok()).count()
    };
    assert_eq!(fresh(&machine, &machine.nonced(&server)), 300);
    let never = machine.request(&Serial::from_random([9; 16]).unwrap());
    assert_eq!(machine.ask(&never), Err(Unsuccessful::TryLater), "unknown ones count too");
    assert!(machine.ask(&kept).is_ok());
    machine.later(1);
    assert_eq!(fresh(&machine, &never), 100);
}

/// One request to the site, as HTTP.
fn http(publisher: &Publisher, text: &str, now: Timestamp) -> super::Answer {
    let text = format!("{text}\r\nHost: x\r\n\r\n");
    let Head::Whole { request, .. } = parse(text.as_bytes()).unwrap() else { panic!("incomplete") };
    publisher.answer(&request, &[], Moment { wall: now, mono: Instant::now() })
}

#[test]
fn pages_say_what_they_are_and_how_long_they_may_be_kept() {
    let machine = Machine::new();
    let publisher = Publisher::of(&machine.home);
    let now = machine.around.now;
    for (path, kind) in [
        ("/ca.crt", "application/pkix-cert"),
        ("/issuing.crt", "application/pkix-cert"),
        ("/ca.pem", "application/x-pem-file"),
    ] {
        let answer = http(&publisher, &format!("GET {path} HTTP/1.1"), now);
        assert_eq!(answer.status, 200);
        assert!(answer.head.contains(&format!("Content-Type: {kind}\r\n")), "{}", answer.head);
        assert!(answer.head.contains("Cache-Control: public, max-age=3600, no-transform\r\n"));
        assert!(answer.head.contains(&format!("Content-Length: {}\r\n", answer.body.len())));
        let head = http(&publisher, &format!("HEAD {path} HTTP/1.1"), now);
        assert_eq!((head.head, head.body.len()), (answer.head.clone(), 0));
        let field = |name: &str| {
            let line = answer.head.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_once(": ").unwrap().1.to_owned()
        };
        for condition in [
            format!("If-None-Match: \"x\", {}", field("ETag")),
            format!("If-None-Match: W/{}", field("ETag")),
            "If-None-Match: *".to_owned(),
            format!("If-Modified-Since: {}", field("Last-Modified")),
        ] {
            let again = http(&publisher, &format!("GET {path} HTTP/1.1\r\n{condition}"), now);
            assert_eq!((again.status, again.body.len()), (304, 0), "{condition}");
        }
        let other = format!("If-None-Match: \"x\"\r\nIf-Modified-Since: {}", field("Last-Modified"));
        assert_eq!(http(&publisher, &format!("GET {path} HTTP/1.1\r\n{other}"), now).status, 200);
    }
    let pem = http(&publisher, "GET /ca.pem HTTP/1.1", now).body;
    assert_eq!(sealmq_pki::pem::of_label(&pem, "CERTIFICATE").unwrap().len(), 2);
}

#[test]
fn a_list_is_given_out_only_if_the_issuer_signed_it() {
    use sealmq_pki::crl::{CrlDraft, CrlNumber};
    let machine = Machine::new();
    let publisher = Publisher::of(&machine.home);
    let now = machine.around.now;
    let path = format!("GET /crl/{}.crl HTTP/1.1", machine.home.issuing().key_id());
    let folder = machine.home.place().ca().folder().join("crl");
    // `up` has signed the first one.
    assert_eq!(http(&publisher, &path, now).status, 200);
    std::fs::remove_file(folder.join("issuing.crl")).unwrap();
    assert_eq!(http(&publisher, &path, now).status, 404, "there is none");
    let made = |home: &Home, days| {
        let draft = CrlDraft {
            number: CrlNumber::from(1),
            this_update: now,
            next_update: now.plus_days(days),
            entries: Vec::new(),
        };
        draft.sign(home.issuing()).unwrap().der().to_vec()
    };
    let list = made(&machine.home, 7);
    std::fs::write(folder.join("issuing.crl"), &list).unwrap();
    let answer = http(&publisher, &path, now);
    assert_eq!((answer.status, &answer.body[..]), (200, &list[..]));
    assert!(answer.head.contains("Content-Type: application/pkix-crl\r\n"), "{}", answer.head);
    assert_eq!(
        http(
            &publisher,
            &path.to_ascii_lowercase().replace("get", "GET").replace("http/1.1", "HTTP/1.1"),
            now
        )
        .status,
        200
    );
    let past = http(&publisher, &path, now.plus_days(8));
    assert!(
        past.head.contains("Cache-Control: no-cache\r\n") && !past.head.contains("max-age"),
        "{}",
        past.head
    );
    let soon = http(&publisher, &path, now.plus_days(7).plus_secs(-10));
    assert!(soon.head.contains("max-age=10,"), "{}", soon.head);
    assert_eq!(http(&publisher, "GET /crl/00.crl HTTP/1.1", now).status, 404);
    for other in [made(&Machine::new().home, 9), b"no list".to_vec(), [list, vec![0]].concat()] {
        std::fs::write(folder.join("issuing.crl"), other).unwrap();
        assert_eq!(http(&publisher, &path, now).status, 404);
    }
}

#[test]
fn an_ocsp_get_may_be_cached_and_one_with_a_nonce_not() {
    use base64::Engine as _;
    let machine = Machine::new();
    let publisher = Publisher::of(&machine.home);
    let server = machine.serial(Role::Server);
    let get = |request: &Request| {
        let encoded = base64::engine::general_purpose::STANDARD.encode(request.to_der());
        let escaped = encoded.replace('+', "%2B").replace('=', "%3D");
        http(&publisher, &format!("GET /ocsp/{escaped} HTTP/1.1"), machine.around.now)
    };
    let kept = get(&machine.request(&server));
    assert!(kept.head.contains("max-age=3600,") && kept.head.contains("ETag: "), "{}", kept.head);
    let never = machine.request(&Serial::from_random([9; 16]).unwrap());
    for request in [machine.nonced(&server), never] {
        let fresh = get(&request);
        assert!(fresh.head.contains("Cache-Control: no-store\r\n") && !fresh.head.contains("ETag"));
        assert!(fresh.head.contains("Content-Type: application/ocsp-response\r\n"));
        assert!(Response::parse(&fresh.body).is_ok());
    }
}

#[test]
fn the_server_staples_its_own_good_and_nothing_else() {
    let mut machine = Machine::new();
    let publisher = Publisher::of(&machine.home);
    let staple = publisher.staple(machine.moment).unwrap();
    assert_eq!(staple.certificate, machine.home.server_facts().unwrap().fingerprint);
    machine.later(43_199);
    assert_eq!(publisher.staple(machine.moment).unwrap().response, staple.response);
    machine.later(1);
    assert_ne!(
        publisher.staple(machine.moment).unwrap().response,
        staple.response,
        "half of its life is over"
    );
    machine.revoke(&machine.serial(Role::Server), RevocationReason::KeyCompromise);
    assert!(publisher.staple(machine.moment).is_none());
    let made = machine.home.ensure_server(&machine.around, &mut |_| Ok(())).unwrap();
    assert!(matches!(made, Leaf::Made { .. }));
    let renewed = publisher.staple(machine.moment).unwrap();
    assert_ne!(renewed.certificate, staple.certificate);
}
