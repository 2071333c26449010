//! Against OpenSSL over TCP: s_client towards us, us towards s_server, TLS 1.2 and 1.3.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use sealmq_tls::{Code, Direction, Judged, Progress, Resumption, ServerTls, TlsFailure, TlsSession};

use crate::fixture::{Pair, fixtures, now, s};
use crate::pair::{VERSIONS, client, client_spec, policy, server, server_spec};
use crate::ports::free_port;

/// What a served connection came to, and what openssl printed.
struct Served {
    outcome: Result<(Judged, Vec<u8>), TlsFailure>,
    printed: String,
}

pub(crate) fn files(pair: &Pair) -> (String, String) {
    let dir = fixtures().dir();
    (
        s(&dir.join(format!("{}.crt", pair.name))).to_owned(),
        s(&dir.join(format!("{}.key", pair.name))).to_owned(),
    )
}

/// One connection of `openssl s_client` with these flags to a server that answers `pong` to whatever comes.
fn serve_s_client(tls: &ServerTls, flags: &[&str]) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let ca = files(&fixtures().ca).0;
    let mut child = Command::new("openssl")
        .args([
            "s_client",
            "-connect",
            &address,
            "-CAfile",
            &ca,
            "-verify_return_error",
            "-servername",
            "localhost",
        ])
        .args(flags)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.as_mut().unwrap().write_all(b"ping\n").unwrap();
    let (stream, _) = listener.accept().unwrap();
    let outcome = serve(stream, tls);
    drop(child.stdin.take());
    Served { outcome, printed: output(child) }
}

pub(crate) fn output(child: Child) -> String {
    let done = child.wait_with_output().unwrap();
    String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr)
}

fn serve(mut stream: TcpStream, tls: &ServerTls) -> Result<(Judged, Vec<u8>), TlsFailure> {
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut session = tls.session(now());
    let plain = talk(&mut stream, &mut session)?;
    let judged = tls.judge(&session.peer_chain(), now()).unwrap();
    let mut out = Vec::new();
    session.seal(b"pong\n", &mut out).unwrap();
    session.close_notify(&mut out);
    stream.write_all(&out).unwrap();
    let _ = stream.shutdown(std::net::Shutdown::Write);
    Ok((judged, plain))
}

/// Runs the session until data came. After a failure the alert is written and the stream shut down, without RST.
pub(crate) fn talk(stream: &mut TcpStream, session: &mut TlsSession) -> Result<Vec<u8>, TlsFailure> {
    let (mut incoming, mut plain, mut out, mut chunk) = (Vec::new(), Vec::new(), Vec::new(), [0; 4096]);
    loop {
        let progress = session.open(&mut incoming, &mut plain, &mut out);
        stream.write_all(&out).unwrap();
        out.clear();
        match progress {
            Ok(Progress::Established | Progress::Closed) if !plain.is_empty() => return Ok(plain),
            Ok(_) => {}
            Err(failure) => {
                let _ = stream.shutdown(std::net::Shutdown::Write);
                while matches!(stream.read(&mut chunk), Ok(1..)) {}
                return Err(failure);
            }
        }
        let read = stream.read(&mut chunk).unwrap();
        assert!(read > 0, "openssl closed");
        incoming.extend_from_slice(&chunk[..read]);
    }
}

pub(crate) fn version_flag(index: usize) -> &'static str {
    ["-tls1_2", "-tls1_3"][index]
}

#[test]
fn s_client_with_a_certificate_talks_to_us() {
    let (cert, key) = files(&fixtures().client);
    for (index, versions) in VERSIONS.into_iter().enumerate() {
        let mut spec = server_spec();
        spec.policy = policy(versions);
        let flags = [version_flag(index), "-cert", &cert, "-key", &key, "-quiet"];
        let served = serve_s_client(&server(spec), &flags);
        let (judged, plain) = served.outcome.unwrap();
        assert_eq!(judged.identity().unwrap().name().map(|name| &**name), Some("client1"));
        assert_eq!(plain, b"ping\n");
        assert!(served.printed.contains("pong"), "{}", served.printed);
    }
}

