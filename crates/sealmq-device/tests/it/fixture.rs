//! A CA, a device's credentials, bundles on disk, outside tools, and Debian's mosquitto.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use sealmq_device::{Bundle, BundleRequest, Randomness, Target};
use sealmq_pki::{
    Ca, CaSubject, Certificate, End, Holder, HostName, LeafRequest, Name, Serial, Signer, SoftKey, Timestamp,
    issue_intermediate, issue_leaf, issue_root,
};
use zeroize::Zeroizing;

/// 2026-06-01T00:00:00Z.
pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_780_272_000);

pub(crate) struct Pki {
    pub(crate) root: Certificate,
    pub(crate) issuing: Ca,
    now: Timestamp,
}

/// One device: its name, key and chain, and where its broker is.
pub(crate) struct Device {
    pub(crate) name: Name,
    pub(crate) key: SoftKey,
    pub(crate) chain: Vec<Certificate>,
    pub(crate) anchors: Vec<Certificate>,
    pub(crate) host: HostName,
    pub(crate) port: u16,
}

fn serial(last: u8) -> Serial {
    let mut bytes = [0x5a; 16];
    bytes[15] = last;
    Serial::from_random(bytes).unwrap()
}

impl Pki {
    pub(crate) fn at(now: Timestamp) -> Pki {
        let key = || Arc::new(SoftKey::generate().unwrap());
        let root = issue_root(key(), &CaSubject::root("test 77", 1).unwrap(), serial(1), now).unwrap();
        let subject = CaSubject::issuing("test 77", 1).unwrap();
        let issuing = issue_intermediate(&root, key(), &subject, serial(2), now).unwrap();
        Pki { root: root.certificate().clone(), issuing, now }
    }

    /// Issued at this very moment, for programs that look at the clock.
    pub(crate) fn of_today() -> Pki {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        Pki::at(Timestamp::from_secs(i64::try_from(now).unwrap()))
    }

    pub(crate) fn leaf(&self, holder: Holder<'_>, end: End, key: &SoftKey) -> Certificate {
        let request =
            LeafRequest { holder, public_key: key.public_key(), serial: serial(3), now: self.now, end };
        issue_leaf(&self.issuing, &request).unwrap()
    }

    pub(crate) fn device(&self, name: &str, host: &str, port: u16) -> Device {
        let name = Name::parse(name).unwrap();
        let key = SoftKey::generate().unwrap();
        let leaf = self.leaf(Holder::Device(&name), End::WithIssuer, &key);
        Device {
            chain: vec![leaf, self.issuing.certificate().clone()],
            anchors: vec![self.root.clone()],
            host: HostName::parse(host).unwrap(),
            name,
            key,
            port,
        }
    }
}

impl Device {
    pub(crate) fn request(&self) -> BundleRequest<'_> {
        BundleRequest {
            name: &self.name,
            key: &self.key,
            chain: &self.chain,
            anchors: &self.anchors,
            host: &self.host,
            port: self.port,
            other_hosts: &[],
            folder: None,
            passphrase: None,
            randomness: Randomness::new(std::array::from_fn(|i| i as u8)),
        }
    }

    pub(crate) fn bundle(&self, target: Target) -> Bundle {
        Bundle::build(target, &self.request()).unwrap()
    }
}

/// Writes a bundle as the server does, and returns its folder.
pub(crate) fn unpack(bundle: &Bundle, dir: &Path) -> PathBuf {
    let folder = dir.join(bundle.target.as_str());
    for file in &bundle.files {
        let path = folder.join(&file.name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, file.content.as_slice()).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(file.mode.bits())).unwrap();
    }
    folder
}

pub(crate) fn content(bundle: &Bundle, name: &str) -> Zeroizing<String> {
    let file = bundle.files.iter().find(|f| f.name == name).unwrap_or_else(|| panic!("no {name}"));
    Zeroizing::new(String::from_utf8(file.content.to_vec()).unwrap())
}

/// Runs an outside program; `None` with a printed reason when it is missing here, which CI does not allow.
pub(crate) fn attempt(program: &str, args: &[&str], dir: &Path) -> Option<(bool, String)> {
    match Command::new(program).args(args).current_dir(dir).output() {
        Ok(output) => {
            let text = [output.stdout, output.stderr].concat();
            Some((output.status.success(), String::from_utf8_lossy(&text).into_owned()))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => missing(program),
        Err(error) => panic!("{program}: {error}"),
    }
}

pub(crate) fn tool(program: &str, args: &[&str], dir: &Path) -> Option<String> {
    let (ok, text) = attempt(program, args, dir)?;
    assert!(ok, "{program} {} failed:\n{text}", args.join(" "));
    Some(text)
}

fn missing<T>(program: &str) -> Option<T> {
    let required = std::env::var("CI").is_ok_and(|ci| ci == "true");
    assert!(!required, "{program} is not installed, and CI requires it");
    println!("skipped: {program} is not installed");
    None
}

/// Debian's mosquitto with a server certificate of ours; killed when dropped.
pub(crate) struct Mosquitto {
    child: Child,
    pub(crate) port: u16,
}

/// What mosquitto demands of a client.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Demand {
    Certificate,
    Password,
}

impl Mosquitto {
    pub(crate) fn start(pki: &Pki, hosts: &[&str], demand: Demand, dir: &Path) -> Option<Mosquitto> {
        let program =
            ["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto"].into_iter().find(|p| Path::new(p).exists());
        let Some(program) = program else { return missing("mosquitto") };
        let key = SoftKey::generate().unwrap();
        let hosts: Vec<HostName> = hosts.iter().map(|h| HostName::parse(h).unwrap()).collect();
        let leaf = pki.leaf(Holder::Server(&hosts), End::Profile, &key);
        std::fs::write(dir.join("server.crt"), leaf.pem() + &pki.issuing.certificate().pem()).unwrap();
        std::fs::write(dir.join("server.key"), key.to_pem().as_bytes()).unwrap();
        std::fs::write(dir.join("roots.crt"), pki.root.pem()).unwrap();
        let port = crate::ports::free_port();
        std::fs::write(dir.join("mosquitto.conf"), config(port, demand, dir)?).unwrap();
        let mut child = Command::new(program)
            .args(["-v", "-c", "mosquitto.conf"])
            .current_dir(dir)
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let up = log.by_ref().map(Result::unwrap).find(|line| line.contains("running"));
        assert!(up.is_some(), "mosquitto did not start");
        std::thread::spawn(move || log.for_each(drop));
        Some(Mosquitto { child, port })
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn config(port: u16, demand: Demand, dir: &Path) -> Option<String> {
    let common = format!(
        "listener {port} 127.0.0.1\nuser root\ncertfile server.crt\nkeyfile server.key\ncafile roots.crt\n"
    );
    Some(match demand {
        Demand::Certificate => format!("{common}require_certificate true\nuse_identity_as_username true\n"),
        Demand::Password => {
            tool("mosquitto_passwd", &["-c", "-b", "passwords", "sensor", "secret"], dir)?;
            format!("{common}allow_anonymous false\npassword_file {}/passwords\n", dir.display())
        }
    })
}
