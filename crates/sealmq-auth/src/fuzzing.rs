//! What the fuzz targets run: plain functions, which a test on stable also runs over the corpus.
//!
//! Each panics where an invariant of the crate is broken, and only then.

use crate::jwt::{Keys, Rules, verify};
use crate::scram::{Client, ClientFirst, Entry, Exchange, Lookup, METHOD, NonceSeed, prepare};

const SEED: NonceSeed = NonceSeed([9; 18]);

/// An entry that costs nothing to make.
fn entry() -> Entry {
    let key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    Entry::parse(&format!("{METHOD}$4096:AAAAAAAAAAAAAAAAAAAAAA==${key}:{key}")).expect("a sound entry")
}

/// Any bytes as SCRAM messages, of a client and of a server: nobody who does not know the password gets in.
pub fn scram(bytes: &[u8]) {
    let (first, last) = match bytes.iter().position(|byte| *byte == b'\n') {
        Some(at) => (&bytes[..at], &bytes[at + 1..]),
        None => (bytes, bytes),
    };
    if let Ok(message) = ClientFirst::parse(first) {
        assert!(prepare(message.username().as_bytes()).is_ok());
        let (exchange, challenge) = Exchange::begin(message, Lookup::Known(entry()), &SEED);
        assert!(prepare(&challenge).is_ok());
        assert!(exchange.finish(last).is_err());
    }
    let client = Client::new("user", b"pencil", &SEED).expect("printable");
    if let Ok((_, server)) = client.answer(first) {
        assert!(server.check(last).is_err());
    }
    if let Ok(read) =
        std::str::from_utf8(bytes).map_err(drop).and_then(|text| Entry::parse(text).map_err(drop))
    {
        assert!(Entry::parse(&read.to_text()).is_ok_and(|again| again == read));
    }
}

/// Any bytes as a token: without its key nothing proves a name.
pub fn jwt(bytes: &[u8]) {
    const KEY: &str = "-----BEGIN PUBLIC KEY-----\n\
        MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n";
    let keys = Keys::parse(KEY.as_bytes()).expect("the key of RFC 8037");
    assert!(verify(&keys, &Rules::default(), bytes, 1_700_000_000).is_err());
}

/// Any bytes as a file of keys: keys, or an error that can be printed.
pub fn jwt_keys(bytes: &[u8]) {
    match Keys::parse(bytes) {
        Ok(keys) => assert!(!keys.is_empty()),
        Err(error) => {
            let text = error.to_string();
            assert!(text.len() < 10_000 && text.chars().all(|c| c == '\n' || !c.is_control()));
        }
    }
}
