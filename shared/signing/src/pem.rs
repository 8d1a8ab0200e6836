//! PEM (RFC 7468), read with patience for what editors, consoles and JSON do to it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::SigningError;

/// Longest text that is looked at, bytes. A private key of 4096 bits takes about 3,300.
const TEXT_BYTES_MAX: usize = 64 * 1024;

/// The first block of a PEM text.
pub(crate) struct Block {
    pub(crate) label: String,
    pub(crate) der: Zeroizing<Vec<u8>>,
}

/// Reads the first block. Text around it, `CRLF`, indentation, and `\n` written as two characters are all tolerated.
pub(crate) fn read(what: &'static str, text: &str) -> Result<Block, SigningError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(SigningError::NotPem { what });
    }
    let text = Zeroizing::new(text.replace("\\r", "").replace("\\n", "\n"));
    let (label, body) = first_block(&text).ok_or(SigningError::NotPem { what })?;
    // `Proc-Type: 4,ENCRYPTED` is OpenSSL's old way of a passphrase, inside a block whose label does not say so.
    if label.starts_with("ENCRYPTED") || body.contains("ENCRYPTED") {
        return Err(SigningError::KeyEncrypted { what });
    }
    let packed: Zeroizing<String> = Zeroizing::new(body.split_ascii_whitespace().collect());
    let der = STANDARD
        .decode(packed.as_bytes())
        .map_err(|_| SigningError::Unreadable { what, why: "the lines between BEGIN and END are not base64".into() })?;
    Ok(Block { label: label.to_owned(), der: Zeroizing::new(der) })
}

fn first_block(text: &str) -> Option<(&str, &str)> {
    let (_, rest) = text.split_once("-----BEGIN ")?;
    let (label, rest) = rest.split_once("-----")?;
    let (body, rest) = rest.split_once("-----END ")?;
    rest.starts_with(label).then_some((label, body))
}
