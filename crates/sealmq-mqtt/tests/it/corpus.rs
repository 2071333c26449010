//! The fuzz targets' bodies over their corpora: what a fuzzer once found stays found, on stable too.

use sealmq_mqtt::{Version, fuzzing};
use std::{fs, path::Path};

fn run(target: &str, at_least: usize, body: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut count = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        body(&fs::read(entry.unwrap().path()).unwrap());
        count += 1;
    }
    assert!(count >= at_least, "{count} files in {}", folder.display());
}

#[test]
fn decode_v311_holds_on_its_corpus() {
    run("decode_v311", 20, |bytes| fuzzing::packets(bytes, Version::V311));
}

#[test]
fn decode_v5_holds_on_its_corpus() {
    run("decode_v5", 25, |bytes| fuzzing::packets(bytes, Version::V5));
}

#[test]
fn decode_connect_holds_on_its_corpus() {
    run("decode_connect", 15, fuzzing::connect);
}

#[test]
fn websocket_frames_hold_on_their_corpus() {
    run("websocket_frames", 10, fuzzing::websocket_frames);
}

#[test]
fn topic_holds_on_its_corpus() {
    run("topic", 10, fuzzing::topic);
}
