//! The three OAuth endpoints, and the consent that lies between the first and the second.

use jiff::SignedDuration;
use serde_json::json;

use super::checks::{Step, consumer_of, oauth_error, parameters, rsa_signature};
use super::registry::{LiveToken, RequestToken, TokenLoss, random_hex};
use super::session_token::agree;
use crate::answer::Answer;
use crate::call::Call;
use crate::state::Desk;

/// Bytes of a token or a verifier.
const TOKEN_BYTES: usize = 10;

/// Answers a `POST /oauth/…`.
pub(crate) fn answer(desk: &mut Desk<'_>, call: &Call, endpoint: &str) -> Answer {
    if call.method != http::Method::POST {
        return Answer::error(405, "Method Not Allowed");
    }
    let outcome = match endpoint {
        "request_token" => request_token(desk, call),
        "access_token" => access_token(desk, call),
        "live_session_token" => live_session_token(desk, call),
        _ => return Answer::error(404, "Not Found"),
    };
    outcome.unwrap_or_else(|refused| refused)
}

fn request_token(desk: &mut Desk<'_>, call: &Call) -> Result<Answer, Answer> {
    let header = parameters(desk, call, Step::RequestToken)?;
    rsa_signature(desk, call, &header, "", "Invalid signature")?;
    let token = random_hex(desk.entropy, TOKEN_BYTES);
    let life = SignedDuration::from_secs(desk.state.options.request_token_life_seconds);
    let entry = RequestToken {
        consumer_key: header.get("oauth_consumer_key").to_owned(),
        expires_at: desk.now + life,
        approval: None,
    };
    desk.state.registry.add_request_token(token.clone(), entry, desk.now);
    Ok(Answer::json(&json!({"oauth_token": token})))
}

fn access_token(desk: &mut Desk<'_>, call: &Call) -> Result<Answer, Answer> {
    let header = parameters(desk, call, Step::AccessToken)?;
    rsa_signature(desk, call, &header, "", "Invalid signature")?;
    let (token, consumer_key) = (header.get("oauth_token"), header.get("oauth_consumer_key"));
    let entry = desk.state.registry.request_tokens.get(token);
    let entry = entry.filter(|entry| entry.consumer_key == consumer_key && entry.expires_at > desk.now);
    let Some(approval) = entry.map(|entry| entry.approval.clone()) else {
        return Err(oauth_error(desk, "invalid request token"));
    };
    let Some((username, _)) = approval.filter(|(_, verifier)| verifier == header.get("oauth_verifier")) else {
        return Err(oauth_error(desk, "invalid verifier"));
    };
    // Single use, of the token and of the verifier alike.
    desk.state.registry.request_tokens.remove(token);
    let grant = desk
        .state
        .registry
        .grant(consumer_key, &username, desk.entropy)
        .map_err(|problem| Answer::error(500, problem.to_string()))?;
    Ok(Answer::json(&json!({
        "is_paper": grant.is_paper,
        "oauth_token": grant.access_token,
        "oauth_token_secret": grant.access_token_secret,
    })))
}

fn live_session_token(desk: &mut Desk<'_>, call: &Call) -> Result<Answer, Answer> {
    let header = parameters(desk, call, Step::LiveSessionToken)?;
    let (token, consumer_key) = (header.get("oauth_token"), header.get("oauth_consumer_key"));
    let access = desk.state.registry.access.get(token).filter(|access| access.consumer_key == consumer_key);
    let Some((secret, loss)) = access.map(|access| (access.secret, access.loss)) else {
        return Err(oauth_error(desk, &format!("LST failed, error: No access secret key found for {token}")));
    };
    match loss {
        Some(TokenLoss::Revoked) => return Err(oauth_error(desk, "invalid consumer")),
        Some(TokenLoss::SecretLost) => {
            return Err(oauth_error(desk, &format!("LST failed, error: No access secret key found for {token}")));
        }
        None => {}
    }
    rsa_signature(desk, call, &header, &hex::encode(secret), "LST failed, Invalid signature")?;
    let challenge = header.get("diffie_hellman_challenge");
    let agreement = consumer_of(desk, &header)
        .and_then(|consumer| agree(&consumer.dh, challenge, &secret, consumer_key, desk.entropy));
    let Some(agreement) = agreement else {
        return Err(oauth_error(
            desk,
            "LST failed, error: diffie_hellman_challenge is no number below the prime in lower-case hexadecimal",
        ));
    };
    let expires_at = desk.now + SignedDuration::from_secs(desk.state.options.live_session_token_life_seconds);
    if desk.state.options.renewal_ends_session {
        desk.state.sessions.retain(|_, session| session.owner != token);
    }
    if let Some(access) = desk.state.registry.access.get_mut(token) {
        // A new live session token replaces the one before.
        access.live = Some(LiveToken { key: agreement.token, expires_at, gone: false, portfolio_accounts_read: false });
    }
    Ok(Answer::json(&json!({
        "diffie_hellman_response": agreement.response_hex,
        "live_session_token_signature": agreement.proof_hex,
        "live_session_token_expiration": expires_at.as_millisecond(),
    })))
}
