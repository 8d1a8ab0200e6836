//! An `Authorization` header as tools print it: found in whatever is around it, or said to be what it is.

use std::fmt;

use crate::copied::{entities_read, escapes_read, is_invisible};
use crate::header::{FIELDS_MAX, OAuthHeader};

/// Longest text that is looked at, bytes.
const TEXT_BYTES_MAX: usize = 64 * 1024;
/// What breaks texts into lines leaves at least so many characters in each.
const WRAPPED_WIDTH_MIN: usize = 40;

/// A header that was found in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundHeader {
    /// The header, taken apart.
    pub header: OAuthHeader,
    /// How it differs from a header as it should stand on the wire.
    pub notes: Vec<HeaderNote>,
    /// Parameters that stand there more than once.
    pub twice: Vec<String>,
    /// Whether the text ends before the header does.
    pub is_cut: bool,
}

/// What was undone to read a header, or is odd about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderNote {
    /// HTML's entities, as a web page or a mail shows its source.
    Entities,
    /// Quotes with backslashes, as JSON and programs print texts.
    Escaped,
    /// Typographic quotes, as word processors and chats make them.
    TypographicQuotes,
    /// It goes over several lines.
    Folded,
    /// It is broken into lines of one width, wherever a line was full.
    Wrapped,
    /// The scheme is written in other letters than `OAuth`.
    Scheme(String),
    /// There is no scheme before the parameters.
    NoScheme,
    /// Spaces around a `=`.
    SpacesRoundEquals,
    /// Parameters that no comma parts.
    NoComma,
}

impl fmt::Display for HeaderNote {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Entities => "with HTML's entities (`&quot;`)",
            Self::Escaped => "with backslashes, as JSON or a program prints it",
            Self::TypographicQuotes => "with typographic quotes",
            Self::Folded => "over several lines",
            Self::Wrapped => "broken into lines of one width, as a terminal or a mail breaks them",
            Self::Scheme(scheme) => return write!(formatter, "with the scheme `{scheme}` for `OAuth`"),
            Self::NoScheme => "without the scheme: `OAuth` and a space must stand before the parameters",
            Self::SpacesRoundEquals => "with spaces around `=`",
            Self::NoComma => "without a comma between some parameters",
        })
    }
}

/// What a text is that holds no header of OAuth 1.0a.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoHeader {
    /// Nothing is in it.
    #[error("the file is empty")]
    Empty,
    /// The client hides it.
    #[error(
        "the client that printed this hides the header's value: let it print the value, or look at the request on the wire"
    )]
    Hidden,
    /// Another scheme.
    #[error("the header's scheme is another one (Bearer, Basic …): IBKR's OAuth 1.0a has the scheme `OAuth`")]
    OtherScheme,
    /// What is signed, and not the header.
    #[error("it is a base string (`POST&https…`): the text that is signed, and not the Authorization header")]
    BaseString,
    /// In the address or in a form.
    #[error(
        "the parameters stand in an address or a form (`oauth_…=…&oauth_…`): IBKR reads them in the Authorization header alone"
    )]
    Elsewhere,
    /// Names and values as a program holds them.
    #[error(
        "it is a list of names and values, and not the header that is made of them (`OAuth realm=\"…\", oauth_…=\"…\"`)"
    )]
    NamesAndValues,
    /// A request without one.
    #[error("it is a request without an Authorization header: the client sent none, or it was lost on the way")]
    RequestWithout,
    /// Something else.
    #[error("no Authorization header with `OAuth name=\"value\", …` is in it")]
    Nothing,
}

/// Looks for the header in a text: alone, or as `curl -v`, a program's debugger, Python, Node, Rust, Go, a browser or a web
/// page prints it.
///
/// # Errors
/// [`NoHeader`], which says what the text is.
pub fn find_header(text: &str) -> Result<FoundHeader, NoHeader> {
    let text = text.get(..TEXT_BYTES_MAX).unwrap_or(text);
    let found = find_header_in(text);
    let joined = unwrapped(text).and_then(|joined| find_header_in(&joined).ok());
    match joined {
        Some(mut joined) if found.as_ref().map_or(0, FoundHeader::wholeness) < joined.wholeness() => {
            joined.notes.push(HeaderNote::Wrapped);
            Ok(joined)
        }
        _ => found,
    }
}

impl FoundHeader {
    /// How many of its parts were read whole.
    fn wholeness(&self) -> usize {
        let OAuthHeader { realm, parameters, raw_signature } = &self.header;
        let values = parameters.iter().map(|(_, value)| value).chain(realm).chain(raw_signature);
        values.filter(|value| !value.contains('\n')).count()
    }
}

