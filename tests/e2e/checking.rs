//! `sealmq cert show` and `cert verify`: exit codes that scripts can rely on, beside what `openssl verify` says.

use std::path::Path;
use std::process::Command;

use crate::support::{Guide, Home, sealmq, text};

/// A root, a server's and a client's certificate, a short-lived one, one with SHA-1, and a request.
fn made() -> Guide {
    let guide = Guide::new();
    guide.shell(
        "printf 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign' > ca.ext
         printf 'subjectAltName=DNS:broker.local,IP:192.0.2.7\nextendedKeyUsage=serverAuth' > server.ext
         printf 'extendedKeyUsage=clientAuth' > client.ext
         for name in root server3 client3 old; do
           openssl ecparam -name prime256v1 -genkey -noout -out $name.key
           openssl req -new -key $name.key -subj /O=Checked/CN=$name -out $name.csr
         done
         openssl x509 -req -in root.csr -signkey root.key -days 30 -extfile ca.ext -out root.crt
         by='-CA root.crt -CAkey root.key -CAcreateserial -days 20'
         openssl x509 -req -in server3.csr $by -extfile server.ext -out server3.crt
         openssl x509 -req -in client3.csr $by -extfile client.ext -out client3.crt
         openssl x509 -req -in old.csr $by -sha1 -extfile client.ext -out old.crt
         printf '[ca]\ndefault_ca=d\n[d]\ndatabase=index\ncrlnumber=number\ndefault_md=sha256\ndefault_crl_days=9\n' > ca.conf
         : > index; echo 01 > number
         openssl ca -gencrl -config ca.conf -keyfile root.key -cert root.crt -out empty.crl
         openssl ca -config ca.conf -keyfile root.key -cert root.crt -revoke client3.crt
         openssl ca -gencrl -config ca.conf -keyfile root.key -cert root.crt -out full.crl",
    );
    guide
}

/// Exit code and output of a line of words.
fn run(folder: &Path, line: &str) -> (i32, String) {
    let output = sealmq().args(line.split(' ')).current_dir(folder).output().expect("sealmq runs");
    (output.status.code().expect("it was not killed"), text(&output))
}

#[test]
fn each_kind_of_problem_has_its_exit_code() {
    let guide = made();
    for (code, problem, line) in [
        (0, "OK", "server3.crt --CAfile root.crt"),
        (0, "OK", "server3.crt --cafile root.crt --purpose sslserver --verify_hostname broker.local"),
        (0, "OK", "server3.crt --CAfile root.crt --verify_ip 192.0.2.7 --key server3.key"),
        (0, "OK", "client3.crt --CAfile root.crt --crlfile empty.crl --crl_check_all"),
        (0, "OK", "client.crt --CAfile ca.crt"),
        (2, "cannot read", "nothing.crt --CAfile root.crt"),
        (2, "no certificate", "root.key --CAfile root.crt"),
        (2, "no moment", "server3.crt --CAfile root.crt --attime tomorrow"),
        (2, "no revocation list", "server3.crt --CAfile root.crt --crlfile root.key"),
        (
            10,
            "error 10 at 0 depth lookup: certificate has expired",
            "client3.crt --CAfile root.crt --attime 2099-01-01",
        ),
        (
            10,
            "error 9 at 0 depth lookup: certificate is not yet valid",
            "client3.crt --CAfile root.crt --attime 0",
        ),
        (11, "error 20 at 0 depth lookup: unable to get local issuer", "client3.crt --CAfile ca.crt"),
        (11, "error 18 at 0 depth lookup: self-signed certificate", "root.crt --CAfile ca.crt"),
        (
            12,
            "error 62 at 0 depth lookup: hostname mismatch",
            "server3.crt --CAfile root.crt --verify_hostname a.local",
        ),
        (
            12,
            "error 64 at 0 depth lookup: IP address mismatch",
            "server3.crt --CAfile root.crt --verify_ip 192.0.2.8",
        ),
        (13, "error 26 at 0 depth lookup", "server3.crt --CAfile root.crt --purpose sslclient"),
        (
            14,
            "error 23 at 0 depth lookup: certificate revoked",
            "client3.crt --CAfile root.crt --crlfile full.crl",
        ),
        (
            15,
            "error 3 at 0 depth lookup: unable to get certificate CRL",
            "client3.crt --CAfile root.crt --crl_check",
        ),
        (
            15,
            "error 12 at 0 depth lookup: CRL has expired",
            "server3.crt --CAfile root.crt --crlfile full.crl --attime WEEKS",
        ),
        (16, "error 68 at 0 depth lookup", "old.crt --CAfile root.crt"),
        (18, "key-mismatch", "server3.crt --CAfile root.crt --key client3.key"),
    ] {
        let in_two_weeks = in_days(14);
        let (exit, printed) =
            run(guide.folder(), &format!("cert verify {}", line.replace("WEEKS", &in_two_weeks)));
        assert_eq!(exit, code, "{line}: {printed}");
        assert!(printed.contains(problem), "{line}: {printed}");
        assert!(code == 0 || printed.contains("hint: "), "{line}: {printed}");
    }
}

