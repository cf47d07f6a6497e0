//! Text from others, such as the author of a commit, for a terminal.

/// The text with what could steer a terminal, turn the order of what is read,
/// or not be seen at all, written as escapes.
pub(crate) fn printable(text: &str) -> String {
    // A value may be among what is shown: no copy is left behind.
    let mut printable = String::with_capacity(text.len() * "\\u{10ffff}".len());
    for character in text.chars() {
        match character.is_control() || is_invisible(character) {
            true => printable.extend(character.escape_default()),
            false => printable.push(character),
        }
    }
    printable
}

/// The same of a text in several lines, which stay what they are.
pub(crate) fn printable_lines(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(printable).collect();
    lines.join("\n")
}

/// A name from elsewhere, so that all of it is seen: in quotes where it begins
/// or ends with white space, or is empty.
pub(crate) fn printable_name(name: &str) -> String {
    let printable = printable(name);
    match name.trim() == name && !name.is_empty() {
        true => printable,
        false => format!("\"{printable}\""),
    }
}

/// Whether a character takes no room, or turns the order of what is read: the
/// marks of Unicode's bidirectional algorithm, zero-width characters, byte
/// order marks, soft hyphens, separators of lines and paragraphs, and tags.
pub(crate) fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_and_control_characters_do_not() {
        assert_eq!(printable("Zoë O'Brien \"Z\" 日本"), "Zoë O'Brien \"Z\" 日本");
        assert_eq!(printable("a\u{1b}[31m\r\u{9b}\u{202e}"), "a\\u{1b}[31m\\r\\u{9b}\\u{202e}");
        assert_eq!(printable("a\u{200b}b\u{feff}\u{2028}"), "a\\u{200b}b\\u{feff}\\u{2028}");
        assert_eq!(printable_lines("a\nb\u{7}\n"), "a\nb\\u{7}\n");
    }

    #[test]
    fn all_of_a_name_is_seen() {
        assert_eq!(printable_name("aws credentials.ini"), "aws credentials.ini");
        assert_eq!(printable_name("password "), "\"password \"");
        assert_eq!(printable_name("a\nb"), "a\\nb");
        assert_eq!(printable_name(""), "\"\"");
    }
}
