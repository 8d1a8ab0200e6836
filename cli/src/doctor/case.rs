//! What the doctor has before it: the consumer's secret as it stands, and what can be read of it.

use broker::{
    ConsumerSecret, ConsumerSecretFault, DiffieHellmanParameters, EncryptionKey, SignatureKey, default_realm,
};
use domain::Secret;
use url::Url;

use super::causes::{self, Cause};
use super::report::Finding;
use crate::access_token::Access;
use crate::keys::is_of_usual_form;

/// The consumer key that IBKR publishes for tests.
pub(crate) const TESTCONS: &str = "TESTCONS";

/// The consumer, as far as it can be read.
#[derive(Debug, Default)]
pub(crate) struct Case {
    pub(crate) consumer_key: String,
    /// As written; `None` if the secret names none, and Courier chooses.
    pub(crate) realm: Option<String>,
    pub(crate) signature_pem: Option<Secret>,
    pub(crate) encryption_pem: Option<Secret>,
    pub(crate) dhparam_pem: Option<Secret>,
    /// What is wrong with the consumer key, and with the realm, in the words that the functions log.
    pub(crate) consumer_key_fault: Option<ConsumerSecretFault>,
    pub(crate) realm_fault: Option<ConsumerSecretFault>,
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
        is_of_usual_form(&self.consumer_key)
    }

    /// The prime in lower-case hexadecimal.
    pub(crate) fn prime_hex(&self) -> String {
        self.group.as_ref().map(|group| hex::encode(group.prime())).unwrap_or_default()
    }

    /// Takes the secret as the functions read it, and says of each field whether it can be used.
    pub(crate) fn read(secret: ConsumerSecret) -> (Self, Vec<Finding>) {
        let mut case = Self::default();
        let mut findings = Vec::new();
        for fault in secret.faults().iter().cloned().chain(secret.encryption_key_missing()) {
            if fault.is_of_consumer_key() {
                case.consumer_key_fault = Some(fault);
            } else if fault.is_of_realm() {
                case.realm_fault = Some(fault);
            } else {
                findings.push(Finding::fault("consumer_secret", fault.to_string(), cause_of(&fault)));
            }
        }
        if findings.is_empty() {
            findings.push(Finding::well("consumer_secret", "JSON with all its fields."));
        }
        let ConsumerSecret { consumer_key, realm, signature_pem, encryption_pem, dhparam_pem, .. } = secret;
        case = Self { consumer_key, realm, signature_pem, encryption_pem, dhparam_pem, ..case };
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

fn cause_of(fault: &ConsumerSecretFault) -> &'static Cause {
    match fault {
        ConsumerSecretFault::Empty => &causes::SECRET_EMPTY,
        _ => &causes::SECRET_MALFORMED,
    }
}

#[cfg(test)]
mod tests;
