//! The consumer's secret (contract: Stack): one reader for every function, for `courier keys` and for the doctor, so that what
//! one of them takes all of them take, and what is wrong is told in the same words.

use std::fmt;

use domain::{Secret, parse_unique};
use serde::Serialize;
use serde_json::{Map, Value, error::Category};
use signing::{DiffieHellmanParameters, SignatureKey, SigningError, default_realm};

use crate::api::Api;
use crate::consumer::Consumer;
use crate::words::ConsumerIdentity;

const CONSUMER_KEY: &str = "consumer_key";
const SIGNATURE: &str = "private_signature_pem";
const ENCRYPTION: &str = "private_encryption_pem";
const DHPARAM: &str = "dhparam_pem";
const REALM: &str = "realm";
/// Longest name that a fault repeats, characters: a longer one may be a key in the wrong place.
const NAME_CHARACTERS_MAX: usize = 40;

/// The consumer's secret as it stands, as far as it can be read.
#[derive(Debug, Default)]
pub struct ConsumerSecret {
    /// The consumer key; empty if there is none.
    pub consumer_key: String,
    /// The realm, where the secret names one; else it is chosen by the key.
    pub realm: Option<String>,
    /// The key that signs.
    pub signature_pem: Option<Secret>,
    /// The key that opens access token secrets. It may stand in a secret of its own.
    pub encryption_pem: Option<Secret>,
    /// Prime and generator.
    pub dhparam_pem: Option<Secret>,
    faults: Vec<ConsumerSecretFault>,
}

/// What is wrong with the secret, and what to do. It names fields, and never shows what stands in them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConsumerSecretFault {
    /// Nobody has filled it.
    #[error("it is empty: `courier keys generate` fills it")]
    Empty,
    /// The text is no JSON.
    #[error("it is no JSON: {0}")]
    NotJson(String),
    /// The text is JSON, and no object.
    #[error("it is JSON and no object, but {0}")]
    NotObject(&'static str),
    /// One name stands twice, so nobody knows which value was meant.
    #[error("the name {0} stands twice in it; leave one")]
    NameTwice(String),
    /// A field that must be there is not, or has nothing in it.
    #[error("{field} {how}; `courier keys generate` writes it")]
    Missing {
        /// The field.
        field: &'static str,
        /// Missing, null or empty.
        how: &'static str,
    },
    /// A field is no text.
    #[error("{field} is {kind}, and must be one text")]
    NotText {
        /// The field.
        field: &'static str,
        /// What it is.
        kind: &'static str,
    },
    /// A name that does not belong here.
    #[error("{name} is no field of it{hint}")]
    Unknown {
        /// The name.
        name: String,
        /// What was meant, or where it belongs.
        hint: &'static str,
    },
    /// IBKR has given no consumer key yet, or nobody has written it down.
    #[error(
        "consumer_key is empty: IBKR gives it once it has the public files; then write it down, in a stack by `courier keys consumer KEY`"
    )]
    NoConsumerKey,
    /// The consumer key cannot stand in a header.
    #[error(
        "consumer_key {0}; it is nine upper-case letters and nothing else; in a stack `courier keys consumer KEY` writes it"
    )]
    ConsumerKey(String),
    /// The realm is there, and empty.
    #[error("realm is empty; take it out, and it is chosen by the consumer key")]
    RealmEmpty,
    /// The realm cannot stand in a header.
    #[error("realm {0}; take it out, and it is chosen by the consumer key")]
    Realm(String),
}

impl ConsumerSecretFault {
    /// Whether it is about the consumer key: `courier keys consumer` mends it.
    #[must_use]
    pub fn is_of_consumer_key(&self) -> bool {
        matches!(self, Self::NoConsumerKey | Self::ConsumerKey(_))
            || matches!(self, Self::NotText { field, .. } if *field == CONSUMER_KEY)
    }

    /// Whether it is about the realm: `courier keys consumer` mends it.
    #[must_use]
    pub fn is_of_realm(&self) -> bool {
        matches!(self, Self::RealmEmpty | Self::Realm(_))
            || matches!(self, Self::NotText { field, .. } if *field == REALM)
    }
}

