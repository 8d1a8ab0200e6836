//! The files that were sent to the broker: whether they belong to the secret, and whether the broker holds them.

use broker::SigningError;

use super::calls::Proved;
use super::case::Case;
use super::causes;
use super::checks::beginning;
use super::report::{Finding, Verdict};

const SENT_SIGNATURE_KEY: &str = "sent_signature_key";
const SENT_ENCRYPTION_KEY: &str = "sent_encryption_key";
const SENT_DIFFIE_HELLMAN: &str = "sent_diffie_hellman";

/// The public files that were sent to the broker, as texts.
#[derive(Debug, Default)]
pub(crate) struct Uploads {
    pub(crate) signature: Option<String>,
    pub(crate) encryption: Option<String>,
    pub(crate) dhparam: Option<String>,
}

/// Whether what was sent to the broker belongs to the secret; and whether all of it was given, and does.
pub(crate) fn examine(case: &Case, uploads: &Uploads) -> (Vec<Finding>, bool) {
    let signature = case.signature_key.as_ref().map(broker::SignatureKey::fingerprint);
    let encryption = case.encryption_key.as_ref().map(broker::EncryptionKey::fingerprint);
    let mut findings = Vec::new();
    let sent = [
        (SENT_SIGNATURE_KEY, &uploads.signature, signature, encryption, &causes::SIGNATURE_KEY_DIFFERS),
        (SENT_ENCRYPTION_KEY, &uploads.encryption, encryption, signature, &causes::ENCRYPTION_KEY_DIFFERS),
    ];
    for (check, text, own, other, cause) in sent {
        let Some(text) = text else { continue };
        findings.push(match broker::public_key_fingerprint(check, text) {
            Err(error) => unreadable(check, &error),
            Ok(sent) if Some(sent.as_str()) == own => Finding::well(check, "it is the pair of the private key"),
            Ok(sent) if Some(sent.as_str()) == other => {
                Finding::fault(check, "it is the pair of the OTHER private key", &causes::KEYS_SWAPPED)
            }
            Ok(sent) => Finding::fault(check, format!("it is the pair of neither private key (SHA-256 {sent})"), cause),
        });
    }
    if let Some(text) = &uploads.dhparam {
        findings.push(sent_group(case, text));
    }
    let complete = [&uploads.signature, &uploads.encryption, &uploads.dhparam].into_iter().all(Option::is_some);
    let pair_up = complete && findings.iter().all(|finding| finding.causes.is_empty());
    (findings, pair_up)
}

/// What the broker accepts it holds the right file for: where the file that was named is another, only that is wrong.
pub(crate) fn believe_the_broker(findings: &mut [Finding], proved: Proved) {
    for finding in findings.iter_mut().filter(|finding| finding.verdict == Verdict::Fault) {
        let accepted = match finding.check {
            SENT_SIGNATURE_KEY if proved.signature_key => "private_signature_pem",
            SENT_ENCRYPTION_KEY if proved.encryption_key_and_prime => "private_encryption_pem",
            SENT_DIFFIE_HELLMAN if proved.encryption_key_and_prime => "the secret's prime",
            _ => continue,
        };
        let says = format!(
            "{}. The broker accepts {accepted}, so it holds another file than the one named here. The consumer works, and nothing is \
             to be sent. Keep the right file: for a stack `courier keys export FOLDER` writes it",
            finding.says
        );
        *finding = Finding::warning(finding.check, says);
    }
}

fn sent_group(case: &Case, text: &str) -> Finding {
    let check = SENT_DIFFIE_HELLMAN;
    match broker::DiffieHellmanParameters::from_pem(text) {
        Err(error) => unreadable(check, &error),
        Ok(sent) if hex::encode(sent.prime()) == case.prime_hex() => Finding::well(check, "it holds the same prime"),
        Ok(sent) => {
            let says = format!(
                "its prime begins {}, that of the secret {}",
                beginning(&hex::encode(sent.prime())),
                beginning(&case.prime_hex())
            );
            Finding::fault(check, says, &causes::PRIME_DIFFERS)
        }
    }
}

fn unreadable(check: &'static str, error: &SigningError) -> Finding {
    let is_private = matches!(error, SigningError::WrongLabel { label, .. } if label.contains("PRIVATE KEY"))
        || matches!(error, SigningError::KeyEncrypted { .. });
    let cause = match error {
        _ if is_private => &causes::PRIVATE_KEY_SENT,
        SigningError::WrongLabel { .. } | SigningError::NotPem { .. } => &causes::ANOTHER_FILE,
        _ => &causes::KEY_UNREADABLE,
    };
    // The reader calls it after the secret's field.
    Finding::fault(check, error.to_string().replacen("dhparam_pem", "the file that was sent", 1), cause)
}
