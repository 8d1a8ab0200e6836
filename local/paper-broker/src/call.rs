//! A request as the broker received it.

use std::collections::BTreeMap;

use axum::body::Bytes;
use http::{HeaderMap, Method, Uri, header};
use serde_json::Value;

use crate::oauth::query_values;

/// Everything of a request that matters, read to its end.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// The whole path, as sent.
    pub(crate) path: String,
    /// As sent.
    pub(crate) query: Option<String>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Schemes and hosts that the signed URL may have begun with.
    pub(crate) origins: Vec<String>,
}

impl Call {
    pub(crate) fn new(method: Method, uri: &Uri, headers: HeaderMap, body: Bytes, known_origins: &[String]) -> Self {
        let origins = origins(uri, &headers, known_origins);
        Self { method, path: uri.path().to_owned(), query: uri.query().map(str::to_owned), headers, body, origins }
    }

    /// A header's text; empty if it is missing or no text.
    pub(crate) fn header(&self, name: impl header::AsHeaderName) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The path below `/v1/api`, cut at its slashes; nothing if the prefix is missing.
    pub(crate) fn segments(&self) -> Option<Vec<&str>> {
        let rest = self.path.strip_prefix("/v1/api/")?;
        Some(rest.split('/').filter(|segment| !segment.is_empty()).collect())
    }

    /// The query, decoded.
    pub(crate) fn query_values(&self) -> BTreeMap<String, String> {
        self.query.as_deref().map(query_values).unwrap_or_default()
    }

    /// The body as any JSON; null if it is none.
    pub(crate) fn json_value(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

fn origins(uri: &Uri, headers: &HeaderMap, known: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    if let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) {
        found.push(format!("{scheme}://{authority}"));
    }
    if let Some(host) = headers.get(header::HOST).and_then(|host| host.to_str().ok()) {
        found.extend(["https", "http"].map(|scheme| format!("{scheme}://{host}")));
    }
    found.extend_from_slice(known);
    let mut unique = Vec::new();
    for origin in found {
        if !unique.contains(&origin) {
            unique.push(origin);
        }
    }
    unique
}