/// Everything that keeps a secret from being used, in one sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerSecretUnusable(Vec<String>);

impl fmt::Display for ConsumerSecretUnusable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.join(". "))
    }
}

impl std::error::Error for ConsumerSecretUnusable {}

#[derive(Serialize)]
struct Document<'s> {
    consumer_key: &'s str,
    private_signature_pem: &'s str,
    #[serde(skip_serializing_if = "Option::is_none")]
    private_encryption_pem: Option<&'s str>,
    dhparam_pem: &'s str,
    #[serde(skip_serializing_if = "Option::is_none")]
    realm: Option<&'s str>,
}

impl ConsumerSecret {
    /// Reads the secret's text. A byte order mark, white space around key and realm, JSON within a JSON text, and optional
    /// fields that are null are tolerated, and an encryption key that is empty is one that was left out. All else is a fault.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let mut secret = Self::default();
        match object(text, &mut secret.faults) {
            Some(object) => secret.take(object),
            None => secret.faults.truncate(1),
        }
        secret
    }

    /// Everything that is wrong with it, its keys apart.
    #[must_use]
    pub fn faults(&self) -> &[ConsumerSecretFault] {
        &self.faults
    }

    /// Whether nobody has filled it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.faults == [ConsumerSecretFault::Empty]
    }

    /// The fault of a secret that must hold the encryption key, and does not.
    #[must_use]
    pub fn encryption_key_missing(&self) -> Option<ConsumerSecretFault> {
        let is_object = !self.faults.iter().any(|fault| {
            matches!(
                fault,
                ConsumerSecretFault::Empty | ConsumerSecretFault::NotJson(_) | ConsumerSecretFault::NotObject(_)
            ) || matches!(fault, ConsumerSecretFault::NotText { field, .. } if *field == ENCRYPTION)
        });
        let missing = ConsumerSecretFault::Missing { field: ENCRYPTION, how: "is missing" };
        (is_object && self.encryption_pem.is_none()).then_some(missing)
    }

    /// The consumer, with the key that signs.
    ///
    /// # Errors
    /// Everything that is wrong, with the secret and with these keys.
    pub fn consumer(&self, api: Api) -> Result<Consumer, ConsumerSecretUnusable> {
        let mut problems: Vec<String> = self.faults.iter().map(ToString::to_string).collect();
        let mut told = |error: SigningError| problems.push(error.to_string());
        let signature = self.signature_pem.as_ref().map(|pem| SignatureKey::from_pem(pem.expose()).map_err(&mut told));
        let group =
            self.dhparam_pem.as_ref().map(|pem| DiffieHellmanParameters::from_pem(pem.expose()).map_err(&mut told));
        let identity = ConsumerIdentity::new(&self.consumer_key, self.realm.as_deref());
        match (problems.is_empty(), identity, signature, group) {
            (true, Ok(identity), Some(Ok(signature)), Some(Ok(group))) => {
                Ok(Consumer::new(api, identity, signature, group))
            }
            _ => Err(ConsumerSecretUnusable(problems)),
        }
    }

    /// Names the consumer anew, and forgets what was wrong with its name before.
    ///
    /// # Errors
    /// The fault of a key or a realm that cannot stand in a header; nothing is changed then.
    pub fn name_consumer(&mut self, key: &str, realm: Option<&str>) -> Result<(), ConsumerSecretFault> {
        let mut named = Self::default();
        named.take_consumer_key(key);
        if let Some(realm) = realm {
            named.take_realm(realm);
        }
        if let Some(fault) = named.faults.pop() {
            return Err(fault);
        }
        self.faults.retain(|fault| !fault.is_of_consumer_key() && !fault.is_of_realm());
        self.consumer_key = named.consumer_key;
        self.realm = named.realm;
        Ok(())
    }

    /// The realm that is sent.
    #[must_use]
    pub fn realm(&self) -> &str {
        self.realm.as_deref().unwrap_or_else(|| default_realm(&self.consumer_key))
    }

    /// The text of the secret, to be kept; with the encryption key, or without.
    #[must_use]
    pub fn text(&self, with_encryption_key: bool) -> Secret {
        let document = Document {
            consumer_key: &self.consumer_key,
            private_signature_pem: self.signature_pem.as_ref().map_or("", Secret::expose),
            private_encryption_pem: self.encryption_pem.as_ref().map(Secret::expose).filter(|_| with_encryption_key),
            dhparam_pem: self.dhparam_pem.as_ref().map_or("", Secret::expose),
            realm: self.realm.as_deref(),
        };
        // Plain texts always serialise.
        Secret::new(serde_json::to_string(&document).unwrap_or_default())
    }

    fn take(&mut self, mut object: Map<String, Value>) {
        self.signature_pem = self.required(SIGNATURE, &mut object);
        self.dhparam_pem = self.required(DHPARAM, &mut object);
        self.encryption_pem = self.text_of(ENCRYPTION, object.remove(ENCRYPTION)).and_then(not_empty).map(Secret::new);
        let faults = self.faults.len();
        match self.text_of(CONSUMER_KEY, object.remove(CONSUMER_KEY)) {
            Some(key) => self.take_consumer_key(&key),
            None if self.faults.len() == faults => self.faults.push(ConsumerSecretFault::NoConsumerKey),
            None => {}
        }
        if let Some(realm) = self.text_of(REALM, object.remove(REALM)) {
            self.take_realm(&realm);
        }
        let unknown = object.keys().map(|name| ConsumerSecretFault::Unknown { name: shown(name), hint: hint(name) });
        self.faults.extend(unknown);
    }

    fn required(&mut self, field: &'static str, object: &mut Map<String, Value>) -> Option<Secret> {
        let value = object.remove(field);
        let how = match &value {
            None => "is missing",
            Some(Value::Null) => "is null",
            Some(_) => "is empty",
        };
        let faults = self.faults.len();
        let text = self.text_of(field, value).and_then(not_empty);
        if text.is_none() && self.faults.len() == faults {
            self.faults.push(ConsumerSecretFault::Missing { field, how });
        }
        text.map(Secret::new)
    }

    /// A field's text; `None` if it is absent, null, or no text, which is a fault.
    fn text_of(&mut self, field: &'static str, value: Option<Value>) -> Option<String> {
        let kind = match value {
            None | Some(Value::Null) => return None,
            Some(Value::String(text)) => return Some(text),
            Some(other) => kind(&other),
        };
        self.faults.push(ConsumerSecretFault::NotText { field, kind });
        None
    }

    fn take_consumer_key(&mut self, key: &str) {
        key.trim().clone_into(&mut self.consumer_key);
        if self.consumer_key.is_empty() {
            self.faults.push(ConsumerSecretFault::NoConsumerKey);
        } else if let Some(why) = unfit(&self.consumer_key, |key| ConsumerIdentity::new(key, None).is_ok()) {
            self.faults.push(ConsumerSecretFault::ConsumerKey(why));
        }
    }

    fn take_realm(&mut self, realm: &str) {
        let realm = realm.trim().to_owned();
        if realm.is_empty() {
            self.faults.push(ConsumerSecretFault::RealmEmpty);
        } else if let Some(why) = unfit(&realm, |realm| ConsumerIdentity::new("K", Some(realm)).is_ok()) {
            self.faults.push(ConsumerSecretFault::Realm(why));
        }
        self.realm = Some(realm);
    }
}

