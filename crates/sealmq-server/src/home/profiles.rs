//! `profiles.toml` of the data directory: read when something is signed, so that a change counts at once.
//!
//! No file: the defaults. A file that cannot be honoured whole: nothing is signed.

use sealmq_pki::Profiles;

use super::error::HomeError;
use super::{Home, files};

impl Home {
    /// The profiles that count now.
    pub fn profiles(&self) -> Result<Profiles, HomeError> {
        let path = self.place().profiles();
        let Some(bytes) = files::read(&path)? else { return Ok(Profiles::default()) };
        let text = String::from_utf8(bytes)
            .map_err(|_| HomeError::Corrupt { path: path.clone(), text: "it is not text".to_owned() })?;
        Profiles::parse(&text).map_err(|error| {
            let place = path.display();
            let lines: Vec<String> = error
                .0
                .iter()
                .map(|problem| format!("{place}:{}: {} ({})", problem.line, problem.what, problem.hint))
                .collect();
            HomeError::Refused {
                what: lines.join("\n"),
                hint: "mend the file or remove it; until then no certificate is signed, and nothing else changes"
                    .to_owned(),
            }
        })
    }
}
