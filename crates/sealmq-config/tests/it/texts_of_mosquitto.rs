//! Our errors beside those that mosquitto 2.1.2 gave for the same configurations, which `texts_of_mosquitto.txt` records:
//! text, line and exit code.

use crate::reading::read;

const RECORDED: &str = include_str!("texts_of_mosquitto.txt");

struct Case {
    exit: u8,
    line: u32,
    text: String,
    configuration: String,
}

/// With its line ends and tabs.
fn written(text: &str) -> String {
    text.replace("\\n", "\n").replace("\\t", "\t").replace("\\\\", "\\")
}

fn cases() -> Vec<Case> {
    let case = |recorded: &'static str| {
        let (said, configuration) = recorded.rsplit_once(" <= ").unwrap();
        let mut words = said.splitn(3, ' ');
        Case {
            exit: words.next().unwrap().parse().unwrap(),
            line: words.next().unwrap().parse().unwrap(),
            text: written(words.next().unwrap()),
            configuration: written(configuration),
        }
    };
    RECORDED.lines().filter(|line| !line.starts_with('#')).map(case).collect()
}

#[test]
fn what_mosquitto_refuses_is_refused_in_its_words_at_its_line() {
    let cases = cases();
    assert!(cases.len() > 700, "the record is whole");
    let mut failures = Vec::new();
    for Case { exit, line, text, configuration } in cases {
        let parsed = read(&configuration);
        let said = |finding: &sealmq_config::Diagnostic| {
            let at = finding.place.as_ref().map_or(0, |place| place.line);
            // Line 0: mosquitto found it at the end and named none; a line is more.
            finding.is_error() && finding.text == text && (line == 0 || at == line)
        };
        let found = parsed.diagnostics.iter().find(|finding| said(finding));
        if parsed.config.is_some() || found.is_none_or(|finding| finding.exit.code() != exit) {
            failures.push(format!("{configuration:?}: {text} at {line} is not in {:?}", parsed.diagnostics));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
