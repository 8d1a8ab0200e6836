//! The Diffie-Hellman exchange of a live session token, over the group in the consumer's own `dhparam.pem`.

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, Odd, Resize as _};
use crypto_primes::{Flavor, is_prime};
use der::asn1::{AnyRef, Uint, UintRef};
use der::pem::LineEnding;
use der::{Decode as _, Encode as _, Reader as _, SliceReader};
use zeroize::{Zeroize as _, Zeroizing};

use crate::pem::{self, Wanted};
use crate::{DiffieHellmanRandom, SharedSecret, SigningError};

/// Smallest prime accepted, bits. The broker asks for 2048; the one in its example of 2018 has 2045.
const PRIME_BITS_MIN: u32 = 2040;
/// Largest prime accepted, bits: beyond it one exchange takes longer than a request.
const PRIME_BITS_MAX: u32 = 4096;
const FIELD: &str = "dhparam_pem";
/// PKCS#3, as `openssl dhparam` writes it: what is written here.
const LABEL: &str = "DH PARAMETERS";
const WANTED: Wanted = Wanted { labels: &[LABEL, "X9.42 DH PARAMETERS"], name: "`DH PARAMETERS` block" };

/// A prime and a generator, as uploaded to the broker. Public, but both sides must hold the same.
#[derive(Debug, Clone)]
pub struct DiffieHellmanParameters {
    modulus: BoxedMontyParams,
    generator: BoxedMontyForm,
}

impl DiffieHellmanParameters {
    /// Reads `dhparam.pem`: PKCS#3 `DHParameter` (prime, generator, and a length if present), or X9.42 `DomainParameters` (prime,
    /// generator, order of the subgroup, and more), as `openssl genpkey -genparam -algorithm DHX` writes them (RFC 3279, 2.3.3).
    ///
    /// # Errors
    /// A [`SigningError`] that says what is wrong with the file.
    pub fn from_pem(text: &str) -> Result<Self, SigningError> {
        let der = pem::read(FIELD, text, WANTED)?;
        let (prime, generator) =
            integers(&der).map_err(|error| SigningError::Unreadable { what: FIELD, why: error.to_string() })?;
        Self::from_big_endian(prime, generator)
    }

    /// Prime and generator as `openssl dhparam` writes them, PKCS#3, whatever they were read from: what IBKR is sent.
    ///
    /// # Errors
    /// [`SigningError::Unreadable`] if they cannot be written.
    pub fn to_pem(&self) -> Result<String, SigningError> {
        let unwritable = |error: der::Error| SigningError::Unreadable { what: FIELD, why: error.to_string() };
        let numbers = [Uint::new(&self.prime()), Uint::new(&self.generator())];
        let numbers: Vec<Uint> = numbers.into_iter().collect::<Result<_, _>>().map_err(unwritable)?;
        let der = numbers.to_der().map_err(unwritable)?;
        der::pem::encode_string(LABEL, LineEnding::LF, &der).map_err(|error| unwritable(error.into()))
    }

    /// Takes prime and generator as big-endian bytes. Any generator is accepted that is, modulo the prime, from 2 to
    /// prime - 2; the one in the broker's example of 2018 is larger than its prime.
    ///
    /// # Errors
    /// [`SigningError::Size`] or [`SigningError::NoGroup`].
    pub fn from_big_endian(prime: &[u8], generator: &[u8]) -> Result<Self, SigningError> {
        let prime = BoxedUint::from_be_slice_vartime(prime);
        let bits = prime.bit_width_vartime();
        if !(PRIME_BITS_MIN..=PRIME_BITS_MAX).contains(&bits) {
            return Err(SigningError::Size {
                what: "the prime of dhparam_pem",
                bits,
                least: PRIME_BITS_MIN,
                most: PRIME_BITS_MAX,
            });
        }
        let odd = Option::<Odd<BoxedUint>>::from(Odd::new(prime.resize_unchecked(bits)));
        let modulus = BoxedMontyParams::new(odd.ok_or(SigningError::NoGroup { why: "its prime is even" })?);
        let generator = reduced(&modulus, generator).filter(|number| is_element(&modulus, number));
        let generator =
            generator.ok_or(SigningError::NoGroup { why: "its generator is 0, 1 or -1 modulo the prime" })?;
        Ok(Self { generator: BoxedMontyForm::new(generator, &modulus), modulus })
    }

    /// Our half, `generator ^ random mod prime`: lower-case hex without padding (an odd number of digits is right).
    #[must_use]
    pub fn challenge(&self, random: &DiffieHellmanRandom) -> String {
        let digits = hex::encode(power(&self.generator, random).as_slice());
        let unpadded = digits.trim_start_matches('0');
        if unpadded.is_empty() { "0".to_owned() } else { unpadded.to_owned() }
    }

