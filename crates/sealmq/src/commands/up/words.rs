//! What `up` prints when it is ready: where it listens, what ends when, and what to type next, working as printed.

use std::path::{Path, PathBuf};

use sealmq_config::Config;
use sealmq_pki::{Facts, Timestamp, pem};
use sealmq_server::home::{
    Chosen, Home, HomeError, OWN_BRANCH_RULE, Origin, Place, Report, RootKey, Surroundings, files,
    tls_port_of,
};

use super::firewall;

/// Everything to print, collected before the data directory goes to the control thread.
pub(super) struct Announcement {
    lines: Vec<String>,
}

impl Announcement {
    pub(super) fn new(
        home: &Home,
        report: &Report,
        config: &Config,
        around: &Surroundings,
    ) -> Result<Self, HomeError> {
        let now = home.judge_at(around);
        let port = tls_port_of(config).unwrap_or_default();
        let mut lines = vec!["SealMQ is ready.".to_owned(), String::new()];
        lines.push(format!("  listens on   port {port}, all addresses, mutual TLS; reached as:"));
        lines.extend(reached_as(home, port)?);
        lines.push(format!("  data         {}", home.place().folder().display()));
        lines.extend(ends(home, report, now)?);
        lines.extend(firewall::command(port).map(|line| format!("  firewall     {line}")));
        lines.push(String::new());
        lines.extend(next_commands(home.place(), port));
        if report.ca == Origin::New {
            lines.push(String::new());
            lines.extend(how_to_restrict(home.place()));
        }
        if report.root_key == RootKey::Here {
            lines.push(String::new());
            lines.push(root_line(home.place()));
        }
        Ok(Self { lines })
    }

    pub(super) fn print(&self) {
        for line in &self.lines {
            println!("{line}");
        }
    }
}

fn reached_as(home: &Home, port: u16) -> Result<Vec<String>, HomeError> {
    let facts = home.server_facts()?;
    let mut names: Vec<String> = facts.alt_names.iter().filter_map(shown).collect();
    names.dedup();
    Ok(names.iter().map(|name| format!("               {name}:{port}")).collect())
}

/// Addresses stand as DNS names too, for mbedTLS; once is enough for a person.
fn shown(name: &sealmq_pki::AltName) -> Option<String> {
    use sealmq_pki::AltName;
    match name {
        AltName::Dns(text) if text.parse::<std::net::IpAddr>().is_err() => Some(text.clone()),
        AltName::Ip(std::net::IpAddr::V6(ip)) => Some(format!("[{ip}]")),
        AltName::Ip(std::net::IpAddr::V4(ip)) => Some(ip.to_string()),
        AltName::Dns(_) | AltName::Uri(_) | AltName::Email(_) | AltName::Other(_) => None,
    }
}

fn ends(home: &Home, report: &Report, now: Timestamp) -> Result<Vec<String>, HomeError> {
    let when = |not_after: Timestamp| {
        format!("{} ({})", not_after.date(), sealmq_pki::time::ends_in(not_after, now))
    };
    let renews = "renewed by the broker itself";
    let mut lines = vec![
        format!("  certificates server    until {}, {renews}", when(report.server.not_after())),
        format!("               operator  until {}, {renews}", when(report.operator.not_after())),
        format!("               issuing   until {}", when(home.issuing().facts().not_after)),
    ];
    if let Some(root) = root_end(home.place())? {
        lines.push(format!("               root      until {}", when(root)));
    }
    Ok(lines)
}

fn root_end(place: &Place) -> Result<Option<Timestamp>, HomeError> {
    let text = files::read(&place.ca().anchors())?.unwrap_or_default();
    let blocks = pem::of_label(&text, "CERTIFICATE").unwrap_or_default();
    Ok(blocks.iter().filter_map(|der| Facts::parse(der).ok()).map(|facts| facts.not_after).min())
}

fn next_commands(place: &Place, port: u16) -> Vec<String> {
    let sealmq = quoted(&own_path());
    let data = data_dir_flag(place);
    let file = |path: PathBuf| quoted(&path);
    vec![
        "In another terminal:".to_owned(),
        format!("  {sealmq} sub{data} -t 'test/#' -v"),
        format!("  {sealmq} pub{data} -t test/topic -m 'Hello TLS!'"),
        format!("  {sealmq} device add client1 --for files{data}"),
        "or, with mosquitto's client:".to_owned(),
        format!(
            "  mosquitto_pub -h localhost -p {port} --cafile {} --cert {} --key {} -t test/topic -m 'Hello TLS!'",
            file(place.ca().anchors()),
            file(place.operator().certificate()),
            file(place.operator().key()),
        ),
    ]
}

fn data_dir_flag(place: &Place) -> String {
    match place.chosen() {
        Chosen::ByDefault => String::new(),
        Chosen::ByFlag | Chosen::ByEnvironment => format!(" --data-dir {}", quoted(place.folder())),
    }
}

fn how_to_restrict(place: &Place) -> Vec<String> {
    vec![
        "Every certificate of this CA may publish and subscribe to every application topic. To give each device its own".to_owned(),
        format!("branch only, put the line `{OWN_BRANCH_RULE}` in place of `pattern readwrite #` in {}.", place.acl().display()),
    ]
}

fn root_line(place: &Place) -> String {
    format!(
        "The root's key still lies here and the broker does not need it. Move it to a stick that you lock away:\n  {} ca offline{} DIR",
        quoted(&own_path()),
        data_dir_flag(place),
    )
}

/// How this program was called, so that it works again from any folder. A bare name was found in PATH.
fn own_path() -> PathBuf {
    std::env::args_os().next().map_or_else(|| PathBuf::from("sealmq"), |typed| from_any_folder(typed.into()))
}

fn from_any_folder(typed: PathBuf) -> PathBuf {
    if typed.components().count() == 1 {
        return typed;
    }
    std::path::absolute(&typed).unwrap_or(typed)
}

/// As a shell wants it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@,=".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_was_called_by_a_relative_path_is_found_from_any_folder() {
        let here = std::env::current_dir().unwrap();
        assert_eq!(from_any_folder("target/release/sealmq".into()), here.join("target/release/sealmq"));
        assert_eq!(from_any_folder("/usr/bin/sealmq".into()), Path::new("/usr/bin/sealmq"));
        assert_eq!(from_any_folder("sealmq".into()), Path::new("sealmq"));
    }

    #[test]
    fn a_path_is_quoted_where_a_shell_would_split_it() {
        assert_eq!(quoted(Path::new("target/release/sealmq")), "target/release/sealmq");
        assert_eq!(quoted(Path::new("/home/a b/x")), "'/home/a b/x'");
        assert_eq!(quoted(Path::new("it's")), "'it'\\''s'");
    }
}
