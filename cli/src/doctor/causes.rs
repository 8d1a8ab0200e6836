//! What can be wrong between a consumer and the broker, and what to do about each: a table (IBKR Web API, TESTCONS and
//! "invalid consumer", and other errors of the OAuth steps).

use serde::Serialize;

/// One cause.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Cause {
    /// Names it for programs.
    pub(crate) code: &'static str,
    /// What is wrong.
    pub(crate) what: &'static str,
    /// What to do.
    pub(crate) fix: &'static str,
}

macro_rules! causes {
    ($($name:ident: $code:literal, $what:literal, $fix:literal;)*) => {
        $(pub(crate) static $name: Cause = Cause { code: $code, what: $what, fix: $fix };)*
        /// All of them, so that a test can hold their form.
        #[cfg(test)]
        pub(crate) static ALL: &[&Cause] = &[$(&$name),*];
    };
}

causes! {
    SECRET_MALFORMED: "secret_malformed",
        "The consumer's secret is not the JSON object that it should be.",
        "It has the fields consumer_key, private_signature_pem, private_encryption_pem, dhparam_pem, and, if at all, realm, each a text. \
         In a stack `courier keys generate` and `courier keys consumer` write it; a file is mended by hand.";
    SECRET_EMPTY: "secret_empty",
        "The consumer's secret is empty: nobody has made keys yet.",
        "`courier keys generate` makes them, keeps the private ones there, and writes the files that IBKR is sent.";
    CONSUMER_KEY_MISSING: "consumer_key_missing",
        "There is no consumer key yet. The keys may be well: what is missing is the name that IBKR gives the consumer.",
        "Send IBKR the public files and the callback address. Once it gives the key, write it down: in a file as consumer_key, in a stack \
         by `courier keys consumer KEY`. Then wait a night.";
    CONSUMER_KEY_UNUSABLE: "consumer_key_unusable",
        "The consumer key cannot stand in a header: it holds quotes, white space or other characters that no key has.",
        "Write the key alone, letter by letter as IBKR gave it: in a file as consumer_key, in a stack by `courier keys consumer KEY`.";
    REALM_UNUSABLE: "realm_unusable",
        "The realm cannot stand in a header: it holds quotes, white space or other characters that no realm has.",
        "Take `realm` out of the secret: Courier then chooses it by the consumer key.";
    KEY_UNREADABLE: "key_unreadable",
        "A key or the Diffie-Hellman file cannot be read.",
        "Put the whole PEM there, from BEGIN to END, without a passphrase, in PKCS#1 or PKCS#8. If it was made on macOS with LibreSSL or \
         on Windows, make it again with OpenSSL on Linux.";
    KEY_SIZE: "key_size",
        "A key has another size than the broker asks for.",
        "Make both RSA keys and the prime with 2048 bits (`courier keys generate`), send the public files again, and wait a night.";
    SAME_KEY: "same_key",
        "The signature key and the encryption key are the same key.",
        "Make two key pairs (`courier keys generate`), send the public files again, and wait a night.";
    NOT_PRIME: "not_prime",
        "The prime of the Diffie-Hellman file is no prime: the file is damaged.",
        "Use the very file that was sent to the broker; or make a new one with `openssl dhparam -out dhparam.pem 2048`, send it, and wait a night.";
    CONSUMER_KEY_LOWER_CASE: "consumer_key_lower_case",
        "The consumer key has lower-case letters. The broker's keys have none.",
        "Write it in upper case.";
    CONSUMER_KEY_FORM: "consumer_key_form",
        "The consumer key has another form than the broker's: 9 upper-case letters (only TESTCONS has 8).",
        "Compare it letter by letter with what the broker wrote or the portal shows.";
    REALM_WRONG: "realm_wrong",
        "The realm does not belong to this consumer key.",
        "It is test_realm for TESTCONS, and limited_poa for every other key. Another client names it in its header; where `realm` stands in \
         Courier's secret, take it out, and Courier chooses it.";
    REALM_MISSING: "realm_missing",
        "There is no realm. A realm that is missing or wrong is one known way to `invalid consumer`; stock OAuth libraries send none unless told to.",
        "Send realm=\"test_realm\" for TESTCONS, realm=\"limited_poa\" for every other key, in the Authorization header (it is never signed). \
         In requests_oauthlib it is the argument `realm`.";
    TESTCONS_WITH_OWN_KEYS: "testcons_with_own_keys",
        "TESTCONS is used with keys of one's own. TESTCONS belongs to IBKR's OAuth demo, and its RSA keys and Diffie-Hellman prime are the \
         ones that IBKR publishes there: no other pair can work with it, and uploading is not possible for it.",
        "Take the private keys and the dhparam of IBKR's OAuth web demo (its prime begins f51d7ab737a45266), realm test_realm, and log in \
         with a paper username. Or ask IBKR for a consumer key of your own, and send it your public files.";
    TESTCONS_OUTDATED_KEYS: "testcons_outdated_keys",
        "TESTCONS is used with the keys or the prime of IBKR's PDF of 2018. They are not the ones of today's demo.",
        "Take those of IBKR's OAuth web demo (its prime begins f51d7ab737a45266).";
    TESTCONS_USERNAME: "testcons_live_username",
        "TESTCONS works with a paper username only.",
        "Log in on the consent page with the username of a paper account.";
    CONSUMER_NOT_ACTIVE: "consumer_not_active",
        "The consumer key is not active yet. A new key works after midnight (New York, Zug, Hong Kong) at the earliest, mostly on the \
         next business day; users saw up to two weeks.",
        "Wait, and try again once an hour at most. Change nothing meanwhile: each change starts the wait anew.";
    CONSUMER_CHANGED: "consumer_changed",
        "Keys or settings were changed at the broker. Each change acts only after the next night.",
        "Change one thing, wait one night, try again.";
    FIRST_PARTY_KEY: "first_party_key",
        "The key is a first party's (self-service portal). Those have no request tokens: the portal gives the access token.",
        "Skip to the live session token: `courier doctor --access-token FILE`, then `courier connections import`. To connect users by the \
         consent page, ask for a third-party consumer: api-solutions@interactivebrokers.com.";
    CONSUMER_NOT_APPROVED: "consumer_not_approved",
        "The key was never approved for third parties, or the account that asked for it is not eligible.",
        "Ask api-solutions@interactivebrokers.com (third party) or apiintegration@interactivebrokers.com (first party) where it stands.";
    OAUTH_NOT_ENABLED: "oauth_not_enabled",
        "OAuth access is off for the username, its agreement is not signed, or the consumer was registered under the other username (live, paper).",
        "Log in to the portal with the very username that will trade, sign, tick `Enable OAuth Access`, wait a night.";
    HEADER_CUT: "header_cut",
        "The Authorization header arrives cut: some clients end it at its first space or comma.",
        "Look at the raw header on the wire; give it to `courier doctor --header FILE`.";
    HEADER_NONE: "header_none",
        "The file holds no Authorization header of OAuth 1.0a.",
        "Give the header as it leaves on the wire: `Authorization: OAuth realm=\"…\", oauth_consumer_key=\"…\", …`. `curl -v` prints it.";
    HEADER_FORM: "header_form",
        "The Authorization header has another form than RFC 5849 (section 3.5.1) gives it.",
        "Write `OAuth`, a space, and then name=\"value\" pairs with a comma between them, on one line.";
    PARAMETER_TWICE: "parameter_twice",
        "A parameter stands in the header twice: nobody knows which one is signed.",
        "Send each parameter once; look whether two layers of the client sign the request.";
    OLD_HOST: "old_host",
        "The address is IBKR's old one (www.interactivebrokers.com/tradingapi/v1).",
        "Use https://api.ibkr.com/v1/api (the parameter BrokerApiUrl). The signature covers the address, so sign the new one.";
    PREFIX_MISSING: "prefix_missing",
        "The address lacks /v1/api: without it the broker answers 404.",
        "Use https://api.ibkr.com/v1/api (the parameter BrokerApiUrl). The signature covers the address, so sign the new one.";
    ADDRESS_UNUSABLE: "address_unusable",
        "The address of the broker is no URL that can be used.",
        "Use https://api.ibkr.com/v1/api (the parameter BrokerApiUrl).";
    HOST_REFUSED: "host_refused",
        "A numbered host of the broker does not know this machine's address.",
        "Use https://api.ibkr.com/v1/api (the parameter BrokerApiUrl).";
    CLOCK_SKEW: "clock_skew",
        "This machine's clock and the broker's are far apart, and every signed request carries the time.",
        "Set the clock (`timedatectl set-ntp true`), and try again. Timestamps are in seconds, not milliseconds.";
    PRIVATE_KEY_SENT: "private_key_sent",
        "This file is a private key. IBKR is sent public files alone.",
        "If IBKR was sent this very file, make new keys (`courier keys generate --replace`), send their public files, and wait a night. \
         Else name the public file here: public_signature.pem, or public_encryption.pem.";
    ANOTHER_FILE: "another_file",
        "This is another kind of file than the one that IBKR is sent here.",
        "Name the file that was sent: public_signature.pem, public_encryption.pem, or dhparam.pem.";
    KEYS_SWAPPED: "keys_swapped",
        "The two keys are swapped: what signs here is the pair of the file that was sent as public_encryption.pem.",
        "Exchange private_signature_pem and private_encryption_pem in the secret; no new upload is needed.";
    SIGNATURE_KEY_DIFFERS: "signature_key_differs",
        "private_signature_pem is not the pair of the public_signature.pem that the broker holds.",
        "Compare the fingerprint above with `openssl pkey -pubin -in public_signature.pem -outform DER | sha256sum`. Use the pair that was \
         sent, or send the new public file and wait a night.";
    ENCRYPTION_KEY_DIFFERS: "encryption_key_differs",
        "private_encryption_pem is not the pair of the public_encryption.pem that the broker holds: the access token secret then opens to \
         other bytes, without an error, and only the signature of the next step tells.",
        "Use the pair that was sent; or send the new public file, wait a night, and take a new access token.";
    PRIME_DIFFERS: "prime_differs",
        "dhparam_pem is another file than the one that was sent to the broker: both sides computed different live session tokens.",
        "Use the very dhparam.pem that was sent; or send this one and wait a night.";
    PROOF_CONSUMER_KEY: "proof_consumer_key",
        "The consumer key is not written exactly as the broker has it: the proof of the live session token is made over it.",
        "Compare it letter by letter.";
    TOKEN_REVOKED: "token_revoked",
        "The user took the access back in their IBKR settings (there is no call that tells). The consumer itself is known.",
        "The user connects again (`POST /connections`); a first party generates a new token in the portal.";
    TOKEN_LOST: "token_lost",
        "The broker has no secret for this access token: it was made for another consumer key, or lost on the broker's side (June 2025).",
        "Generate the token again, or let the user connect again; it works within a minute.";
    SECRET_TRUNCATED: "secret_truncated",
        "The access token secret is not whole: it was copied badly.",
        "Copy it whole, its `=` at the end included: 344 characters of base64 for a key of 2048 bits. The portal shows it once; else generate \
         the token again.";
    SECRET_OPENED: "secret_opened",
        "The access token secret is the opened one already (64 hexadecimal digits).",
        "Give the one that the broker gave: 344 characters of base64.";
    SECRET_HEXADECIMAL: "secret_hexadecimal",
        "The access token secret is in hexadecimal.",
        "Give it as the broker gave it: 344 characters of base64.";
    ACCESS_TOKEN_FORM: "access_token_form",
        "The file of the access token is not the JSON object that it should be, or the token is none.",
        "It has the fields access_token (20 hexadecimal digits) and access_token_secret (base64), or oauth_token and oauth_token_secret, \
         as the broker answers.";
    PARAMETER_WRONG: "parameter_wrong",
        "A part of the header is missing or has the wrong value; the broker names it in its answer.",
        "Mend what the check above names. `courier doctor --explain` shows a right header, to compare with.";
    REQUEST_METHOD: "request_method",
        "The request has another method than the step that it is: the steps of OAuth are POST, and the method is signed.",
        "Send it with POST, and sign the base string that begins with POST.";
    SIGNATURE_NOT_ENCODED: "signature_not_encoded",
        "The signature stands in the header as plain base64. Its `+`, `/` and `=` must be percent-encoded there.",
        "Percent-encode the value of oauth_signature, once.";
    SIGNATURE_EMPTY: "signature_empty",
        "The header's signature is empty.",
        "Look at what the client's signing gives: its error was swallowed, or the header was made before it.";
    SIGNATURE_ENCODED_TWICE: "signature_encoded_twice",
        "The signature is percent-encoded twice: once by hand, and once more by the client's library.",
        "Give the library the plain base64, or write the header by hand; encode once.";
    SIGNATURE_PYTHON_BYTES: "signature_python_bytes",
        "The signature is Python's bytes as they are printed (`b'…'`), or has quotes of its own inside its value.",
        "Take the text of the base64: `base64.b64encode(signature).decode()`.";
    SIGNATURE_LINE_BREAKS: "signature_line_breaks",
        "The signature's base64 has line breaks, as MIME's has.",
        "Take base64 without line breaks: `b64encode` in Python, `Base64.strict_encode64` in Ruby, `base64 -w0` in a shell.";
    SIGNATURE_SPACES: "signature_spaces",
        "The signature has spaces: each was a `+` that something decoded on the way.",
        "Percent-encode the value of oauth_signature, once, and decode it nowhere.";
    SIGNATURE_URL_SAFE: "signature_url_safe",
        "The signature is base64 with the letters of addresses (`-`, `_`), or lacks its `=` at the end.",
        "Take standard base64 with `+`, `/` and its padding, and percent-encode it, once.";
    SIGNATURE_HEXADECIMAL: "signature_hexadecimal",
        "The signature is in hexadecimal.",
        "Put the signature's bytes into base64, and percent-encode that, once.";
    SIGNATURE_CUT: "signature_cut",
        "The signature has another length than its method gives: it is cut, or another key or method made it.",
        "RSA-SHA256 under a key of 2048 bits gives 256 bytes, 344 characters of base64; HMAC-SHA256 gives 32 bytes, 44 characters.";
    SIGNATURE_METHOD_PROTECTED: "signature_method_protected",
        "Protected calls are signed with HMAC-SHA256 under the live session token, and the header names another method.",
        "Ask for a live session token, sign with it, and say oauth_signature_method=\"HMAC-SHA256\".";
    SIGNATURE_METHOD: "signature_method",
        "The steps of OAuth are signed with RSA-SHA256, and the header names another method.",
        "Sign with the private signature key (RSASSA-PKCS1-v1_5, SHA-256), and say oauth_signature_method=\"RSA-SHA256\".";
    SIGNATURE_DIFFERS: "signature_differs",
        "The header's signature is not the one that private_signature_pem makes over this header's base string.",
        "Compare the base string below with the one of your client, character by character: method, address, order, encoding (once).";
    TIMESTAMP_MILLISECONDS: "timestamp_milliseconds",
        "oauth_timestamp is in milliseconds. The broker wants seconds: 10 digits.",
        "Divide it by 1000.";
    TOO_MANY_REQUESTS: "too_many_requests",
        "Too many requests came from this address. The penalty box is by address, for all users.",
        "Send nothing for 10 minutes. Repeat offenders can be blocked for good.";
    BLOCKED: "blocked",
        "The network before the broker (Akamai) refused the request: it does so without a User-Agent, which Courier always sends, and for \
         addresses that it blocks.",
        "Try from another outgoing address; ask the broker about this one.";
    LENGTH_REQUIRED: "length_required",
        "A POST without a body arrived without `Content-Length: 0`. Courier always sends it; something between took it away.",
        "Look at the proxy between this machine and the broker.";
    SESSION_GONE: "session_gone",
        "The broker's host has no session for this token any more (410).",
        "Try again: the next try makes a new one.";
    BROKER_AWAY: "broker_away",
        "The broker did not answer, or not with something that can be read. It is so in its daily reset (about 01:00 of the region) and on Saturday evening.",
        "Try again in some minutes.";
    NOT_REACHED: "not_reached",
        "The broker was not reached: name, network or TLS.",
        "Try `curl -sSI` with the address above from this machine; look at proxy and firewall.";
    UNKNOWN_REFUSAL: "unknown_refusal",
        "The broker refused the step with words that are not in the table of known errors.",
        "Compare the request with `--explain`, and send the broker its own words with the time.";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_cause_has_a_name_of_its_own_and_a_fix() {
        let codes: BTreeSet<&str> = ALL.iter().map(|cause| cause.code).collect();
        assert_eq!(codes.len(), ALL.len());
        for Cause { code, what, fix } in ALL {
            assert!(what.ends_with('.') && fix.ends_with('.'), "{code}");
        }
    }
}
