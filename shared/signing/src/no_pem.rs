//! What a text is that should be PEM and is none: named, never quoted.

use crate::SigningError;

/// Shortest text of base64 or hexadecimal digits that is taken for a key or a number, characters.
const DIGITS_MIN: usize = 100;
/// Longest text that may be the name of a file, characters.
const NAME_CHARACTERS_MAX: usize = 512;

/// What a block with this label is.
pub(crate) fn label_means(label: &str) -> &'static str {
    match label {
        "PUBLIC KEY" | "RSA PUBLIC KEY" => "a public key, the half that IBKR is sent",
        "PRIVATE KEY" | "RSA PRIVATE KEY" => "a private key, the half that nobody is sent",
        "DH PARAMETERS" | "X9.42 DH PARAMETERS" => "Diffie-Hellman parameters, which belong into dhparam_pem",
        "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE" | "PKCS7" | "CMS" => "a certificate",
        "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => "a request for a certificate",
        "OPENSSH PRIVATE KEY" | "SSH2 PUBLIC KEY" => "a key in SSH's own form",
        _ if label.starts_with("EC ") => "of an elliptic-curve key, and IBKR takes RSA keys alone",
        _ if label.starts_with("DSA ") => "of a DSA key, and IBKR takes RSA keys alone",
        _ if label.starts_with("PGP ") => "a text of OpenPGP",
        _ => "something else",
    }
}

/// The error that says what `text` is.
pub(crate) fn what_it_is(what: &'static str, text: &str) -> SigningError {
    const AS_OPENSSL: &str = "give the file's text as openssl wrote it, from its BEGIN line to its END line";
    const MAKE: &str = "make it with openssl (`openssl genrsa 2048`, `openssl dhparam 2048`)";
    let text = text.trim();
    let shown = text.trim_matches(['"', '\'']).trim();
    let (is, fix) = if shown.is_empty() {
        ("is empty", AS_OPENSSL)
    } else if is_der(shown) {
        (
            "is binary, DER as it seems, and no PEM text",
            "write it as PEM: `openssl pkey -inform DER -in OLD -out NEW` (for a public key with `-pubin`), or `openssl dhparam -inform DER -in OLD -out NEW`",
        )
    } else if shown.contains("BEGIN ") || shown.contains("END ") && shown.contains("KEY") {
        ("is cut: its BEGIN line or its END line is not whole", "copy the file whole, its first and its last line too")
    } else if shown.starts_with("PuTTY-User-Key-File") || shown.starts_with("ssh-") {
        ("is a key in the form of PuTTY or SSH", MAKE)
    } else if shown.starts_with('{') && shown.contains("\"kty\"") {
        ("is a JSON Web Key and no PEM text", MAKE)
    } else if shown.starts_with('<') {
        ("is XML or a web page and no PEM text", AS_OPENSSL)
    } else if digits(shown, |byte| byte.is_ascii_hexdigit()) {
        ("is a number in hexadecimal, such as a prime alone, and no PEM text", AS_OPENSSL)
    } else if digits(shown, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')) {
        ("is base64 without its BEGIN and END lines", AS_OPENSSL)
    } else if is_name(shown) {
        ("is the name of a file, and not what stands in it", AS_OPENSSL)
    } else {
        return SigningError::NotPem { what };
    };
    SigningError::Other { what, is: is.to_owned(), fix }
}

/// A sequence of more than 127 bytes: `30 81`, `30 82` or `30 83`, whose second byte is no text in UTF-8.
fn is_der(text: &str) -> bool {
    let mut letters = text.chars();
    letters.next() == Some('0') && matches!(letters.next(), Some('\u{fffd}' | '\u{80}'..='\u{9f}'))
}

fn digits(text: &str, is_digit: impl Fn(u8) -> bool) -> bool {
    let between = |byte: u8| byte.is_ascii_whitespace() || byte == b':';
    text.len() >= DIGITS_MIN && text.bytes().all(|byte| is_digit(byte) || between(byte))
}

fn is_name(text: &str) -> bool {
    let begins =
        ["/", "./", "../", "~/", "file:", "fileb:", "@", "arn:", "s3:"].iter().any(|word| text.starts_with(word));
    let ends = [".pem", ".key", ".der", ".txt", ".crt", ".pub"].iter().any(|word| text.ends_with(word));
    let drive = text.as_bytes().get(1..3) == Some(b":\\");
    text.len() <= NAME_CHARACTERS_MAX && !text.contains('\n') && (begins || ends || drive)
}
