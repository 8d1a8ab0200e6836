//! The secret that sealing keys are derived from, at rest: one text, or a JSON object of two while one takes the place of the
//! other.
//!
//! A key is rotated in three steps, and whoever read the secret one step ago can still open whatever is sealed now: first the
//! new key is announced, and only opens; then it seals, and the old one only opens; when nothing is left that the old one sealed,
//! it goes.

use domain::Secret;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::sealing::{SealError, SealingKeys};

/// What the secret holds.
#[derive(Debug)]
pub struct SealingSecret {
    /// The keys.
    pub keys: SealingKeys,
    /// How far a rotation is; `None`: none is under way.
    pub rotation: Option<Rotation>,
}

/// A rotation that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// How far it is.
    pub stage: RotationStage,
    /// Since when.
    pub since: Timestamp,
}

/// How far a rotation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RotationStage {
    /// The new key only opens, until everybody knows it.
    Announced,
    /// The new key seals; the old one opens what it sealed.
    Replaced,
}

/// Not `Debug`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    current: String,
    other: String,
    stage: RotationStage,
    since: Timestamp,
}

impl SealingSecret {
    /// Reads the secret, without a piece of it in the error.
    pub fn parse(secret: Secret) -> Result<Self, SealError> {
        // A key by itself is a random text without punctuation (infra/template.yaml). The local engine leaves some in, so one
        // brace alone does not make it a JSON object.
        if !secret.expose().starts_with("{\"") {
            return Ok(Self { keys: SealingKeys { current: secret, other: None }, rotation: None });
        }
        let document: Document = serde_json::from_str(secret.expose()).map_err(|_| SealError::SecretMalformed)?;
        let keys = SealingKeys { current: Secret::new(document.current), other: Some(Secret::new(document.other)) };
        Ok(Self { keys, rotation: Some(Rotation { stage: document.stage, since: document.since }) })
    }

    /// As it is kept.
    #[must_use]
    pub fn text(&self) -> Secret {
        let expose = |secret: &Secret| secret.expose().to_owned();
        let (Some(Rotation { stage, since }), Some(other)) = (self.rotation, &self.keys.other) else {
            return Secret::new(expose(&self.keys.current));
        };
        let document = Document { current: expose(&self.keys.current), other: expose(other), stage, since };
        // Plain texts always serialise.
        Secret::new(serde_json::to_string(&document).unwrap_or_default())
    }

    /// The first step: `new_key` is announced.
    #[must_use]
    pub fn announce(self, new_key: Secret, now: Timestamp) -> Self {
        let rotation = Some(Rotation { stage: RotationStage::Announced, since: now });
        Self { keys: SealingKeys { other: Some(new_key), ..self.keys }, rotation }
    }

    /// The second step: the announced key seals.
    #[must_use]
    pub fn replace(self, now: Timestamp) -> Self {
        let SealingKeys { current, other } = self.keys;
        let Some(announced) = other else {
            return Self { keys: SealingKeys { current, other: None }, rotation: None };
        };
        let rotation = Some(Rotation { stage: RotationStage::Replaced, since: now });
        Self { keys: SealingKeys { current: announced, other: Some(current) }, rotation }
    }

    /// The last step: the old key goes.
    #[must_use]
    pub fn finish(self) -> Self {
        Self { keys: SealingKeys { current: self.keys.current, other: None }, rotation: None }
    }
}
