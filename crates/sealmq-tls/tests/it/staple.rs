//! A server must staple an OCSP response: `openssl ocsp` makes it, `openssl s_server` staples it, in both versions.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use sealmq_tls::{ClientTls, ClientTlsSpec, Code, Direction, Progress, ServerOcsp, TlsFailure, VerifyServer};
use tempfile::TempDir;

use crate::fixture::{CA, Pair, SERVER, fixtures, issue, now, openssl, root, s, write};
use crate::openssl_peer::{connect, version_flag};
use crate::pair::{client, client_spec};
use crate::ports::free_port;

const GOOD: &str = "V\t491231235959Z\t\t";
const REVOKED: &str = "R\t491231235959Z\t260101000000Z,keyCompromise\t";
/// The tests' now is an hour after the certificates were made.
const LASTING: [&str; 2] = ["-ndays", "1"];
const ENDED: [&str; 2] = ["-nmin", "10"];

/// A chain of three; beside it an issuing CA of the same name with another key, and a responder of the issuing CA's.
struct Chain {
    dir: TempDir,
    root: Pair,
    sub: Pair,
    namesake: Pair,
    responder: Pair,
    leaf: Pair,
    /// By the root itself.
    direct: Pair,
}

fn chain() -> &'static Chain {
    static CHAIN: OnceLock<Chain> = OnceLock::new();
    CHAIN.get_or_init(|| {
        // Made after it, so that it is valid at the tests' now.
        fixtures();
        let dir = TempDir::new().unwrap();
        let at = dir.path();
        let root = root(at, "top", "/O=Test/CN=Top", CA, 3650);
        let sub = issue(at, &root, "sub", "/O=Test/CN=Sub", Some(CA), 365);
        let namesake = issue(at, &root, "namesake", "/O=Test/CN=Sub", Some(CA), 365);
        let responder =
            issue(at, &sub, "responder", "/CN=Responder", Some("extendedKeyUsage=OCSPSigning\n"), 365);
        let leaf = issue(at, &sub, "leaf", "/CN=localhost", Some(SERVER), 365);
        let direct = issue(at, &root, "direct", "/CN=localhost", Some(SERVER), 365);
        Chain { dir, root, sub, namesake, responder, leaf, direct }
    })
}

/// What `issuer` knows about the leaf (nothing, where `state` is empty), signed by `signer`.
fn response(name: &str, state: &str, issuer: &Pair, signer: &Pair, lasting: [&str; 2]) -> PathBuf {
    response_about(&chain().leaf, name, state, issuer, signer, lasting)
}

fn response_about(
    leaf: &Pair,
    name: &str,
    state: &str,
    issuer: &Pair,
    signer: &Pair,
    lasting: [&str; 2],
) -> PathBuf {
    let dir = &chain().dir;
    let at = |name: &str| dir.path().join(name);
    let serial = leaf.facts().serial.to_string();
    let line = if state.is_empty() { String::new() } else { format!("{state}{serial}\tunknown\t/CN=x\n") };
    let index = write(dir.path(), &format!("{name}.index"), &line);
    let (request, out) = (at(&format!("{name}.req")), at(&format!("{name}.der")));
    let of = |pair: &Pair, kind: &str| at(&format!("{}.{kind}", pair.name));
    let (ca, cert, key) = (of(issuer, "crt"), of(signer, "crt"), of(signer, "key"));
    let serial = format!("0x{serial}");
    openssl(&["ocsp", "-issuer", s(&ca), "-serial", &serial, "-no_nonce", "-reqout", s(&request)]);
    let mut line =
        vec!["ocsp", "-index", s(&index), "-CA", s(&ca), "-reqin", s(&request), "-respout", s(&out)];
    line.extend(["-rsigner", s(&cert), "-rkey", s(&key)]);
    line.extend(lasting);
    openssl(&line);
    out
}

fn good(name: &str) -> PathBuf {
    let Chain { sub, .. } = chain();
    response(name, GOOD, sub, sub, LASTING)
}

/// `openssl s_server`; the file that it staples is read in each handshake.
struct SServer {
    child: Child,
    port: String,
}

impl SServer {
    fn start(version: usize, staple: Option<&Path>) -> SServer {
        SServer::of(&chain().leaf, version, staple)
    }

    fn of(leaf: &Pair, version: usize, staple: Option<&Path>) -> SServer {
        let (cert, key) = (format!("{}.crt", leaf.name), format!("{}.key", leaf.name));
        let port = free_port().to_string();
        let mut command = Command::new("openssl");
        command
            .current_dir(chain().dir.path())
            .args(["s_server", "-accept", &port, "-cert", &cert, "-key", &key])
            .args(["-cert_chain", "sub.crt", "-rev", version_flag(version)])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if let Some(staple) = staple {
            command.arg("-status_file").arg(staple);
        }
        SServer { child: command.spawn().unwrap(), port }
    }

    /// One connection, until a line went there and back.
    fn meet(&mut self, tls: &ClientTls) -> Result<(), TlsFailure> {
        let mut stream = connect(&self.port, &mut self.child);
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut session = tls.session("localhost", now()).unwrap();
        let (mut incoming, mut plain, mut out, mut chunk) = (Vec::new(), Vec::new(), Vec::new(), [0; 4096]);
        let mut asked = false;
        while plain.is_empty() {
            let progress = session.open(&mut incoming, &mut plain, &mut out);
            if matches!(progress, Ok(Progress::Established)) && !asked {
                asked = true;
                session.seal(b"abc\n", &mut out).unwrap();
            }
            stream.write_all(&out).unwrap();
            out.clear();
            progress?;
            if plain.is_empty() {
                let read = stream.read(&mut chunk).unwrap();
                assert!(read > 0, "s_server closed");
                incoming.extend_from_slice(&chunk[..read]);
            }
        }
        assert_eq!(plain, b"cba\n");
        Ok(())
    }
}

