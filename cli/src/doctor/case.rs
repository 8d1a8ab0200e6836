//! What the doctor has before it: the consumer's secret as it stands, and what can be read of it.

use broker::{DiffieHellmanParameters, EncryptionKey, SignatureKey, default_realm};
use domain::Secret;
use serde_json::{Map, Value};
use url::Url;

use super::causes;
use super::report::Finding;
use crate::access_token::Access;

/// The consumer key that IBKR publishes for tests.
pub(crate) const TESTCONS: &str = "TESTCONS";

const FIELDS: [&str; 4] = ["consumer_key", "private_signature_pem", "private_encryption_pem", "dhparam_pem"];
const REALM: &str = "realm";

/// The consumer, as far as it can be read.
#[derive(Debug, Default)]
pub(crate) struct Case {
    pub(crate) consumer_key: String,
    /// As written; `None` if the secret names none, and Courier chooses.
    pub(crate) realm: Option<String>,
    pub(crate) signature_pem: Option<Secret>,
    pub(crate) encryption_pem: Option<Secret>,
    pub(crate) dhparam_pem: Option<Secret>,
    pub(crate) signature_key: Option<SignatureKey>,
    pub(crate) encryption_key: Option<EncryptionKey>,
    pub(crate) group: Option<DiffieHellmanParameters>,
    /// Where the broker is, if that is a URL.
    pub(crate) address: Option<Url>,
    /// Whether all three files that were sent to the broker were given, and belong to the secret.
    pub(crate) uploads_pair_up: bool,
    pub(crate) first_party: bool,
    pub(crate) access: Option<Access>,
}

impl Case {
    pub(crate) fn is_testcons(&self) -> bool {
        self.consumer_key == TESTCONS
    }

    /// The realm that belongs to the key.
    pub(crate) fn fitting_realm(&self) -> &'static str {
        default_realm(&self.consumer_key)
    }

    /// The realm that is sent.
    pub(crate) fn realm(&self) -> &str {
        self.realm.as_deref().unwrap_or_else(|| self.fitting_realm())
    }

    pub(crate) fn realm_fits(&self) -> bool {
        self.realm() == self.fitting_realm()
    }

    pub(crate) fn key_form_fits(&self) -> bool {
        let letters = self.consumer_key.bytes().all(|byte| byte.is_ascii_uppercase());
        self.is_testcons() || letters && self.consumer_key.len() == 9
    }

    /// The prime in lower-case hexadecimal.
    pub(crate) fn prime_hex(&self) -> String {
        self.group.as_ref().map(|group| hex::encode(group.prime())).unwrap_or_default()
    }

    /// Reads the secret's text, and says of each field whether it can be used.
    pub(crate) fn read(text: &str) -> (Self, Vec<Finding>) {
        let fields = match object(text) {
            Ok(fields) => fields,
            Err(says) => return (Self::default(), vec![fault(says)]),
        };
        let mut findings = shape(&fields);
        let field = |name| fields.get(name).and_then(Value::as_str).map(str::to_owned);
        let pem = |name| field(name).filter(|text| !text.trim().is_empty()).map(Secret::new);
        let mut case = Self {
            consumer_key: field("consumer_key").unwrap_or_default().trim().to_owned(),
            realm: field(REALM).map(|realm| realm.trim().to_owned()),
            signature_pem: pem("private_signature_pem"),
            encryption_pem: pem("private_encryption_pem"),
            dhparam_pem: pem("dhparam_pem"),
            ..Self::default()
        };
        case.read_keys(&mut findings);
        (case, findings)
    }

    fn read_keys(&mut self, findings: &mut Vec<Finding>) {
        let mut unreadable = |check, says: String| findings.push(Finding::fault(check, says, &causes::KEY_UNREADABLE));
        if let Some(pem) = &self.signature_pem {
            match SignatureKey::from_pem(pem.expose()) {
                Ok(key) => self.signature_key = Some(key),
                Err(error) => unreadable("signature_key", error.to_string()),
            }
        }
        if let Some(pem) = &self.encryption_pem {
            match EncryptionKey::from_pem(pem.expose()) {
                Ok(key) => self.encryption_key = Some(key),
                Err(error) => unreadable("encryption_key", error.to_string()),
            }
        }
        if let Some(pem) = &self.dhparam_pem {
            match DiffieHellmanParameters::from_pem(pem.expose()) {
                Ok(group) => self.group = Some(group),
                Err(error) => unreadable("diffie_hellman", error.to_string()),
            }
        }
    }
}

/// The object, or what is wrong with the text: never a piece of it.
fn object(text: &str) -> Result<Map<String, Value>, String> {
    if text.trim().is_empty() {
        return Err("it is empty: nobody has filled it yet".to_owned());
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err("it is JSON, and no object".to_owned()),
        Err(error) => Err(format!("it is no JSON (line {}, column {})", error.line(), error.column())),
    }
}

fn shape(fields: &Map<String, Value>) -> Vec<Finding> {
    let empty = |name: &str| fields.get(name).and_then(Value::as_str).is_none_or(|text| text.trim().is_empty());
    let missing: Vec<&str> = FIELDS.into_iter().filter(|name| empty(name)).collect();
    let known = |name: &str| FIELDS.contains(&name) || name == REALM;
    let unknown: Vec<&str> = fields.keys().map(String::as_str).filter(|name| !known(name)).collect();
    let realm_is_text = fields.get(REALM).is_none_or(Value::is_string);
    let mut problems = Vec::new();
    if !missing.is_empty() {
        problems.push(format!("missing, empty or no text: {}", missing.join(", ")));
    }
    if !unknown.is_empty() {
        problems.push(format!("fields that it must not have: {}", unknown.join(", ")));
    }
    if !realm_is_text {
        problems.push("realm is no text".to_owned());
    }
    if problems.is_empty() {
        vec![Finding::well("consumer_secret", "JSON with all its fields.")]
    } else {
        vec![fault(problems.join("; "))]
    }
}

fn fault(says: String) -> Finding {
    Finding::fault("consumer_secret", says, &causes::SECRET_MALFORMED)
}
