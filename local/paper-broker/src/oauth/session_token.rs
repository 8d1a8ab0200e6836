//! The live session token, computed from the broker's side (section 2 of the facts).

use domain::Entropy;
use hmac::{Hmac, KeyInit, Mac};
use num_bigint::BigUint;
use sha1::Sha1;
use sha2::Sha256;

use super::keys::DhParameters;

/// Bytes of the broker's private exponent.
const EXPONENT_BYTES: usize = 32;

/// What the broker answers to a challenge, and the key that both sides now hold.
pub(crate) struct Agreement {
    /// `B`, hexadecimal, without padding.
    pub(crate) response_hex: String,
    /// The live session token: 20 bytes.
    pub(crate) token: Vec<u8>,
    /// The proof: HMAC-SHA1 of the consumer key under the token, hexadecimal.
    pub(crate) proof_hex: String,
}

/// Answers `challenge_hex`, or nothing if it is no lower-case hexadecimal number between 1 and the prime.
pub(crate) fn agree(
    parameters: &DhParameters,
    challenge_hex: &str,
    secret: &[u8],
    consumer_key: &str,
    entropy: &dyn Entropy,
) -> Option<Agreement> {
    let mut exponent = [0_u8; EXPONENT_BYTES];
    entropy.fill(&mut exponent);
    // The top bit keeps the exponent long, and never zero.
    exponent[0] |= 0x80;
    agree_with(parameters, challenge_hex, secret, consumer_key, &BigUint::from_bytes_be(&exponent))
}

fn agree_with(
    parameters: &DhParameters,
    challenge_hex: &str,
    secret: &[u8],
    consumer_key: &str,
    exponent: &BigUint,
) -> Option<Agreement> {
    let challenge = parse_challenge(challenge_hex, &parameters.prime)?;
    let response = parameters.generator.modpow(exponent, &parameters.prime);
    let shared = challenge.modpow(exponent, &parameters.prime);
    let token = hmac_sha1(&java_bytes(&shared), secret);
    let proof_hex = hex::encode(hmac_sha1(&token, consumer_key.as_bytes()));
    Some(Agreement { response_hex: response.to_str_radix(16), token, proof_hex })
}

/// `java.math.BigInteger.toByteArray()`: minimal, and a zero byte in front when the top bit is set.
pub(crate) fn java_bytes(number: &BigUint) -> Vec<u8> {
    let bytes = number.to_bytes_be();
    if number.bits().is_multiple_of(8) { [&[0], bytes.as_slice()].concat() } else { bytes }
}

/// HMAC-SHA256 (RFC 2104), as it signs protected calls.
pub(crate) fn hmac_sha256(key: &[u8], message: &[u8]) -> Vec<u8> {
    Hmac::<Sha256>::new_from_slice(key)
        .map(|mac| mac.chain_update(message).finalize().into_bytes().to_vec())
        .unwrap_or_default()
}

/// HMAC-SHA1 (RFC 2104), as it makes and proves the token.
pub(crate) fn hmac_sha1(key: &[u8], message: &[u8]) -> Vec<u8> {
    Hmac::<Sha1>::new_from_slice(key)
        .map(|mac| mac.chain_update(message).finalize().into_bytes().to_vec())
        .unwrap_or_default()
}

fn parse_challenge(text: &str, prime: &BigUint) -> Option<BigUint> {
    let lower_hex = !text.is_empty() && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let challenge = BigUint::parse_bytes(text.as_bytes(), 16).filter(|_| lower_hex && !text.starts_with('0'))?;
    (challenge > BigUint::from(1_u8) && &challenge < prime).then_some(challenge)
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::STANDARD};
    use serde_json::Value;

    use super::*;

    #[test]
    fn bytes_follow_java() {
        assert_eq!(java_bytes(&BigUint::from(0xff_u8)), [0, 0xff]);
        assert_eq!(java_bytes(&BigUint::from(0x7f_u8)), [0x7f]);
    }

    fn vectors() -> Value {
        serde_json::from_str(include_str!("../../tests/keys/vectors.json")).unwrap()
    }

    fn number(value: &Value) -> BigUint {
        BigUint::parse_bytes(value.as_str().unwrap().as_bytes(), 16).unwrap()
    }

    #[test]
    fn published_and_independent_secrets_make_their_tokens() {
        let vectors = vectors();
        let tokens = vectors["tokens"].as_array().unwrap();
        assert!(tokens.len() > 3);
        for vector in tokens {
            let secret = hex::decode(vector["secret_hex"].as_str().unwrap()).unwrap();
            let token = hmac_sha1(&java_bytes(&number(&vector["shared_secret_hex"])), &secret);
            assert_eq!(STANDARD.encode(&token), vector["token"]);
            let proof = hmac_sha1(&token, vector["consumer_key"].as_str().unwrap().as_bytes());
            assert_eq!(hex::encode(proof), vector["proof"]);
        }
    }

    #[test]
    fn the_broker_answers_the_published_challenge() {
        let vector = &vectors()["agreement"];
        let parameters =
            DhParameters { prime: number(&vector["prime_hex"]), generator: number(&vector["generator_hex"]) };
        let secret = hex::decode(vector["secret_hex"].as_str().unwrap()).unwrap();
        let exponent = BigUint::from(vector["server_exponent"].as_u64().unwrap());
        let challenge = vector["challenge_hex"].as_str().unwrap();
        let agreement = agree_with(&parameters, challenge, &secret, "TESTCONS", &exponent).unwrap();
        assert_eq!(agreement.response_hex, vector["response_hex"]);
        assert_eq!(STANDARD.encode(agreement.token), vector["token"]);
        assert_eq!(agreement.proof_hex, vector["proof"]);
    }
}