#[test]
fn s_client_without_a_certificate_reads_the_alert_in_both_versions() {
    for (index, versions) in VERSIONS.into_iter().enumerate() {
        let mut spec = server_spec();
        spec.policy = policy(versions);
        // s_client waits for data after its "success" in TLS 1.3; -ign_eof keeps it reading until the alert.
        let served = serve_s_client(&server(spec), &[version_flag(index), "-ign_eof"]);
        let failure = served.outcome.unwrap_err();
        assert_eq!((failure.code, failure.direction), (Code::NoCertificate, Direction::WeRefused));
        assert!(served.printed.contains("alert certificate required"), "{}", served.printed);
    }
}

#[test]
fn s_client_is_told_unknown_ca_and_what_it_refuses_is_told_to_us() {
    let (cert, key) = files(&fixtures().guide_client);
    for (index, versions) in VERSIONS.into_iter().enumerate() {
        let mut spec = server_spec();
        spec.policy = policy(versions);
        let flags = [version_flag(index), "-ign_eof", "-cert", &cert, "-key", &key];
        let served = serve_s_client(&server(spec.clone()), &flags);
        assert_eq!(served.outcome.unwrap_err().code, Code::UnknownIssuer);
        assert!(served.printed.contains("alert unknown ca"), "{}", served.printed);
        // The other way round: s_client does not trust our certificate.
        spec.key_pair = fixtures().guide_server.load();
        let served = serve_s_client(&server(spec), &[version_flag(index)]);
        let failure = served.outcome.unwrap_err();
        assert_eq!((failure.code, failure.direction), (Code::UnknownIssuer, Direction::TheyRefused));
        assert!(failure.text().contains("the client refused us"), "{failure}");
    }
}

#[test]
fn with_resumption_off_no_ticket_and_no_session_is_given_to_s_client() {
    let (cert, key) = files(&fixtures().client);
    for (index, versions) in VERSIONS.into_iter().enumerate() {
        let mut spec = server_spec();
        spec.policy = policy(versions);
        spec.resumption = Resumption::Off;
        let flags = [version_flag(index), "-cert", &cert, "-key", &key, "-msg", "-ign_eof"];
        let served = serve_s_client(&server(spec), &flags);
        served.outcome.unwrap();
        assert!(served.printed.contains("ClientHello"), "-msg prints what it sees");
        assert!(!served.printed.contains("NewSessionTicket"), "{}", served.printed);
        // TLS 1.2 would resume by an identifier: s_client prints the one it got.
        assert!(
            !served
                .printed
                .lines()
                .any(|line| line.trim_start().starts_with("Session-ID: ") && line.trim().len() > 12)
        );
        assert!(!served.printed.contains("Max Early Data: 1"), "{}", served.printed);
    }
}

#[test]
fn tls_1_1_is_refused_with_the_version_as_reason() {
    // The security level of distributions hides TLS 1.1 unless it is lowered.
    let flags = ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"];
    let served = serve_s_client(&server(server_spec()), &flags);
    assert_eq!(served.outcome.unwrap_err().code, Code::Version);
    assert!(served.printed.contains("alert handshake failure"), "{}", served.printed);
}

