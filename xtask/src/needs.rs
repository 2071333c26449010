//! What the tests use that is not Rust: Debian packages, PyPI packages, npm packages.
//!
//! Installed where this user may (root on a machine with apt-get); otherwise what is missing is named, and the
//! tests that need it fail with its name, because a skipped check is no check.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

/// Debian package, and a file or program that shows it is there.
const DEBIAN: &[(&str, &str)] = &[
    ("mosquitto", "/usr/sbin/mosquitto"),
    ("mosquitto-clients", "/usr/bin/mosquitto_pub"),
    ("openssl", "/usr/bin/openssl"),
    ("gnutls-bin", "/usr/bin/certtool"),
    ("libmbedtls-dev", "/usr/include/mbedtls/ssl.h"),
    ("curl", "/usr/bin/curl"),
    ("haproxy", "/usr/sbin/haproxy"),
    ("gcc", "/usr/bin/gcc"),
    ("g++", "/usr/bin/g++"),
    ("python3-venv", "/usr/lib/python3/dist-packages"),
    ("nodejs", "/usr/bin/node"),
    ("npm", "/usr/bin/npm"),
];

/// PyPI packages with the versions the tests were written against.
const PYPI: &[&str] = &["paho-mqtt==2.1.0", "pkilint==0.13.3", "cryptography-vectors==50.0.2"];

/// npm packages, likewise.
const NPM: &[&str] = &["mqtt@5.16.0"];

/// Installs what is missing, or fails with the commands that would.
pub(crate) fn install() -> Result<()> {
    debian()?;
    pypi()?;
    npm()
}

/// The folder of the virtual environment that holds the PyPI packages.
pub(crate) fn venv() -> PathBuf {
    crate::root().join("target").join("ci-venv")
}

/// The folder in which Node.js finds the npm packages.
pub(crate) fn node_modules() -> PathBuf {
    npm_folder().join("node_modules")
}

fn npm_folder() -> PathBuf {
    crate::root().join("target").join("ci-npm")
}

fn debian() -> Result<()> {
    let missing: Vec<&str> = DEBIAN
        .iter()
        .filter(|(_, witness)| !PathBuf::from(witness).exists())
        .map(|(name, _)| *name)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    println!("needs: Debian packages missing: {}", missing.join(" "));
    let apt =
        Command::new("apt-get").arg("--version").stdout(Stdio::null()).status().is_ok_and(|s| s.success());
    if !apt || !is_root() {
        bail!("install them first: sudo apt-get install {}", missing.join(" "));
    }
    run(Command::new("apt-get").args(["update", "-qq"]))?;
    run(Command::new("apt-get")
        .env("DEBIAN_FRONTEND", "noninteractive")
        .args(["install", "-y", "-qq", "--no-install-recommends"])
        .args(&missing))
}

fn pypi() -> Result<()> {
    let python = venv().join("bin").join("python3");
    if !python.exists() {
        run(Command::new("python3").args(["-m", "venv"]).arg(venv()))?;
    }
    let marker = venv().join("installed.txt");
    let wanted = PYPI.join("\n");
    if std::fs::read_to_string(&marker).is_ok_and(|have| have == wanted) {
        return Ok(());
    }
    run(Command::new(python).args(["-m", "pip", "install", "-q", "--disable-pip-version-check"]).args(PYPI))?;
    std::fs::write(&marker, wanted).with_context(|| format!("write {}", marker.display()))
}

fn npm() -> Result<()> {
    let marker = node_modules().join("installed.txt");
    let wanted = NPM.join("\n");
    if std::fs::read_to_string(&marker).is_ok_and(|have| have == wanted) {
        return Ok(());
    }
    std::fs::create_dir_all(npm_folder()).context("make the folder of the npm packages")?;
    run(Command::new("npm")
        .args(["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--no-save", "--prefix"])
        .arg(npm_folder())
        .args(NPM))?;
    std::fs::write(&marker, wanted).with_context(|| format!("write {}", marker.display()))
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|out| out.stdout.trim_ascii() == b"0")
}

fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("start {command:?}"))?;
    if !status.success() {
        bail!("{command:?} ended with {status}");
    }
    Ok(())
}
