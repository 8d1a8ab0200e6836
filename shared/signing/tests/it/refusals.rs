//! What cannot be used is refused, in words that say what to do.
#![expect(clippy::unwrap_used, reason = "a helper of a test fails like the test")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use der::Encode as _;
use der::asn1::Uint;
use rsa::pkcs1::EncodeRsaPrivateKey as _;
use rsa::pkcs8::{DecodePrivateKey as _, EncodePublicKey as _, LineEnding};
use serde_json::Value;
use signing::{
    DiffieHellmanParameters, DiffieHellmanRandom, EncryptionKey, SignatureKey, SigningError, public_key_fingerprint,
};

/// RFC 3526, group 14.
const PRIME: &str = "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404ddef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7edee386bfb5a899fa5ae9f24117c4b1fe649286651ece45b3dc2007cb8a163bf0598da48361c55d39a69163fa8fd24cf5f83655d23dca3ad961c62f356208552bb9ed529077096966d670c354e4abc9804f1746c08ca18217c32905e462e36ce3be39e772c180e86039b2783a2ec07a28fb5c55df06f4c52c9de2bcbf6955817183995497cea956ae515d2261898fa051015728e5a8aacaa68ffffffffffffffff";

fn key() -> rsa::PrivateKey {
    let vectors: Value = serde_json::from_str(include_str!("../vectors/independent.json")).unwrap();
    let der = hex::decode(vectors["signature_pkcs8_der_hex"].as_str().unwrap()).unwrap();
    rsa::PrivateKey::from_pkcs8_der(&der).unwrap()
}

fn pkcs1(ending: LineEnding) -> String {
    key().to_pkcs1_pem(ending).unwrap().to_string()
}

#[test]
fn line_ends_indentation_and_escapes_are_tolerated() {
    let plain = pkcs1(LineEnding::LF);
    let expected = SignatureKey::from_pem(&plain).unwrap().fingerprint().to_owned();
    let in_json_twice = plain.replace('\n', "\\n");
    let indented = plain.replace('\n', "\n    ");
    let with_text_before = format!("RSA key ok\nwriting RSA key\n{plain}\n\n");
    for text in [pkcs1(LineEnding::CRLF), in_json_twice, indented, with_text_before] {
        assert_eq!(SignatureKey::from_pem(&text).unwrap().fingerprint(), expected, "{text}");
    }
}

#[test]
fn the_public_key_has_the_fingerprint_of_its_private_key() {
    let public = key().to_public_key().to_public_key_pem(LineEnding::LF).unwrap();
    let private = SignatureKey::from_pem(&pkcs1(LineEnding::LF)).unwrap();
    assert_eq!(public_key_fingerprint("public_signature.pem", &public).unwrap(), private.fingerprint());
}

#[test]
fn what_is_no_private_key_says_what_it_is() {
    let public = key().to_public_key().to_public_key_pem(LineEnding::LF).unwrap();
    let error = SignatureKey::from_pem(&public).unwrap_err();
    assert!(matches!(&error, SigningError::WrongLabel { label, .. } if label == "PUBLIC KEY"), "{error}");
    let error = EncryptionKey::from_pem("AAAA").unwrap_err();
    assert_eq!(error, SigningError::NotPem { what: "private_encryption_pem" });
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----";
    assert_eq!(
        SignatureKey::from_pem(encrypted).unwrap_err(),
        SigningError::KeyEncrypted { what: "private_signature_pem" }
    );
    let legacy =
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: x\n\nAAAA\n-----END RSA PRIVATE KEY-----";
    assert_eq!(
        SignatureKey::from_pem(legacy).unwrap_err(),
        SigningError::KeyEncrypted { what: "private_signature_pem" }
    );
    let cut = pkcs1(LineEnding::LF).lines().take(5).collect::<Vec<_>>().join("\n");
    let error = SignatureKey::from_pem(&cut).unwrap_err();
    assert!(matches!(&error, SigningError::Other { is, .. } if is.starts_with("is cut")), "{error}");
    let garbled = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----";
    assert!(matches!(SignatureKey::from_pem(garbled), Err(SigningError::Unreadable { .. })));
}