/// Seconds since 1970, as `--attime` takes them.
fn in_days(days: u64) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    (now.as_secs() + days * 86_400).to_string()
}

#[test]
fn everything_that_is_wrong_is_told_and_the_gravest_makes_the_exit_code() {
    let guide = made();
    let line = "cert verify client3.crt --CAfile root.crt --crlfile full.crl --purpose sslserver --verify_hostname b --attime 2099-01-01 --json";
    let (exit, printed) = run(guide.folder(), line);
    let answer: serde_json::Value = serde_json::from_str(&printed).expect("one JSON object");
    assert_eq!((exit, &answer["exit_code"], &answer["good"]), (14, &14.into(), &false.into()));
    let codes: Vec<&str> = answer["problems"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|p| p["code"].as_str().expect("a code"))
        .collect();
    for code in ["revoked", "expired", "wrong-purpose", "hostname-mismatch"] {
        assert!(codes.contains(&code), "{code}: {codes:?}");
    }
    assert_eq!(answer["sealmq"][0]["accepts"], "no");
}

/// What SealMQ's own verifier says stands beside it, also where it differs.
#[test]
fn a_version_1_certificate_is_explained_with_what_the_broker_makes_of_it() {
    let guide = Guide::new();
    let (exit, printed) = run(guide.folder(), "cert verify client.crt --CAfile ca.crt --purpose sslclient");
    assert_eq!(exit, 0, "{printed}");
    let version1 = Command::new("openssl")
        .args(["x509", "-noout", "-text", "-in", "client.crt"])
        .current_dir(guide.folder())
        .output()
        .is_ok_and(|output| text(&output).contains("Version: 1 "));
    if version1 {
        assert!(printed.contains("accepted only where legacy_client_certs allows it"), "{printed}");
        assert!(printed.contains("version-1"), "{printed}");
    }
}

