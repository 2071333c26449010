//! Bytes to lines of `key value`, as mosquitto splits them.
//!
//! A line ends with LF or CR LF. `#` in front makes a comment. The key ends at the first blank; the rest of the line is
//! the value, and what a value is depends on its key: for most the first word (so a comment may follow it), for file
//! names and other texts all of it.
//!
//! What is between a key and its value is a space, as in mosquitto: a tab, a byte order mark or an indented `#` becomes
//! part of the key, which is then unknown, and the finding says so.
//!
//! Invariants: linear in the input; a line longer than [`LINE_BYTES_MAX`] or with broken UTF-8 is an error of that line,
//! and the next one is read as usual. In a comment behind a value any byte may stand.

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
    /// Whether `rest` is all that stands there.
    pub(crate) tail: Tail,
}

/// What follows the text of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tail {
    /// The end of the line.
    Nothing,
    /// Bytes that are no text, behind a ` #`: no matter where that begins a comment.
    Bytes,
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
    let text = text_of(raw);
    let tail = match text.len() == raw.len() {
        true => Tail::Nothing,
        false if text.contains(" #") => Tail::Bytes,
        false => return Err(bad(BadText::Malformed)),
    };
    let text = text.trim_end_matches('\r').trim_matches(blank);
    if text.is_empty() {
        return Ok(None);
    }
    let (key, rest) = text.split_once(blank).unwrap_or((text, ""));
    Ok(Some(Line { number, key, rest: rest.trim_start_matches(blank), tail }))
}

/// As much of a line as is text: UTF-8 without control characters, but for a tab and the CR of a line's end.
fn text_of(raw: &[u8]) -> &str {
    let valid = raw.utf8_chunks().next().map_or("", |chunk| chunk.valid());
    let line = valid.trim_end_matches('\r');
    match line.find(|c: char| c.is_control() && c != '\t') {
        Some(at) => &valid[..at],
        None => valid,
    }
}

/// What separates words.
pub(crate) fn blank(c: char) -> bool {
    c == ' '
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
    fn only_a_space_separates_and_a_comment_begins_its_line() {
        assert_eq!(
            read("  # c\n\tport\t1883\nport\t1883 \n"),
            [(1, "#", "c"), (2, "\tport\t1883", ""), (3, "port\t1883", "")]
        );
    }

    #[test]
    fn in_a_comment_behind_a_value_any_byte_may_stand() {
        let found: Vec<_> = lines(b"port 1883 # gr\xf6\xdfe\r\nport \xf6 # c\n").collect();
        assert_eq!(
            found,
            [
                Ok(Line { number: 1, key: "port", rest: "1883 # gr", tail: Tail::Bytes }),
                Err(BadLine { number: 2, why: BadText::Malformed }),
            ]
        );
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
                Ok(Line { number: 4, key: "user", rest: "x", tail: Tail::Nothing }),
            ]
        );
    }
}
