//! What a consumer registered: two RSA public keys and the Diffie-Hellman parameters.

use domain::Entropy;
use num_bigint::BigUint;

use super::der::{pem_to_der, public_key_of_info, two_integers};

/// `DigestInfo` of SHA-256 without its digest (RFC 8017, 9.2, note 1).
const SHA256_DIGEST_INFO: [u8; 19] =
    [0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20];

/// An RSA public key, used by hand (RFC 8017) so that no library is shared with the client it checks.
#[derive(Clone)]
pub(crate) struct PublicKey {
    modulus: BigUint,
    exponent: BigUint,
}

impl PublicKey {
    /// Reads `PUBLIC KEY` (as `openssl rsa -pubout` writes it) or `RSA PUBLIC KEY`.
    pub(crate) fn from_pem(pem: &str) -> Option<Self> {
        let der = pem_to_der(pem)?;
        let (modulus, exponent) = public_key_of_info(&der).or_else(|| two_integers(&der))?;
        (modulus.bits() >= 2048).then_some(Self { modulus, exponent })
    }

    /// The SHA-256 digest that `signature` signs by PKCS#1 v1.5 (RFC 8017, 8.2.2), or nothing if it is no such signature.
    pub(crate) fn signed_digest(&self, signature: &[u8]) -> Option<[u8; 32]> {
        let size = self.size_bytes();
        if signature.len() != size {
            return None;
        }
        let message = BigUint::from_bytes_be(signature).modpow(&self.exponent, &self.modulus);
        let message = left_padded(&message, size);
        let padding_end = size - SHA256_DIGEST_INFO.len() - 32 - 1;
        let rest = message.strip_prefix(&[0, 1])?;
        let (padding, rest) = rest.split_at(padding_end - 2);
        let digest = rest.strip_prefix(&[0])?.strip_prefix(&SHA256_DIGEST_INFO)?;
        padding.iter().all(|&byte| byte == 0xff).then_some(digest.try_into().ok()?)
    }

    /// Encrypts by PKCS#1 v1.5 (RFC 8017, 7.2.1), as the broker does with an access token's secret.
    pub(crate) fn encrypt(&self, plain: &[u8], entropy: &dyn Entropy) -> Vec<u8> {
        let size = self.size_bytes();
        let mut padding = vec![0_u8; size - plain.len() - 3];
        entropy.fill(&mut padding);
        // The padding holds no zero byte: the first zero ends it.
        for byte in &mut padding {
            *byte = (*byte).max(1);
        }
        let message = [&[0, 2], padding.as_slice(), &[0], plain].concat();
        left_padded(&BigUint::from_bytes_be(&message).modpow(&self.exponent, &self.modulus), size)
    }

    fn size_bytes(&self) -> usize {
        usize::try_from(self.modulus.bits().div_ceil(8)).unwrap_or(usize::MAX)
    }
}

/// The prime and the generator of a consumer's `dhparam.pem`.
#[derive(Clone)]
pub(crate) struct DhParameters {
    pub(crate) prime: BigUint,
    pub(crate) generator: BigUint,
}

impl DhParameters {
    /// Reads `DH PARAMETERS`, as `openssl dhparam` writes it.
    pub(crate) fn from_pem(pem: &str) -> Option<Self> {
        let (prime, generator) = two_integers(&pem_to_der(pem)?)?;
        (prime.bits() >= 512 && generator >= BigUint::from(2_u8)).then_some(Self { prime, generator })
    }
}

fn left_padded(number: &BigUint, size: usize) -> Vec<u8> {
    let bytes = number.to_bytes_be();
    let mut padded = vec![0_u8; size.saturating_sub(bytes.len())];
    padded.extend_from_slice(&bytes);
    padded
}
