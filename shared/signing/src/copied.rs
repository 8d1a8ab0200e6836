//! What a text goes through between the tool that made it and the file that holds it: other encodings of the same characters.

/// Longest entity that is looked for, characters: `&#x201C;`.
const ENTITY_CHARACTERS_MAX: usize = 10;

/// Characters that no eye sees: a byte order mark, zero-width spaces and joiners, and the zero bytes of UTF-16 read as bytes.
pub(crate) fn is_invisible(letter: char) -> bool {
    matches!(letter, '\0' | '\u{feff}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{ad}')
}

/// The text with HTML's entities read (`&quot;`, `&#43;`, `&#x2F;`). What is no entity stays.
pub(crate) fn entities_read(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        let name: String = after.chars().take(ENTITY_CHARACTERS_MAX).take_while(|letter| *letter != ';').collect();
        if let Some(letter) = entity(&name).filter(|_| after[name.len()..].starts_with(';')) {
            plain.push(letter);
            rest = &after[name.len() + 1..];
        } else {
            plain.push('&');
            rest = after;
        }
    }
    plain.push_str(rest);
    plain
}

fn entity(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let number = match number.strip_prefix(['x', 'X']) {
            Some(digits) => u32::from_str_radix(digits, 16),
            None => number.parse(),
        };
        return char::from_u32(number.ok()?);
    }
    Some(match name {
        "quot" => '"',
        "apos" => '\'',
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "nbsp" => ' ',
        "equals" => '=',
        "plus" => '+',
        "sol" => '/',
        "comma" => ',',
        "NewLine" => '\n',
        _ => return None,
    })
}

/// The text with the escapes of JSON and of programs' texts read (`\n`, `\"`, `\/`, `\u003d`, `\x22`), however many backslashes
/// stand before each.
pub(crate) fn escapes_read(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        plain.push_str(before);
        let after = after.trim_start_matches('\\');
        let digits = |from: usize, count: usize| {
            let digits = after.get(from..from + count)?;
            char::from_u32(u32::from_str_radix(digits, 16).ok()?).map(|letter| (letter, from + count))
        };
        let (letter, length) = match after.chars().next() {
            Some('n' | 'r') => (Some('\n'), 1),
            Some('t') => (Some('\t'), 1),
            Some(code @ ('u' | 'x')) => {
                let read = digits(1, if code == 'u' { 4 } else { 2 });
                read.map_or((Some(code), 1), |(letter, length)| (Some(letter), length))
            }
            Some(other) => (Some(other), other.len_utf8()),
            None => (None, 0),
        };
        plain.extend(letter);
        rest = &after[length..];
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entities_and_escapes_are_read_and_what_is_none_stays() {
        for (text, plain) in [
            ("&quot;a&#43;b&#x2F;c&equals;&quot;", "\"a+b/c=\""),
            ("a=1&b=2&", "a=1&b=2&"),
            ("&unknown; &#xD800; &#99999999;", "&unknown; &#xD800; &#99999999;"),
            ("&amp;quot;", "&quot;"),
            ("ü&ü;é", "ü&ü;é"),
        ] {
            assert_eq!(entities_read(text), plain);
        }
        for (text, plain) in [
            (r"a\nb\\nc\r\nd", "a\nb\nc\n\nd"),
            (r#"\"x\" \\\"y\\\" \/"#, "\"x\" \"y\" /"),
            (r"\u003d\x2B\u00", "=+u00"),
            ("\\", ""),
            ("a\\\nb", "a\nb"),
            ("\\xü\\uüüü", "xüuüüü"),
        ] {
            assert_eq!(escapes_read(text), plain, "{text}");
        }
    }
}