fn not_empty(text: String) -> Option<String> {
    Some(text).filter(|text| !text.trim().is_empty())
}

/// Why a word cannot stand in a header.
fn unfit(word: &str, fits: impl Fn(&str) -> bool) -> Option<String> {
    if fits(word) {
        return None;
    }
    Some(if word.contains(['"', '\'', '`', '“', '”', '‘', '’']) {
        "stands in quotes of its own".to_owned()
    } else if word.contains(char::is_whitespace) {
        "has white space in it".to_owned()
    } else {
        "must be 1 to 64 letters, digits, `-`, `.`, `_` or `~`".to_owned()
    })
}

/// The object, or `None` and the fault.
fn object(text: &str, faults: &mut Vec<ConsumerSecretFault>) -> Option<Map<String, Value>> {
    let text = text.trim_matches(|letter: char| letter.is_whitespace() || matches!(letter, '\u{feff}' | '\0'));
    if text.is_empty() {
        faults.push(ConsumerSecretFault::Empty);
        return None;
    }
    let error = match parse_unique(text) {
        Ok(Value::Object(object)) => return Some(object),
        // Somebody put the JSON into JSON once more.
        Ok(Value::String(inner)) if inner.trim_start().starts_with('{') => return object(&inner, faults),
        Ok(other) => {
            faults.push(ConsumerSecretFault::NotObject(kind(&other)));
            return None;
        }
        Err(error) => error,
    };
    // Of what stands twice the rest is looked at all the same.
    if let Ok(Value::Object(object)) = serde_json::from_str(text) {
        let words = error.to_string();
        faults.push(ConsumerSecretFault::NameTwice(shown(words.split('"').nth(1).unwrap_or_default())));
        return Some(object);
    }
    faults.push(ConsumerSecretFault::NotJson(why_no_json(text, &error)));
    None
}

