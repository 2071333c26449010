//! The messages of the exchange as text (RFC 5802 §5.1, §7), bounded and strict.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::entry::prepare;

/// The longest message that is read.
pub const MESSAGE_BYTES_MAX: usize = 2_048;
/// The longest part of a nonce that is taken from the other side.
const NONCE_BYTES_MAX: usize = 512;

/// Why an exchange ends without a proof. What the peer is told does not depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScramError {
    /// Longer than [`MESSAGE_BYTES_MAX`], or not what RFC 5802 §7 writes there.
    #[error("a SCRAM message is malformed: {0}")]
    Malformed(&'static str),
    /// The client insists on channel binding (`p=`), which is not offered.
    #[error("the client asks for SCRAM channel binding, which is not offered")]
    ChannelBinding,
    /// `m=`: an extension that must be understood, and none is.
    #[error("the client asks for a mandatory SCRAM extension, and there is none")]
    Extension,
    /// `a=`: it wants to act as somebody else.
    #[error("the client asks to act under another name than it proves")]
    OtherIdentity,
    /// The nonce or the header of the last message is not that of the first.
    #[error("the last SCRAM message does not belong to the first")]
    NotThisExchange,
    /// The proof is wrong, or nobody has this name.
    #[error("wrong user name or password")]
    WrongProof,
}

/// The client's first message: `n,,n=user,r=nonce`.
#[derive(Clone)]
pub struct ClientFirst {
    pub(super) gs2_header: String,
    pub(super) bare: String,
    pub(super) nonce: String,
    username: String,
}

impl ClientFirst {
    /// Reads it.
    ///
    /// # Errors
    /// [`ScramError`].
    pub fn parse(bytes: &[u8]) -> Result<ClientFirst, ScramError> {
        let text = text(bytes)?;
        // RFC 5802 §5.1: `n`: no binding; `y`: the client could and thinks we cannot, which is so.
        let (flag, rest) = text.split_once(',').ok_or(ScramError::Malformed("no GS2 header"))?;
        match flag {
            "n" | "y" => {}
            _ if flag.starts_with("p=") => return Err(ScramError::ChannelBinding),
            _ => return Err(ScramError::Malformed("the GS2 header begins with neither n, y nor p")),
        }
        let (authzid, bare) = rest.split_once(',').ok_or(ScramError::Malformed("no GS2 header"))?;
        let mut fields = bare.split(',');
        let first = fields.next().unwrap_or_default();
        if first.starts_with("m=") {
            return Err(ScramError::Extension);
        }
        let name = first.strip_prefix("n=").ok_or(ScramError::Malformed("no user name"))?;
        let username = unescape(name)?;
        let nonce = fields.next().and_then(|field| field.strip_prefix("r="));
        let nonce = nonce.filter(|nonce| is_nonce(nonce)).ok_or(ScramError::Malformed("no nonce"))?;
        match authzid.strip_prefix("a=") {
            None if authzid.is_empty() => {}
            Some(other) if unescape(other)? == username => {}
            Some(_) => return Err(ScramError::OtherIdentity),
            None => return Err(ScramError::Malformed("an unknown GS2 field")),
        }
        let gs2_header = text[..text.len() - bare.len()].to_owned();
        Ok(ClientFirst { gs2_header, bare: bare.to_owned(), nonce: nonce.to_owned(), username })
    }

    /// The name that is to be proved.
    #[must_use]
    pub fn username(&self) -> &str {
        &self.username
    }
}

/// The client's last message: `c=biws,r=nonce,p=proof`.
pub(super) struct ClientFinal<'a> {
    pub(super) channel_binding: Vec<u8>,
    pub(super) nonce: &'a str,
    /// Everything before the proof: it is signed.
    pub(super) without_proof: &'a str,
    pub(super) proof: [u8; 32],
}

impl<'a> ClientFinal<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<ClientFinal<'a>, ScramError> {
        let text = text(bytes)?;
        let (without_proof, proof) =
            text.rsplit_once(",p=").ok_or(ScramError::Malformed("no proof at the end"))?;
        let mut fields = without_proof.split(',');
        let binding = fields.next().and_then(|field| field.strip_prefix("c="));
        let binding = binding.and_then(|text| STANDARD.decode(text).ok());
        let channel_binding = binding.ok_or(ScramError::Malformed("no channel binding field"))?;
        let nonce = fields.next().and_then(|field| field.strip_prefix("r="));
        let nonce = nonce.ok_or(ScramError::Malformed("no nonce"))?;
        if fields.any(|field| field.starts_with("m=")) {
            return Err(ScramError::Extension);
        }
        let proof = STANDARD.decode(proof).ok().and_then(|bytes| bytes.try_into().ok());
        let proof = proof.ok_or(ScramError::Malformed("the proof is not 32 bytes in Base64"))?;
        Ok(ClientFinal { channel_binding, nonce, without_proof, proof })
    }
}

pub(super) fn text(bytes: &[u8]) -> Result<&str, ScramError> {
    if bytes.len() > MESSAGE_BYTES_MAX {
        return Err(ScramError::Malformed("it is too long"));
    }
    prepare(bytes).map_err(|_| ScramError::Malformed("it is not printable ASCII"))
}

/// RFC 5802 §5.1: printable, no comma.
pub(super) fn is_nonce(text: &str) -> bool {
    (1..=NONCE_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|byte| matches!(byte, 0x21..=0x2b | 0x2d..=0x7e))
}

/// RFC 5802 §5.1: `,` is `=2C`, `=` is `=3D`, and no other `=` may stand in a name.
pub(super) fn escape(name: &str) -> String {
    name.replace('=', "=3D").replace(',', "=2C")
}

fn unescape(name: &str) -> Result<String, ScramError> {
    let mut parts = name.split('=');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (sign, rest) = match (part.strip_prefix("2C"), part.strip_prefix("3D")) {
            (Some(rest), _) => (',', rest),
            (None, Some(rest)) => ('=', rest),
            (None, None) => return Err(ScramError::Malformed("a bare = in a name")),
        };
        plain.push(sign);
        plain.push_str(rest);
    }
    if plain.is_empty() { Err(ScramError::Malformed("an empty user name")) } else { Ok(plain) }
}
