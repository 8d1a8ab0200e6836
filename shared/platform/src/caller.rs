//! Who calls the HTTP API: what the JWT authorizer proved (contract: Who is who).

use domain::{AlgorithmId, UserId};
use http::{Extensions, StatusCode};
use lambda_http::request::RequestContext;
use serde_json::Value;

use crate::problem::Problem;

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// A user, by the `sub` of their JWT.
    User(UserId),
    /// An algorithm, by the claim `algorithm_id`: it acts for the users who granted it.
    Algorithm(AlgorithmId),
}

impl Caller {
    /// The caller of the request with these extensions. Without a claim that can be used nobody calls (401).
    pub fn of(extensions: &Extensions) -> Result<Self, Problem> {
        let context = extensions.get::<RequestContext>();
        let claims = context.and_then(RequestContext::authorizer).map(|authorizer| &authorizer.fields);
        let claim = |name: &str| claims.and_then(|claims| claims.get(name));
        // A claim that is there makes the caller no user, whatever it says.
        if let Some(algorithm_id) = claim("algorithm_id") {
            let id = algorithm_id.as_str().and_then(|text| text.parse::<AlgorithmId>().ok());
            let id = id.filter(|id| !id.is_own_hand());
            return id
                .map(Self::Algorithm)
                .ok_or_else(|| unauthorized("the claim algorithm_id is not an algorithm id"));
        }
        let subject = claim("sub").and_then(Value::as_str).ok_or_else(|| unauthorized("the JWT has no sub"))?;
        let user_id = subject.parse();
        user_id.map(Self::User).map_err(|error| unauthorized(&format!("the JWT's sub cannot be used: {error}")))
    }

    /// The user who calls; an algorithm is refused (403).
    pub fn user(self) -> Result<UserId, Problem> {
        match self {
            Self::User(user_id) => Ok(user_id),
            Self::Algorithm(_) => Err(Problem::new(
                StatusCode::FORBIDDEN,
                "users_only",
                "Only a user may do this: call it with the user's own JWT, not with an algorithm's.",
            )),
        }
    }
}

fn unauthorized(detail: &str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", format!("Sign in again: {detail}."))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Caller;
    use crate::gateway::{Request, request};

    fn with_authorizer(authorizer: &Value) -> Request {
        let context = json!({"http": {"method": "GET"}, "authorizer": authorizer});
        request(json!({"routeKey": "GET /orders", "requestContext": context})).unwrap()
    }

    fn called_by(claims: &Value) -> Result<Caller, crate::Problem> {
        Caller::of(with_authorizer(&json!({"jwt": {"claims": claims, "scopes": null}})).extensions())
    }

    #[test]
    fn a_user_is_the_sub_whatever_kind_the_other_claims_are() {
        let caller = called_by(&json!({"sub": "u-7", "exp": 1_795_532_645, "aud": ["courier"]})).unwrap();
        assert_eq!(caller, Caller::User("u-7".parse().unwrap()));
        assert_eq!(caller.user().unwrap().as_str(), "u-7");
    }

    #[test]
    fn the_claim_of_an_algorithm_makes_it_no_user() {
        let caller = called_by(&json!({"sub": "service", "algorithm_id": "mean-reversion-7"})).unwrap();
        assert_eq!(caller, Caller::Algorithm("mean-reversion-7".parse().unwrap()));
        assert_eq!(caller.user().unwrap_err().status, 403);
        assert_eq!(called_by(&json!({"sub": "u", "algorithm_id": "self"})).unwrap_err().status, 401);
    }

    #[test]
    fn a_claim_of_an_algorithm_that_is_no_text_makes_nobody_a_user() {
        for claim in
            [json!(7), json!(["mr-7"]), json!({"id": "mr-7"}), json!(""), json!(null), json!(true), json!("a b")]
        {
            let refused = called_by(&json!({"sub": "u-7", "algorithm_id": claim})).unwrap_err();
            assert_eq!((refused.status, refused.code.as_str()), (401, "unauthorized"), "{claim}");
        }
    }

    #[test]
    fn without_a_proved_sub_nobody_calls() {
        for authorizer in [json!(null), json!({}), json!({"jwt": null}), json!({"lambda": {"sub": "u-7"}})] {
            assert_eq!(Caller::of(with_authorizer(&authorizer).extensions()).unwrap_err().status, 401, "{authorizer}");
        }
        assert_eq!(called_by(&json!({"sub": "has a space"})).unwrap_err().status, 401);
        let context = json!({"http": {"method": "GET"}});
        let headers = json!({"authorization": "Bearer x", "sub": "u-7"});
        let forged = request(json!({"headers": headers, "requestContext": context})).unwrap();
        assert_eq!(Caller::of(forged.extensions()).unwrap_err().status, 401);
    }
}