/// Why a text is no JSON, without a piece of it: what stands there is secret.
fn why_no_json(text: &str, error: &serde_json::Error) -> String {
    let words = error.to_string();
    let line = format!("(line {}, column {})", error.line(), error.column());
    if text.starts_with("-----BEGIN") {
        "it is a PEM text alone, and the object with all fields is needed".to_owned()
    } else if text.contains('\u{fffd}') {
        "it is binary".to_owned()
    } else if text.starts_with("{'") || text.contains("': '") {
        "it is written with single quotes, as Python prints it, and JSON has double quotes".to_owned()
    } else if text.contains(['“', '”', '„']) {
        "it has typographic quotes, and JSON has straight ones".to_owned()
    } else if text.contains("&quot;") {
        "it has HTML's `&quot;` where `\"` should stand".to_owned()
    } else if words.starts_with("control character") {
        format!("a text in it has a real line break, which JSON writes as `\\n` {line}")
    } else if words.starts_with("trailing comma") {
        format!("a comma stands after the last field {line}")
    } else if words.starts_with("trailing characters") {
        format!("something stands after its end {line}")
    } else if words.starts_with("invalid escape") {
        format!("a backslash stands before a letter that takes none {line}")
    } else if error.classify() == Category::Eof {
        format!("it is cut: it ends in its middle {line}")
    } else if !text.starts_with('{') {
        "it does not begin with `{`".to_owned()
    } else {
        format!("it cannot be read {line}")
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// A name as it may be shown. What looks like none may be a secret that stands in the wrong place.
fn shown(name: &str) -> String {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b' ');
    if name.len() <= NAME_CHARACTERS_MAX && name.bytes().all(is_name) {
        format!("`{name}`")
    } else {
        format!("with {} characters", name.chars().count())
    }
}

/// What was meant by a name, or where it belongs.
fn hint(name: &str) -> &'static str {
    let letters: String =
        name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect();
    match letters.as_str() {
        "consumerkey" | "oauthconsumerkey" | "consumer" => "; write it as consumer_key",
        "privatesignaturepem" | "privatesignature" | "signaturekey" | "privatesignaturekey" | "signaturekeyfp" => {
            "; write it as private_signature_pem, with the file's text"
        }
        "privateencryptionpem" | "privateencryption" | "encryptionkey" | "privateencryptionkey" | "encryptionkeyfp" => {
            "; write it as private_encryption_pem, with the file's text"
        }
        "dhparampem" | "dhparam" | "dhparamspem" | "dhparams" => "; write it as dhparam_pem, with the file's text",
        "dhprime" | "prime" | "dhgenerator" | "generator" => {
            "; dhparam_pem holds prime and generator, as the whole file"
        }
        "realm" | "oauthrealm" => "; write it as realm, or leave it out",
        "oauthtoken" | "oauthtokensecret" | "accesstoken" | "accesstokensecret" | "ispaper" | "istrue" => {
            "; an access token stands in a file of its own (`courier connections import`)"
        }
        "publicsignaturepem" | "publicencryptionpem" | "publicsignature" | "publicencryption" => {
            "; public files are sent to IBKR and stand in no secret"
        }
        "passphrase" | "password" => "; the keys stand there without a passphrase",
        _ => "; take it out",
    }
}