#[test]
fn a_key_never_shows_in_debug_or_in_errors() {
    let pem = pkcs1(LineEnding::LF);
    let line = pem.lines().nth(3).unwrap();
    let shown = format!("{:?}", SignatureKey::from_pem(&pem).unwrap());
    assert!(shown.contains("redacted") && !shown.contains(line));
    let broken = pem.replacen("MII", "!II", 1);
    assert!(!SignatureKey::from_pem(&broken).unwrap_err().to_string().contains(line));
}

#[test]
fn a_secret_for_another_key_opens_to_other_bytes_and_a_damaged_one_is_refused() {
    let key = EncryptionKey::from_pem(&pkcs1(LineEnding::LF)).unwrap();
    let foreign = STANDARD.encode([1; 256]);
    let opened = key.open(&foreign).unwrap();
    assert_eq!(opened.expose(), key.open(&foreign).unwrap().expose(), "the same bytes each time");
    for damaged in ["", "%%%", &STANDARD.encode([1; 255]), &STANDARD.encode([0xff; 256])] {
        assert!(matches!(key.open(damaged), Err(SigningError::Secret { .. })), "{damaged}");
    }
}

#[test]
fn what_is_no_group_is_refused() {
    let prime = hex::decode(PRIME).unwrap();
    let mut even = prime.clone();
    even[255] = 0xfe;
    let less_one: Vec<u8> = even.clone();
    assert!(matches!(DiffieHellmanParameters::from_big_endian(&even, &[2]), Err(SigningError::NoGroup { .. })));
    assert!(matches!(
        DiffieHellmanParameters::from_big_endian(&prime[..64], &[2]),
        Err(SigningError::Size { bits: 512, .. })
    ));
    let huge = vec![0xff; 4096];
    assert!(matches!(DiffieHellmanParameters::from_big_endian(&huge, &[2]), Err(SigningError::Size { .. })));
    for generator in [&[][..], &[0], &[1], &less_one, &prime, &vec![3; 4096]] {
        let refused = DiffieHellmanParameters::from_big_endian(&prime, generator);
        assert!(matches!(refused, Err(SigningError::NoGroup { .. })), "{generator:?}");
    }
}

#[test]
fn a_response_outside_the_group_is_refused() {
    let group = DiffieHellmanParameters::from_big_endian(&hex::decode(PRIME).unwrap(), &[2]).unwrap();
    let random = DiffieHellmanRandom::from_bytes([9; 32]).unwrap();
    let less_one = format!("{}e", &PRIME[..511]);
    let beyond = format!("1{PRIME}");
    for response in ["", "0", "00", "1", "xyz", "-2", &less_one, PRIME, &beyond] {
        let refused = group.shared_secret(&random, response);
        assert!(matches!(refused, Err(SigningError::Response { .. })), "{response}");
    }
    let less_two = format!("{}d", &PRIME[..511]);
    assert!(group.shared_secret(&random, &less_two).is_ok());
    assert!(group.shared_secret(&random, " 2 ").is_ok());
}

#[test]
fn a_file_made_by_openssl_is_read_and_a_damaged_one_is_not() {
    let made_by_openssl = include_str!("../vectors/dhparam.pem");
    let group = DiffieHellmanParameters::from_pem(made_by_openssl).unwrap();
    assert_eq!(group.prime().len(), 256);
    let numbers = [group.prime().to_vec(), vec![2], vec![225]].map(|number| Uint::new(&number).unwrap());
    let with_length = der::pem::encode_string("DH PARAMETERS", LineEnding::LF, &numbers.to_vec().to_der().unwrap());
    assert_eq!(DiffieHellmanParameters::from_pem(&with_length.unwrap()).unwrap().prime(), group.prime());
    let key = pkcs1(LineEnding::LF);
    assert!(matches!(DiffieHellmanParameters::from_pem(&key), Err(SigningError::WrongLabel { .. })));
    let damaged = "-----BEGIN DH PARAMETERS-----\nMAYCAQU=\n-----END DH PARAMETERS-----";
    assert!(matches!(DiffieHellmanParameters::from_pem(damaged), Err(SigningError::Unreadable { .. })));
}
