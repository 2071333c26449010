//! The client's side: says who it is, answers the challenge, and checks that the server knows the password too.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::entry::{read_iterations, salted_password};
use super::message::{escape, text};
use super::{NonceSeed, NotPrintable, hmac, prepare, sha256, xor};

const GS2_HEADER: &str = "n,,";

/// Why a client goes no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The server's message is not what RFC 5802 writes there.
    #[error("the broker's SCRAM message is malformed: {0}")]
    Malformed(&'static str),
    /// The server's nonce does not begin with ours: somebody replays.
    #[error("the broker's SCRAM nonce does not continue ours")]
    Nonce,
    /// Fewer iterations than RFC 7677 allows (the password would be cheap to guess), or absurdly many.
    #[error("the broker asks for a SCRAM iteration count that is not acceptable")]
    Iterations,
    /// The server could not prove that it knows the password.
    #[error("the broker did not prove that it knows the password")]
    ServerProof,
}

/// A login that is about to begin.
pub struct Client {
    password: Zeroizing<Vec<u8>>,
    bare: String,
    nonce: String,
}

/// A login that waits for the server's proof.
pub struct AwaitingServer {
    signature: [u8; 32],
}

impl Client {
    /// A login by name and password; `seed` is random.
    ///
    /// # Errors
    /// [`NotPrintable`]: of the name or the password.
    pub fn new(username: &str, password: &[u8], seed: &NonceSeed) -> Result<Client, NotPrintable> {
        Client::with_nonce(username, password, seed.text())
    }

    fn with_nonce(username: &str, password: &[u8], nonce: String) -> Result<Client, NotPrintable> {
        let name = escape(prepare(username.as_bytes())?);
        prepare(password)?;
        Ok(Client { password: Zeroizing::new(password.to_vec()), bare: format!("n={name},r={nonce}"), nonce })
    }

    /// The first message.
    #[must_use]
    pub fn first(&self) -> Vec<u8> {
        format!("{GS2_HEADER}{}", self.bare).into_bytes()
    }

    /// Answers the server's first message; hashes as often as the server says.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn answer(self, server_first: &[u8]) -> Result<(Vec<u8>, AwaitingServer), ClientError> {
        let challenge = text(server_first).map_err(|_| ClientError::Malformed("not a short text"))?;
        let mut fields = challenge.split(',');
        let mut field = |name: &str| fields.next().and_then(|field| field.strip_prefix(name));
        let nonce = field("r=").ok_or(ClientError::Malformed("no nonce"))?;
        let salt = field("s=").and_then(|salt| STANDARD.decode(salt).ok());
        let salt = salt.filter(|salt| !salt.is_empty()).ok_or(ClientError::Malformed("no salt"))?;
        let iterations = field("i=").ok_or(ClientError::Malformed("no iteration count"))?;
        if !nonce.starts_with(&self.nonce) || nonce.len() == self.nonce.len() {
            return Err(ClientError::Nonce);
        }
        let iterations = read_iterations(iterations).ok_or(ClientError::Iterations)?;
        let salted = salted_password(&self.password, &salt, iterations);
        let client_key = Zeroizing::new(hmac(salted.as_ref(), b"Client Key"));
        let without_proof = format!("c={},r={nonce}", STANDARD.encode(GS2_HEADER));
        let signed = format!("{},{challenge},{without_proof}", self.bare);
        let proof = xor(&client_key, &hmac(&sha256(client_key.as_ref()), signed.as_bytes()));
        let signature = hmac(&hmac(salted.as_ref(), b"Server Key"), signed.as_bytes());
        let last = format!("{without_proof},p={}", STANDARD.encode(proof));
        Ok((last.into_bytes(), AwaitingServer { signature }))
    }
}

impl AwaitingServer {
    /// Checks the server's last message, `v=signature`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn check(&self, server_final: &[u8]) -> Result<(), ClientError> {
        let text = text(server_final).map_err(|_| ClientError::Malformed("not a short text"))?;
        let signature = text.strip_prefix("v=").and_then(|signature| STANDARD.decode(signature).ok());
        let signature = signature.ok_or(ClientError::Malformed("no signature"))?;
        if bool::from(signature.ct_eq(&self.signature[..])) { Ok(()) } else { Err(ClientError::ServerProof) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 7677 §3.
    const CHALLENGE: &str =
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";

    fn client() -> Client {
        Client::with_nonce("user", b"pencil", "rOprNGfwEbeRWgbNEkqO".to_owned()).unwrap()
    }

    #[test]
    fn the_vector_of_rfc_7677_is_said_byte_for_byte() {
        assert_eq!(client().first(), b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let (last, server) = client().answer(CHALLENGE.as_bytes()).unwrap();
        let expected = b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
            p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
        assert_eq!(last, expected);
        assert_eq!(server.check(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="), Ok(()));
        assert_eq!(
            server.check(b"v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="),
            Err(ClientError::ServerProof)
        );
    }

    #[test]
    fn a_server_that_asks_for_cheap_work_or_forgets_our_nonce_is_left() {
        let few = CHALLENGE.replace("i=4096", "i=4095");
        assert_eq!(client().answer(few.as_bytes()).map(|_| ()), Err(ClientError::Iterations));
        let other = CHALLENGE.replace("r=rOpr", "r=rOpq");
        assert_eq!(client().answer(other.as_bytes()).map(|_| ()), Err(ClientError::Nonce));
        let ours_only = "r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        assert_eq!(client().answer(ours_only.as_bytes()).map(|_| ()), Err(ClientError::Nonce));
    }
}