impl Drop for SServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spec() -> ClientTlsSpec {
    ClientTlsSpec { anchors: vec![chain().root.source()], ocsp: ServerOcsp::Required, ..client_spec(None) }
}

/// What our client says of this staple, in both versions.
fn verdict(staple: Option<&Path>) -> Result<(), (Code, String)> {
    let verdicts = [0, 1].map(|version| {
        SServer::start(version, staple).meet(&client(spec())).map_err(|failure| {
            assert_eq!(failure.direction, Direction::WeRefused, "{failure}");
            (failure.code, failure.to_string())
        })
    });
    let [first, second] = verdicts;
    assert_eq!(first, second, "TLS 1.2 and 1.3 say the same");
    first
}

fn refused(staple: Option<&Path>, code: Code, text: &str) {
    let (refused, line) = verdict(staple).unwrap_err();
    assert_eq!(refused, code, "{line}");
    assert!(line.contains(text) && line.contains(code.as_str()), "{line}");
}

#[test]
fn a_server_that_staples_good_is_accepted() {
    assert_eq!(verdict(Some(&good("accepted"))), Ok(()));
    let Chain { sub, responder, .. } = chain();
    let delegated = response("delegated", GOOD, sub, responder, LASTING);
    assert_eq!(verdict(Some(&delegated)), Ok(()), "by a responder of the issuer's making");
}

#[test]
fn a_server_that_staples_nothing_is_refused_only_where_ocsp_is_required() {
    refused(None, Code::NoOcspResponse, "staples no OCSP response");
    let lax = client(ClientTlsSpec { ocsp: ServerOcsp::NotRequired, ..spec() });
    for version in 0..2 {
        assert!(SServer::start(version, None).meet(&lax).is_ok());
    }
}

#[test]
fn a_server_that_staples_revoked_unknown_or_old_news_is_refused() {
    let Chain { sub, .. } = chain();
    refused(Some(&response("revoked", REVOKED, sub, sub, LASTING)), Code::Revoked, "keyCompromise");
    refused(Some(&response("unknown", "", sub, sub, LASTING)), Code::OcspUnknown, "does not know");
    refused(Some(&response("ended", GOOD, sub, sub, ENDED)), Code::OcspOutOfDate, "nextUpdate was");
}

#[test]
fn a_response_by_anybody_but_the_issuer_that_the_path_found_is_refused() {
    let Chain { root, namesake, responder, .. } = chain();
    let by_root = response("by-root", GOOD, root, root, LASTING);
    refused(Some(&by_root), Code::OcspUnverifiable, "was not issued by the same CA");
    // Of the issuer's name, under the same root, with another key.
    let by_namesake = response("by-namesake", GOOD, namesake, namesake, LASTING);
    refused(Some(&by_namesake), Code::OcspUnverifiable, "was not issued by the same CA");
    let for_namesake = response("for-namesake", GOOD, namesake, responder, LASTING);
    refused(Some(&for_namesake), Code::OcspUnverifiable, "not about this certificate");
}

#[test]
fn what_is_no_response_is_refused() {
    let later = chain().dir.path().join("later.der");
    std::fs::write(&later, sealmq_pki::ocsp::Unsuccessful::TryLater.to_der()).unwrap();
    refused(Some(&later), Code::OcspUnverifiable, "tryLater (3)");
}

#[test]
fn the_response_is_required_where_the_name_does_not_matter_too() {
    let lax = |ocsp| {
        let verify = VerifyServer::InsecureAnyName;
        SServer::start(1, None).meet(&client(ClientTlsSpec { verify, ocsp, ..spec() }))
    };
    assert_eq!(lax(ServerOcsp::Required).unwrap_err().code, Code::NoOcspResponse);
    assert!(lax(ServerOcsp::NotRequired).is_ok());
}

#[test]
fn a_leaf_that_the_anchor_itself_issued_is_checked_against_the_anchor() {
    let Chain { root, sub, direct, .. } = chain();
    let meet = |issuer: &Pair, name: &str| {
        let staple = response_about(direct, name, GOOD, issuer, issuer, LASTING);
        SServer::of(direct, 1, Some(&staple)).meet(&client(spec()))
    };
    assert!(meet(root, "direct-by-root").is_ok());
    assert_eq!(meet(sub, "direct-by-sub").unwrap_err().code, Code::OcspUnverifiable);
}

/// A ticket of the first connection must not spare the second one the question: the server staples "revoked" by then.
#[test]
fn each_connection_asks_again() {
    for version in 0..2 {
        let staple = chain().dir.path().join(format!("changing-{version}.der"));
        std::fs::copy(good("first"), &staple).unwrap();
        let mut server = SServer::start(version, Some(&staple));
        let tls = client(spec());
        assert!(server.meet(&tls).is_ok());
        let Chain { sub, .. } = chain();
        std::fs::copy(response("then", REVOKED, sub, sub, LASTING), &staple).unwrap();
        assert_eq!(server.meet(&tls).unwrap_err().code, Code::Revoked);
    }
}
