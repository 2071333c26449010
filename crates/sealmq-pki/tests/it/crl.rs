//! Reading revocation lists: what is complete comes out whole, everything else is an error.

use sealmq_pki::Serial;
use sealmq_pki::crl::{Crl, CrlError, Reason, Scope, fuzz};

use crate::asn1::{ECDSA_SHA256, der, seq};

/// id-ce arcs of RFC 5280.
const NUMBER: u8 = 20;
const REASON: u8 = 21;
const INVALIDITY: u8 = 24;
const DELTA: u8 = 27;
const POINT: u8 = 28;
const ENTRY_ISSUER: u8 = 29;

fn extension(arc: u8, critical: bool, value: &[u8]) -> Vec<u8> {
    let mut parts = vec![der(0x06, &[0x55, 0x1d, arc])];
    if critical {
        parts.push(der(0x01, &[0xff]));
    }
    parts.push(der(0x04, value));
    seq(&parts)
}

fn entry(serial: &[u8], extensions: &[Vec<u8>]) -> Vec<u8> {
    let mut parts = vec![der(0x02, serial), der(0x17, b"260101000000Z")];
    if !extensions.is_empty() {
        parts.push(seq(extensions));
    }
    seq(&parts)
}

/// A list before it is put together; version 2 unless said otherwise.
struct List {
    version: Option<u8>,
    this: &'static [u8],
    next: Option<&'static [u8]>,
    entries: Vec<Vec<u8>>,
    extensions: Vec<Vec<u8>>,
}

impl Default for List {
    fn default() -> List {
        let (this, next) = (b"261101000000Z".as_slice(), Some(b"261201000000Z".as_slice()));
        List { version: Some(1), this, next, entries: Vec::new(), extensions: Vec::new() }
    }
}

impl List {
    fn der(&self) -> Vec<u8> {
        let cn = seq(&[der(0x06, &[0x55, 0x04, 0x03]), der(0x0c, b"Test CA")]);
        let mut parts: Vec<Vec<u8>> = self.version.iter().map(|version| der(0x02, &[*version])).collect();
        parts.extend([ECDSA_SHA256.to_vec(), seq(&[der(0x31, &cn)]), der(0x17, self.this)]);
        parts.extend(self.next.map(|next| der(0x17, next)));
        if !self.entries.is_empty() {
            parts.push(seq(&self.entries));
        }
        if !self.extensions.is_empty() {
            parts.push(der(0xa0, &seq(&self.extensions)));
        }
        seq(&[seq(&parts), ECDSA_SHA256.to_vec(), der(0x03, &[0, 1, 2, 3])])
    }

    fn read(&self) -> Result<Crl, CrlError> {
        Crl::parse(self.der())
    }
}

fn serial(content: &[u8]) -> Serial {
    Serial::from_content(content).unwrap()
}

fn with(extension: Vec<u8>) -> Result<Crl, CrlError> {
    List { extensions: vec![extension], ..List::default() }.read()
}

#[test]
fn a_serial_on_the_list_is_revoked_and_another_is_not() {
    let hold = extension(REASON, false, &[0x0a, 1, 6]);
    let removed = extension(REASON, false, &[0x0a, 1, 8]);
    let since = extension(INVALIDITY, false, &der(0x18, b"20260101000000Z"));
    let entries = vec![
        entry(&[0x12, 0x34], &[]),
        entry(&[5], &[extension(REASON, false, &[0x0a, 1, 1]), since]),
        entry(&[6], &[hold]),
        entry(&[7], &[removed]),
    ];
    let crl = List { entries, ..List::default() }.read().unwrap();
    assert_eq!(crl.revoked(&serial(&[0x12, 0x34])), Some(Reason::Unspecified));
    assert_eq!(crl.revoked(&serial(&[5])), Some(Reason::KeyCompromise));
    // Hold, and removeFromCRL, which has no place on a complete list: the certificate does not count.
    assert_eq!(crl.revoked(&serial(&[6])), Some(Reason::CertificateHold));
    assert_eq!(crl.revoked(&serial(&[7])), Some(Reason::RemoveFromCrl));
    assert_eq!(crl.revoked(&serial(&[0x34])), None);
    assert_eq!(crl.revoked(&serial(&[0x12])), None);
    assert_eq!((crl.len(), crl.is_empty()), (4, false));
}

#[test]
fn leading_zeros_of_a_serial_do_not_hide_it() {
    let entries = vec![entry(&[0, 0, 5], &[]), entry(&[0, 0x85], &[]), entry(&[0], &[])];
    let crl = List { entries, ..List::default() }.read().unwrap();
    for listed in [[5].as_slice(), &[0, 5], &[0, 0x85], &[0, 0, 0x85], &[0], &[0, 0]] {
        assert!(crl.revoked(&serial(listed)).is_some(), "{listed:?}");
    }
    assert_eq!(crl.revoked(&serial(&[5, 0])), None);
}

