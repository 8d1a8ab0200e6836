//! PEM (RFC 7468), read with patience for what editors, consoles, mails and JSON do to it. One reader for every key and for
//! the Diffie-Hellman parameters, whoever asks.

use base64::Engine as _;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use crate::SigningError;
use crate::copied::{entities_read, escapes_read, is_invisible};
use crate::no_pem::{label_means, what_it_is};

/// Longest text that is looked at, bytes. A private key of 4096 bits takes about 3,300.
const TEXT_BYTES_MAX: usize = 64 * 1024;
/// Longest label; that of an encrypted key has 21.
const LABEL_CHARACTERS_MAX: usize = 32;
/// Blocks of one text that are looked at.
const BLOCKS_MAX: usize = 16;
/// An `=` that was lost at the end changes nothing.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What a block must be.
#[derive(Clone, Copy)]
pub(crate) struct Wanted {
    /// Its label is one of these.
    pub(crate) labels: &'static [&'static str],
    /// In words.
    pub(crate) name: &'static str,
}

/// The block of a PEM text that fits. Text and other blocks around it, a byte order mark, `CRLF`, indentation, one line, quotes,
/// HTML's entities, and `\n` written as two characters are all tolerated.
pub(crate) fn read(what: &'static str, text: &str, wanted: Wanted) -> Result<Zeroizing<Vec<u8>>, SigningError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(SigningError::NotPem { what });
    }
    let plain = Zeroizing::new(plain(text));
    let blocks = blocks(&plain);
    let fitting: Vec<&Block<'_>> = blocks.iter().filter(|block| wanted.labels.contains(&block.label)).collect();
    match (fitting.as_slice(), blocks.first()) {
        ([block, others @ ..], _) => {
            let der = block.der(what)?;
            if others.iter().any(|other| !other.der(what).is_ok_and(|other| other == der)) {
                let is = format!("holds {} blocks that could be meant", fitting.len());
                return Err(SigningError::Other { what, is, fix: "leave the right one alone in it" });
            }
            Ok(der)
        }
        ([], Some(first)) => Err(misfit(what, &blocks, first, wanted)),
        ([], None) => match in_base64(&plain) {
            Some(pem) => read(what, &pem, wanted),
            None => Err(what_it_is(what, &plain)),
        },
    }
}

fn misfit(what: &'static str, blocks: &[Block<'_>], first: &Block<'_>, wanted: Wanted) -> SigningError {
    if blocks.iter().any(Block::is_encrypted) {
        return SigningError::KeyEncrypted { what };
    }
    let label = first.label.to_owned();
    SigningError::WrongLabel { what, means: label_means(&label), label, wanted: wanted.name }
}

/// What was between `BEGIN` and `END`.
struct Block<'t> {
    label: &'t str,
    body: &'t str,
    /// The label after `END`; `None` if there is no such line.
    end: Option<&'t str>,
}

impl Block<'_> {
    /// `Proc-Type: 4,ENCRYPTED` is OpenSSL's old way of a passphrase, inside a block whose label does not say so.
    fn is_encrypted(&self) -> bool {
        self.label.starts_with("ENCRYPTED") || self.body.contains("Proc-Type")
    }

    fn der(&self, what: &'static str) -> Result<Zeroizing<Vec<u8>>, SigningError> {
        if self.is_encrypted() {
            return Err(SigningError::KeyEncrypted { what });
        }
        let unreadable = |why: String| SigningError::Unreadable { what, why };
        match self.end {
            None => {
                let is = format!("is cut: after BEGIN {} there is no END", self.label);
                return Err(SigningError::Other {
                    what,
                    is,
                    fix: "copy the file whole, its first and its last line too",
                });
            }
            Some(end) if end != self.label => {
                return Err(unreadable(format!("it begins as {} and ends as another thing", self.label)));
            }
            Some(_) => {}
        }
        let packed = packed(self.body).map_err(unreadable)?;
        let decoded = BASE64.decode(packed.as_bytes()).map_err(|_| {
            let characters = packed.len();
            unreadable(format!(
                "{characters} characters of base64 between BEGIN and END are no whole number of bytes: some are missing; a `+` that \
                 became a space is lost as well"
            ))
        })?;
        Ok(Zeroizing::new(decoded))
    }
}

/// The body's base64 alone; or why it is none, without a piece of it.
fn packed(body: &str) -> Result<Zeroizing<String>, String> {
    let mut packed = Zeroizing::new(String::with_capacity(body.len()));
    for letter in body.chars() {
        match letter {
            'A'..='Z' | 'a'..='z' | '0'..='9' | '+' | '/' | '=' => packed.push(letter),
            // Line ends, and what programs, mails and lists put around a line.
            '"' | '\'' | '`' | ',' | ';' | '>' | '|' | '\\' => {}
            '.' | '…' | '*' => return Err("its middle was left out or masked on the way".to_owned()),
            other if other.is_whitespace() || is_invisible(other) => {}
            other => return Err(format!("between BEGIN and END stands {other:?}, which is no base64")),
        }
    }
    Ok(packed)
}

/// The label; one that is none may be a piece of the key, where dashes were lost, and is told by nobody.
fn named(label: &str) -> &str {
    let is_of_a_label = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || matches!(byte, b' ' | b'.');
    if label.len() <= LABEL_CHARACTERS_MAX && label.bytes().all(is_of_a_label) { label } else { "…" }
}

fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("-BEGIN ").filter(|_| blocks.len() < BLOCKS_MAX) {
        let Some((label, after)) = after.split_once('-') else { break };
        let label = named(label.trim());
        let body_and_more = after.trim_start_matches('-');
        // A block that was cut ends where the next one begins.
        let (until_next, _) = body_and_more.split_once("-BEGIN ").unwrap_or((body_and_more, ""));
        match until_next.split_once("-END ") {
            Some((body, end)) => {
                let end = end.split('-').next().unwrap_or_default().trim();
                blocks.push(Block { label, body: body.trim_end_matches('-'), end: Some(end) });
            }
            None => blocks.push(Block { label, body: until_next, end: None }),
        }
        rest = &body_and_more[until_next.len()..];
        // What was split off begins with the dash of the next block.
        if rest.is_empty() {
            break;
        }
    }
    blocks
}

/// The same characters without what hides them: no invisible ones, plain dashes, escapes and entities read.
fn plain(text: &str) -> String {
    let dashes = |letter: char| if matches!(letter, '\u{2010}'..='\u{2015}' | '\u{2212}') { '-' } else { letter };
    let visible: String = text.chars().filter(|letter| !is_invisible(*letter)).map(dashes).collect();
    let visible = Zeroizing::new(visible);
    let unescaped = Zeroizing::new(escapes_read(&visible));
    entities_read(&unescaped)
}

/// A PEM text that was put into base64 as a whole.
fn in_base64(text: &str) -> Option<Zeroizing<String>> {
    let packed: Zeroizing<String> = Zeroizing::new(text.split_whitespace().collect());
    let packed = packed.trim_matches(['"', '\'']);
    if !packed.starts_with("LS0tLS") {
        return None;
    }
    String::from_utf8(BASE64.decode(packed).ok()?).ok().map(Zeroizing::new)
}
