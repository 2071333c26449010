//! The audit log's chain: whatever is done to it is found, except a cut at its end, which only a signed head shows.

use proptest::prelude::*;
use sealmq_pki::audit::{
    Broken, Chain, Digest, Draft, Head, HeadError, Record, SignedHead, Subject, Tip, What, verify,
};
use sealmq_pki::inventory::{Act, Actor, Reason};
use sealmq_pki::{Name, Signer, SoftKey};

use crate::fixture::{NOW, Pki};

/// A chain of `length` records, no two alike.
fn chain(length: usize) -> Vec<Record> {
    let mut tip = Tip::START;
    let mut records = Vec::new();
    for index in 0..length {
        let what = What::ALL[index % What::ALL.len()];
        let name = Name::parse(&format!("pump{}", index % 3)).unwrap();
        let act = Act::new(NOW.plus_secs(index as i64), Actor::User { uid: 1000 })
            .because(Some(Reason::parse("as agreed").unwrap()));
        let record = Draft::new(what, vec![Subject::Name(name.key())]).saying("said").after(tip, &act);
        tip = Tip { number: record.number, hash: record.hash };
        records.push(record);
    }
    records
}

fn head(records: &[Record]) -> Head {
    let last = records.last().unwrap();
    Head::of(Tip { number: last.number, hash: last.hash }, NOW)
}

/// What somebody with an editor can do to one record.
fn altered(record: &Record, place: usize) -> Record {
    let mut record = record.clone();
    match place % 9 {
        0 => record.number += 1,
        1 => record.at = record.at.plus_secs(1),
        2 => record.actor.push('0'),
        3 => record.what = "user-added ".to_owned(),
        4 => record.subjects.push("name:other".to_owned()),
        5 => record.details.clear(),
        6 => record.why.push('!'),
        7 => record.previous = Digest::of(b"other"),
        _ => record.hash = Digest::of(b"other"),
    }
    record
}

proptest! {
    #[test]
    fn a_record_that_was_changed_is_found(length in 1usize..40, at in any::<prop::sample::Index>(), place in 0usize..9) {
        let mut records = chain(length);
        prop_assert!(verify(&records, vec![head(&records)]).is_ok());
        let at = at.index(length);
        records[at] = altered(&records[at], place);
        prop_assert!(verify(&records, Vec::new()).is_err());
    }

    /// With the hash made anew as well, the next record or the head tells.
    #[test]
    fn a_record_that_was_changed_with_its_hash_is_found(length in 2usize..40, at in any::<prop::sample::Index>()) {
        let mut records = chain(length);
        let signed = head(&records);
        let at = at.index(length);
        records[at].details = "nothing happened".to_owned();
        records[at].hash = records[at].digest();
        let found = verify(&records, vec![signed]);
        let last = at + 1 == length;
        prop_assert_eq!(matches!(found, Err(Broken::Rewritten { .. })), last, "{:?}", found);
        prop_assert_eq!(matches!(found, Err(Broken::Unlinked { .. })), !last);
    }

    #[test]
    fn a_record_that_was_taken_out_put_in_or_moved_is_found(length in 3usize..40, a in any::<prop::sample::Index>(), b in any::<prop::sample::Index>()) {
        let records = chain(length);
        let (a, b) = (a.index(length - 1), b.index(length));
        let mut less = records.clone();
        less.remove(a);
        prop_assert!(verify(&less, Vec::new()).is_err());
        let mut more = records.clone();
        more.insert(b, records[a].clone());
        prop_assert!(verify(&more, Vec::new()).is_err());
        let mut moved = records.clone();
        moved.swap(a, b);
        prop_assert_eq!(verify(&moved, Vec::new()).is_err(), a != b);
    }

    /// What is left is a chain: only a head that was signed after the cut shows it.
    #[test]
    fn an_end_that_was_cut_off_is_found_by_a_head_and_by_nothing_else(length in 2usize..40, kept in any::<prop::sample::Index>()) {
        let records = chain(length);
        let kept = kept.index(length - 1) + 1;
        prop_assert!(verify(&records[..kept], Vec::new()).is_ok());
        let found = verify(&records[..kept], vec![head(&records)]);
        prop_assert!(matches!(found, Err(Broken::Cut { .. })), "{:?}", found);
        prop_assert!(verify(&records, vec![head(&records[..kept]), head(&records)]).is_ok());
    }

    /// All of it written anew holds together; a head from before does not fit.
    #[test]
    fn a_chain_that_was_written_anew_is_found_by_a_head(length in 1usize..20, at in any::<prop::sample::Index>()) {
        let records = chain(length);
        let at = at.index(length);
        let mut anew: Vec<Record> = Vec::new();
        for (index, record) in records.iter().enumerate() {
            let mut record = record.clone();
            if index == at {
                record.why.clear();
            }
            record.previous = anew.last().map_or(Digest::ZERO, |before| before.hash);
            record.hash = record.digest();
            anew.push(record);
        }
        prop_assert!(verify(&anew, Vec::new()).is_ok());
        let found = verify(&anew, vec![head(&records)]);
        prop_assert!(matches!(found, Err(Broken::Rewritten { .. })), "{:?}", found);
    }

    #[test]
    fn no_text_is_read_as_a_head_that_was_not_written(text in "\\PC{0,80}") {
        prop_assert!(SignedHead::parse(&text).is_err());
        let around = format!("sealmq-audit-head:1:{text}");
        prop_assert!(SignedHead::parse(&around).is_err());
    }
}

