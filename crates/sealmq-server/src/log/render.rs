//! A line as text: mosquitto's human form or JSON. Pure but for the machine's time zone.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::fmt::strtime::{BrokenDownTime, Config};
use jiff::tz::TimeZone;

use super::Line;
use super::escape::push_clean;
use super::spec::{Format, Timestamp};

/// Appends one line in the wanted form; in the human form its hint comes as a second line.
pub(super) fn render(line: &Line, format: Format, timestamp: &Timestamp, out: &mut String) {
    match format {
        Format::Human => {
            let stamp = stamp(line.at, timestamp);
            push_human(&stamp, &line.text, out);
            if let Some(hint) = &line.hint {
                push_human(&stamp, &format!("hint: {hint}"), out);
            }
        }
        Format::Json => {
            out.push_str(&json(line).to_string());
            out.push('\n');
        }
    }
}

/// The same on one line without its end: a datagram of syslog, a message on a topic.
pub(super) fn render_single(line: &Line, format: Format, timestamp: &Timestamp) -> String {
    match format {
        Format::Json => json(line).to_string(),
        Format::Human => {
            let mut out = stamp(line.at, timestamp);
            push_clean(&line.text.replace('\n', " "), &mut out);
            if let Some(hint) = &line.hint {
                push_clean(&format!(" (hint: {})", hint.replace('\n', " ")), &mut out);
            }
            out
        }
    }
}

fn push_human(stamp: &str, text: &str, out: &mut String) {
    for part in text.lines() {
        out.push_str(stamp);
        push_clean(part, out);
        out.push('\n');
    }
}

fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    push_clean(text, &mut out);
    out
}

fn stamp(at: SystemTime, timestamp: &Timestamp) -> String {
    match timestamp {
        Timestamp::None => String::new(),
        Timestamp::Epoch => format!("{}: ", at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()),
        Timestamp::Strftime(format) => format!("{}: ", local(at, format)),
    }
}

/// `at` as strftime writes it in the machine's time zone; mosquitto's words where there is no such time.
pub(super) fn local(at: SystemTime, format: &str) -> String {
    let text = jiff::Timestamp::try_from(at).ok().and_then(|at| {
        let time = BrokenDownTime::from(&at.to_zoned(TimeZone::system()));
        time.to_string_with_config(&Config::new().lenient(true), format).ok()
    });
    text.filter(|text| !text.is_empty()).unwrap_or_else(|| "Time error".to_owned())
}

fn json(line: &Line) -> serde_json::Value {
    let row = line.event.row();
    let mut object = serde_json::Map::new();
    let time = jiff::Timestamp::try_from(line.at).unwrap_or_default();
    object.insert("time".into(), time.to_string().into());
    object.insert("level".into(), row.level.name().into());
    object.insert("event".into(), row.name.into());
    object.insert("code".into(), row.code.into());
    object.insert("message".into(), clean(&line.text).into());
    if let Some(hint) = &line.hint {
        object.insert("hint".into(), clean(hint).into());
    }
    for (name, value) in &line.fields {
        object.entry(*name).or_insert_with(|| value.clone());
    }
    serde_json::Value::Object(object)
}

#[cfg(test)]
mod tests {
    use super::super::Event;
    use super::*;
    use std::time::Duration;

    fn line() -> Line {
        let mut line =
            Line::new(Event::ClientConnected, "New client connected").hint("do this").field("client_id", "a");
        line.at = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        line
    }

    #[test]
    fn a_human_line_has_the_epoch_and_its_hint_below() {
        let mut out = String::new();
        render(&line(), Format::Human, &Timestamp::Epoch, &mut out);
        assert_eq!(out, "1700000000: New client connected\n1700000000: hint: do this\n");
    }

    #[test]
    fn on_one_line_the_hint_stands_in_brackets() {
        let text = render_single(&line(), Format::Human, &Timestamp::Epoch);
        assert_eq!(text, "1700000000: New client connected (hint: do this)");
    }

    #[test]
    fn a_json_line_has_code_and_fields() {
        let mut out = String::new();
        render(&line(), Format::Json, &Timestamp::Epoch, &mut out);
        let value: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(value["code"], "SMQ-C002");
        assert_eq!(value["client_id"], "a");
        assert_eq!(value["time"], "2023-11-14T22:13:20Z");
    }

    #[test]
    fn a_strftime_format_is_honoured_and_what_it_does_not_know_stands_as_it_is() {
        let stamped = |format: &str| {
            let mut out = String::new();
            render(&line(), Format::Human, &Timestamp::Strftime(format.into()), &mut out);
            out.lines().next().unwrap().to_owned()
        };
        // No time zone is 20 minutes off the hour at this moment: minutes and seconds are these everywhere.
        assert!(stamped("%Y-%m %M:%S").starts_with("2023-11 "), "{}", stamped("%Y-%m %M:%S"));
        assert!(stamped("[%S]").starts_with("[20]: New"), "{}", stamped("[%S]"));
        assert!(stamped("%Q%S").starts_with("%Q20: New") || stamped("%Q%S").contains("20: New"));
        assert!(stamped("%").contains(": New client connected"));
    }

    #[test]
    fn what_drives_a_terminal_is_shown_in_both_formats_even_if_the_writer_forgot() {
        // ESC, CSI as one character (C1), and a direction override: JSON by itself escapes only the first.
        let evil = "a\u{1b}[31m\u{9b}2J\u{202e}b\r";
        let line = Line::new(Event::ClientConnected, evil).hint(evil).field("client_id", evil);
        for format in [Format::Human, Format::Json] {
            let mut out = String::new();
            render(&line, format, &Timestamp::None, &mut out);
            out.push_str(&render_single(&line, format, &Timestamp::None));
            let shown = |c: char| c == '\n' || !(c.is_control() || c == '\u{202e}');
            assert!(out.chars().all(shown), "{out:?}");
            assert!(out.contains("[31m"), "{out:?}");
        }
        let mut out = String::new();
        render(&line, Format::Json, &Timestamp::None, &mut out);
        assert_eq!(out.matches("\\\\u{9b}").count(), 3, "{out:?}");
    }

    #[test]
    fn a_field_of_a_peer_is_bounded() {
        let line = Line::new(Event::ClientConnected, "x").field("client_id", "y".repeat(65_535));
        let mut out = String::new();
        render(&line, Format::Json, &Timestamp::None, &mut out);
        assert!(out.len() < 1_000, "{}", out.len());
    }

    #[test]
    fn a_text_with_line_breaks_stays_stamped_on_each_line() {
        let mut out = String::new();
        push_human("9: ", "a\nb", &mut out);
        assert_eq!(out, "9: a\n9: b\n");
    }
}
