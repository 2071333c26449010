//! One bundle: the request, its checks, and the files.

use sealmq_pki::{Certificate, HostName, Name, Signer, SoftKey};
use thiserror::Error;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::target::Target;
use crate::{arduino, context, laptop, manifest, pkcs12, readme};

/// What goes into a bundle.
pub struct BundleRequest<'a> {
    /// The holder's name, which is also the CN of its certificate.
    pub name: &'a Name,
    /// Its private key.
    pub key: &'a SoftKey,
    /// Its certificate, then the issuing CA's.
    pub chain: &'a [Certificate],
    /// The roots that it shall trust; two during a rollover.
    pub anchors: &'a [Certificate],
    /// The broker as the device reaches it.
    pub host: &'a HostName,
    /// The broker's TLS port.
    pub port: u16,
    /// Other names and addresses of the broker, for people to read.
    pub other_hosts: &'a [HostName],
    /// The absolute folder where the bundle will stand, if known: MQTTX and Node-RED store paths.
    pub folder: Option<&'a str>,
    /// Passphrase of the PKCS#12 file; without one a random one is made and put beside it.
    pub passphrase: Option<Zeroizing<String>>,
    /// Fresh random bytes; only PKCS#12 uses them.
    pub randomness: Randomness,
}

/// Fresh random bytes for one bundle. Never use the same for two.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Randomness([u8; Randomness::LEN]);

impl Randomness {
    /// How many bytes.
    pub const LEN: usize = 96;

    /// From bytes that the system's generator just gave.
    pub const fn new(bytes: [u8; Randomness::LEN]) -> Randomness {
        Randomness(bytes)
    }

    /// The `index`th of six blocks of 16 bytes.
    pub(crate) fn block(&self, index: usize) -> [u8; 16] {
        let mut block = [0; 16];
        block.copy_from_slice(&self.0[index * 16..][..16]);
        block
    }
}

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// 0600: it holds a key or a passphrase.
    Secret,
    /// 0644.
    Public,
}

/// One file of a bundle. No `Debug`: its content may be a key.
///
/// ```compile_fail
/// fn shown(_: impl std::fmt::Debug) {}
/// fn show(file: sealmq_device::BundleFile) { shown(file) }
/// ```
pub struct BundleFile {
    /// Its path in the bundle's folder: a file name, or `folder/file`; never absolute, never with `..`.
    pub name: String,
    /// Who may read it.
    pub mode: Mode,
    /// What it holds.
    pub content: Zeroizing<Vec<u8>>,
    /// What it is, for people.
    pub what: &'static str,
}

/// The files of one target.
pub struct Bundle {
    /// What they are for.
    pub target: Target,
    /// The files, `manifest.json` and `README.txt` last.
    pub files: Vec<BundleFile>,
}

/// Why there is no bundle.
#[derive(Debug, Error)]
pub enum BundleError {
    /// No certificate, or one that is for somebody else.
    #[error("the certificate is not the one of '{name}': {reason}")]
    Certificate {
        /// The name that was asked for.
        name: Name,
        /// What is wrong.
        reason: &'static str,
    },
    /// No root: the device could not verify the broker.
    #[error("there is no root certificate to put into the bundle")]
    NoAnchor,
    /// A passphrase that some program would not take.
    #[error(
        "the passphrase must have 1 to 128 printable ASCII characters\nhint: other programs read other characters differently"
    )]
    Passphrase,
    /// The cryptographic library failed.
    #[error("the cryptographic library failed while it {action}")]
    Library {
        /// What it was asked to do.
        action: &'static str,
    },
}

impl Mode {
    /// The permission bits.
    pub const fn bits(self) -> u32 {
        match self {
            Mode::Secret => 0o600,
            Mode::Public => 0o644,
        }
    }
}

impl Bundle {
    /// Makes the files of one target.
    ///
    /// # Errors
    /// [`BundleError`]: key, certificate and name do not belong together, no root, or a bad passphrase.
    pub fn build(target: Target, request: &BundleRequest<'_>) -> Result<Bundle, BundleError> {
        request.check()?;
        let mut files = match target {
            Target::Files => laptop::files(request),
            Target::Arduino => arduino::files(request),
            Target::Pkcs12 => pkcs12::files(request)?,
            Target::Mqttx => laptop::mqttx(request),
            Target::HomeAssistant => laptop::home_assistant(request),
            Target::NodeRed => laptop::node_red(request),
            Target::Sealmq => vec![context::file(request)],
        };
        files.push(BundleFile::public("README.txt", readme::text(target, request), "what goes where"));
        files.push(manifest::file(target, request, &files));
        Ok(Bundle { target, files })
    }

    /// The folder that holds it: `client1-arduino`.
    pub fn folder_name(&self, name: &Name) -> String {
        format!("{}-{}", stem(name), self.target)
    }
}

impl BundleFile {
    pub(crate) fn public(
        name: impl Into<String>,
        content: impl Into<Vec<u8>>,
        what: &'static str,
    ) -> BundleFile {
        BundleFile { name: name.into(), mode: Mode::Public, content: Zeroizing::new(content.into()), what }
    }

    pub(crate) fn secret(name: impl Into<String>, content: &[u8], what: &'static str) -> BundleFile {
        BundleFile { name: name.into(), mode: Mode::Secret, content: Zeroizing::new(content.to_vec()), what }
    }
}

impl BundleRequest<'_> {
    fn check(&self) -> Result<(), BundleError> {
        let wrong = |reason| BundleError::Certificate { name: self.name.clone(), reason };
        let leaf = self.chain.first().ok_or_else(|| wrong("there is none"))?;
        if leaf.facts().common_names() != [self.name.as_str()] {
            return Err(wrong("its CN is another name"));
        }
        if leaf.facts().spki_der != self.key.public_key().spki_der() {
            return Err(wrong("the private key does not belong to it"));
        }
        if self.anchors.is_empty() { Err(BundleError::NoAnchor) } else { Ok(()) }
    }

    pub(crate) fn leaf(&self) -> &Certificate {
        &self.chain[0]
    }

    /// Leaf and issuing CA, PEM: what a TLS client sends.
    pub(crate) fn chain_pem(&self) -> String {
        self.chain.iter().map(Certificate::pem).collect()
    }

    /// All anchors, PEM.
    pub(crate) fn anchors_pem(&self) -> String {
        self.anchors.iter().map(Certificate::pem).collect()
    }

    /// A topic that the device may use under the default rules and under `pattern readwrite devices/%u/#`.
    pub(crate) fn topic(&self) -> String {
        format!("devices/{}/hello", self.name)
    }
}

/// The name as a part of file names: `:` is no character of a file name on Windows and on many USB sticks.
pub(crate) fn stem(name: &Name) -> String {
    name.as_str().replace(':', "-")
}
