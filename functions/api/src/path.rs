//! What stands in the path of an address.

use axum::extract::FromRequestParts;
use http::request::Parts;
use platform::Problem;
use serde::de::DeserializeOwned;

use crate::answers::Refused;

/// The placeholders of a route, as the type says. What is no such thing names nothing (404).
#[derive(Debug)]
pub(crate) struct Path<T>(pub(crate) T);

/// The placeholders of a route.
pub(crate) trait Place: DeserializeOwned + Send {
    /// What they name, in the answer that there is none.
    const WHAT: &'static str;

    /// Refuses what the route is not for.
    fn check(&self) -> Result<(), Problem> {
        Ok(())
    }
}

impl<S: Send + Sync, T: Place> FromRequestParts<S> for Path<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let place = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        let axum::extract::Path(place) = place.map_err(|_| Problem::not_found(T::WHAT))?;
        place.check()?;
        Ok(Self(place))
    }
}
