//! The fuzz targets' bodies over their corpora and over any bytes, on stable.

use std::path::Path;

use proptest::prelude::*;
use sealmq_auth::fuzzing;

fn corpus(target: &str, body: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(!files.is_empty(), "{}", folder.display());
    for file in files {
        body(&std::fs::read(file).unwrap());
    }
}

#[test]
fn the_corpora_hold() {
    corpus("scram", fuzzing::scram);
    corpus("jwt", fuzzing::jwt);
    corpus("jwt_keys", fuzzing::jwt_keys);
}

proptest! {
    #[test]
    fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        fuzzing::scram(&bytes);
        fuzzing::jwt(&bytes);
        fuzzing::jwt_keys(&bytes);
    }

    #[test]
    fn any_text_of_the_right_letters_is_read(text in "(n|y|p=x),,?[nrsicpm=,a-zA-Z0-9+/]{0,80}\n?[nrsicpm=,a-zA-Z0-9+/]{0,80}") {
        fuzzing::scram(text.as_bytes());
    }
}
