//! House rules that a compiler does not know: the arrows between crates, documented dependencies, one TLS and one
//! DER family, and what a source file looks like.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::root;

/// Who may depend on whom. A new arrow is an architecture change and is argued in ARCHITECTURE.md.
const ARROWS: &[(&str, &[&str])] = &[
    ("sealmq-mqtt", &[]),
    ("sealmq-broker", &["sealmq-mqtt"]),
    ("sealmq-pki", &[]),
    ("sealmq-tls", &["sealmq-pki"]),
    ("sealmq-auth", &["sealmq-pki"]),
    ("sealmq-bridge", &["sealmq-mqtt"]),
    (
        "sealmq-config",
        &["sealmq-mqtt", "sealmq-broker", "sealmq-bridge", "sealmq-tls", "sealmq-pki", "sealmq-auth"],
    ),
    ("sealmq-client", &["sealmq-mqtt", "sealmq-tls", "sealmq-auth"]),
    ("sealmq-device", &["sealmq-pki"]),
    (
        "sealmq-server",
        &[
            "sealmq-mqtt",
            "sealmq-broker",
            "sealmq-bridge",
            "sealmq-tls",
            "sealmq-pki",
            "sealmq-auth",
            "sealmq-config",
            "sealmq-client",
        ],
    ),
    (
        "sealmq",
        &[
            "sealmq-mqtt",
            "sealmq-broker",
            "sealmq-pki",
            "sealmq-tls",
            "sealmq-auth",
            "sealmq-config",
            "sealmq-client",
            "sealmq-device",
            "sealmq-server",
        ],
    ),
    ("xtask", &[]),
];

/// A source file longer than this is split. Most stay under 400.
const FILE_LINES_MAX: usize = 700;
const ARCHITECTURE_LINES_MAX: usize = 300;

/// Runs every rule and reports all that fail.
pub(crate) fn run() -> Result<()> {
    let metadata = metadata()?;
    let mut faults = Vec::new();
    arrows(&metadata, &mut faults)?;
    documented_dependencies(&metadata, &mut faults)?;
    one_family(&mut faults)?;
    for file in tracked_files()? {
        source_file(&file, &mut faults)?;
    }
    named_tests(&tracked_files()?, &mut faults)?;
    lines_at_most("ARCHITECTURE.md", ARCHITECTURE_LINES_MAX, &mut faults)?;
    if faults.is_empty() {
        return Ok(());
    }
    bail!("{} faults:\n  {}", faults.len(), faults.join("\n  "));
}

fn arrows(metadata: &Value, faults: &mut Vec<String>) -> Result<()> {
    for package in packages(metadata)? {
        let name = text(package, "name");
        let Some((_, allowed)) = ARROWS.iter().find(|(known, _)| *known == name) else {
            faults.push(format!("crate {name} is not in the arrow table of xtask/src/tidy.rs"));
            continue;
        };
        for dependency in dependencies(package) {
            if text(dependency, "kind") == "dev" || !text(dependency, "name").starts_with("sealmq") {
                continue;
            }
            let target = text(dependency, "name");
            if !allowed.contains(&target) {
                faults.push(format!("{name} -> {target} is not an arrow of the architecture"));
            }
        }
    }
    Ok(())
}

fn documented_dependencies(metadata: &Value, faults: &mut Vec<String>) -> Result<()> {
    let page =
        std::fs::read_to_string(root().join("docs/dependencies.md")).context("read docs/dependencies.md")?;
    for package in packages(metadata)? {
        for dependency in dependencies(package) {
            let name = text(dependency, "name");
            if !name.starts_with("sealmq") && !page.contains(&format!("`{name}`")) {
                faults.push(format!(
                    "docs/dependencies.md has no line for `{name}` ({})",
                    text(package, "name")
                ));
            }
        }
    }
    Ok(())
}

/// One cryptographic backend and one DER family: two of either would double the code that guards everything.
fn one_family(faults: &mut Vec<String>) -> Result<()> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--workspace", "--edges", "normal", "--prefix", "none", "--locked"])
        .current_dir(root())
        .output()
        .context("start cargo tree")?;
    if !output.status.success() {
        bail!("cargo tree: {}", String::from_utf8_lossy(&output.stderr));
    }
    let tree = String::from_utf8_lossy(&output.stdout);
    for unwanted in ["ring v", "der v0.7", "openssl-sys v", "native-tls v"] {
        if tree.lines().any(|line| line.starts_with(unwanted)) {
            faults.push(format!("the shipped binary would contain '{unwanted}…': see cargo tree -i"));
        }
    }
    Ok(())
}