    /// What both sides now hold, `response ^ random mod prime`, from the broker's half in hex.
    ///
    /// # Errors
    /// [`SigningError::Response`] if the broker's half is not hex, or outside 2 to prime - 2.
    pub fn shared_secret(
        &self,
        random: &DiffieHellmanRandom,
        response_hex: &str,
    ) -> Result<SharedSecret, SigningError> {
        let response =
            bytes_of_hex(response_hex).ok_or(SigningError::Response { why: "it is not a hexadecimal number" })?;
        let response = in_width(&self.modulus, &response).filter(|number| is_element(&self.modulus, number));
        let response = response.ok_or(SigningError::Response { why: "it is not between 2 and the prime less 2" })?;
        let response = BoxedMontyForm::new(response, &self.modulus);
        Ok(SharedSecret::from_big_endian(&power(&response, random)))
    }

    /// The prime, big-endian, without leading zeros: to compare with the uploaded file.
    #[must_use]
    pub fn prime(&self) -> Box<[u8]> {
        self.modulus.modulus().as_ref().to_be_bytes_trimmed_vartime()
    }

    /// The generator modulo the prime, big-endian, without leading zeros; `openssl dhparam` writes 2.
    #[must_use]
    pub fn generator(&self) -> Box<[u8]> {
        self.generator.retrieve().to_be_bytes_trimmed_vartime()
    }

    /// What the number that should be a prime is (Baillie-PSW). It takes some tenths of a second: for whoever examines a file.
    #[must_use]
    pub fn primality(&self) -> Primality {
        let prime = self.modulus.modulus().as_ref();
        if !is_prime(Flavor::Any, prime) {
            Primality::Composite
        } else if is_prime(Flavor::Safe, prime) {
            Primality::SafePrime
        } else {
            Primality::Prime
        }
    }
}

/// What a number that should be a prime is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Primality {
    /// A prime whose half is one as well: what `openssl dhparam` makes.
    SafePrime,
    /// A prime.
    Prime,
    /// No prime.
    Composite,
}

fn integers(der: &[u8]) -> der::Result<(&[u8], &[u8])> {
    let mut reader = SliceReader::new(der)?;
    let pair = reader.sequence(|fields| {
        let prime = UintRef::decode(fields)?.as_bytes();
        let generator = UintRef::decode(fields)?.as_bytes();
        while !fields.is_finished() {
            AnyRef::decode(fields)?;
        }
        der::Result::Ok((prime, generator))
    })?;
    reader.finish()?;
    Ok(pair)
}

/// The number in the prime's own width, if it fits.
fn in_width(modulus: &BoxedMontyParams, big_endian: &[u8]) -> Option<BoxedUint> {
    let start = big_endian.iter().position(|byte| *byte != 0)?;
    BoxedUint::from_be_slice(&big_endian[start..], modulus.bits_precision()).ok()
}

/// The number modulo the prime, if it is not absurdly long.
fn reduced(modulus: &BoxedMontyParams, big_endian: &[u8]) -> Option<BoxedUint> {
    let number = BoxedUint::from_be_slice(big_endian, PRIME_BITS_MAX).ok()?;
    let remainder = number.rem_vartime(modulus.modulus().as_nz_ref());
    Some(remainder.resize_unchecked(modulus.bits_precision()))
}

/// Whether the number is from 2 to prime - 2.
fn is_element(modulus: &BoxedMontyParams, number: &BoxedUint) -> bool {
    let two = BoxedUint::from(2_u8).resize_unchecked(modulus.bits_precision());
    *number >= two && *number <= modulus.modulus().as_ref().wrapping_sub(&two)
}

/// Constant in time for the exponent, whose width is always 256 bits.
fn power(base: &BoxedMontyForm, random: &DiffieHellmanRandom) -> Zeroizing<Vec<u8>> {
    let mut exponent = BoxedUint::from_be_slice_truncated(random.expose(), DiffieHellmanRandom::BITS);
    let mut result = base.pow(&exponent);
    let mut number = result.retrieve();
    let bytes = Zeroizing::new(number.to_be_bytes().into_vec());
    exponent.zeroize();
    result.as_montgomery_mut().zeroize();
    number.zeroize();
    bytes
}

fn bytes_of_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim();
    match (digits.is_empty(), digits.len() % 2) {
        (true, _) => None,
        (false, 0) => hex::decode(digits).ok(),
        _ => hex::decode(format!("0{digits}")).ok(),
    }
}
