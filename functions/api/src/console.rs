//! The console: one page, put together from the folder `console/` when the function starts, with the settings that the
//! template gives. Nothing in it comes from elsewhere, and its Content-Security-Policy lets in nothing else.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::StatusCode;
use http::header::{CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY};
use platform::answer;
use platform::environment::{BadSetting, optional, required, required_url};
use sha2::{Digest, Sha256};
use url::Url;
use utoipa::IntoResponses;

use crate::Api;
use crate::answers::{Told, content, of_every_page, told};

const PAGE: &str = include_str!("../../../console/page.html");
const STYLE: &str = include_str!("../../../console/style.css");

/// The ES modules of the page, each after those that it imports. In the page they are one module: one request, one hash.
const MODULES: [&str; 16] = [
    include_str!("../../../console/vendor/oauth4webapi.js"),
    include_str!("../../../console/src/elements.js"),
    include_str!("../../../console/src/words.js"),
    include_str!("../../../console/src/sign-in.js"),
    include_str!("../../../console/src/api.js"),
    include_str!("../../../console/src/forms.js"),
    include_str!("../../../console/src/poll.js"),
    include_str!("../../../console/src/accounts.js"),
    include_str!("../../../console/src/orders.js"),
    include_str!("../../../console/src/order.js"),
    include_str!("../../../console/src/doubt.js"),
    include_str!("../../../console/src/place.js"),
    include_str!("../../../console/src/permissions.js"),
    include_str!("../../../console/src/refusals.js"),
    include_str!("../../../console/src/halt.js"),
    include_str!("../../../console/src/main.js"),
];

/// What the console must know to let its user sign in. The browser sees all of it.
#[derive(Debug, Clone)]
pub struct ConsoleSettings {
    /// The issuer of the JWTs (OIDC Discovery 1.0).
    pub issuer: Url,
    /// Whom the JWTs are for.
    pub audience: String,
    /// The console's own client at the issuer; `None`: the user pastes a token.
    pub client_id: Option<String>,
    /// The scopes that the console asks for, with a space between them.
    pub scope: String,
    /// Where the issuer's token endpoint is, where it is elsewhere than the issuer.
    pub token_origin: Option<Url>,
}

impl ConsoleSettings {
    /// As the template sets them.
    pub fn of_environment() -> Result<Self, BadSetting> {
        let token_origin = "COURIER_CONSOLE_TOKEN_ORIGIN";
        Ok(Self {
            issuer: required_url("COURIER_JWT_ISSUER")?,
            audience: required("COURIER_JWT_AUDIENCE")?,
            client_id: optional("COURIER_CONSOLE_CLIENT_ID"),
            scope: required("COURIER_CONSOLE_SCOPE")?,
            token_origin: optional(token_origin).map(|_| required_url(token_origin)).transpose()?,
        })
    }
}

/// The page, ready to be served.
#[derive(Debug, Clone)]
pub struct Console {
    html: String,
    content_security_policy: String,
}

impl Console {
    /// Puts the page together.
    #[must_use]
    pub fn new(settings: &ConsoleSettings) -> Self {
        let script = joined(&MODULES);
        let html = PAGE
            .replace("{{style}}", STYLE)
            .replace("{{settings}}", &as_data(settings))
            // Last: what stands in the script is never looked at again.
            .replace("{{script}}", &script);
        let content_security_policy = content_security_policy(settings, &script);
        Self { html, content_security_policy }
    }

    /// The page that a browser sees, also when it comes back from the broker or from the issuer. Its address may hold a
    /// code for a moment, so no address of it goes elsewhere.
    fn page(&self) -> Page {
        let mut response = answer::page(StatusCode::OK, self.html.clone());
        answer::add_header(&mut response, CONTENT_SECURITY_POLICY, &self.content_security_policy);
        answer::add_header(&mut response, REFERRER_POLICY, "no-referrer");
        answer::add_header(&mut response, HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
        Page(response)
    }
}

/// A page for people.
#[derive(Debug)]
pub(crate) struct Page(platform::gateway::Response);

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}

impl IntoResponses for Page {
    fn responses() -> Told {
        let page = told(StatusCode::OK, "A page for people", Some(content::<String>("text/html")));
        page.into_iter().chain(of_every_page()).collect()
    }
}

/// The console
#[utoipa::path(get, path = "/", tag = "pages", security())]
pub(crate) async fn console(State(api): State<Arc<Api>>) -> Page {
    api.console.page()
}

/// Modules that each stand on a line of their own with what they import and export, as one.
fn joined(modules: &[&str]) -> String {
    let lines = modules.iter().flat_map(|module| module.lines()).filter(|line| !line.starts_with("import "));
    lines.flat_map(|line| [line.strip_prefix("export ").unwrap_or(line), "\n"]).collect()
}

/// JSON that stands in a page: no `<` in it, so it can neither end the element nor begin another.
fn as_data(settings: &ConsoleSettings) -> String {
    let shown = serde_json::json!({
        "issuer": settings.issuer.as_str(),
        "audience": settings.audience,
        "client_id": settings.client_id,
        "scope": settings.scope,
        "origins": origins(settings),
    });
    shown.to_string().replace('<', "\\u003c")
}

fn content_security_policy(settings: &ConsoleSettings, script: &str) -> String {
    format!(
        "default-src 'none'; script-src {}; style-src {}; connect-src 'self' {}; img-src data:; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
        source_of(script),
        source_of(STYLE),
        origins(settings).join(" "),
    )
}

