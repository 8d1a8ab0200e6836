//! Issues the tokens of a local stack: an OIDC issuer on 127.0.0.1, whose keys the HTTP API's authorizer
//! reads like those of any other (RFC 7519, RFC 7517, OIDC Discovery 1.0).

use std::path::Path;

use axum::{
    Json, Router,
    http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, HeaderName},
    routing::get,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use getrandom::SysRng;
use jiff::{Span, Timestamp};
use rsa::{
    PrivateKey,
    pkcs1v15::SigningKey,
    pkcs8::{DecodePrivateKey, EncodePrivateKey, LineEnding},
    rand_core::UnwrapErr,
    signature::{SignatureEncoding, Signer},
    traits::PublicKeyParts,
};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::StackError;

/// Whom the local tokens are for.
pub(crate) const AUDIENCE: &str = "courier-local";

const KEY_FILE: &str = "issuer-key.pem";
const KEY_BITS: usize = 2_048;
const KEY_ID: &str = "local";
/// Long enough for a day's work with the local stack.
pub(crate) const TOKEN_LIVES_HOURS: i64 = 12;
/// Lets pages of any origin read an answer (Fetch Standard, section 3.3).
pub(crate) const FOR_ANY_PAGE: [(HeaderName, &str); 1] = [(ACCESS_CONTROL_ALLOW_ORIGIN, "*")];

/// Signs tokens for a local stack.
#[derive(Debug, Clone)]
pub(crate) struct Issuer {
    key: PrivateKey,
    url: String,
}

impl Issuer {
    /// The issuer at `url`, with the key of the earlier runs of this workspace: making one takes a second or more.
    pub(crate) fn open(local_stack: &Path, url: String) -> Result<Self, StackError> {
        let file = local_stack.join(KEY_FILE);
        if let Ok(pem) = std::fs::read_to_string(&file)
            && let Ok(key) = PrivateKey::from_pkcs8_pem(&pem)
        {
            return Ok(Self { key, url });
        }
        let key =
            PrivateKey::new(&mut UnwrapErr(SysRng), KEY_BITS).map_err(|error| StackError::Issuer(error.to_string()))?;
        let pem = key.to_pkcs8_pem(LineEnding::LF).map_err(|error| StackError::Issuer(error.to_string()))?;
        std::fs::write(&file, pem.as_bytes()).map_err(StackError::file(&file))?;
        Ok(Self { key, url })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// What tells a client who signed in (OIDC Core 1.0, section 2). `nonce` is the client's own.
    pub(crate) fn id_token(&self, user_id: &str, nonce: Option<&str>, now: Timestamp) -> Result<String, StackError> {
        let mut claims = self.claims(user_id, now);
        if let Some(nonce) = nonce {
            claims["nonce"] = Value::from(nonce);
        }
        self.sign(&claims)
    }

    /// A token whose `sub` is `user_id`; with an algorithm, it carries the claim `algorithm_id` too.
    pub(crate) fn token(
        &self,
        user_id: &str,
        algorithm_id: Option<&str>,
        now: Timestamp,
    ) -> Result<String, StackError> {
        let mut claims = self.claims(user_id, now);
        if let Some(algorithm_id) = algorithm_id {
            claims["algorithm_id"] = Value::from(algorithm_id);
        }
        self.sign(&claims)
    }

    fn claims(&self, user_id: &str, now: Timestamp) -> Value {
        json!({
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": user_id,
            "iat": now.as_second(),
            "exp": now.saturating_add(Span::new().hours(TOKEN_LIVES_HOURS)).map_or(i64::MAX, Timestamp::as_second),
        })
    }

    fn sign(&self, claims: &Value) -> Result<String, StackError> {
        let header = json!({"alg": "RS256", "typ": "JWT", "kid": KEY_ID});
        let signed = format!("{}.{}", part(header.to_string()), part(claims.to_string()));
        let signature = SigningKey::<Sha256>::new(self.key.clone())
            .try_sign(signed.as_bytes())
            .map_err(|error| StackError::Issuer(error.to_string()))?;
        Ok(format!("{signed}.{}", part(signature.to_bytes())))
    }

    /// The two pages that an authorizer reads; a page of another origin may read the first.
    pub(crate) fn pages(&self) -> Router {
        let url = &self.url;
        let configuration = json!({
            "issuer": url,
            "jwks_uri": format!("{url}/jwks.json"),
            "authorization_endpoint": format!("{url}/authorize"),
            "token_endpoint": format!("{url}/token"),
            "token_endpoint_auth_methods_supported": ["none"],
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": true,
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "scopes_supported": ["openid"],
        });
        let keys = json!({"keys": [{
            "kty": "RSA", "alg": "RS256", "use": "sig", "kid": KEY_ID,
            "n": part(self.key.n().to_be_bytes_trimmed_vartime()),
            "e": part(self.key.e().to_be_bytes_trimmed_vartime()),
        }]});
        Router::new()
            .route("/.well-known/openid-configuration", get(move || async { (FOR_ANY_PAGE, Json(configuration)) }))
            .route("/jwks.json", get(move || async { Json(keys) }))
    }
}

fn part(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
