//! The text of a file, whatever wrote it.

/// The text of these bytes: UTF-8, or UTF-16 as editors and shells on Windows write it; without its byte order mark. What is no
/// text becomes one with replacement characters, so that who reads it can say what it is.
#[must_use]
pub fn text_of_bytes(bytes: &[u8]) -> String {
    let utf16 = |bytes: &[u8], number: fn([u8; 2]) -> u16| {
        let numbers = bytes.chunks_exact(2).map(|pair| number([pair[0], pair[1]]));
        char::decode_utf16(numbers).map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        // Without a mark: every key, header and JSON begins with a letter of ASCII.
        [first, 0, second, 0, ..] if *first != 0 && *second != 0 => utf16(bytes, u16::from_le_bytes),
        [0, first, 0, second, ..] if *first != 0 && *second != 0 => utf16(bytes, u16::from_be_bytes),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_the_same_whoever_wrote_the_file() {
        let text = "{\"a\": \"ü\"}";
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for bytes in [
            text.as_bytes().to_vec(),
            [b"\xef\xbb\xbf", text.as_bytes()].concat(),
            [b"\xff\xfe", &*little].concat(),
            [b"\xfe\xff", &*big].concat(),
            little,
            big,
        ] {
            assert_eq!(text_of_bytes(&bytes), text, "{bytes:?}");
        }
        assert_eq!(text_of_bytes(&[0x30, 0x82, 0x04]), "0\u{fffd}\u{4}");
        assert_eq!(text_of_bytes(&[0xff, 0xfe, 0x61]), "", "half a letter");
        assert_eq!(text_of_bytes(&[]), "");
    }
}