/// Where one text ends and the next begins is part of what is hashed.
#[test]
fn texts_that_only_join_to_the_same_are_not_the_same() {
    let base = chain(1).remove(0);
    let with = |actor: &str, what: &str, subjects: &[&str]| Record {
        actor: actor.to_owned(),
        what: what.to_owned(),
        subjects: subjects.iter().map(ToString::to_string).collect(),
        ..base.clone()
    };
    assert_ne!(with("ab", "c", &[]).digest(), with("a", "bc", &[]).digest());
    assert_ne!(with("a", "b", &["cd"]).digest(), with("a", "b", &["c", "d"]).digest());
    assert_eq!(with("a", "b", &["c"]).digest(), with("a", "b", &["c"]).digest());
}

#[test]
fn the_newest_records_can_be_followed_alone() {
    let records = chain(10);
    let before = Tip { number: records[5].number, hash: records[5].hash };
    let mut newest = Chain::after(before, vec![head(&records[..3]), head(&records)]);
    records[6..].iter().try_for_each(|record| newest.follow(record)).unwrap();
    assert_eq!(newest.end().unwrap().number, 10);
}

#[test]
fn a_head_is_believed_by_the_signature_of_the_issuing_key_only() {
    let pki = Pki::new();
    let records = chain(3);
    let signed = head(&records).sign(pki.issuing.signer()).unwrap();
    let key = pki.issuing.signer().public_key();
    let line = format!("2026-11-22T23:00:00Z audit head {signed} (3 records)");
    let read = SignedHead::parse(&line).unwrap();
    assert_eq!(read, signed);
    assert_eq!(read.verify(key).unwrap(), head(&records));

    let other = SoftKey::generate().unwrap();
    assert!(matches!(read.verify(other.public_key()), Err(HeadError::AnotherKey { .. })));
    // Another number under the same signature.
    let raised = SignedHead::parse(&line.replace(":1:3:", ":1:4:")).unwrap();
    assert!(matches!(raised.verify(key), Err(HeadError::BadSignature)));
    // The right name of the key, and another key's signature.
    let forged = head(&records).sign(&other).unwrap().to_string();
    let forged = forged.replace(&other.public_key().key_id().to_string(), &key.key_id().to_string());
    assert!(matches!(SignedHead::parse(&forged).unwrap().verify(key), Err(HeadError::BadSignature)));
    let both =
        format!("started\n{line}\nconnected\n{}\n", head(&records[..1]).sign(pki.issuing.signer()).unwrap());
    let found: Vec<u64> =
        SignedHead::find_all(&both).unwrap().iter().map(|head| head.claimed().number).collect();
    assert_eq!(found, [3, 1]);
    assert!(SignedHead::find_all("nothing of the kind\n").unwrap().is_empty());
    assert!(SignedHead::find_all(&both.replace(":3:", ":x:")).is_err());
    let error = SignedHead::parse(&line[..line.len() / 2]).unwrap_err();
    assert!(error.to_string().contains("hint: "), "{error}");
}
