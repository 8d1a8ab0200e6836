//! What stands in the query of an address, read with every fault named.

use std::collections::BTreeMap;

use axum::extract::FromRequestParts;
use domain::FieldFault;
use http::Uri;
use http::request::Parts;
use platform::Problem;
use store::PAGE_ROWS_MAX;
use url::form_urlencoded;

use crate::answers::Refused;
use crate::fault;

/// The parameters of a route, as the type says. Which names a route knows its description tells (`strict`).
#[derive(Debug)]
pub(crate) struct Query<T>(pub(crate) T);

/// The parameters of a route.
pub(crate) trait Asked: Sized {
    /// Takes them in; the error names every fault.
    fn read(said: &mut Reader<'_>) -> Self;
}

impl<S: Sync, T: Asked> FromRequestParts<S> for Query<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        Ok(Self(read(&Said::of(&parts.uri))?))
    }
}

/// Reads the parameters of a route.
pub(crate) fn read<T: Asked>(said: &Said) -> Result<T, Problem> {
    let mut reader = Reader { said, faults: Vec::new() };
    let asked = T::read(&mut reader);
    if reader.faults.is_empty() { Ok(asked) } else { Err(Problem::bad_fields(reader.faults)) }
}

/// The texts of a query, by their names.
#[derive(Debug)]
pub(crate) struct Said(BTreeMap<String, String>);

impl Said {
    pub(crate) fn of(uri: &Uri) -> Self {
        Self(form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// Reads texts, and keeps the faults.
#[derive(Debug)]
pub(crate) struct Reader<'s> {
    said: &'s Said,
    faults: Vec<FieldFault>,
}

impl Reader<'_> {
    /// A parameter as `parse` takes it; `None` where it is left out, or is a fault.
    pub(crate) fn read<T, E: ToString>(&mut self, name: &str, parse: impl FnOnce(&str) -> Result<T, E>) -> Option<T> {
        let read = parse(self.said.get(name)?);
        read.map_err(|error| self.faults.push(fault(name, &error.to_string()))).ok()
    }

    /// A text of any form.
    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        self.said.get(name).map(str::to_owned)
    }

    /// Notes a fault.
    pub(crate) fn refuse(&mut self, name: &str, message: &str) {
        self.faults.push(fault(name, message));
    }

    /// How many rows a page has at most.
    pub(crate) fn limit(&mut self) -> Option<u32> {
        self.read("limit", |text| {
            let number = text.parse().ok().filter(|number| (1..=PAGE_ROWS_MAX).contains(number));
            number.ok_or_else(|| format!("must be a whole number from 1 to {PAGE_ROWS_MAX}"))
        })
    }
}
