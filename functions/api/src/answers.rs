//! What a route answers: one type for each answer, and the kinds of refusals that a route has besides those of every route.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use platform::Problem;
use serde::Serialize;
use utoipa::openapi::{
    ContentBuilder, Header, ObjectBuilder, Ref, RefOr, ResponseBuilder, Schema, Type, response::Response as Described,
};
use utoipa::{IntoResponses, ToSchema};

/// What a description tells of answers: each by its status.
pub(crate) type Told = BTreeMap<String, RefOr<Described>>;

/// A type for one answer of a route: its status, what it says, and the JSON in it, from which its description comes.
/// `answer! { /// What it says. Name: CREATED, Json }`; where the JSON's type borrows, its shape in the description follows `as`.
macro_rules! answer {
    ($(#[doc = $says:literal])+ $name:ident: $status:ident) => {
        $(#[doc = $says])+
        #[derive(Debug)]
        pub(crate) struct $name;

        impl axum::response::IntoResponse for $name {
            fn into_response(self) -> axum::response::Response {
                platform::answer::empty(http::StatusCode::$status).into_response()
            }
        }

        impl utoipa::IntoResponses for $name {
            fn responses() -> $crate::answers::Told {
                $crate::answers::told(http::StatusCode::$status, concat!($($says),+), None)
            }
        }
    };
    ($(#[doc = $says:literal])+ $name:ident: $status:ident, $json:ty) => {
        $crate::answers::answer! { $(#[doc = $says])+ $name: $status, $json as $json }
    };
    ($(#[doc = $says:literal])+ $name:ident: $status:ident, $json:ty as $shape:ty) => {
        $(#[doc = $says])+
        #[derive(Debug)]
        pub(crate) struct $name(platform::gateway::Response);

        impl $name {
            pub(crate) fn of(json: &$json) -> Self {
                Self(platform::answer::json(http::StatusCode::$status, json))
            }
        }

        impl axum::response::IntoResponse for $name {
            fn into_response(self) -> axum::response::Response {
                self.0.into_response()
            }
        }

        impl utoipa::IntoResponses for $name {
            fn responses() -> $crate::answers::Told {
                let content = $crate::answers::content::<$shape>("application/json");
                $crate::answers::told(http::StatusCode::$status, concat!($($says),+), Some(content))
            }
        }
    };
}
pub(crate) use answer;

/// A refusal: of the kinds that every route with a token has, and of the kinds `K` (a tuple of [`Kind`]s).
pub(crate) struct Refused<K = ()>(Problem, PhantomData<fn() -> K>);

impl<K> From<Problem> for Refused<K> {
    fn from(problem: Problem) -> Self {
        Self(problem, PhantomData)
    }
}

impl<K> fmt::Debug for Refused<K> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// The stable word of a refusal, among the extensions of its response.
#[derive(Debug, Clone)]
pub(crate) struct Code(pub(crate) String);

impl<K> IntoResponse for Refused<K> {
    fn into_response(self) -> Response {
        let code = Code(self.0.code.clone());
        let mut response = platform::gateway::Response::from(self.0).into_response();
        response.extensions_mut().insert(code);
        response
    }
}

impl<K: Kinds> IntoResponses for Refused<K> {
    fn responses() -> Told {
        let of_all = [BadFields::told(), Unauthorized::told()].into_iter().chain(of_every_page()).collect();
        [of_all, K::told()].into_iter().flatten().collect::<Told>()
    }
}

/// What an open page may answer besides itself.
pub(crate) fn of_every_page() -> [(String, RefOr<Described>); 3] {
    [TooManyRequests::told(), Failed::told(), Unavailable::told()]
}

/// A kind of refusal, which the description names once for all routes.
pub(crate) trait Kind: IntoResponses {
    /// Its name, its status and what it says.
    const SAID: (&'static str, u16, &'static str);
    /// The media types that it comes in, and whether each is a gateway's word.
    const BY: By;

    /// As a route tells it.
    fn told() -> (String, RefOr<Described>) {
        let (name, status, _) = Self::SAID;
        (status.to_string(), Ref::from_response_name(name).into())
    }

    /// As the description has it, by its name.
    fn described() -> (String, RefOr<Described>) {
        let (name, status, says) = Self::SAID;
        let mut response =
            ResponseBuilder::new().description(says).content("application/problem+json", content_ref::<Problem>());
        if matches!(Self::BY, By::Both) {
            response = response.content("application/json", content_ref::<GatewayMessage>());
        }
        if status == StatusCode::TOO_MANY_REQUESTS.as_u16() {
            let seconds = ObjectBuilder::new().schema_type(Type::Integer).build();
            response = response.header("Retry-After", Header::new(seconds));
        }
        (name.to_owned(), response.build().into())
    }
}

/// Whose word a refusal is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum By {
    Us,
    Both,
}

/// Several kinds.
pub(crate) trait Kinds {
    fn told() -> Told;
}

macro_rules! kinds {
    ($($of:ident),*) => {
        impl<$($of: Kind),*> Kinds for ($($of,)*) {
            fn told() -> Told {
                [$($of::told()),*].into()
            }
        }
    };
}
kinds!();
kinds!(A);
kinds!(A, B);
kinds!(A, B, C);
kinds!(A, B, C, D);

macro_rules! kind {
    ($name:ident: $status:literal, $by:ident, $says:literal) => {
        #[doc = $says]
        #[derive(Debug)]
        pub(crate) struct $name;

        impl Kind for $name {
            const SAID: (&'static str, u16, &'static str) = (stringify!($name), $status, $says);
            const BY: By = By::$by;
        }

        impl IntoResponses for $name {
            fn responses() -> Told {
                [Self::told()].into()
            }
        }
    };
}
kind!(BadFields: 400, Us, "A field is wrong; `errors` names each. Nothing was done");
kind!(Unauthorized: 401, Both, "No JWT of the issuer, or one that has expired");
kind!(Forbidden: 403, Us, "The caller may not: an algorithm where only a user may, or an order in another's name");
kind!(NotFound: 404, Us, "There is no such thing of the caller's");
kind!(Conflict: 409, Us, "It cannot be now, or the id is taken by something else; `code` says which");
kind!(TooLarge: 413, Both, "The body is larger than the function or the gateway takes. Nothing was done");
kind!(TooManyRequests: 429, Both, "Too many requests at once. Nothing was done: wait a moment (`Retry-After` says how long, in seconds), and ask again");
kind!(Failed: 500, Both, "Something failed on our side. Read back what became of it before you repeat it");
kind!(BrokerRefused: 502, Us, "The broker gave no request token");
kind!(Unavailable: 503, Both, "Away for the moment; try again");

/// Every kind, as the description has it.
pub(crate) fn all_kinds() -> Told {
    [
        BadFields::described(),
        Unauthorized::described(),
        Forbidden::described(),
        NotFound::described(),
        Conflict::described(),
        TooLarge::described(),
        TooManyRequests::described(),
        Failed::described(),
        BrokerRefused::described(),
        Unavailable::described(),
    ]
    .into()
}

/// The gateway's own word, before or instead of a function's
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GatewayMessage {
    #[schema(required)]
    message: Option<String>,
}

/// One answer.
pub(crate) fn told(status: StatusCode, says: &str, content: Option<(&str, utoipa::openapi::Content)>) -> Told {
    let response = ResponseBuilder::new().description(says.trim());
    let response = match content {
        Some((media_type, content)) => response.content(media_type, content),
        None => response,
    };
    [(status.as_str().to_owned(), response.build().into())].into()
}

/// A body of this media type and shape.
pub(crate) fn content<T: ToSchema>(media_type: &'static str) -> (&'static str, utoipa::openapi::Content) {
    (media_type, content_ref::<T>())
}

/// The shape of a type: by its name, but for those that Rust itself knows.
fn reference<T: ToSchema>() -> RefOr<Schema> {
    if T::name() == "String" { T::schema() } else { Ref::from_schema_name(T::name()).into() }
}

fn content_ref<T: ToSchema>() -> utoipa::openapi::Content {
    ContentBuilder::new().schema(Some(reference::<T>())).build()
}