#[test]
fn version_1_is_read_and_must_have_no_extensions() {
    let entries = vec![entry(&[5], &[])];
    let old = List { version: None, entries: entries.clone(), ..List::default() };
    let crl = old.read().unwrap();
    assert!(crl.revoked(&serial(&[5])).is_some() && crl.number().is_none());
    let number = vec![extension(NUMBER, false, &der(0x02, &[1]))];
    assert!(List { extensions: number, entries, ..old }.read().is_err());
    let reason = vec![entry(&[5], &[extension(REASON, false, &[0x0a, 1, 1])])];
    assert!(List { version: None, entries: reason, ..List::default() }.read().is_err());
    assert!(List { version: Some(2), ..List::default() }.read().is_err());
}

#[test]
fn a_list_without_an_end_is_refused() {
    assert_eq!(List { next: None, ..List::default() }.read().unwrap_err(), CrlError::NoNextUpdate);
    let ends_first = List { next: Some(b"261101000000Z"), ..List::default() };
    assert!(matches!(ends_first.read(), Err(CrlError::EndsBeforeItBegins { .. })));
}

#[test]
fn a_list_that_does_not_list_everything_is_refused() {
    let delta = extension(DELTA, true, &der(0x02, &[1]));
    assert!(matches!(with(delta), Err(CrlError::Partial { .. })));
    // Without the critical flag it is one all the same.
    assert!(matches!(with(extension(DELTA, false, &der(0x02, &[1]))), Err(CrlError::Partial { .. })));
    let point = |content: &[u8]| with(extension(POINT, true, &der(0x30, content)));
    let named = der(0xa0, &der(0xa0, &der(0x86, b"http://ca.example/1.crl")));
    assert_eq!(point(&named).unwrap().points().len(), 1, "which certificates it is about, they must say");
    assert!(matches!(point(&der(0xa0, &der(0xa1, &[]))), Err(CrlError::Partial { .. })), "a relative name");
    assert!(point(&der(0xa0, &der(0xa0, &[]))).is_err(), "a point without a name is not every point");
    assert!(point(&der(0xa0, &[])).is_err());
    assert!(matches!(point(&[0x83, 2, 1, 0x40]), Err(CrlError::Partial { .. })), "onlySomeReasons");
    assert!(matches!(point(&[0x84, 1, 0xff]), Err(CrlError::Partial { .. })), "indirectCRL");
    assert!(matches!(point(&[0x85, 1, 0xff]), Err(CrlError::Partial { .. })), "onlyContainsAttributeCerts");
    assert_eq!(point(&[0x81, 1, 0xff]).unwrap().scope(), Scope::Leaves);
    assert_eq!(point(&[0x82, 1, 0xff]).unwrap().scope(), Scope::Authorities);
    assert_eq!(point(&[]).unwrap().scope(), Scope::All);
    assert!(point(&[0x81, 1, 0xff, 0x82, 1, 0xff]).is_err());
    // Not marked critical, the limit is there all the same.
    assert_eq!(with(extension(POINT, false, &der(0x30, &named))).unwrap().points().len(), 1);
    let entries = vec![entry(&[5], &[extension(ENTRY_ISSUER, true, &seq(&[]))])];
    assert!(matches!(List { entries, ..List::default() }.read(), Err(CrlError::Partial { .. })));
}

#[test]
fn an_unknown_critical_extension_is_refused_and_another_one_is_not() {
    assert!(matches!(with(extension(99, true, &[5, 0])), Err(CrlError::CriticalExtension { .. })));
    assert!(with(extension(99, false, &[5, 0])).is_ok());
    let of_entry = |critical| vec![entry(&[5], &[extension(99, critical, &[5, 0])])];
    assert!(matches!(
        List { entries: of_entry(true), ..List::default() }.read(),
        Err(CrlError::CriticalExtension { .. })
    ));
    assert!(List { entries: of_entry(false), ..List::default() }.read().is_ok());
}

#[test]
fn numbers_are_compared_as_numbers() {
    let number = |octets: &[u8]| with(extension(NUMBER, false, &der(0x02, octets)));
    let of = |octets: &[u8]| number(octets).unwrap().number().cloned().unwrap();
    assert!(of(&[2]) < of(&[1, 0]) && of(&[0, 0xff]) < of(&[1, 0]) && of(&[0, 5]) == of(&[5]));
    assert_eq!((of(&[0]).to_string(), of(&[1, 0]).to_string()), ("0".to_owned(), "256".to_owned()));
    assert!(number(&[0xff]).is_err(), "negative");
    assert!(number(&[1; 21]).is_err(), "more than 20 octets");
    assert!(number(&[1; 20]).is_ok());
    let twice = vec![extension(NUMBER, false, &der(0x02, &[1])); 2];
    assert!(List { extensions: twice, ..List::default() }.read().is_err());
}

#[test]
fn a_hundred_thousand_entries_cost_a_look_up() {
    const COUNT: u32 = 100_000;
    let octets = |n: u32| (u64::from(n) * 7919 + (1 << 40)).to_be_bytes();
    let entries = (0..COUNT).map(|n| entry(&octets(n), &[])).collect();
    let list = List { entries, ..List::default() }.der();
    let crl = Crl::parse(list).unwrap();
    assert_eq!(crl.len(), COUNT as usize);
    // Each look-up as a scan would be ten thousand million comparisons: minutes, where this takes moments.
    let found = (0..COUNT).filter(|n| crl.revoked(&serial(&octets(*n))).is_some()).count();
    assert_eq!(found, COUNT as usize);
    assert_eq!(crl.revoked(&serial(&[1])), None);
}

