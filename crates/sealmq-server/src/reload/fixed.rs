//! What a reload cannot change while the process runs, and what it does about a file that asks for it.
//!
//! Each key has its reason. One that restricts who may come in, and cannot be put in force, refuses the whole reload: it
//! would look done and not be. One that does not is named in the log with both values, and the rest is taken.

use sealmq_config::Config;

use crate::log::{Event, Line};
use crate::plan::{self, StartError};

/// What becomes of a reload that finds the key changed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    /// The rest is taken, and the log says that this one waits.
    Waits,
    /// Nothing is taken.
    Refuses,
}

struct Fixed {
    key: &'static str,
    /// Its value as a file would have it; empty: not there.
    value: fn(&Config) -> String,
    then: Then,
}

/// The keys that are read once. Listeners are not among them: they are opened, closed and moved (`listening.rs`).
const FIXED: &[Fixed] = &[
    // Root was left; the process can neither return nor become somebody else.
    Fixed { key: "user", value: |config| config.global.user.clone().unwrap_or_default(), then: Then::Waits },
    // Written before root was left, into a folder that may be root's.
    Fixed {
        key: "pid_file",
        value: |config| config.global.pid_file.as_ref().map(|file| file.written.clone()).unwrap_or_default(),
        then: Then::Waits,
    },
    // Opened before root was left; certificates say where it is.
    Fixed {
        key: "pki_listener",
        value: |config| config.global.pki.as_ref().map(|pki| plan::name(&pki.bind)).unwrap_or_default(),
        then: Then::Waits,
    },
    Fixed {
        key: "pki_url",
        value: |config| {
            let url = config.global.pki.as_ref().and_then(|pki| pki.url.as_ref());
            url.map(ToString::to_string).unwrap_or_default()
        },
        then: Then::Waits,
    },
    // Its inventory says which certificates count.
    Fixed {
        key: "data_dir",
        value: |config| {
            config.global.data_dir.as_ref().map(|dir| dir.path.display().to_string()).unwrap_or_default()
        },
        then: Then::Refuses,
    },
];

/// A key that was changed and waits for a restart.
pub(super) struct NeedsRestart {
    key: &'static str,
    now: String,
    next: String,
}

impl NeedsRestart {
    pub(super) fn line(&self) -> Line {
        let NeedsRestart { key, now, next } = self;
        let text = format!(
            "{key} was {} and is {} in the file now: that needs a restart; it stays as it was.",
            shown(now),
            shown(next)
        );
        Line::new(Event::ReloadWaits, text)
            .hint("systemctl restart, or stop and start the broker, when it suits")
            .field("key", *key)
            .field("now", now.as_str())
            .field("next", next.as_str())
    }
}

fn shown(value: &str) -> String {
    if value.is_empty() { "not set".to_owned() } else { format!("'{value}'") }
}

/// What has changed and waits for a restart.
///
/// # Errors
/// What has changed and must not wait.
pub(super) fn compare(now: &Config, next: &Config) -> Result<Vec<NeedsRestart>, StartError> {
    let mut waiting = Vec::new();
    for fixed in FIXED {
        let (before, after) = ((fixed.value)(now), (fixed.value)(next));
        if before == after {
            continue;
        }
        let difference = NeedsRestart { key: fixed.key, now: before, next: after };
        match fixed.then {
            Then::Waits => waiting.push(difference),
            Then::Refuses => return Err(refused(&difference)),
        }
    }
    Ok(waiting)
}

fn refused(difference: &NeedsRestart) -> StartError {
    let NeedsRestart { key, now, next } = difference;
    let text = format!(
        "Error: {key} was {} and is {} in the file now, which only a restart can put in force.",
        shown(now),
        shown(next)
    );
    StartError::new(text, 1)
        .hint(format!("restart the broker, or take {key} back; the rest of the file is taken then"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sealmq_config::options::{OPTIONS, Reload, Support};
    use sealmq_config::{Arguments, NoLoader, SourceFile};

    fn config(text: &str) -> Config {
        let file = SourceFile { path: "m.conf".into(), bytes: text.as_bytes().to_vec() };
        sealmq_config::parse(Some(&file), &Arguments::default(), &NoLoader).config.unwrap()
    }

    /// What the listeners' sockets are made of: a change closes one and opens another.
    const SOCKETS: &[&str] = &[
        "listener",
        "port",
        "bind_address",
        "bind_interface",
        "socket_domain",
        "protocol",
        "enable_proxy_protocol",
        "proxy_protocol_v2_require_tls",
        "proxy_protocol_from",
        "insecure_proxy_from_anyone",
    ];

    #[test]
    fn every_key_that_a_reload_does_not_take_is_known_here() {
        for row in OPTIONS.iter().filter(|row| row.reload == Reload::No && row.support == Support::Honoured) {
            let known = FIXED.iter().any(|fixed| fixed.key == row.key) || SOCKETS.contains(&row.key);
            assert!(known, "{}: what does a reload do about it? Say so in FIXED, or take it", row.key);
        }
    }

    #[test]
    fn a_change_that_waits_names_key_and_both_values() {
        let waiting = compare(&config("user anna\n"), &config("user berta\npid_file p\n")).ok().unwrap();
        let texts: Vec<String> = waiting.iter().map(|difference| difference.line().text).collect();
        assert!(texts[0].contains("user was 'anna' and is 'berta'"), "{texts:?}");
        assert!(texts[1].contains("pid_file was not set and is 'p'"), "{texts:?}");
        assert!(compare(&config("user anna\n"), &config("user anna\n")).is_ok_and(|none| none.is_empty()));
    }

    #[test]
    fn what_restricts_and_cannot_be_put_in_force_refuses() {
        let open = config("listener 1883\n");
        let error = compare(&open, &config("listener 1883\ndata_dir /d\n")).err().unwrap();
        assert!(error.text.contains("data_dir was not set and is '/d'") && error.hint.is_some(), "{error}");
    }
}