/// The text in one line, if all its lines but the last have one width: whatever broke it looked at no word.
fn unwrapped(text: &str) -> Option<String> {
    let lines: Vec<&str> = text.trim().lines().map(str::trim_end).collect();
    let (_, full) = lines.split_last()?;
    let width = full.iter().map(|line| line.chars().count()).max().filter(|width| *width >= WRAPPED_WIDTH_MIN)?;
    // A space at a line's end may be lost.
    let is_full = |line: &&str| (width - 1..=width).contains(&line.chars().count());
    full.iter().all(is_full).then(|| lines.concat())
}

fn find_header_in(text: &str) -> Result<FoundHeader, NoHeader> {
    let mut notes = Vec::new();
    let plain = plain(text, &mut notes);
    let start = Start::find(&plain).ok_or_else(|| what_it_is(&plain))?;
    notes.extend(start.note);
    let mut reader = Reader { rest: start.list, fields: Vec::new(), notes, ends: Ends::Whole };
    reader.read();
    let Reader { rest, fields, mut notes, ends } = reader;
    let read = &start.list[..start.list.len() - rest.len()];
    if read.trim().contains('\n') {
        notes.push(HeaderNote::Folded);
    }
    let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
    let mut twice: Vec<String> = Vec::new();
    for (place, name) in names.iter().enumerate() {
        if names[..place].contains(name) && !twice.iter().any(|known| known == name) {
            twice.push((*name).to_owned());
        }
    }
    let lacks = |name| !names.contains(&name);
    let is_cut = match ends {
        Ends::InAValue => true,
        Ends::AfterAComma => lacks("oauth_signature"),
        Ends::Whole => rest.trim().is_empty() && lacks("oauth_signature") && lacks("oauth_consumer_key"),
    };
    let header = OAuthHeader::of_fields(fields.iter().map(|(name, raw)| (*name, *raw)));
    Ok(FoundHeader { header, notes, twice, is_cut })
}

/// The text with its characters as they were meant.
fn plain(text: &str, notes: &mut Vec<HeaderNote>) -> String {
    let mut plain: String = text.chars().filter(|letter| !is_invisible(*letter)).collect();
    let unescaped = entities_read(&plain);
    if unescaped != plain {
        notes.push(HeaderNote::Entities);
        plain = unescaped;
    }
    // A backslash at a line's end is a shell's.
    let joined = plain.replace("\\\r\n", "\n").replace("\\\n", "\n");
    let unescaped = escapes_read(&joined);
    if unescaped != joined {
        notes.push(HeaderNote::Escaped);
    }
    let quotes = |letter| match letter {
        '“' | '”' | '„' | '«' | '»' => '"',
        '‘' | '’' => '\'',
        other => other,
    };
    let straight: String = unescaped.chars().map(quotes).collect();
    if straight != unescaped {
        notes.push(HeaderNote::TypographicQuotes);
    }
    straight
}

/// Where the parameters begin.
struct Start<'t> {
    list: &'t str,
    note: Option<HeaderNote>,
}

impl<'t> Start<'t> {
    fn find(text: &'t str) -> Option<Self> {
        let mut cut = None;
        for (at, scheme) in words(text).filter(|(_, word)| word.eq_ignore_ascii_case("oauth")) {
            let after = &text[at + scheme.len()..];
            let list = after.trim_start();
            let note = (scheme != "OAuth").then(|| HeaderNote::Scheme(scheme.to_owned()));
            let is_scheme = list.len() < after.len() && parameter_name(list).is_some();
            if is_scheme {
                return Some(Self { list, note });
            }
            // Nothing but the scheme is left: what follows is what was around the header.
            if list.trim_matches(['"', '\'', ',', ']', '}']).trim().is_empty() && !text[..at].ends_with('/') {
                cut = Some(Self { list: "", note });
            }
        }
        cut.or_else(|| Self::without_scheme(text))
    }

    /// Parameters that no scheme stands before. Joined by `&` they are no header's.
    fn without_scheme(text: &'t str) -> Option<Self> {
        let is_ours = |word: &str| word == "realm" || word.starts_with("oauth_");
        let (at, _) = words(text).find(|(at, word)| is_ours(word) && parameter_name(&text[*at..]) == Some(word))?;
        let list = &text[at..];
        let mut reader = Reader { rest: list, fields: Vec::new(), notes: Vec::new(), ends: Ends::Whole };
        reader.read();
        (reader.fields.len() > 1).then_some(Self { list, note: Some(HeaderNote::NoScheme) })
    }
}

fn is_of_a_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.' | '-')
}

/// Every word of letters, digits and `_`, with its place.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut rest = 0;
    std::iter::from_fn(move || {
        let start = rest + text[rest..].find(is_of_a_name)?;
        let length = text[start..].find(|letter| !is_of_a_name(letter)).unwrap_or(text.len() - start);
        rest = start + length;
        Some((start, &text[start..rest]))
    })
}

