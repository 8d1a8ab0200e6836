//! Signing in at the local issuer: the authorization code flow with PKCE (RFC 6749, section 4.1; RFC 7636; OIDC Core 1.0,
//! section 3.1), as whichever user one names. There is no password: whoever reaches 127.0.0.1 has the machine anyway.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Form, Json, Router,
    extract::{Query, State},
    http::StatusCode,
    response::{Html, IntoResponse, Redirect, Response},
    routing::{get, post},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use getrandom::SysRng;
use jiff::Timestamp;
use rsa::rand_core::{Rng, UnwrapErr};
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::time::Instant;
use url::Url;

use crate::issuer::{AUDIENCE, FOR_ANY_PAGE, Issuer, TOKEN_LIVES_HOURS};

const CODE_LIVES: Duration = Duration::from_mins(1);
const CODE_BYTES: usize = 24;
/// Codes that wait to be used: far more than one developer leaves behind in a minute.
const CODES_MAX: usize = 100;

/// The pages of signing in.
#[derive(Debug, Clone)]
pub(crate) struct SignIn {
    issuer: Issuer,
    proposed_user_id: String,
    /// The console's address, under both names of this machine.
    redirect_uris: [String; 2],
    codes: Arc<Mutex<HashMap<String, Code>>>,
}

/// What a code stands for, once.
#[derive(Debug)]
struct Code {
    user_id: String,
    asked: Asked,
    ends_at: Instant,
}

/// An authorization request. Parameters that are not here are ignored, as RFC 6749 (section 3.1) demands.
#[derive(Debug, Clone, Deserialize)]
struct Asked {
    response_type: String,
    client_id: String,
    redirect_uri: String,
    code_challenge: String,
    code_challenge_method: String,
    state: Option<String>,
    nonce: Option<String>,
}

/// What the person said on the page.
#[derive(Debug, Deserialize)]
struct Decision {
    user_id: String,
    decision: String,
}

/// A token request.
#[derive(Debug, Deserialize)]
struct Exchange {
    grant_type: String,
    code: String,
    redirect_uri: String,
    client_id: String,
    code_verifier: String,
}

impl SignIn {
    pub(crate) fn new(issuer: Issuer, proposed_user_id: &str, api_url: &str) -> Self {
        let console = format!("{api_url}/");
        let redirect_uris = [console.replace("//127.0.0.1:", "//localhost:"), console];
        Self { issuer, proposed_user_id: proposed_user_id.to_owned(), redirect_uris, codes: Arc::default() }
    }

    pub(crate) fn pages(self) -> Router {
        Router::new().route("/authorize", get(show).post(decide)).route("/token", post(exchange)).with_state(self)
    }

    /// Why this request is not for this issuer: then the browser is sent nowhere (RFC 6749, section 4.1.2.1).
    fn refusal(&self, asked: &Asked) -> Option<&'static str> {
        if asked.client_id != AUDIENCE {
            return Some("The client is not known.");
        }
        if !self.redirect_uris.contains(&asked.redirect_uri) {
            return Some("The redirect address is not the console's.");
        }
        let by_code = asked.response_type == "code" && asked.code_challenge_method == "S256";
        (!by_code).then_some("Only the code flow with PKCE (S256) is answered.")
    }

    /// Keeps a new code for what was asked.
    fn code_for(&self, user_id: String, asked: Asked) -> String {
        let mut bytes = [0; CODE_BYTES];
        UnwrapErr(SysRng).fill_bytes(&mut bytes);
        let name = URL_SAFE_NO_PAD.encode(bytes);
        let now = Instant::now();
        let mut codes = self.codes.lock().unwrap_or_else(PoisonError::into_inner);
        codes.retain(|_, code| code.ends_at > now);
        if codes.len() < CODES_MAX {
            codes.insert(name.clone(), Code { user_id, asked, ends_at: now + CODE_LIVES });
        }
        name
    }

    /// Takes a code, which is then gone, if all that goes with it is right.
    fn take(&self, exchange: &Exchange) -> Option<Code> {
        let code = self.codes.lock().unwrap_or_else(PoisonError::into_inner).remove(&exchange.code)?;
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&exchange.code_verifier));
        let right = exchange.grant_type == "authorization_code"
            && exchange.client_id == code.asked.client_id
            && exchange.redirect_uri == code.asked.redirect_uri
            && challenge == code.asked.code_challenge
            && code.ends_at > Instant::now();
        right.then_some(code)
    }
}

async fn show(State(sign_in): State<SignIn>, Query(asked): Query<Asked>) -> Response {
    match sign_in.refusal(&asked) {
        Some(why) => (StatusCode::BAD_REQUEST, why).into_response(),
        None => Html(page(&sign_in.proposed_user_id)).into_response(),
    }
}

