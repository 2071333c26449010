//! Bytes to lines of `key value`, as mosquitto splits them.
//!
//! A line ends with LF or CR LF. `#` in front makes a comment. The key ends at the first blank; the rest of the line is
//! the value, and what a value is depends on its key: for most the first word (so a comment may follow it), for file
//! names and other texts all of it.
//!
//! More generous than mosquitto, never less: blanks may stand before a comment, and a tab is a blank.
//!
//! Invariants: linear in the input; a line longer than [`LINE_BYTES_MAX`] or with broken UTF-8 is an error of that line,
//! and the next one is read as usual.

/// The longest line that is looked at. mosquitto bounds texts to 65,535 bytes.
pub(crate) const LINE_BYTES_MAX: usize = 70_000;

/// One line that is neither empty nor a comment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// From 1.
    pub(crate) number: u32,
    /// The first word.
    pub(crate) key: &'a str,
    /// The rest, without blanks around it.
    pub(crate) rest: &'a str,
}

/// A line that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadLine {
    /// From 1.
    pub(crate) number: u32,
    /// What is wrong with it.
    pub(crate) why: BadText,
}

/// Why a line cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadText {
    /// Not UTF-8, or with control characters.
    Malformed,
    /// Longer than [`LINE_BYTES_MAX`].
    TooLong,
}

/// The lines of a file.
pub(crate) fn lines(bytes: &[u8]) -> impl Iterator<Item = Result<Line<'_>, BadLine>> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    bytes.split(|&byte| byte == b'\n').zip(1u32..).filter_map(|(raw, number)| line(raw, number).transpose())
}

fn line(raw: &[u8], number: u32) -> Result<Option<Line<'_>>, BadLine> {
    let bad = |why| BadLine { number, why };
    if raw.first() == Some(&b'#') {
        return Ok(None);
    }
    if raw.len() > LINE_BYTES_MAX {
        return Err(bad(BadText::TooLong));
    }
    let text = std::str::from_utf8(raw).map_err(|_| bad(BadText::Malformed))?;
    let text = text.trim_end_matches('\r').trim_matches(blank);
    if text.is_empty() || text.starts_with('#') {
        return Ok(None);
    }
    if text.chars().any(|c| c.is_control() && c != '\t') {
        return Err(bad(BadText::Malformed));
    }
    let (key, rest) = text.split_once(blank).unwrap_or((text, ""));
    Ok(Some(Line { number, key, rest: rest.trim_start_matches(blank) }))
}

/// What separates words.
pub(crate) fn blank(c: char) -> bool {
    c == ' ' || c == '\t'
}

/// The words of a value, up to a comment.
pub(crate) fn words(rest: &str) -> impl Iterator<Item = &str> {
    rest.split(blank).filter(|word| !word.is_empty()).take_while(|word| !word.starts_with('#'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(u32, &str, &str)> {
        lines(text.as_bytes())
            .map(|line| line.unwrap())
            .map(|line| (line.number, line.key, line.rest))
            .collect()
    }

    #[test]
    fn a_line_is_a_key_and_the_rest() {
        assert_eq!(
            read("# c\n\nlistener 1883 127.0.0.1 # x\r\n   user  a b  \n"),
            [(3, "listener", "1883 127.0.0.1 # x"), (4, "user", "a b"),]
        );
    }

    #[test]
    fn blanks_before_a_comment_and_tabs_are_taken() {
        assert_eq!(read("  # c\n\tport\t1883\n"), [(2, "port", "1883")]);
    }

    #[test]
    fn a_key_without_a_value_has_an_empty_rest() {
        assert_eq!(read("user\nuser \nuser  \r\n"), [(1, "user", ""), (2, "user", ""), (3, "user", "")]);
    }

    #[test]
    fn a_broken_line_does_not_hide_the_next_one() {
        let long = [b"x ".to_vec(), vec![b'a'; LINE_BYTES_MAX]].concat();
        let text = [b"a \xff\n".to_vec(), b"b \x01\n".to_vec(), long, b"\nuser x\n".to_vec()].concat();
        let read: Vec<_> = lines(&text).collect();
        assert_eq!(
            read,
            [
                Err(BadLine { number: 1, why: BadText::Malformed }),
                Err(BadLine { number: 2, why: BadText::Malformed }),
                Err(BadLine { number: 3, why: BadText::TooLong }),
                Ok(Line { number: 4, key: "user", rest: "x" }),
            ]
        );
    }
}
