//! The form of a signature in a header: what the common mistakes make of it.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use percent_encoding::percent_decode_str;

/// How often a text that is percent-encoded again and again is decoded.
const LAYERS_MAX: usize = 3;
/// Shortest text of hexadecimal digits that is taken for a signature, characters: HMAC-SHA1's.
const HEXADECIMAL_MIN: usize = 40;

/// A mistake in the form of `oauth_signature`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignatureFault {
    /// Nothing stands there.
    Empty,
    /// `b'…'`: Python's bytes, printed.
    PythonBytes,
    /// In quotes that are part of the value.
    Quoted,
    /// Line breaks in it, as MIME's base64 has them.
    LineBreaks,
    /// Spaces in it: a `+` that was decoded once too often.
    Spaces,
    /// Percent-encoded more than once.
    EncodedTwice,
    /// `+`, `/` and `=` as they are.
    NotEncoded,
    /// Base64 with `-` and `_`.
    UrlSafe,
    /// In hexadecimal.
    Hexadecimal,
    /// The `=` at its end is missing.
    NoPadding,
    /// No base64 in any form.
    NotBase64,
    /// Base64 of another length than the method gives.
    Length {
        /// Characters of base64 found.
        characters: usize,
        /// Bytes that they give.
        bytes: usize,
        /// Bytes that the method gives.
        expected: usize,
    },
}

impl fmt::Display for SignatureFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Empty => "oauth_signature is empty",
            Self::PythonBytes => "oauth_signature is `b'…'`: Python's bytes, printed",
            Self::Quoted => "oauth_signature has quotes of its own inside its value",
            Self::LineBreaks => "oauth_signature has line breaks in it",
            Self::Spaces => "oauth_signature has spaces in it, where `+` should stand",
            Self::EncodedTwice => "oauth_signature is percent-encoded twice (`%25`)",
            Self::NotEncoded => "oauth_signature is not percent-encoded",
            Self::UrlSafe => "oauth_signature is base64 with `-` and `_` for `+` and `/`",
            Self::Hexadecimal => "oauth_signature is in hexadecimal",
            Self::NoPadding => "oauth_signature lacks the `=` at its end",
            Self::NotBase64 => "oauth_signature is no base64",
            Self::Length { characters, bytes, expected } => {
                return write!(
                    formatter,
                    "oauth_signature has {characters} characters, which give {bytes} bytes; this method gives {expected} bytes"
                );
            }
        })
    }
}

/// What was found of a signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JudgedSignature {
    /// Every mistake of its form.
    pub faults: Vec<SignatureFault>,
    /// The signature that was meant, in plain base64, where it can be told.
    pub meant: Option<String>,
}

/// Judges the value of `oauth_signature` as it stands in the header. `lengths` are the bytes that the method gives; none: any.
#[must_use]
pub fn judge_signature(raw: &str, lengths: &[usize]) -> JudgedSignature {
    let mut faults = Vec::new();
    if raw.trim().is_empty() {
        return JudgedSignature { faults: vec![SignatureFault::Empty], meant: None };
    }
    let text = unquoted(percent_decoded(raw, &mut faults), &mut faults);
    let mut text = unspaced(&text, &mut faults);
    // One that was cut may end in the middle of a character's code.
    if let Some(cut_at) = text.rfind('%').filter(|at| text.len() - at < 3) {
        text.truncate(cut_at);
    }
    if let Some(bytes) = hexadecimal(&text) {
        faults.push(SignatureFault::Hexadecimal);
        let meant = (lengths.is_empty() || lengths.contains(&bytes.len())).then(|| STANDARD.encode(bytes));
        return JudgedSignature { faults, meant };
    }
    let meant = of_base64(&text, lengths, &mut faults);
    JudgedSignature { faults, meant }
}

fn percent_decoded(raw: &str, faults: &mut Vec<SignatureFault>) -> String {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    if raw.contains(['+', '/', '=']) {
        faults.push(SignatureFault::NotEncoded);
    }
    let mut text = decoded(raw);
    for _ in 0..LAYERS_MAX {
        let again = decoded(&text);
        if again == text {
            break;
        }
        if !faults.contains(&SignatureFault::EncodedTwice) {
            faults.push(SignatureFault::EncodedTwice);
        }
        text = again;
    }
    text
}

fn unquoted(text: String, faults: &mut Vec<SignatureFault>) -> String {
    let trimmed = text.trim();
    for quote in ['\'', '"'] {
        let inner = trimmed.strip_suffix(quote);
        if let Some(inner) = inner.and_then(|inner| inner.strip_prefix('b')?.strip_prefix(quote)) {
            faults.push(SignatureFault::PythonBytes);
            return inner.replace("\\n", "\n");
        }
        if let Some(inner) = inner.and_then(|inner| inner.strip_prefix(quote)) {
            faults.push(SignatureFault::Quoted);
            return inner.to_owned();
        }
    }
    text
}

fn unspaced(text: &str, faults: &mut Vec<SignatureFault>) -> String {
    if text.contains(['\n', '\r']) {
        faults.push(SignatureFault::LineBreaks);
    }
    // Indentation after a line break belongs to the break.
    let joined: String = text.split(['\n', '\r']).map(str::trim).collect();
    if joined.contains(char::is_whitespace) || !text.contains(['\n', '\r']) && text.trim().len() < text.len() {
        faults.push(SignatureFault::Spaces);
    }
    joined.trim().chars().map(|letter| if letter.is_whitespace() { '+' } else { letter }).collect()
}

fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    if text.len() < HEXADECIMAL_MIN { None } else { hex::decode(text).ok() }
}

fn of_base64(text: &str, lengths: &[usize], faults: &mut Vec<SignatureFault>) -> Option<String> {
    let standard = text.replace('-', "+").replace('_', "/");
    if standard != text {
        faults.push(SignatureFault::UrlSafe);
    }
    let fits = |bytes: &[u8]| lengths.is_empty() || lengths.contains(&bytes.len());
    if let Ok(bytes) = STANDARD.decode(&standard) {
        if fits(&bytes) {
            return Some(standard);
        }
        faults.push(length(&standard, bytes.len(), lengths));
        return None;
    }
    let unpadded = standard.trim_end_matches('=');
    match STANDARD_NO_PAD.decode(unpadded) {
        Ok(bytes) if fits(&bytes) => {
            faults.push(SignatureFault::NoPadding);
            Some(STANDARD.encode(bytes))
        }
        Ok(bytes) => {
            faults.push(length(&standard, bytes.len(), lengths));
            None
        }
        // A text of base64's letters whose count fits no number of bytes was cut.
        Err(_) if unpadded.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')) => {
            faults.push(length(&standard, unpadded.len() * 3 / 4, lengths));
            None
        }
        Err(_) => {
            faults.push(SignatureFault::NotBase64);
            None
        }
    }
}

fn length(text: &str, bytes: usize, lengths: &[usize]) -> SignatureFault {
    SignatureFault::Length { characters: text.len(), bytes, expected: lengths.first().copied().unwrap_or_default() }
}
