//! `docs/reference/conformance.md`: every normative statement of MQTT 3.1.1 and 5.0, the code that keeps it and the test
//! that shows it, from the citations `[MQTT-3.3.1-8]` (5.0) and `[MQTT311-3.3.1-12]` (3.1.1) in the sources.
//!
//! The statements are in `xtask/statements/`, in our own words; their numbers are those of the OASIS standards. A
//! statement without code or without a test needs a reason in `reasons.tsv`. What is cited and does not exist is a fault.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::{root, tidy};

/// Where the page is.
const PAGE: &str = "docs/reference/conformance.md";

/// A standard: its name, how it is cited, and its file of statements.
struct Standard {
    name: &'static str,
    cited: &'static str,
    file: &'static str,
}

const STANDARDS: [Standard; 2] = [
    Standard { name: "MQTT 5.0", cited: "MQTT-", file: "mqtt5.tsv" },
    Standard { name: "MQTT 3.1.1", cited: "MQTT311-", file: "mqtt311.tsv" },
];

/// Where a statement is cited.
#[derive(Debug, Default, PartialEq, Eq)]
struct Places {
    /// Files, relative to the root.
    code: Vec<String>,
    /// `crate::module::function`.
    tests: Vec<String>,
}

/// Whether a line belongs to a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Code,
    Test,
}

/// Writes the page anew.
pub(crate) fn write() -> Result<()> {
    let page = Page::build()?;
    fs::write(root().join(PAGE), &page.text).with_context(|| format!("write {PAGE}"))?;
    page.faults()
}

/// Whether the page is what the sources say, and nothing is left open.
pub(crate) fn check() -> Result<()> {
    let page = Page::build()?;
    page.faults()?;
    let written = fs::read_to_string(root().join(PAGE)).with_context(|| format!("read {PAGE}"))?;
    if written != page.text {
        bail!("{PAGE} is not what the citations say: run `cargo xtask conformance`");
    }
    Ok(())
}

struct Page {
    text: String,
    faults: Vec<String>,
}

impl Page {
    fn build() -> Result<Page> {
        let mut cited = citations()?;
        let reasons = reasons()?;
        let mut page = Page { text: HEAD.to_owned(), faults: Vec::new() };
        for standard in &STANDARDS {
            page.add(standard, &mut cited, &reasons)?;
        }
        page.faults.extend(
            cited.keys().map(|citation| format!("[{citation}] is cited and is no normative statement")),
        );
        Ok(page)
    }

    fn faults(&self) -> Result<()> {
        if self.faults.is_empty() {
            return Ok(());
        }
        bail!("{} faults:\n  {}", self.faults.len(), self.faults.join("\n  "));
    }

    fn add(
        &mut self,
        standard: &Standard,
        cited: &mut BTreeMap<String, Places>,
        reasons: &BTreeMap<String, String>,
    ) -> Result<()> {
        let _ = write!(
            self.text,
            "\n## {}\n\n| statement | for | says | kept in | shown by |\n|---|---|---|---|---|\n",
            standard.name
        );
        for line in table(standard.file)?.lines() {
            let [id, whom, says] = columns(line, standard.file)?;
            let citation = format!("{}{id}", standard.cited);
            let places = cited.remove(&citation).unwrap_or_default();
            let reason = reasons.get(&citation);
            let open = places.code.is_empty() || places.tests.is_empty();
            match (open, reason) {
                (true, None) => self.faults.push(format!(
                    "[{citation}] ({whom}: {says}) has {} and no reason",
                    match (places.code.is_empty(), places.tests.is_empty()) {
                        (true, true) => "neither code nor test",
                        (true, false) => "no code",
                        (false, _) => "no test",
                    }
                )),
                (false, Some(_)) => {
                    self.faults.push(format!("[{citation}] has code and test, its reason is stale"));
                }
                (true, Some(_)) | (false, None) => {}
            }
            let tests = match reason {
                Some(reason) if places.tests.is_empty() => reason.clone(),
                Some(reason) => format!("{}; {reason}", listed(&places.tests)),
                None => listed(&places.tests),
            };
            let _ =
                writeln!(self.text, "| {citation} | {whom} | {says} | {} | {tests} |", listed(&places.code));
        }
        Ok(())
    }
}

fn listed(places: &[String]) -> String {
    places.iter().map(|place| format!("`{place}`")).collect::<Vec<_>>().join(", ")
}

fn table(file: &str) -> Result<String> {
    let path = root().join("xtask/statements").join(file);
    fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))
}

fn columns<'a, const N: usize>(line: &'a str, file: &str) -> Result<[&'a str; N]> {
    let columns: Vec<&str> = line.split('\t').collect();
    columns.try_into().map_err(|_| anyhow::anyhow!("{file}: not {N} columns: {line}"))
}

