//! What a token whose signature is good says, and whether that is for us, now.

use serde_json::{Map, Value};

use super::{KeyMark, LEEWAY_SECS, TokenError, Verified};

/// Bytes of a user name from a token.
const USERNAME_BYTES_MAX: usize = 1_024;

/// What the configuration demands of every token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// `jwt_issuer`: the only `iss` that counts.
    pub issuer: Option<String>,
    /// `jwt_audience`: must be, or be among, `aud`. Without it a token must not have one.
    pub audience: Option<String>,
    /// `jwt_username_claim`: the claim that names the user.
    pub username_claim: String,
    /// `jwt_acl_claim`: the claim that narrows the access list.
    pub acl_claim: String,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules { issuer: None, audience: None, username_claim: "sub".to_owned(), acl_claim: "acl".to_owned() }
    }
}

/// The topics that a token is meant for: filters. What is not there is not meant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TopicClaims {
    /// Where it publishes.
    pub publish: Vec<String>,
    /// What it reads.
    pub subscribe: Vec<String>,
}

impl Rules {
    pub(super) fn judge(
        &self,
        claims: &Map<String, Value>,
        key: KeyMark,
        now_secs: i64,
    ) -> Result<Verified, TokenError> {
        let expires_at_secs = number(claims, "exp")?.ok_or_else(|| TokenError::Claim("exp".to_owned()))?;
        if expires_at_secs <= now_secs {
            return Err(TokenError::Expired);
        }
        for claim in ["nbf", "iat"] {
            if number(claims, claim)?.is_some_and(|begins| begins > now_secs.saturating_add(LEEWAY_SECS)) {
                return Err(TokenError::NotYet);
            }
        }
        if let Some(issuer) = &self.issuer
            && claims.get("iss").and_then(Value::as_str) != Some(issuer)
        {
            return Err(TokenError::Issuer);
        }
        self.judge_audience(claims.get("aud"))?;
        Ok(Verified { username: self.username(claims)?, expires_at_secs, key, topics: self.topics(claims)? })
    }

    /// RFC 7519 §4.1.3: who does not find itself in `aud` must refuse.
    fn judge_audience(&self, claim: Option<&Value>) -> Result<(), TokenError> {
        let ours = |value: &Value| self.audience.as_deref().is_some_and(|own| value.as_str() == Some(own));
        let good = match claim {
            None => self.audience.is_none(),
            Some(Value::Array(values)) => values.iter().any(ours),
            Some(value) => ours(value),
        };
        if good { Ok(()) } else { Err(TokenError::Audience) }
    }

    /// `+` and `#` would widen patterns of the access list, `/` would reach other levels of it.
    fn username(&self, claims: &Map<String, Value>) -> Result<String, TokenError> {
        let name = claims.get(&self.username_claim).and_then(Value::as_str);
        let name = name.ok_or_else(|| TokenError::Claim(self.username_claim.clone()))?;
        let forbidden = |c: char| c.is_control() || matches!(c, '+' | '#' | '/');
        if name.is_empty() || name.len() > USERNAME_BYTES_MAX || name.contains(forbidden) {
            return Err(TokenError::Username);
        }
        Ok(name.to_owned())
    }

    /// `{"pub": [filters], "sub": [filters]}`. Anything else in it is a mistake that would widen it unseen: refused.
    fn topics(&self, claims: &Map<String, Value>) -> Result<Option<TopicClaims>, TokenError> {
        let Some(claim) = claims.get(&self.acl_claim) else { return Ok(None) };
        let unusable = || TokenError::Claim(self.acl_claim.clone());
        let mut topics = TopicClaims::default();
        for (name, list) in claim.as_object().ok_or_else(unusable)? {
            let into = match name.as_str() {
                "pub" => &mut topics.publish,
                "sub" => &mut topics.subscribe,
                _ => return Err(unusable()),
            };
            for filter in list.as_array().ok_or_else(unusable)? {
                into.push(filter.as_str().ok_or_else(unusable)?.to_owned());
            }
        }
        Ok(Some(topics))
    }
}

/// A NumericDate (RFC 7519 §2), fractions cut off. A date that is no number is an error, not an absence.
fn number(claims: &Map<String, Value>, claim: &str) -> Result<Option<i64>, TokenError> {
    let Some(value) = claims.get(claim) else { return Ok(None) };
    let whole = value.as_i64().or_else(|| {
        // Saturates: a date beyond all dates is in the future.
        #[allow(clippy::cast_possible_truncation, reason = "saturates, which is meant")]
        value.as_f64().map(|seconds| seconds as i64)
    });
    whole.map(Some).ok_or_else(|| TokenError::Claim(claim.to_owned()))
}