#[test]
fn whatever_is_cut_off_or_added_is_an_error_and_no_panic() {
    let entries = vec![entry(&[5], &[extension(REASON, false, &[0x0a, 1, 1])]), entry(&[0x12, 0x34], &[])];
    let extensions = vec![extension(NUMBER, false, &der(0x02, &[1]))];
    let whole = List { entries, extensions, ..List::default() }.der();
    assert!(Crl::parse(whole.clone()).is_ok());
    for cut in 0..whole.len() {
        assert!(Crl::parse(whole[..cut].to_vec()).is_err(), "{cut}");
    }
    assert!(Crl::parse([whole.as_slice(), &[0]].concat()).is_err());
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << bit;
            fuzz(&flipped);
        }
    }
}

#[test]
fn the_corpus_of_the_fuzz_target_is_read() {
    let corpus = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/crl");
    let mut good = 0;
    for file in std::fs::read_dir(corpus).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        good += usize::from(Crl::parse(bytes.clone()).is_ok());
        fuzz(&bytes);
    }
    assert!(good >= 2, "{good} of the corpus are lists");
}

/// Where two readers could see different lists in the same bytes, it is none.
#[test]
fn what_is_said_twice_or_beside_the_signature_is_refused() {
    let cn = seq(&[der(0x06, &[0x55, 0x04, 0x03]), der(0x0c, b"Test CA")]);
    let built = |inner: &[u8], after: &[u8], unused: u8| {
        let body = [
            der(0x02, &[1]),
            inner.to_vec(),
            seq(&[der(0x31, &cn)]),
            der(0x17, b"261101000000Z"),
            der(0x17, b"261201000000Z"),
            after.to_vec(),
        ];
        Crl::parse(seq(&[seq(&body), ECDSA_SHA256.to_vec(), der(0x03, &[unused, 1, 2, 0])]))
    };
    assert!(built(ECDSA_SHA256, &[], 0).is_ok());
    // ecdsa-with-SHA384 inside, SHA256 outside: only the inner one is signed.
    let other = [&ECDSA_SHA256[..11], &[0x03]].concat();
    assert!(built(&other, &[], 0).is_err());
    assert!(built(ECDSA_SHA256, &der(0x04, b"more"), 0).is_err(), "something behind the list");
    assert!(built(ECDSA_SHA256, &[], 1).is_err(), "a signature has whole octets");
    let entry = |parts: &[Vec<u8>]| List { entries: vec![seq(parts)], ..List::default() }.read();
    let (number, since) = (der(0x02, &[5]), der(0x17, b"260101000000Z"));
    let reason = extension(REASON, false, &der(0x0a, &[1]));
    assert!(entry(&[number.clone(), since.clone(), seq(std::slice::from_ref(&reason))]).is_ok());
    assert!(entry(&[number.clone(), since.clone(), seq(&[reason.clone(), reason])]).is_err());
    assert!(entry(&[number.clone(), since.clone(), seq(&[]), der(0x04, b"more")]).is_err());
    assert!(entry(&[number, der(0x17, b"yesterday")]).is_err(), "a date is a date");
    let (whole, more) = (List::default().der(), der(0x04, b"more"));
    assert!(Crl::parse(seq(&[whole[2..].to_vec()])).is_ok());
    assert!(Crl::parse(seq(&[whole[2..].to_vec(), more.clone()])).is_err(), "behind the signature");
    let of = |parts: &[Vec<u8>]| {
        with(seq(&[der(0x06, &[0x55, 0x1d, 99]), der(0x04, &[5, 0])]
            .into_iter()
            .chain(parts.iter().cloned())
            .collect::<Vec<_>>()))
    };
    assert!(of(&[]).is_ok());
    assert!(of(std::slice::from_ref(&more)).is_err(), "behind the value of an extension");
    let point = |content: &[u8]| with(extension(POINT, true, &der(0x30, content)));
    assert!(point(&[0x81, 1, 0xff]).is_ok());
    assert!(
        point(&[&[0x81, 1, 0xff], more.as_slice()].concat()).is_err(),
        "behind what a list is limited to"
    );
}

#[test]
fn what_has_no_end_or_no_beginning_is_refused() {
    let serial_of = |octets: &[u8]| List { entries: vec![entry(octets, &[])], ..List::default() }.read();
    assert!(serial_of(&[]).is_err());
    assert!(serial_of(&[1; 255]).is_ok());
    assert!(serial_of(&[1; 256]).is_err());
    let extensions = |count: u8| {
        let extensions = (0..count).map(|n| extension(40 + n, false, &[5, 0])).collect();
        List { extensions, ..List::default() }.read()
    };
    assert!(extensions(64).is_ok());
    assert!(extensions(65).is_err());
}
