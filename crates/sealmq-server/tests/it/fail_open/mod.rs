//! Ways to fail open: each a refusal by a whole broker on real sockets, beside the one who is let in.
//!
//! What one crate alone decides is tested there; `docs/internals/fail-open.md` names the test of every way.

mod inventory;
mod logs;
pub(crate) mod names;
mod one_proof;
mod operator;
mod proxies;
mod reload;
mod remembered;
mod resumption;
mod revocation;
mod scram;
mod strangers;
pub(crate) mod tokens;

use std::fs;
use std::net::TcpStream;

use sealmq_pki::inventory::{Inventory as _, Record, Role};
use sealmq_pki::{Certificate, End, Holder, LeafRequest, Name, Serial, Signer as _, SoftKey, issue_leaf};
use sealmq_server::directory;
use sealmq_server::door::limits::DoorLimits;
use sealmq_server::home::{DeviceHolder, DeviceRequest, Home, Place, Surroundings, Wanted};
use sealmq_server::running::Threads;
use sealmq_tls::{KeyPair, PemSource, Versions};

use crate::data_plane::{ACCEPTED, Broker, TlsClient, connect, expect};

/// What `up` writes, on loopback. `DIR` is the folder above the data directory.
const OWN: &str = "data_dir DIR/data\nacl_file acl\npassword_file passwd\nlistener PORT 127.0.0.1\n\
    certfile server/server.crt\nkeyfile server/server.key\ncafile ca/ca.crt\nrequire_certificate optional\n\
    use_identity_as_username true\nlegacy_client_certs deny\n";

/// A broker on a data directory, which the test holds open too.
struct Own {
    broker: Broker,
    home: Home,
}

impl Own {
    fn start() -> Own {
        Own::with(OWN, |_| {})
    }

    fn with(conf: &str, prepare: impl FnOnce(&Home)) -> Own {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::at(&folder.path().join("data"));
        let around = Surroundings::look().unwrap();
        let (home, _report) = Home::up(&place, &Wanted::default(), &around, &mut |_| Ok(())).unwrap();
        prepare(&home);
        let threads = Threads { workers: 2, shards: 3, ..Threads::default() };
        let broker = Broker::launch(folder, conf, directory::hooks(&home), DoorLimits::default(), threads);
        Own { broker, home }
    }

    /// A device as `device add` makes it.
    fn device(&self, name: &str) -> KeyPair {
        let around = Surroundings::look().unwrap();
        let key = SoftKey::generate().unwrap();
        let request = DeviceRequest {
            name: name.to_owned(),
            holder: DeviceHolder::New,
            public_key: key.public_key().clone(),
            days: None,
            bundles: Vec::new(),
            host: None,
        };
        let draft = self.home.draft_device(&request, &around).unwrap();
        self.home.enter(&draft, &around).unwrap();
        pair(&draft.certificate_pem, &key)
    }

    /// The operator's own certificate and key.
    fn operator(&self) -> KeyPair {
        let read = |path| PemSource::new("operator", fs::read(path).unwrap());
        let files = self.home.place().operator();
        KeyPair::load(&read(files.certificate()), &read(files.key()), None).unwrap()
    }

    fn record(&self, role: Role) -> Record {
        let records = self.home.inventory().all().unwrap();
        records.into_iter().rev().find(|record| record.role == role).unwrap()
    }

    /// What a thief of the issuing CA's key signs, the inventory knowing nothing of it.
    fn forge(&self, name: &str, serial: Serial) -> KeyPair {
        let (certificate, key) = leaf(&self.home, name, serial);
        pair(&certificate.pem(), &key)
    }

    fn dial(&self, key_pair: Option<KeyPair>) -> TlsClient {
        let anchors = self.home.anchors_pem().to_owned();
        TlsClient::connect(self.broker.tcp(), &anchors, key_pair, Versions::OnlyV1_3)
    }

    /// Dials and sends CONNECT without a login.
    fn arrive(&self, key_pair: KeyPair, id: &str) -> TlsClient {
        let mut client = self.dial(Some(key_pair));
        client.send(&connect(id, None));
        client
    }
}

fn leaf(home: &Home, name: &str, serial: Serial) -> (Certificate, SoftKey) {
    let key = SoftKey::generate().unwrap();
    let name = Name::parse(name).unwrap();
    let request = LeafRequest {
        holder: Holder::Operator(&name),
        public_key: key.public_key(),
        serial,
        now: Surroundings::look().unwrap().now,
        end: End::Profile,
    };
    (issue_leaf(home.issuing(), &request).unwrap(), key)
}

fn pair(certificate: &str, key: &SoftKey) -> KeyPair {
    let key = key.to_pem();
    KeyPair::load(&PemSource::new("leaf", certificate), &PemSource::new("key", key.as_bytes()), None).unwrap()
}

/// 3.1.1: refused with return code 4 and 5.
const BAD_NAME: [u8; 4] = [0x20, 2, 0, 4];

/// Whether a plain client with this CONNECT gets this answer.
fn answers(mut client: TcpStream, connect: &[u8], answer: &[u8]) {
    use std::io::Write as _;
    client.write_all(connect).unwrap();
    expect(&mut client, answer);
}

fn accepted(client: &mut TlsClient) {
    client.expect(&ACCEPTED);
}