fn source_file(path: &Path, faults: &mut Vec<String>) -> Result<()> {
    let is_rust = path.extension().is_some_and(|extension| extension == "rs");
    if !is_rust {
        return Ok(());
    }
    let shown = path.display();
    let source = std::fs::read_to_string(root().join(path)).with_context(|| format!("read {shown}"))?;
    if source.lines().count() > FILE_LINES_MAX {
        faults.push(format!("{shown}: more than {FILE_LINES_MAX} lines; split it"));
    }
    if !source.starts_with("//!") && !path.starts_with("fuzz") {
        faults.push(format!("{shown}: does not begin with a //! that says what it is"));
    }
    for (number, line) in source.lines().enumerate() {
        for unwanted in UNWANTED {
            if line.contains(&unwanted.concat()) {
                faults.push(format!("{shown}:{}: {}", number + 1, unwanted.concat()));
            }
        }
    }
    Ok(())
}

/// Pages that name tests as proof: a name without its test would prove nothing.
const PAGES_NAMING_TESTS: &[&str] = &["SECURITY.md", "docs/internals/fail-open.md"];

/// Every `crate::module::test` of those pages exists in that crate.
fn named_tests(files: &[PathBuf], faults: &mut Vec<String>) -> Result<()> {
    for page in PAGES_NAMING_TESTS {
        let text = std::fs::read_to_string(root().join(page)).with_context(|| format!("read {page}"))?;
        for name in text.split('`').filter(|name| names_a_test(name)) {
            if !is_there(name, files)? {
                faults.push(format!("{page}: there is no test {name}"));
            }
        }
    }
    Ok(())
}

fn names_a_test(quoted: &str) -> bool {
    (quoted.starts_with("sealmq") || quoted.starts_with("e2e::"))
        && quoted.contains("::")
        && !quoted.contains(char::is_whitespace)
}

fn is_there(name: &str, files: &[PathBuf]) -> Result<bool> {
    let (owner, _) = name.split_once("::").unwrap_or((name, ""));
    let folder = if owner == "e2e" { "tests/e2e".to_owned() } else { format!("crates/{owner}") };
    let function = format!("fn {}(", name.rsplit("::").next().unwrap_or_default());
    for file in files.iter().filter(|file| file.starts_with(&folder)) {
        let is_rust = file.extension().is_some_and(|extension| extension == "rs");
        if is_rust && std::fs::read_to_string(root().join(file))?.contains(&function) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Marks of unfinished work and of one machine's paths, in two halves so that this table does not find itself.
const UNWANTED: &[[&str; 2]] =
    &[["TO", "DO"], ["FIX", "ME"], ["to", "do!("], ["unimple", "mented!("], ["/wo", "rk/"], ["#[ig", "nore"]];

fn lines_at_most(file: &str, most: usize, faults: &mut Vec<String>) -> Result<()> {
    let text = std::fs::read_to_string(root().join(file)).with_context(|| format!("read {file}"))?;
    if text.lines().count() > most {
        faults.push(format!("{file}: more than {most} lines"));
    }
    Ok(())
}

fn metadata() -> Result<Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--locked"])
        .current_dir(root())
        .output()
        .context("start cargo metadata")?;
    if !output.status.success() {
        bail!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn packages(metadata: &Value) -> Result<&Vec<Value>> {
    metadata["packages"].as_array().context("cargo metadata has no packages")
}

fn dependencies(package: &Value) -> impl Iterator<Item = &Value> {
    package["dependencies"].as_array().into_iter().flatten()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

pub(crate) fn tracked_files() -> Result<Vec<PathBuf>> {
    let output = Command::new("git").args(["ls-files"]).current_dir(root()).output().context("start git")?;
    let files: Vec<PathBuf> = String::from_utf8(output.stdout)?
        .lines()
        .map(PathBuf::from)
        .filter(|file| root().join(file).exists())
        .collect();
    if files.is_empty() {
        bail!("git lists no files: run this inside a checkout");
    }
    Ok(files)
}
