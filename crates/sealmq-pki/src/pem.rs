//! PEM text: blocks in, blocks out (RFC 7468).
//!
//! Text between blocks is skipped, as OpenSSL does (`openssl x509 -text` writes it). A block that begins and does not
//! end, or whose Base64 is broken, is an error with its line, never skipped: whoever reads a file of trust anchors
//! must not lose one of them silently.

use base64ct::{Base64, Encoding};
use thiserror::Error;
use zeroize::Zeroizing;

/// One `-----BEGIN label-----` block.
pub struct Block {
    /// `CERTIFICATE`, `PRIVATE KEY`, …
    pub label: String,
    /// What the Base64 says; wiped when dropped, since it may be a key.
    pub der: Zeroizing<Vec<u8>>,
    /// Line of its BEGIN, counted from 1.
    pub line: usize,
    /// The block carries RFC 1421 headers (`Proc-Type: 4,ENCRYPTED`): OpenSSL's old key encryption.
    pub headers: Headers,
}

/// Whether a block has RFC 1421 headers before its Base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Headers {
    /// None, as RFC 7468 wants it.
    Absent,
    /// At least one line with a colon.
    Present,
}

/// Where a PEM text is broken.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PemError {
    /// A BEGIN without its END.
    #[error(
        "line {line}: the block '{label}' has no matching END line\nhint: the file was cut off; copy it again"
    )]
    Unfinished {
        /// Line of the BEGIN.
        line: usize,
        /// Its label, escaped.
        label: String,
    },
    /// Not Base64 between BEGIN and END.
    #[error(
        "line {line}: the block '{label}' is not valid Base64\nhint: the file was altered on its way; copy it again in binary mode"
    )]
    Base64 {
        /// Line of the BEGIN.
        line: usize,
        /// Its label, escaped.
        label: String,
    },
    /// Bytes that are no text at all.
    #[error(
        "not a PEM text, but binary data\nhint: convert it: openssl x509 -inform DER -in FILE -out FILE.pem"
    )]
    Binary,
}

/// All blocks of a PEM text, in order.
///
/// # Errors
/// [`PemError`], with the line; no block at all is an empty list, not an error.
pub fn blocks(text: &[u8]) -> Result<Vec<Block>, PemError> {
    if text.contains(&0) {
        return Err(PemError::Binary);
    }
    let mut found = Vec::new();
    let mut lines = text.split(|b| *b == b'\n').map(<[u8]>::trim_ascii).enumerate();
    while let Some((index, line)) = lines.next() {
        if let Some(label) = marker(line, "BEGIN") {
            found.push(block(&label, index + 1, &mut lines)?);
        }
    }
    Ok(found)
}

/// The DER of all blocks with this label.
///
/// # Errors
/// As [`blocks`].
pub fn of_label(text: &[u8], label: &str) -> Result<Vec<Zeroizing<Vec<u8>>>, PemError> {
    Ok(blocks(text)?.into_iter().filter(|b| b.label == label).map(|b| b.der).collect())
}

/// A block as text: 64 columns, a newline at its end.
pub fn encode(label: &str, der: &[u8]) -> Zeroizing<String> {
    let mut base64 = Zeroizing::new(vec![0; Base64::encoded_len(der)]);
    let body = Base64::encode(der, &mut base64).expect("the buffer has the encoded length");
    let mut text = Zeroizing::new(String::with_capacity(body.len() + body.len() / 64 + 2 * label.len() + 40));
    text.push_str(&format!("-----BEGIN {label}-----\n"));
    for line in body.as_bytes().chunks(64) {
        text.extend(line.iter().map(|b| char::from(*b)));
        text.push('\n');
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}

fn block<'a>(
    label: &str,
    line: usize,
    lines: &mut impl Iterator<Item = (usize, &'a [u8])>,
) -> Result<Block, PemError> {
    let mut base64 = Zeroizing::new(Vec::new());
    let mut headers = Headers::Absent;
    for (_, content) in lines {
        if marker(content, "END").is_some_and(|end| end == label) {
            let mut der = Zeroizing::new(vec![0; base64.len()]);
            let len = Base64::decode(base64.as_slice(), &mut der)
                .map_err(|_| PemError::Base64 { line, label: shown(label) })?
                .len();
            der.truncate(len);
            return Ok(Block { label: label.to_owned(), der, line, headers });
        }
        if content.starts_with(b"-----") {
            break;
        }
        if content.contains(&b':') {
            headers = Headers::Present;
        } else {
            append_wiping(&mut base64, content);
        }
    }
    Err(PemError::Unfinished { line, label: shown(label) })
}

/// Appends without white space. Grows by hand, so that a reallocation leaves no unwiped copy of key text behind.
fn append_wiping(base64: &mut Zeroizing<Vec<u8>>, content: &[u8]) {
    if base64.len() + content.len() > base64.capacity() {
        let mut grown = Zeroizing::new(Vec::with_capacity(2 * (base64.len() + content.len()).max(1024)));
        grown.extend_from_slice(base64);
        *base64 = grown;
    }
    base64.extend(content.iter().copied().filter(|b| !b.is_ascii_whitespace()));
}

fn marker(line: &[u8], kind: &str) -> Option<String> {
    let text = std::str::from_utf8(line).ok()?;
    let label = text.strip_prefix("-----")?.strip_prefix(kind)?.strip_prefix(' ')?.strip_suffix("-----")?;
    Some(label.to_owned())
}

fn shown(label: &str) -> String {
    label.chars().take(40).flat_map(char::escape_debug).collect()
}