/// The name with which the text begins, if a `=` follows.
fn parameter_name(text: &str) -> Option<&str> {
    let length = text.find(|letter| !is_of_a_name(letter))?;
    let name = &text[..length];
    (!name.is_empty() && text[length..].trim_start().starts_with('=')).then_some(name)
}

enum Ends {
    Whole,
    AfterAComma,
    InAValue,
}

struct Reader<'t> {
    rest: &'t str,
    fields: Vec<(&'t str, &'t str)>,
    notes: Vec<HeaderNote>,
    ends: Ends,
}

impl Reader<'_> {
    fn read(&mut self) {
        while self.fields.len() < FIELDS_MAX {
            // `curl -v` puts `> ` before each line.
            self.rest = self.rest.trim_start_matches(|letter: char| letter.is_whitespace() || letter == '>');
            let Some(name) = parameter_name(self.rest) else { break };
            let after = &self.rest[name.len()..];
            let value = after.trim_start().strip_prefix('=').unwrap_or_default();
            if !after.starts_with('=') || value.trim_start().len() < value.len() {
                self.note(HeaderNote::SpacesRoundEquals);
            }
            let Some((raw, rest)) = value_of(value.trim_start()) else {
                self.ends = Ends::InAValue;
                self.rest = "";
                return;
            };
            self.fields.push((name, raw));
            self.rest = rest;
            self.ends = Ends::Whole;
            let next = rest.trim_start();
            if let Some(next) = next.strip_prefix([',', ';']) {
                self.rest = next;
                // Whatever follows a comma that is neither a parameter nor the end belongs to what is around the header.
                if next.chars().all(|letter| letter.is_whitespace() || is_of_a_name(letter)) {
                    self.ends = Ends::AfterAComma;
                }
            } else if parameter_name(next).is_some_and(|name| name == "realm" || name.starts_with("oauth_")) {
                self.note(HeaderNote::NoComma);
            } else {
                break;
            }
        }
    }

    fn note(&mut self, note: HeaderNote) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}

/// A value, still encoded, and what follows it; `None` if its quote does not end.
fn value_of(text: &str) -> Option<(&str, &str)> {
    // `""x""` is how quotes are doubled in tables and shells.
    let doubled = text.strip_prefix("\"\"").filter(|inner| inner.starts_with(is_of_a_name));
    if let Some((raw, rest)) = doubled.and_then(|inner| inner.split_once("\"\"")) {
        return Some((raw, rest));
    }
    if let Some(inner) = text.strip_prefix('"') {
        return inner.split_once('"');
    }
    if let Some(inner) = text.strip_prefix('\'') {
        return inner.split_once('\'');
    }
    // `b'…'` without quotes around it.
    if let Some(quote) =
        text.strip_prefix('b').and_then(|inner| inner.chars().next()).filter(|quote| "'\"".contains(*quote))
    {
        let length = 2 + text.get(2..)?.find(quote)? + 1;
        return Some(text.split_at(length));
    }
    let ends = |letter: char| letter.is_whitespace() || ",;\"']})>`".contains(letter);
    Some(text.split_at(text.find(ends).unwrap_or(text.len())))
}

fn what_it_is(text: &str) -> NoHeader {
    let trimmed = text.trim();
    let lower = trimmed.to_ascii_lowercase();
    let method =
        |text: &str| ["get&http", "post&http", "put&http", "delete&http"].iter().any(|word| text.starts_with(word));
    let without_secret =
        lower.trim_start_matches(|letter: char| letter.is_ascii_hexdigit() && !letter.is_ascii_uppercase());
    let value = lower
        .split_once("authorization")
        .map(|(_, value)| value.trim_start_matches(|letter| " :=\"'\t[(,".contains(letter)));
    if trimmed.is_empty() {
        NoHeader::Empty
    } else if method(&lower) || method(without_secret) || method(lower.get(64..).unwrap_or_default()) {
        NoHeader::BaseString
    } else if lower.contains("oauth_consumer_key=") || lower.contains("oauth_token=") {
        NoHeader::Elsewhere
    } else if lower.contains("oauth_consumer_key") {
        NoHeader::NamesAndValues
    } else if lower.contains("bearer ") || lower.contains("basic ") || lower.contains("digest ") {
        NoHeader::OtherScheme
    } else if value.is_some_and(hides) || hides(&lower) {
        NoHeader::Hidden
    } else if value.is_none() && (lower.contains("http/1.1") || lower.contains("user-agent") || lower.contains("host:"))
    {
        NoHeader::RequestWithout
    } else {
        NoHeader::Nothing
    }
}

/// Whether a client put something else where the value stood.
fn hides(value: &str) -> bool {
    let value = value.trim_start_matches(['<', '[', '(']);
    ["sensitive", "redacted", "***", "•••", "xxxx", "hidden", "masked", "filtered", "removed"]
        .iter()
        .any(|word| value.starts_with(word))
}
