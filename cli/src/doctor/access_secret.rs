//! The access token secret: what can be told of it before the broker is asked.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use broker::AccessTokenSecret;

use super::case::Case;
use super::causes;
use super::report::Finding;
use crate::access_token::Access;
use crate::output::count_of;

/// Bytes of an opened access token secret, in every example of the broker (IBKR Web API, crypto).
const OPENED_BYTES: usize = 32;
const CHECK: &str = "access_token_secret";

/// Opens the secret, and says what can be told of it: an encryption key that is not the right one opens it to other bytes.
pub(crate) fn open(case: &Case, access: &Access) -> (Option<AccessTokenSecret>, Finding) {
    let Some(key) = &case.encryption_key else {
        return (None, Finding::skipped(CHECK, "there is no encryption key to open it with"));
    };
    let sealed = access.sealed_secret.expose();
    let characters = sealed.len();
    let is_hexadecimal = sealed.bytes().all(|byte| byte.is_ascii_hexdigit());
    if characters == 2 * OPENED_BYTES && is_hexadecimal {
        return (None, Finding::fault(CHECK, "64 hexadecimal digits", &causes::SECRET_OPENED));
    }
    if is_hexadecimal && hex::decode(sealed).is_ok_and(|bytes| bytes.len() * 8 == key.bits() as usize) {
        let says = format!("{characters} hexadecimal digits, and the broker gives base64");
        return (None, Finding::fault(CHECK, says, &causes::SECRET_HEXADECIMAL));
    }
    match key.open(sealed) {
        Err(error) => {
            let bytes = STANDARD.decode(sealed).ok().map(|bytes| bytes.len());
            let told = bytes.map_or_else(|| "no base64".to_owned(), |bytes| count_of(bytes, "byte"));
            // A secret of the right length that does not open was sealed for another key.
            let whole = bytes.is_some_and(|bytes| bytes * 8 == key.bits() as usize);
            let why = if whole { &causes::ENCRYPTION_KEY_DIFFERS } else { &causes::SECRET_TRUNCATED };
            (None, Finding::fault(CHECK, format!("{}, {told}: {error}", count_of(characters, "character")), why))
        }
        Ok(opened) if opened.expose().len() == OPENED_BYTES => {
            (Some(opened), Finding::well(CHECK, format!("{characters} characters; it opens to {OPENED_BYTES} bytes")))
        }
        Ok(opened) => {
            let says = format!(
                "it opens to {}, and the broker's secrets have {OPENED_BYTES}: this is what a wrong encryption key gives",
                count_of(opened.expose().len(), "byte")
            );
            let finding = Finding::fault(CHECK, says, &causes::ENCRYPTION_KEY_DIFFERS);
            (Some(opened), finding)
        }
    }
}