#[test]
fn show_reads_what_others_wrote_and_no_private_key() {
    let guide = made();
    guide.shell("cat client3.crt root.crt full.crl client3.csr client3.key > all.pem; openssl x509 -in root.crt -outform DER -out root.der");
    let (exit, printed) = run(guide.folder(), "cert show all.pem root.der");
    assert_eq!(exit, 0, "{printed}");
    for part in
        ["CN=client3,O=Checked", "1 certificates", "certificate request", "which is not shown", "root.der"]
    {
        assert!(printed.contains(part), "{part}: {printed}");
    }
    let fingerprint = Command::new("openssl")
        .args(["x509", "-noout", "-fingerprint", "-sha256", "-in", "client3.crt"])
        .current_dir(guide.folder())
        .output()
        .expect("openssl runs");
    let (_, fingerprint) = text(&fingerprint)
        .trim()
        .split_once('=')
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .expect("NAME=HEX");
    assert!(printed.contains(&fingerprint), "{fingerprint}: {printed}");

    let (exit, printed) = run(guide.folder(), "cert show --json all.pem");
    assert_eq!(exit, 0);
    let rows: serde_json::Value = serde_json::from_str(&printed).expect("one JSON array");
    let kinds: Vec<&str> =
        rows.as_array().expect("a list").iter().filter_map(|row| row["kind"].as_str()).collect();
    assert_eq!(kinds, ["certificate", "certificate", "crl", "request", "private-key"]);

    guide.shell("printf 'CN=x' > text; head -c 200 root.der > cut.der");
    for (file, part) in [("text", "no PEM block"), ("cut.der", "cut off"), ("missing", "cannot read")] {
        let (exit, printed) = run(guide.folder(), &format!("cert show root.crt {file}"));
        assert_eq!(exit, 2, "{file}: {printed}");
        assert!(
            printed.contains(part) && printed.contains("CN=root") && printed.contains("hint: "),
            "{printed}"
        );
    }
}

/// A stranger's subject cannot write on the terminal.
#[test]
fn control_characters_of_a_certificate_are_escaped() {
    let guide = Guide::new();
    guide.shell(
        "printf '[req]\\nprompt=no\\ndistinguished_name=dn\\nutf8=yes\\n[dn]\\nCN=a\\033[31mb\\n' > esc.conf
         openssl ecparam -name prime256v1 -genkey -noout -out esc.key
         openssl req -x509 -new -key esc.key -config esc.conf -days 2 -out esc.crt",
    );
    for line in ["cert show esc.crt", "cert show --json esc.crt", "cert verify esc.crt --CAfile ca.crt"] {
        let (_, printed) = run(guide.folder(), line);
        assert!(!printed.contains('\u{1b}') && printed.contains("1B"), "{line}: {printed:?}");
    }
}

#[test]
fn without_cafile_the_data_directory_answers_and_its_inventory_counts() {
    let home = Home::new();
    let broker = home.up();
    home.add_device("known", "--for files");
    home.add_device("lost", "--for files");
    let certificate = |name: &str| find(&home.folder().join(format!("{name}-files")), ".crt");
    let good = home.succeeds(&["cert", "verify", &certificate("known")]);
    assert!(good.contains("the inventory was asked") && good.contains("accepted"), "{good}");
    home.forget("lost");
    let lost = home.run(&["cert", "verify", &certificate("lost"), "--purpose", "sslclient"]);
    assert_eq!(lost.status.code(), Some(17), "{}", text(&lost));
    assert!(text(&lost).contains("SMQ-T033"), "{}", text(&lost));
    assert!(broker.stop().success());
    let again = home.succeeds(&["cert", "verify", &certificate("known")]);
    assert!(again.contains("the inventory was asked"), "without a broker: {again}");
    let absent = home.run(&["cert", "verify", &certificate("known"), "--data-dir", "nowhere"]);
    assert!(!absent.status.success() && text(&absent).contains("hint: "), "{}", text(&absent));

    let issuing = home.data().join("ca/issuing/issuing.crt");
    std::fs::remove_file(issuing).expect("the issuing CA's certificate");
    let unasked = home.run(&["cert", "verify", &certificate("lost")]);
    assert_eq!(unasked.status.code(), Some(2), "nobody can tell whom to ask about: {}", text(&unasked));
}

/// The device's certificate in a bundle.
fn find(folder: &Path, end: &str) -> String {
    let entries = std::fs::read_dir(folder).expect("the bundle").map(|entry| entry.expect("an entry").path());
    let mut files: Vec<String> = entries.map(|path| path.display().to_string()).collect();
    files.retain(|path| path.ends_with(end) && !path.ends_with("ca.crt"));
    files.pop().expect("a certificate is in the bundle")
}
