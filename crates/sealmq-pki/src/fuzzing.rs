//! What the fuzz target `certificate` runs: a plain function, which a test on stable also runs over the corpus.
//!
//! It panics where an invariant of the crate is broken, and only then.

use crate::cert::signed_by;
use crate::{Facts, pem};

/// Any bytes as a certificate, and as a PEM text with certificates in it: facts, or an error that can be printed; what was
/// read as PEM is written and read again as the same.
pub fn certificate(bytes: &[u8]) {
    facts(bytes);
    match pem::blocks(bytes) {
        Ok(blocks) => {
            for block in blocks {
                let again = pem::of_label(pem::encode("X", &block.der).as_bytes(), "X");
                assert!(again.is_ok_and(|again| again.len() == 1 && *again[0] == *block.der));
                facts(&block.der);
            }
        }
        Err(error) => printable(&error.to_string()),
    }
}

fn facts(der: &[u8]) {
    match Facts::parse(der) {
        Ok(facts) => {
            printable(&facts.subject.rfc2253());
            printable(&facts.issuer.rfc2253());
            printable(&format!("{:?} {} {}", facts, facts.serial, facts.key_id()));
            // By itself as by anybody: whatever the signature is, looking at it is no fault.
            if let Err(error) = signed_by(der, &facts) {
                printable(&error.to_string());
            }
        }
        Err(error) => printable(&error.to_string()),
    }
}

/// It goes to a terminal or a log: nothing in it may steer that.
fn printable(text: &str) {
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
}
