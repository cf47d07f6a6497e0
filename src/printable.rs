//! Text from others, such as the author of a commit, for a terminal.

/// The text with what could steer a terminal, or turn the order of what is
/// read, written as escapes.
pub(crate) fn printable(text: &str) -> String {
    // A value may be among what is shown: no copy is left behind.
    let mut printable = String::with_capacity(text.len() * "\\u{10ffff}".len());
    for character in text.chars() {
        match character {
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                printable.extend(character.escape_default());
            }
            _ if character.is_control() => printable.extend(character.escape_default()),
            _ => printable.push(character),
        }
    }
    printable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_and_control_characters_do_not() {
        assert_eq!(printable("Zoë O'Brien \"Z\" 日本"), "Zoë O'Brien \"Z\" 日本");
        assert_eq!(printable("a\u{1b}[31m\r\u{9b}\u{202e}"), "a\\u{1b}[31m\\r\\u{9b}\\u{202e}");
    }
}
