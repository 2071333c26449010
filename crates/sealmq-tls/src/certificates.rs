//! The certificates of one listener, and which of them a client gets.
//!
//! By the name that it asks for (SNI), and by the signatures that it can check: the same name may have an RSA and an
//! ECDSA certificate. An unknown name, or none, gets the listener's first certificate, as before there were several.
//!
//! Names are those of the certificate: its DNS names, or the common name where it has no SAN at all (RFC 6125 §6.4.4).
//! A wildcard is the whole leftmost label and stands for exactly one (§6.4.3).

use std::sync::Arc;

use rustls::SignatureScheme;
use rustls::sign::CertifiedKey;
use sealmq_pki::Facts;
use sealmq_pki::cert::AltName;

/// `certfile` first, then every `sni_certificate` in their order.
#[derive(Debug)]
pub(crate) struct Certificates(Vec<Named>);

#[derive(Debug)]
struct Named {
    names: Vec<Pattern>,
    certified: Arc<CertifiedKey>,
}

/// A name of a certificate, in lower case.
#[derive(Debug, PartialEq, Eq)]
enum Pattern {
    Exact(String),
    /// What stands behind the first label, with its dot.
    Wildcard(String),
}

/// How well a pattern fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    Wildcard,
    Exact,
}

impl Certificates {
    /// From each leaf and what is presented for it; the first is the one for everybody else.
    pub(crate) fn new<'a>(pairs: impl IntoIterator<Item = (&'a Facts, Arc<CertifiedKey>)>) -> Certificates {
        let named = |(leaf, certified)| Named { names: patterns(leaf), certified };
        Certificates(pairs.into_iter().map(named).collect())
    }

    /// The one for this name among those whose key the client can check; an exact name before a wildcard, an earlier
    /// certificate before a later one.
    pub(crate) fn choose(
        &self,
        asked: Option<&str>,
        schemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        let first = self.0.first()?;
        let asked = asked.map(|name| name.trim_end_matches('.').to_ascii_lowercase());
        let mut best: Option<(Fit, &Named)> = None;
        for named in self.0.iter().filter(|named| named.certified.key.choose_scheme(schemes).is_some()) {
            let fit = asked.as_deref().and_then(|name| named.fit(name));
            if let Some(fit) = fit
                && best.is_none_or(|(known, _)| fit > known)
            {
                best = Some((fit, named));
            }
        }
        Some(Arc::clone(&best.map_or(first, |(_, named)| named).certified))
    }

    /// How many certificates go out for who asks for no name.
    pub(crate) fn presented(&self) -> usize {
        self.0.first().map_or(0, |first| first.certified.cert.len())
    }
}

impl Named {
    fn fit(&self, name: &str) -> Option<Fit> {
        self.names.iter().filter_map(|pattern| pattern.fit(name)).max()
    }
}

impl Pattern {
    fn of(name: &str) -> Pattern {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        match name.strip_prefix('*') {
            Some(rest) if rest.len() > 1 && rest.starts_with('.') && !rest.contains('*') => {
                Pattern::Wildcard(rest.to_owned())
            }
            // `f*o.example` and the like match as what they are: nothing.
            _ => Pattern::Exact(name),
        }
    }

    fn fit(&self, name: &str) -> Option<Fit> {
        match self {
            Pattern::Exact(exact) => (exact == name).then_some(Fit::Exact),
            Pattern::Wildcard(behind) => {
                let label = name.strip_suffix(behind.as_str())?;
                (!label.is_empty() && !label.contains('.')).then_some(Fit::Wildcard)
            }
        }
    }
}

fn patterns(leaf: &Facts) -> Vec<Pattern> {
    if leaf.alt_names.is_empty() {
        return leaf.common_names().iter().map(|name| Pattern::of(name)).collect();
    }
    leaf.alt_names
        .iter()
        .filter_map(|name| match name {
            AltName::Dns(name) => Some(Pattern::of(name)),
            AltName::Ip(_) | AltName::Uri(_) | AltName::Email(_) | AltName::Other(_) => None,
        })
        .collect()
}

/// Whether anybody could be given this certificate for a name.
pub(crate) fn has_names(leaf: &Facts) -> bool {
    !patterns(leaf).is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_stands_for_exactly_one_label() {
        let fit = |pattern: &str, name: &str| Pattern::of(pattern).fit(name);
        assert_eq!(fit("*.example.com", "a.example.com"), Some(Fit::Wildcard));
        assert_eq!(fit("*.Example.COM", "a.example.com"), Some(Fit::Wildcard));
        for other in ["example.com", ".example.com", "a.b.example.com", "aexample.com", "a.example.org"] {
            assert_eq!(fit("*.example.com", other), None, "{other}");
        }
        for odd in ["*", "*.", "a*.example.com", "*.*.com", "b.*.com"] {
            assert_eq!(fit(odd, "ab.example.com"), None, "{odd}");
            assert_eq!(fit(odd, "a.com"), None, "{odd}");
        }
        assert_eq!(fit("MQTT.example.com.", "mqtt.example.com"), Some(Fit::Exact));
    }
}
