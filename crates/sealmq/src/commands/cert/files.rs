//! Files of certificates, requests and lists: PEM with any number of blocks, or DER with one.

use std::io::Read;
use std::path::Path;

use sealmq_pki::Crl;
use sealmq_pki::csr::Csr;
use sealmq_pki::explain::Specimen;
use sealmq_pki::pem;
use zeroize::Zeroizing;

use crate::commands::device::text_failure;
use crate::report::Failure;

/// Larger than any bundle of roots, and any list that a person looks at.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Unreadable input ends with the code of wrong usage, so that a script never takes it for a verdict.
pub(super) const UNREADABLE: u8 = 2;

/// What a block of a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Certificate,
    Request,
    Crl,
    /// A private key, which is never shown.
    Key,
    /// Something else, by its label.
    Other,
}

/// One block.
pub(super) struct Block {
    pub(super) kind: Kind,
    pub(super) label: String,
    /// The file, with the number of the block where there are several.
    pub(super) origin: String,
    pub(super) der: Zeroizing<Vec<u8>>,
}

/// Reads a file; `-` is standard input.
pub(super) fn blocks(path: &Path) -> Result<Vec<Block>, Failure> {
    let bytes = read(path)?;
    let name = super::clean(&path.display().to_string());
    let found = split(&name, &bytes)?;
    if found.is_empty() {
        let what =
            format!("{name}: no PEM block and no DER certificate, request or revocation list is in it");
        return Err(Failure::new(what)
            .hint("look at its first line: a PEM file has -----BEGIN CERTIFICATE-----; of a PKCS#12 (.p12) or PKCS#7 (.p7b) take the certificates out first: openssl pkcs12 -in FILE -nokeys, openssl pkcs7 -in FILE -print_certs")
            .exit_code(UNREADABLE));
    }
    Ok(found)
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut bytes = Zeroizing::new(Vec::new());
    let outcome = if path == Path::new("-") {
        std::io::stdin().lock().take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
    };
    let name = super::clean(&path.display().to_string());
    outcome.map_err(|error| {
        Failure::new(format!("cannot read {name}: {error}"))
            .hint("is it the right path, and may you read it?")
            .exit_code(UNREADABLE)
    })?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(Failure::new(format!("{name} is larger than {FILE_BYTES_MAX} bytes"))
            .hint("a file of certificates is smaller")
            .exit_code(UNREADABLE));
    }
    Ok(bytes)
}

fn split(name: &str, bytes: &[u8]) -> Result<Vec<Block>, Failure> {
    if !contains(bytes, b"-----BEGIN ") {
        return Ok(der_kind(bytes)
            .map(|kind| Block {
                kind,
                label: "DER".to_owned(),
                origin: name.to_owned(),
                der: Zeroizing::new(bytes.to_vec()),
            })
            .into_iter()
            .collect());
    }
    let found = pem::blocks(bytes)
        .map_err(|error| text_failure(&format!("{name}: {error}")).exit_code(UNREADABLE))?;
    let several = found.len() > 1;
    let blocks = found.into_iter().enumerate().map(|(index, block)| {
        let origin = if several { format!("{name}, block {}", index + 1) } else { name.to_owned() };
        let kind = kind_of(&block.label);
        let der = if block.label == "TRUSTED CERTIFICATE" { first_value(&block.der) } else { block.der };
        Block { kind, label: super::clean(&block.label), origin, der }
    });
    Ok(blocks.collect())
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

fn kind_of(label: &str) -> Kind {
    match label {
        "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE" => Kind::Certificate,
        "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => Kind::Request,
        "X509 CRL" => Kind::Crl,
        label if label.ends_with("PRIVATE KEY") => Kind::Key,
        _ => Kind::Other,
    }
}

/// `openssl x509 -trustout` writes the certificate and what is trusted in it behind.
fn first_value(der: &[u8]) -> Zeroizing<Vec<u8>> {
    let long = |count: usize| {
        let octets = der.get(2..2 + count)?;
        Some(2 + count + octets.iter().fold(0_usize, |sum, octet| sum << 8 | usize::from(*octet)))
    };
    let end = match der.get(1) {
        Some(short @ 0..=0x7f) => Some(2 + usize::from(*short)),
        Some(count @ 0x81..=0x84) => long(usize::from(count & 0x7f)),
        Some(_) | None => None,
    };
    let whole = end.and_then(|end| der.get(..end)).unwrap_or(der);
    Zeroizing::new(whole.to_vec())
}

/// What a DER file is: whatever can be read as it.
fn der_kind(bytes: &[u8]) -> Option<Kind> {
    if Specimen::parse(bytes.to_vec(), "").is_ok() {
        return Some(Kind::Certificate);
    }
    if Crl::parse(bytes.to_vec()).is_ok() {
        return Some(Kind::Crl);
    }
    if Csr::parse(bytes.to_vec()).is_ok() {
        return Some(Kind::Request);
    }
    // Broken ones are shown as what they most probably are, with the field that is wrong.
    (bytes.first() == Some(&0x30)).then_some(Kind::Certificate)
}

/// The certificates of a file.
///
/// # Errors
/// A block that is no certificate that can be read, or none at all.
pub(super) fn certificates(path: &Path) -> Result<Vec<Specimen>, Failure> {
    let mut found = Vec::new();
    for block in blocks(path)?.into_iter().filter(|block| block.kind == Kind::Certificate) {
        found.push(specimen(&block)?);
    }
    if found.is_empty() {
        let what = format!("{}: no certificate is in it", super::clean(&path.display().to_string()));
        return Err(Failure::new(what)
            .hint("give the file with -----BEGIN CERTIFICATE-----; `sealmq cert show FILE` says what this one is")
            .exit_code(UNREADABLE));
    }
    Ok(found)
}

/// One certificate.
pub(super) fn specimen(block: &Block) -> Result<Specimen, Failure> {
    Specimen::parse(block.der.to_vec(), block.origin.clone())
        .map_err(|error| text_failure(&format!("{}: {error}", block.origin)).exit_code(UNREADABLE))
}
