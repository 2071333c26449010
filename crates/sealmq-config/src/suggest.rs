//! "Did you mean": the known key that is nearest to an unknown one.

use crate::options::OPTIONS;

/// Longer words are no typing errors, and are not compared.
const WORD_BYTES_MAX: usize = 48;

/// The nearest key or alias, if it is near: at most a third of the letters differ.
pub(crate) fn nearest(word: &str) -> Option<&'static str> {
    if word.len() > WORD_BYTES_MAX {
        return None;
    }
    let word = word.to_ascii_lowercase();
    let keys = OPTIONS.iter().flat_map(|row| std::iter::once(&row.key).chain(row.aliases));
    let (distance, key) = keys.map(|key| (distance(&word, key), *key)).min()?;
    (distance <= (key.len() / 3).clamp(1, 4)).then_some(key)
}

/// Levenshtein distance in bytes, with a swap of neighbours as one step.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut before: Vec<usize> = vec![0; b.len() + 1];
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let change = above[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = change.min(above[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_errors_find_their_key() {
        assert_eq!(nearest("allow_anonymus"), Some("allow_anonymous"));
        assert_eq!(nearest("Certfile"), Some("certfile"));
        assert_eq!(nearest("requier_certificate"), Some("require_certificate"));
        assert_eq!(nearest("prot"), Some("port"));
    }

    #[test]
    fn another_word_finds_nothing() {
        assert_eq!(nearest("unknown_option"), None);
        assert_eq!(nearest(&"a".repeat(100)), None);
    }
}