async fn decide(State(sign_in): State<SignIn>, Query(asked): Query<Asked>, Form(decision): Form<Decision>) -> Response {
    if let Some(why) = sign_in.refusal(&asked) {
        return (StatusCode::BAD_REQUEST, why).into_response();
    }
    let Ok(mut back) = Url::parse(&asked.redirect_uri) else { return StatusCode::BAD_REQUEST.into_response() };
    let state = asked.state.clone();
    let outcome = if decision.decision == "sign_in" && !decision.user_id.is_empty() {
        ("code", sign_in.code_for(decision.user_id, asked))
    } else {
        ("error", "access_denied".to_owned())
    };
    back.query_pairs_mut()
        .append_pair(outcome.0, &outcome.1)
        .extend_pairs(state.map(|state| ("state", state)))
        .append_pair("iss", sign_in.issuer.url());
    Redirect::to(back.as_str()).into_response()
}

async fn exchange(State(sign_in): State<SignIn>, Form(exchange): Form<Exchange>) -> Response {
    let Some(code) = sign_in.take(&exchange) else {
        return (StatusCode::BAD_REQUEST, FOR_ANY_PAGE, Json(json!({"error": "invalid_grant"}))).into_response();
    };
    #[expect(clippy::disallowed_methods, reason = "the issuer is a server of its own, with this machine's clock")]
    let now = Timestamp::now();
    let access_token = sign_in.issuer.token(&code.user_id, None, now);
    let id_token = sign_in.issuer.id_token(&code.user_id, code.asked.nonce.as_deref(), now);
    let (Ok(access_token), Ok(id_token)) = (access_token, id_token) else {
        return (StatusCode::INTERNAL_SERVER_ERROR, FOR_ANY_PAGE, "the key does not sign").into_response();
    };
    let expires_in_seconds = TOKEN_LIVES_HOURS * 3_600;
    let tokens = json!({"access_token": access_token, "id_token": id_token, "token_type": "Bearer",
        "expires_in": expires_in_seconds});
    (FOR_ANY_PAGE, Json(tokens)).into_response()
}

/// The form goes back to its own address, which holds the request.
fn page(user_id: &str) -> String {
    let user_id = user_id.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\">\
         <title>Local sign-in</title></head><body><main><h1>Local sign-in</h1>\
         <p>This issuer belongs to the stack on this machine. It asks for no password.</p>\
         <form method=\"post\"><p><label for=\"user_id\">User</label> \
         <input id=\"user_id\" name=\"user_id\" value=\"{user_id}\" autocomplete=\"off\" required></p>\
         <p><button type=\"submit\" name=\"decision\" value=\"sign_in\">Sign in</button> \
         <button type=\"submit\" name=\"decision\" value=\"cancel\" formnovalidate>Cancel</button></p></form>\
         </main></body></html>"
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::packages;

    const CONSOLE: &str = "http://127.0.0.1:8080/";
    /// The pair of RFC 7636, appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn sign_in() -> SignIn {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join("..");
        let folder = packages::local_stack_folder(&workspace).unwrap();
        SignIn::new(Issuer::open(&folder, "http://127.0.0.1:1".to_owned()).unwrap(), "u-7", "http://127.0.0.1:8080")
    }

    fn asked() -> Asked {
        Asked {
            response_type: "code".to_owned(),
            client_id: AUDIENCE.to_owned(),
            redirect_uri: CONSOLE.to_owned(),
            code_challenge: CHALLENGE.to_owned(),
            code_challenge_method: "S256".to_owned(),
            state: None,
            nonce: None,
        }
    }

    fn exchange(code: String) -> Exchange {
        Exchange {
            grant_type: "authorization_code".to_owned(),
            code,
            redirect_uri: CONSOLE.to_owned(),
            client_id: AUDIENCE.to_owned(),
            code_verifier: VERIFIER.to_owned(),
        }
    }

    #[test]
    fn a_code_is_taken_once_and_only_with_its_verifier() {
        let sign_in = sign_in();
        let right = exchange(sign_in.code_for("u-7".to_owned(), asked()));
        assert_eq!(sign_in.take(&right).unwrap().user_id, "u-7");
        assert!(sign_in.take(&right).is_none(), "taken twice");
        let other_verifier = Exchange {
            code_verifier: VERIFIER.to_lowercase(),
            ..exchange(sign_in.code_for("u-7".to_owned(), asked()))
        };
        assert!(sign_in.take(&other_verifier).is_none());
        let after_that = Exchange { code_verifier: VERIFIER.to_owned(), ..other_verifier };
        assert!(sign_in.take(&after_that).is_none(), "a code that was shown once is used up");
    }

    #[test]
    fn only_the_console_s_address_and_only_pkce_is_answered() {
        let sign_in = sign_in();
        assert_eq!(sign_in.refusal(&asked()), None);
        for refused in [
            Asked { redirect_uri: "http://127.0.0.1:8080/elsewhere".to_owned(), ..asked() },
            Asked { client_id: "other".to_owned(), ..asked() },
            Asked { code_challenge_method: "plain".to_owned(), ..asked() },
            Asked { response_type: "token".to_owned(), ..asked() },
        ] {
            assert!(sign_in.refusal(&refused).is_some(), "{refused:?}");
        }
    }
}
