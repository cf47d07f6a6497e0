//! JSON strings, read and written without leaving copies behind.
//!
//! `serde_json` unescapes through a scratch buffer that grows and is never
//! wiped. These two functions go straight from one wiped buffer to another.

use std::str::Chars;

use zeroize::Zeroizing;

/// The most bytes that [`escape`] writes for a text of `length` bytes: six for
/// each control character, and the quotes.
pub(super) const fn longest_escape(length: usize) -> usize {
    length.saturating_mul(6).saturating_add(2)
}

/// The most bytes that Vault writes for a text of ours in an answer, besides
/// the quotes: the library of Go writes `<`, `>` and `&` as control characters.
pub(super) fn length_in_answers(text: &[u8]) -> usize {
    let length = |byte: &u8| match byte {
        b'"' | b'\\' => 2,
        0..0x20 | 0x7f | b'<' | b'>' | b'&' => 6,
        // Of the separators of lines, which Go writes as \u2028 and \u2029.
        0xe2 => 4,
        _ => 1,
    };
    text.iter().map(length).sum()
}

/// Appends a text as a JSON string. The caller has reserved
/// [`longest_escape`] bytes, so that the buffer does not move.
pub(super) fn escape(text: &str, out: &mut Vec<u8>) {
    const DIGITS: [u8; 16] = *b"0123456789abcdef";
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or(b'0');
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            0..0x20 => {
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
            }
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

/// The text of a JSON string, given with its quotes. `None` where an escape is
/// unknown or half of a surrogate pair.
pub(crate) fn unescape(literal: &str) -> Option<Zeroizing<Vec<u8>>> {
    let inner = literal.strip_prefix('"')?.strip_suffix('"')?;
    // No escape is shorter than what it stands for.
    let mut out = Zeroizing::new(Vec::with_capacity(inner.len()));
    let mut rest = inner.chars();
    while let Some(next) = rest.next() {
        let character = if next == '\\' { unescape_one(&mut rest)? } else { next };
        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    }
    Some(out)
}

/// The character that an escape stands for; `rest` is behind the backslash.
fn unescape_one(rest: &mut Chars<'_>) -> Option<char> {
    Some(match rest.next()? {
        character @ ('"' | '\\' | '/') => character,
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => {
            let unit = four_digits(rest)?;
            if !(0xd800..0xdc00).contains(&unit) {
                return char::from_u32(unit);
            }
            if (rest.next()?, rest.next()?) != ('\\', 'u') {
                return None;
            }
            let low = four_digits(rest)?.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
            char::from_u32(0x10000 + ((unit - 0xd800) << 10) + low)?
        }
        _ => return None,
    })
}

fn four_digits(rest: &mut Chars<'_>) -> Option<u32> {
    let mut unit = 0;
    for _ in 0..4 {
        unit = unit * 16 + rest.next()?.to_digit(16)?;
    }
    Some(unit)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn escaping_is_undone_by_unescaping_and_understood_by_serde(text in any::<String>()) {
            let mut escaped = Vec::with_capacity(longest_escape(text.len()));
            let reserved = escaped.capacity();
            escape(&text, &mut escaped);
            prop_assert_eq!(escaped.capacity(), reserved);
            let escaped = String::from_utf8(escaped).unwrap();
            let unescaped = unescape(&escaped).unwrap();
            prop_assert_eq!(unescaped.as_slice(), text.as_bytes());
            prop_assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), text);
        }

        #[test]
        fn unescaping_agrees_with_serde(inner in r#"([a-zé\u{10000}]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4}|\\ud8[0-9]{2}\\udc[0-9]{2})*"#) {
            let literal = format!("\"{inner}\"");
            let theirs = serde_json::from_str::<String>(&literal).ok();
            let ours = unescape(&literal).map(|text| String::from_utf8(text.to_vec()).unwrap());
            prop_assert_eq!(ours, theirs);
        }
    }

    #[test]
    fn control_characters_are_the_longest() {
        let text = "\0\u{1f}".repeat(50);
        let mut escaped = Vec::new();
        escape(&text, &mut escaped);
        assert_eq!(escaped.len(), longest_escape(text.len()));
    }

    #[test]
    fn what_is_no_text_is_refused() {
        for literal in
            [r#""\ud800""#, r#""\ud800\u0041""#, r#""\udc00""#, r#""\x""#, r#""\u12""#, "a"]
        {
            assert!(unescape(literal).is_none(), "{literal}");
        }
    }
}
