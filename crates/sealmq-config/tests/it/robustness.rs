//! Any bytes are read in bounded time, and nothing panics.

use crate::every_key::whole_table;
use crate::reading::{read, source};
use crate::the_guide::GUIDE;
use proptest::prelude::*;
use sealmq_config::{Arguments, NoLoader, fuzzing, parse};

/// Words that reach every branch more often than chance would.
fn line() -> impl Strategy<Value = String> {
    let keys: Vec<&str> = sealmq_config::OPTIONS.iter().map(|row| row.key).collect();
    let values = prop::sample::select(vec![
        "true",
        "false",
        "1",
        "0",
        "-1",
        "65536",
        "tlsv1.2 tlsv1.3",
        "a # b",
        "\"",
        "\"\"",
        "a out 3",
        "%u",
        "mqtt",
        "0 /x",
        "1883 ::1",
        "9223372036854775807",
        "-9223372036854775808",
        "0x",
        "é",
        "14d",
        "b:1 c",
        ",",
        "x mosquitto_acl_file.so",
        "/mosquitto_password_file.so",
    ]);
    let suffix = prop::sample::select(vec!["", "", "acl_file", "password_file", "x"]);
    (prop::sample::select(keys), suffix, values).prop_map(|(key, suffix, value)| match key.ends_with('_') {
        true => format!("{key}{suffix} {value}"),
        false => format!("{key} {value}"),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        fuzzing::config(&bytes);
        fuzzing::passwords(&bytes);
        fuzzing::scram_file(&bytes);
        fuzzing::acl_file(&bytes);
    }

    #[test]
    fn any_lines_of_known_keys_are_read(lines in prop::collection::vec(line(), 0..30)) {
        fuzzing::config(lines.join("\n").as_bytes());
    }

    #[test]
    fn the_guide_with_any_bytes_changed_is_read(at in 0..GUIDE.len(), new in any::<u8>(), cut in 0..GUIDE.len()) {
        let mut bytes = GUIDE.as_bytes().to_vec();
        bytes[at] = new;
        fuzzing::config(&bytes);
        fuzzing::config(&bytes[..cut]);
    }
}

#[test]
fn the_whole_table_in_one_file_is_read() {
    fuzzing::config(whole_table().as_bytes());
}

#[test]
fn a_line_of_ten_megabytes_is_one_error() {
    let bytes = [b"password_file ".to_vec(), vec![b'x'; 10_000_000], b"\nlistener 1883\n".to_vec()].concat();
    let parsed = read(bytes);
    assert_eq!(parsed.diagnostics.iter().filter(|finding| finding.is_error()).count(), 1);
    assert_eq!(parsed.diagnostics[0].text, "Error: Line longer than 70000 bytes in configuration.");
}

#[test]
fn a_file_of_nonsense_ends_after_a_bounded_number_of_findings() {
    let parsed = read("lisener 1\n".repeat(200_000));
    assert!(parsed.diagnostics.len() < 300, "{}", parsed.diagnostics.len());
    assert!(parsed.diagnostics.last().unwrap().text.contains("More than 200 findings"));
}

#[test]
fn a_file_too_large_to_be_one_is_not_read() {
    let parsed = read(vec![b'#'; 17 * 1024 * 1024]);
    assert!(parsed.config.is_none());
    assert!(parsed.diagnostics[0].text.contains("more than 16777216"));
}

#[test]
fn many_good_lines_take_time_in_proportion() {
    // Each of these once invited a loop over what came before it.
    for line in [
        "port 1883\n",
        "log_type error\n",
        "log_dest stderr\n",
        "password_file a\n",
        "allow_anonymous true\n",
    ] {
        let text = line.repeat(100_000);
        let parsed = parse(Some(&source(text)), &Arguments::default(), &NoLoader);
        assert!(parsed.config.is_some(), "{line}: {:?}", parsed.diagnostics.first());
    }
    let listeners = read("listener 1\n".repeat(100_000));
    assert!(listeners.diagnostics.iter().any(|finding| finding.text.contains("More than 1000 listeners")));
}

#[test]
fn the_corpus_of_the_fuzz_targets_is_read() {
    let corpus = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    type Target = fn(&[u8]);
    let targets = [
        ("config", fuzzing::config as Target),
        ("passwords", fuzzing::passwords as Target),
        ("acl_file", fuzzing::acl_file as Target),
        ("scram_file", fuzzing::scram_file as Target),
    ];
    for (name, target) in targets {
        let files: Vec<_> =
            std::fs::read_dir(corpus.join(name)).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(!files.is_empty(), "{name}");
        for file in files {
            target(&std::fs::read(file).unwrap());
        }
    }
}