/// Citation to reason.
fn reasons() -> Result<BTreeMap<String, String>> {
    let mut reasons = BTreeMap::new();
    for line in table("reasons.tsv")?.lines() {
        let [citation, reason] = columns(line, "reasons.tsv")?;
        reasons.insert(citation.to_owned(), reason.to_owned());
    }
    Ok(reasons)
}

/// Every citation of the sources.
fn citations() -> Result<BTreeMap<String, Places>> {
    let mut cited: BTreeMap<String, Places> = BTreeMap::new();
    for file in tidy::tracked_files()? {
        let is_source = file.extension().is_some_and(|extension| extension == "rs");
        if !is_source || file.starts_with("xtask") {
            continue;
        }
        let text =
            fs::read_to_string(root().join(&file)).with_context(|| format!("read {}", file.display()))?;
        scan(&file, &text, &mut cited);
    }
    for places in cited.values_mut() {
        for list in [&mut places.code, &mut places.tests] {
            list.sort();
            list.dedup();
        }
    }
    Ok(cited)
}

fn scan(file: &Path, text: &str, cited: &mut BTreeMap<String, Places>) {
    let lines: Vec<&str> = text.lines().collect();
    let mut part = if file.iter().any(|folder| folder == "tests") { Part::Test } else { Part::Code };
    for (number, line) in lines.iter().enumerate() {
        if line.trim() == "#[cfg(test)]" {
            part = Part::Test;
        }
        for citation in cited_in(line) {
            let places = cited.entry(citation.to_owned()).or_default();
            match part {
                Part::Code => places.code.push(file.display().to_string()),
                Part::Test => places.tests.push(test_name(file, &lines, number)),
            }
        }
    }
}

/// `MQTT-3.3.1-8` from `… [MQTT-3.3.1-8] …`.
fn cited_in(line: &str) -> impl Iterator<Item = &str> {
    line.split('[').skip(1).filter_map(|rest| rest.split_once(']')).map(|(inside, _)| inside).filter(
        |inside| {
            STANDARDS.iter().any(|standard| {
                inside
                    .strip_prefix(standard.cited)
                    .is_some_and(|id| id.starts_with(|c: char| c.is_ascii_digit()))
            })
        },
    )
}

/// The function that a line stands in or above, with its file: `crates/x/tests/it/acl.rs::a_denied_topic_is_granted`.
fn test_name(file: &Path, lines: &[&str], number: usize) -> String {
    let is_prelude = |line: &&&str| {
        let line = line.trim();
        line.starts_with("//") || line.starts_with("#[") || line.is_empty()
    };
    let above = lines[number..].iter().take_while(is_prelude).count();
    let next = lines.get(number + above).filter(|_| above > 0).and_then(|line| function(line));
    let name = next.or_else(|| lines[..number].iter().rev().find_map(|line| function(line)));
    let file = file.display().to_string();
    let short =
        file.strip_prefix("crates/").unwrap_or(&file).replace("/tests/it/", "/").replace("/src/", "/");
    let short = short.strip_suffix(".rs").unwrap_or(&short).replace('/', "::");
    match name {
        Some(name) => format!("{short}::{name}"),
        None => short,
    }
}

fn function(line: &str) -> Option<&str> {
    let (before, behind) = line.split_once("fn ")?;
    let is_signature = before
        .split_whitespace()
        .all(|word| matches!(word, "pub" | "pub(crate)" | "pub(super)" | "async" | "const"));
    is_signature.then(|| behind.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or(behind))
}

const HEAD: &str = "# Conformance

Generated by `cargo xtask conformance` from the citations in the sources; do not edit. Every normative statement of the two
standards, in our own words under the standard's number, with the files that keep it and the tests that show it. Where one
of the two is missing, the last column says why.
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn citations_are_of_the_two_standards_only() {
        let line = "/// [MQTT-3.3.1-8] [MQTT311-3.3.1-12] [`Limits`] [MQTT-x] [RFC 1] a[0]";
        assert_eq!(cited_in(line).collect::<Vec<_>>(), ["MQTT-3.3.1-8", "MQTT311-3.3.1-12"]);
    }

    #[test]
    fn a_citation_in_a_test_names_its_function() {
        let text = "/// [MQTT-1.5.4-1]\n#[test]\nfn above() {\n    // [MQTT-1.5.4-2]\n    let x = 1;\n}\n";
        let mut cited = BTreeMap::new();
        scan(Path::new("crates/a/tests/it/b.rs"), text, &mut cited);
        scan(
            Path::new("crates/a/src/c.rs"),
            "// [MQTT-1.5.4-1]\n#[cfg(test)]\nmod tests {\n fn t() {\n // [MQTT-1.5.4-2]\n",
            &mut cited,
        );
        assert_eq!(cited["MQTT-1.5.4-1"].tests, ["a::b::above"]);
        assert_eq!(cited["MQTT-1.5.4-1"].code, ["crates/a/src/c.rs"]);
        assert_eq!(cited["MQTT-1.5.4-2"].tests, ["a::b::above", "a::c::t"]);
    }
}
