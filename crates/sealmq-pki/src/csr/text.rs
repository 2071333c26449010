//! The forms in which a request is brought: PEM, DER, bare Base64.

use base64ct::{Base64, Encoding};

use super::{CSR_BYTES_MAX, CSR_TEXT_BYTES_MAX, CsrError};
use crate::pem::{self, Block};

pub(super) const LABEL: &str = "CERTIFICATE REQUEST";

/// What Microsoft's certreq writes.
const OLD_LABEL: &str = "NEW CERTIFICATE REQUEST";

/// The DER in one of the three forms.
pub(super) fn der_of(bytes: &[u8]) -> Result<Vec<u8>, CsrError> {
    if bytes.len() > CSR_TEXT_BYTES_MAX {
        return Err(CsrError::TooLarge { bytes: bytes.len(), max: CSR_TEXT_BYTES_MAX });
    }
    // A SEQUENCE of more than 127 octets. No text begins so: a '0' is never followed by a lone continuation byte.
    if matches!(bytes, [0x30, 0x81..=0x84, ..]) {
        return Ok(bytes.to_vec());
    }
    let blocks = pem::blocks(bytes)?;
    if blocks.is_empty() { bare(bytes) } else { of_blocks(blocks) }
}

fn of_blocks(blocks: Vec<Block>) -> Result<Vec<u8>, CsrError> {
    if let Some(key) = blocks.iter().find(|block| block.label.ends_with("PRIVATE KEY")) {
        return Err(CsrError::PrivateKey { line: key.line });
    }
    let is_request = |block: &&Block| matches!(block.label.as_str(), LABEL | OLD_LABEL);
    let requests: Vec<&Block> = blocks.iter().filter(is_request).collect();
    match requests.as_slice() {
        [] => {
            let labels: Vec<String> = blocks.iter().take(4).map(|block| shown(&block.label)).collect();
            Err(CsrError::NoRequest { found: labels.join(", ") })
        }
        [request] => Ok(request.der.to_vec()),
        several => {
            let lines: Vec<String> = several.iter().take(8).map(|block| block.line.to_string()).collect();
            Err(CsrError::Several { count: several.len(), lines: lines.join(", ") })
        }
    }
}

/// Base64 without header and footer, as enrolment protocols and web forms carry it.
fn bare(bytes: &[u8]) -> Result<Vec<u8>, CsrError> {
    let none = || CsrError::NoRequest { found: "nothing in PEM, DER or Base64".to_owned() };
    let digits: Vec<u8> = bytes.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect();
    if digits.len() > CSR_BYTES_MAX.div_ceil(3) * 4 {
        return Err(CsrError::TooLarge { bytes: digits.len() / 4 * 3, max: CSR_BYTES_MAX });
    }
    let mut der = vec![0; digits.len()];
    let len = Base64::decode(&digits, &mut der).map_err(|_| none())?.len();
    der.truncate(len);
    if der.first() == Some(&0x30) { Ok(der) } else { Err(none()) }
}

fn shown(label: &str) -> String {
    label.chars().take(40).flat_map(char::escape_debug).collect()
}
