//! Reading a JSON object field by field, so that one reading names every fault.

use serde_json::{Map, Value};

/// One fault of a message: which field, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FieldFault {
    /// The field, with its path (`attached.stop_loss.stop_price`); empty for the message as a whole.
    pub field: String,
    /// What is wrong, and what is expected.
    pub message: String,
}

/// Characters of a fault's message that are kept.
const MESSAGE_CHARACTERS_MAX: usize = 300;

impl FieldFault {
    /// The same with its texts cut: some name what a sender wrote, and that may be long.
    #[must_use]
    pub fn shortened(self) -> Self {
        Self { field: cut(&self.field, ECHO_CHARACTERS_MAX), message: cut(&self.message, MESSAGE_CHARACTERS_MAX) }
    }
}

/// A JSON object being read. What nobody has taken by the end is an unknown field.
pub(crate) struct Fields<'f> {
    path: String,
    object: Map<String, Value>,
    faults: &'f mut Vec<FieldFault>,
}

impl<'f> Fields<'f> {
    pub(crate) fn new(object: Map<String, Value>, faults: &'f mut Vec<FieldFault>) -> Self {
        Self { path: String::new(), object, faults }
    }

    /// Records that `field` is wrong.
    /// A fault of a field; of the object as a whole, where it is of none.
    pub(crate) fn fault(&mut self, field: &str, message: impl Into<String>) {
        let path = if field.is_empty() { self.path.trim_end_matches('.') } else { &self.path };
        self.faults.push(FieldFault { field: format!("{path}{field}"), message: message.into() });
    }

    pub(crate) fn has(&self, field: &str) -> bool {
        self.object.contains_key(field)
    }

    /// Takes a field out, whatever it holds.
    pub(crate) fn take(&mut self, field: &str) {
        self.object.remove(field);
    }

    /// A text field read by `parse`; `None` if it is absent or was recorded as a fault.
    pub(crate) fn optional<T, E: ToString>(
        &mut self,
        field: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        match self.object.remove(field)? {
            Value::String(text) => match parse(&text) {
                Ok(value) => Some(value),
                Err(error) => {
                    self.fault(field, error.to_string());
                    None
                }
            },
            other => {
                self.fault(field, format!("must be a string, not {}", kind(&other)));
                None
            }
        }
    }

    /// As [`Fields::optional`], and absence is a fault.
    pub(crate) fn required<T, E: ToString>(
        &mut self,
        field: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        if !self.has(field) {
            self.fault(field, "is missing");
            return None;
        }
        self.optional(field, parse)
    }

    /// A whole number.
    pub(crate) fn whole_number(&mut self, field: &str) -> Option<u64> {
        let value = self.object.remove(field)?;
        let number = value.as_u64();
        if number.is_none() {
            self.fault(field, format!("must be a whole number that is not negative, not {}", as_written(&value)));
        }
        number
    }

    /// A boolean.
    pub(crate) fn boolean(&mut self, field: &str) -> Option<bool> {
        let value = self.object.remove(field)?;
        let boolean = value.as_bool();
        if boolean.is_none() {
            self.fault(field, format!("must be true or false, not {}", kind(&value)));
        }
        boolean
    }

    /// An object, read by `read`; its own unknown fields are faults too.
    pub(crate) fn object<T>(&mut self, field: &str, read: impl FnOnce(&mut Fields<'_>) -> Option<T>) -> Option<T> {
        match self.object.remove(field)? {
            Value::Object(object) => {
                let mut inner = Fields { path: format!("{}{field}.", self.path), object, faults: self.faults };
                let value = read(&mut inner);
                inner.finish();
                value
            }
            other => {
                self.fault(field, format!("must be an object, not {}", kind(&other)));
                None
            }
        }
    }

    /// Records every field that nobody took.
    pub(crate) fn finish(self) {
        let Self { path, object, faults } = self;
        for field in object.keys() {
            faults.push(FieldFault {
                field: format!("{path}{}", shortened(field)),
                message: "is not a field of this message".to_owned(),
            });
        }
    }
}

/// Characters of a sender's own text that a fault repeats.
const ECHO_CHARACTERS_MAX: usize = 64;

/// A sender's text, cut so that a refusal stays small.
pub(crate) fn shortened(text: &str) -> String {
    cut(text, ECHO_CHARACTERS_MAX)
}

fn cut(text: &str, characters_max: usize) -> String {
    let mut short: String = text.chars().take(characters_max).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// What stands where a whole number belongs. One with a point says how it is written without.
fn as_written(value: &Value) -> String {
    let Value::Number(number) = value else { return kind(value).to_owned() };
    match number.as_f64().filter(|figure| number.is_f64() && figure.fract() == 0.0) {
        Some(_) => format!("{number}: write it without a point and without an exponent"),
        None => number.to_string(),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
