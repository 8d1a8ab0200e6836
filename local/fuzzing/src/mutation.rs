//! One input made of others.

use fastrand::Rng;

/// Changes to one input.
const CHANGES_MAX: usize = 6;
/// Longest input that is made, bytes.
const BYTES_MAX: usize = 4_096;
/// What readers trip over: edges of numbers, broken escapes, half a surrogate, deep nesting, odd bytes.
const PIECES: [&[u8]; 26] = [
    b"null",
    b"true",
    b"-1",
    b"0",
    b"-0",
    b"1e400",
    b"0.1",
    b"9223372036854775808",
    b"18446744073709551616",
    b"79228162514264337593543950336",
    b"\"\"",
    b"[]",
    b"{}",
    b"[[[[[[[[",
    b"\"\\ud800\"",
    b"\\u0000",
    b"\xff\xfe",
    b"\xc3\x28",
    b"\xef\xbb\xbf",
    b"\0",
    b"\r\n",
    b"%2",
    b"%25",
    b"&=",
    b"+",
    "\u{202e}\u{1F4A3}".as_bytes(),
];

/// An input made of one or two of the pool.
pub(crate) fn of(pool: &[Vec<u8>], dice: &mut Rng) -> Vec<u8> {
    let mut input = pool.get(dice.usize(..pool.len())).cloned().unwrap_or_default();
    for _ in 0..dice.usize(1..=CHANGES_MAX) {
        change(&mut input, pool, dice);
    }
    input.truncate(BYTES_MAX);
    input
}

fn change(input: &mut Vec<u8>, pool: &[Vec<u8>], dice: &mut Rng) {
    let at = dice.usize(..=input.len());
    let piece = at..input.len().min(at + dice.usize(1..=16));
    match dice.u8(..7) {
        0 => {
            if let Some(byte) = input.get_mut(at) {
                *byte ^= 1 << dice.u8(..8);
            }
        }
        1 => input.insert(at, dice.u8(..)),
        2 => drop(input.drain(piece)),
        3 => {
            let doubled = input.get(piece).unwrap_or_default().to_vec();
            input.splice(at..at, doubled);
        }
        4 => drop(input.splice(at..at, dice.choice(PIECES).unwrap_or_default().iter().copied())),
        5 => drop(input.splice(piece, dice.choice(PIECES).unwrap_or_default().iter().copied())),
        _ => {
            let other = pool.get(dice.usize(..pool.len())).map(Vec::as_slice).unwrap_or_default();
            let from = dice.usize(..=other.len());
            input.truncate(at);
            input.extend_from_slice(other.get(from..).unwrap_or_default());
        }
    }
}
