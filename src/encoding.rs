//! Texts in another encoding than the UTF-8 that all files have, and marks that
//! nobody sees: named for what they are, and where.

/// Why bytes are not the UTF-8 text that they should be.
#[must_use]
pub(crate) fn not_text(bytes: &[u8]) -> &'static str {
    if is_utf16(bytes) {
        "it is in UTF-16, not UTF-8: save it as UTF-8 (iconv -f UTF-16 -t UTF-8 does so)"
    } else {
        "it is not UTF-8 text"
    }
}

/// Whether a text is in UTF-16, with or without a byte order mark: what files
/// hold here begins with an ASCII character or two.
#[must_use]
pub(crate) fn is_utf16(bytes: &[u8]) -> bool {
    match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => true,
        [first, second, ..] => (*first == 0) != (*second == 0),
        _ => false,
    }
}

/// Whether a text has accents as characters of their own (the decomposed form
/// of Unicode, NFD), as macOS may write names of files.
#[must_use]
pub(crate) fn is_decomposed(text: &str) -> bool {
    text.contains(is_accent)
}

/// Whether two names look the same, and one has accents as characters of their
/// own where the other has letters with accents.
#[must_use]
pub(crate) fn differ_in_form(one: &str, other: &str) -> bool {
    one != other
        && is_decomposed(one) != is_decomposed(other)
        && without_accents(one) == without_accents(other)
}

/// A text in which any letter with accents is one and the same.
fn without_accents(text: &str) -> String {
    let mut plain = String::new();
    for character in text.chars() {
        if is_accent(character) {
            if !plain.ends_with('\u{fffd}') {
                plain.pop();
                plain.push('\u{fffd}');
            }
        } else {
            plain.push(if character.is_ascii() { character } else { '\u{fffd}' });
        }
    }
    plain
}

fn is_accent(character: char) -> bool {
    matches!(character, '\u{300}'..='\u{36f}')
}

/// The first line, from 1, that begins with a byte order mark, but for the one
/// that a file may begin with: what two files leave that were put together.
#[must_use]
pub(crate) fn line_with_mark(text: &str) -> Option<u64> {
    let mut lines = (1..).zip(text.split('\n')).skip(1);
    lines.find(|(_, line)| line.starts_with('\u{feff}')).map(|(line, _)| line)
}

/// What is wrong with a line that begins with a mark.
pub(crate) const MARK: &str =
    "the line begins with a byte order mark, which nobody sees: remove it";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf_16_is_named_with_and_without_a_mark() {
        let utf16 =
            |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        for text in ["\u{feff}a = 1\n", "a = 1\n"] {
            assert!(not_text(&utf16(text)).contains("UTF-16"), "{text:?}");
            let big = text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<u8>>();
            assert!(is_utf16(&big), "{text:?}");
        }
        for bytes in [&b"a = 1"[..], b"", b"a", "\u{feff}a".as_bytes(), b"\xe9t\xe9", b"\0\0"] {
            assert!(!is_utf16(bytes), "{bytes:?}");
        }
    }

    #[test]
    fn names_that_differ_in_their_form_alone_are_known() {
        for (one, other, differ) in [
            ("caf\u{e9}", "cafe\u{301}", true),
            ("cafe\u{301}-key", "caf\u{e9}-key", true),
            ("caf\u{e9}", "caf\u{e9}", false),
            ("cafe", "cafe\u{301}", false),
            ("caf\u{e9}s", "cafe\u{301}", false),
        ] {
            assert_eq!(differ_in_form(one, other), differ, "{one} {other}");
        }
    }

    #[test]
    fn a_mark_within_a_text_is_found() {
        assert_eq!(line_with_mark("\u{feff}a = 1\nb = '\u{feff}'\n"), None);
        assert_eq!(line_with_mark("a = 1\nb = 2\n\u{feff}c = 3\n"), Some(3));
    }
}