#[test]
fn renegotiation_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (cert, key) = files(&fixtures().client);
    let mut child = Command::new("openssl")
        .args(["s_client", "-connect", &address, "-tls1_2", "-cert", &cert, "-key", &key, "-msg"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A line that is only an R makes s_client renegotiate.
    child.stdin.as_mut().unwrap().write_all(b"R\n").unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    let mut session = server(server_spec()).session(now());
    let (mut incoming, mut plain, mut out, mut chunk) = (Vec::new(), Vec::new(), Vec::new(), [0; 4096]);
    loop {
        let read = stream.read(&mut chunk).unwrap_or(0);
        if read == 0 {
            break;
        }
        incoming.extend_from_slice(&chunk[..read]);
        let progress = session.open(&mut incoming, &mut plain, &mut out);
        let _ = stream.write_all(&out);
        out.clear();
        if progress.is_err() {
            break;
        }
    }
    drop(stream);
    let printed = output(child);
    assert!(!session.is_handshaking() && plain.is_empty());
    assert!(printed.contains("RENEGOTIATING") && printed.contains("no_renegotiation"), "{printed}");
}

#[test]
fn our_client_talks_to_s_server_with_mutual_tls() {
    let (server_cert, server_key) = files(&fixtures().server);
    let ca = files(&fixtures().ca).0;
    for index in 0..2 {
        let port = free_port().to_string();
        let mut child = Command::new("openssl")
            .args(["s_server", "-accept", &port, "-cert", &server_cert, "-key", &server_key, "-CAfile", &ca])
            .args([version_flag(index), "-Verify", "2", "-verify_return_error", "-naccept", "1", "-rev"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut stream = connect(&port, &mut child);
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let tls = client(client_spec(Some(&fixtures().client)));
        let mut session = tls.session("localhost", now()).unwrap();
        let (mut incoming, mut plain, mut out, mut chunk) = (Vec::new(), Vec::new(), Vec::new(), [0; 4096]);
        let mut asked = false;
        while plain.is_empty() {
            let progress = session.open(&mut incoming, &mut plain, &mut out).unwrap();
            if progress == Progress::Established && !asked {
                asked = true;
                session.seal(b"abc\n", &mut out).unwrap();
            }
            stream.write_all(&out).unwrap();
            out.clear();
            if plain.is_empty() {
                let read = stream.read(&mut chunk).unwrap();
                assert!(read > 0);
                incoming.extend_from_slice(&chunk[..read]);
            }
        }
        assert_eq!(plain, b"cba\n");
        session.close_notify(&mut out);
        stream.write_all(&out).unwrap();
        drop(stream);
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// OpenSSL cuts its session tickets (they hold our certificate) into records of 512 bytes: rustls then keeps the
/// beginning of a handshake message in `incoming`, which `seal` does not see.
#[test]
fn sealing_between_the_fragments_of_a_post_handshake_message_works() {
    let (server_cert, server_key) = files(&fixtures().server);
    let ca = files(&fixtures().ca).0;
    let port = free_port().to_string();
    let mut child = Command::new("openssl")
        .args([
            "s_server",
            "-accept",
            &port,
            "-cert",
            &server_cert,
            "-key",
            &server_key,
            "-CAfile",
            &ca,
            "-tls1_3",
        ])
        .args(["-Verify", "2", "-no_cache", "-max_send_frag", "512", "-naccept", "1", "-rev"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stream = connect(&port, &mut child);
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut session = client(client_spec(Some(&fixtures().client))).session("localhost", now()).unwrap();
    let (mut incoming, mut plain, mut out, mut byte) = (Vec::new(), Vec::new(), Vec::new(), [0]);
    let (mut kept, mut asked) = (0, false);
    while !plain.contains(&b'\n') {
        let progress = session.open(&mut incoming, &mut plain, &mut out).unwrap();
        if progress == Progress::Established && !asked {
            kept = kept.max(incoming.len());
            // The ticket is complete when nothing of it is kept any more: end the line, and s_server answers.
            asked = kept > 600 && incoming.is_empty();
            session.seal(if asked { b"\n" } else { b"a" }, &mut out).unwrap();
        }
        stream.write_all(&out).unwrap();
        out.clear();
        if !plain.contains(&b'\n') {
            assert_eq!(stream.read(&mut byte).unwrap(), 1);
            incoming.push(byte[0]);
        }
    }
    assert!(kept > 600, "more than one record was kept: {kept}");
    let _ = child.kill();
    let _ = child.wait();
}

/// Waits for s_server by dialling it: it prints nothing that could be waited for without a race.
pub(crate) fn connect(port: &str, child: &mut Child) -> TcpStream {
    loop {
        if let Ok(stream) = TcpStream::connect(format!("127.0.0.1:{port}")) {
            return stream;
        }
        assert!(child.try_wait().unwrap().is_none(), "s_server ended");
        std::thread::yield_now();
    }
}