/// Where the page may ask besides its own API: for the issuer's description, and for tokens.
fn origins(settings: &ConsoleSettings) -> Vec<String> {
    let mut origins: Vec<String> = [Some(&settings.issuer), settings.token_origin.as_ref()]
        .into_iter()
        .flatten()
        .map(|url| url.origin().ascii_serialization())
        .collect();
    origins.dedup();
    origins
}

/// A text of the page as a source of a Content-Security-Policy (CSP 3, section 2.3.1).
fn source_of(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> ConsoleSettings {
        ConsoleSettings {
            issuer: "https://issuer.example/pool".parse().unwrap(),
            audience: "courier".to_owned(),
            client_id: Some("</script><b>".to_owned()),
            scope: "openid".to_owned(),
            token_origin: Some("https://login.example".parse().unwrap()),
        }
    }

    /// What stands between two texts of the page.
    fn between<'p>(page: &'p str, before: &str, after: &str) -> &'p str {
        page.split_once(before).unwrap().1.split_once(after).unwrap().0
    }

    #[test]
    fn the_page_runs_its_own_script_and_style_and_no_other() {
        let (parts, body) = Console::new(&settings()).page().0.into_parts();
        let html = String::from_utf8(body.to_vec()).unwrap();
        let policy = parts.headers[CONTENT_SECURITY_POLICY].to_str().unwrap();
        let script = between(&html, "<script type=\"module\">", "</script>");
        let style = between(&html, "<style>", "</style>");
        assert!(policy.contains(&format!("script-src {};", source_of(script))), "{policy}");
        assert!(policy.contains(&format!("style-src {};", source_of(style))), "{policy}");
        assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{policy}");
        assert!(policy.contains("connect-src 'self' https://issuer.example https://login.example;"), "{policy}");
        assert_eq!(html.matches("<script").count(), 2, "the settings and the module");
    }

    /// The texts between quotes.
    fn quoted(text: &str) -> std::collections::BTreeSet<&str> {
        text.split('"').skip(1).step_by(2).collect()
    }

    #[test]
    fn the_page_knows_every_status_and_which_of_them_are_final() {
        let words = include_str!("../../../console/src/words.js");
        let all = include_str!("../../../schemas/order-event.schema.json");
        let all: serde_json::Value = serde_json::from_str(all).unwrap();
        let statuses = find_statuses(&all).unwrap();
        assert!(statuses.len() > 10, "{statuses:?}");
        let known = between(words, "export const STATUSES = {", "};");
        for status in &statuses {
            let word = serde_json::to_value(status).unwrap();
            assert!(known.contains(&format!("\n  {}: [", word.as_str().unwrap())), "{status:?}");
        }
        let is_final = statuses.iter().filter(|status| status.is_final()).map(|status| status.as_str());
        let is_final: std::collections::BTreeSet<&str> = is_final.collect();
        assert_eq!(quoted(between(words, "const FINAL = [", "];")), is_final);
    }

    /// The list of statuses in the schema of events.
    fn find_statuses(schema: &serde_json::Value) -> Option<Vec<domain::OrderStatus>> {
        match schema {
            serde_json::Value::Object(fields) => {
                let listed = fields.get("enum").and_then(|list| serde_json::from_value(list.clone()).ok());
                listed.or_else(|| fields.values().find_map(find_statuses))
            }
            serde_json::Value::Array(items) => items.iter().find_map(find_statuses),
            _ => None,
        }
    }

    #[test]
    fn settings_cannot_leave_their_place_in_the_page() {
        let html = Console::new(&settings()).html;
        let data = between(&html, "<script type=\"application/json\" id=\"settings\">", "</script>");
        let shown: serde_json::Value = serde_json::from_str(data).unwrap();
        assert_eq!(shown["client_id"], "</script><b>");
        assert_eq!(shown["issuer"], "https://issuer.example/pool");
    }

    #[test]
    fn nothing_of_the_page_comes_from_elsewhere() {
        let html = Console::new(&settings()).html;
        let own = html.replace(&joined(&MODULES[..1]), "");
        assert!(own.len() < html.len(), "the library is not looked at here");
        for outside in
            ["src=", "rel=\"stylesheet\"", "@import", "url(http", "innerHTML", "localStorage.setItem(TOKEN_KEY"]
        {
            assert!(!own.contains(outside), "{outside}");
        }
    }

    #[test]
    fn modules_join_to_one_in_which_no_import_is_left() {
        let script = joined(&MODULES);
        for line in script.lines() {
            assert!(!line.starts_with("import ") && !line.starts_with("export "), "{line}");
            assert!(!line.starts_with("} from "), "an import must stand on one line: {line}");
        }
        let declared: Vec<&str> = script
            .lines()
            .filter_map(|line| {
                let line = line.strip_prefix("async ").unwrap_or(line);
                ["function ", "const ", "let ", "class "].iter().find_map(|word| line.strip_prefix(word))
            })
            .filter_map(|rest| rest.split([' ', '(']).next())
            .collect();
        let unique: std::collections::BTreeSet<&str> = declared.iter().copied().collect();
        assert_eq!(unique.len(), declared.len(), "two modules use one name: {declared:?}");
        assert!(declared.len() > 40, "{declared:?}");
    }
}
