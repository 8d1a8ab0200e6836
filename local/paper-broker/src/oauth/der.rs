//! Just enough DER (X.690) to read what a consumer uploads: two integers in a sequence, with or without a wrapper.

use base64::{Engine, engine::general_purpose::STANDARD};
use num_bigint::BigUint;

const TAG_INTEGER: u8 = 0x02;
const TAG_BIT_STRING: u8 = 0x03;
const TAG_SEQUENCE: u8 = 0x30;

/// The bytes between the armour lines of the first PEM block.
pub(crate) fn pem_to_der(pem: &str) -> Option<Vec<u8>> {
    let start = pem.find("-----BEGIN ")?;
    let after_label = start + pem[start..].find("-----\n").or_else(|| pem[start..].find("-----\r"))? + 5;
    let end = after_label + pem[after_label..].find("-----END ")?;
    let body: String = pem[after_label..end].split_whitespace().collect();
    STANDARD.decode(body).ok()
}

/// `SEQUENCE { INTEGER, INTEGER }`: DH parameters (PKCS#3), or an RSA public key (PKCS#1).
pub(crate) fn two_integers(der: &[u8]) -> Option<(BigUint, BigUint)> {
    let (content, _) = element(der, TAG_SEQUENCE)?;
    let (first, rest) = element(content, TAG_INTEGER)?;
    let (second, _) = element(rest, TAG_INTEGER)?;
    Some((BigUint::from_bytes_be(first), BigUint::from_bytes_be(second)))
}

/// The key inside `SubjectPublicKeyInfo` (RFC 5280, 4.1.2.7): what `openssl rsa -pubout` writes.
pub(crate) fn public_key_of_info(der: &[u8]) -> Option<(BigUint, BigUint)> {
    let (content, _) = element(der, TAG_SEQUENCE)?;
    let (_, rest) = element(content, TAG_SEQUENCE)?;
    let (bits, _) = element(rest, TAG_BIT_STRING)?;
    two_integers(bits.strip_prefix(&[0])?)
}

/// The content of the element at the front, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let rest = der.strip_prefix(&[tag])?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        (digits.iter().try_fold(0_usize, |n, &d| n.checked_mul(256)?.checked_add(usize::from(d)))?, rest)
    };
    rest.split_at_checked(length)
}
