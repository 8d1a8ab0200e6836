//! What serde says of a value that it cannot take, in the API's words.

/// What a text is called where any may stand.
pub(crate) const TEXT: &str = "a text";
/// What a text is called where it holds an amount.
pub(crate) const DECIMAL: &str = "a decimal in a text, as \"5\"";

/// Puts serde's words plainly; words of our own stay as they are. `text` is what a text is called here.
pub(crate) fn plain(words: &str, text: &str) -> String {
    if words.starts_with("missing field `") {
        return "is missing".to_owned();
    }
    let Some((said, expected)) = words.rsplit_once(", expected ") else { return words.to_owned() };
    if said.starts_with("unknown field `") {
        return format!("is not a field of this object; its fields are {}", names(expected));
    }
    if let Some(word) = said.strip_prefix("unknown variant `") {
        return format!("must be one of {}, not {}", names(expected), word.trim_end_matches('`'));
    }
    if let Some(found) = said.strip_prefix("invalid type: ") {
        return format!("must be {}, not {}", wanted(expected, text), seen(found, expected));
    }
    match said.strip_prefix("invalid value: ") {
        Some(found) => format!("must be {}, not {}", in_range(expected, text), seen(found, expected)),
        None => words.to_owned(),
    }
}

/// The names in serde's list of what it knows: each stands between backticks.
fn names(expected: &str) -> String {
    expected.split('`').skip(1).step_by(2).collect::<Vec<_>>().join(", ")
}

fn wanted<'w>(expected: &'w str, text: &'w str) -> &'w str {
    match expected {
        "a string" | "string or map" => text,
        "a boolean" => "true or false",
        "a sequence" => "a list",
        "a map" => "an object",
        _ if is_whole_number(expected) => "a whole number",
        _ if expected.starts_with("struct ") => "an object",
        other => other,
    }
}

/// What is wanted in place of a value of the right kind.
fn in_range<'w>(expected: &'w str, text: &'w str) -> &'w str {
    match expected {
        "u32" => "a whole number from 0 to 4294967295",
        "u64" => "a whole number that is not negative",
        other => wanted(other, text),
    }
}

/// What came, by its kind; in place of a whole number the figure itself.
fn seen<'f>(found: &'f str, expected: &str) -> &'f str {
    let figure = found.split('`').nth(1).unwrap_or(found);
    match found.split(' ').next().unwrap_or_default() {
        "string" => "a text",
        "integer" | "floating" if is_whole_number(expected) => figure,
        "integer" | "floating" => "a number",
        "boolean" => figure,
        "sequence" => "a list",
        "map" => "an object",
        _ => found,
    }
}

fn is_whole_number(expected: &str) -> bool {
    matches!(expected, "u8" | "u16" | "u32" | "u64" | "usize")
}

#[cfg(test)]
mod tests {
    use domain::{HaltMode, Limits};
    use serde::Deserialize;
    use serde_json::{Value, json};

    use super::{DECIMAL, TEXT, plain};

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only what serde says of it is looked at")]
    struct Body {
        halted: bool,
        #[serde(default)]
        mode: HaltMode,
        #[serde(default)]
        reason: Option<String>,
        #[serde(default)]
        limits: Limits,
        #[serde(default)]
        account_ids: Vec<String>,
    }

    fn told(body: Value) -> String {
        plain(&serde_json::from_value::<Body>(body).unwrap_err().to_string(), TEXT)
    }

    #[test]
    fn no_word_of_rusts_reaches_a_caller() {
        for (body, expected) in [
            (json!({}), "is missing"),
            (json!({"halted": "yes"}), "must be true or false, not a text"),
            (json!({"halted": true, "mode": "half"}), "must be one of all, reducing, not half"),
            (json!({"halted": true, "mode": "a`, expected `b"}), "must be one of all, reducing, not a`, expected `b"),
            (json!({"halted": true, "mode": 1}), "must be a text, not a number"),
            (json!({"halted": true, "reason": ["x"]}), "must be a text, not a list"),
            (json!({"halted": true, "limits": "none"}), "must be an object, not a text"),
            (json!({"halted": true, "account_ids": {}}), "must be a list, not an object"),
            (json!({"halted": true, "limits": {"max_daily_orders": "3"}}), "must be a whole number, not a text"),
            (json!({"halted": true, "limits": {"max_daily_orders": 1.5}}), "must be a whole number, not 1.5"),
            (json!({"halted": true, "limits": {"allowed_conids": [true]}}), "must be a whole number, not true"),
            (
                json!({"halted": true, "limits": {"allowed_conids": [-1]}}),
                "must be a whole number that is not negative, not -1",
            ),
        ] {
            assert_eq!(told(body.clone()), expected, "{body}");
        }
        let unknown = told(json!({"halted": true, "because": "x"}));
        assert_eq!(unknown, "is not a field of this object; its fields are halted, mode, reason, limits, account_ids");
    }

    #[test]
    fn an_amount_is_told_to_be_a_text_and_our_own_words_stay() {
        let said = |quantity: Value| {
            let limits = serde_json::from_value::<Limits>(json!({"max_order_quantity": quantity}));
            plain(&limits.unwrap_err().to_string(), DECIMAL)
        };
        assert_eq!(said(json!(5)), "must be a decimal in a text, as \"5\", not a number");
        assert_eq!(said(json!("0")), "must be greater than zero");
    }
}
