//! The descriptions of secrets, which are reStructuredText, for people at a
//! terminal.
//!
//! They use little of it: paragraphs, lists, literals, links and roles. What
//! is not known stays as it is.

use textwrap::{WordSeparator, WordSplitter};

use crate::printable::printable;

/// The longest line, in bytes, that somebody breaks by hand.
const LONGEST_LINE: usize = 100;

/// A description as lines of at most `width` columns. What a terminal would
/// take for more than text is escaped: whoever can push writes descriptions.
pub(crate) fn readable(description: &str, width: usize) -> Vec<String> {
    wrapped(description, width).iter().map(|line| printable(line)).collect()
}

fn wrapped(description: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for block in blocks(description) {
        // The items of a list stand together.
        if !lines.is_empty() && !block.follows_item {
            lines.push(String::new());
        }
        if block.is_literal {
            lines.extend(block.lines.iter().map(|line| format!("    {line}")));
            continue;
        }
        let text = without_markup(&block.lines.join(" "));
        let rest = " ".repeat(if block.is_item { 2 } else { 0 });
        // An address is not to be cut.
        let options = textwrap::Options::new(width)
            .subsequent_indent(&rest)
            .break_words(false)
            .word_splitter(WordSplitter::NoHyphenation)
            .word_separator(WordSeparator::AsciiSpace);
        lines.extend(textwrap::wrap(&text, options).into_iter().map(String::from));
    }
    lines
}

#[derive(Default)]
struct Block {
    lines: Vec<String>,
    is_item: bool,
    follows_item: bool,
    is_literal: bool,
}

/// Paragraphs, items of lists, and literal blocks.
fn blocks(description: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut is_open = false;
    let mut literal_follows = false;
    // Where YAML has joined the lines of each paragraph, a line is one.
    let is_folded =
        description.lines().any(|line| line.len() > LONGEST_LINE && line.trim().contains(' '));
    for line in description.lines() {
        let text = line.trim();
        let is_indented = line.starts_with([' ', '\t']);
        if text.is_empty() {
            is_open = false;
            continue;
        }
        let last = blocks.last_mut();
        if literal_follows && is_indented {
            match last {
                Some(last) if last.is_literal => last.lines.push(text.to_owned()),
                _ => {
                    let lines = vec![text.to_owned()];
                    blocks.push(Block { lines, is_literal: true, ..Block::default() });
                }
            }
            continue;
        }
        literal_follows = text.ends_with("::");
        if text.starts_with(".. ") && text.contains("::") {
            // A directive: its content may speak for itself.
            is_open = false;
            let argument = text.split_once("::").map_or("", |(_, argument)| argument.trim());
            literal_follows = text.contains("code");
            if !literal_follows && !argument.is_empty() {
                blocks.push(Block { lines: vec![argument.to_owned()], ..Block::default() });
            }
            continue;
        }
        let text = match text.strip_suffix("::") {
            Some(before) => format!("{}:", before.trim_end()),
            None => text.to_owned(),
        };
        let is_item = is_item(&text);
        match blocks.last_mut() {
            Some(last)
                if is_open && (is_indented || !is_folded) && !is_item && !last.is_literal =>
            {
                last.lines.push(text);
            }
            last => {
                let follows_item = is_item && last.is_some_and(|last| last.is_item);
                blocks.push(Block { lines: vec![text], is_item, follows_item, is_literal: false });
            }
        }
        is_open = true;
    }
    blocks
}

fn is_item(text: &str) -> bool {
    let number = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '#');
    ["- ", "* ", "+ "].iter().any(|mark| text.starts_with(mark))
        || (number.len() < text.len() && number.starts_with(". "))
}

/// The text of literals, links, roles and emphasis.
fn without_markup(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('`') {
        if let Some((literal, after)) =
            after.strip_prefix('`').and_then(|literal| literal.split_once("``"))
        {
            plain.push_str(&emphasized(before));
            plain.push_str(literal);
            rest = after;
            continue;
        }
        let Some((inside, after)) = after.split_once('`') else { break };
        plain.push_str(&emphasized(without_role(before)));
        plain.push_str(&target(inside));
        rest = after.strip_prefix("__").or_else(|| after.strip_prefix('_')).unwrap_or(after);
    }
    plain.push_str(&emphasized(rest));
    plain
}

/// Leaves out `:role:` at the end.
fn without_role(text: &str) -> &str {
    let Some(before) = text.strip_suffix(':') else { return text };
    let name = before.rsplit(|c: char| !(c.is_ascii_alphanumeric() || "-_:".contains(c))).next();
    match name.filter(|name| !name.is_empty()).and_then(|name| before.strip_suffix(name)) {
        Some(text)
            if before.len() > text.len()
                && before.get(text.len()..).is_some_and(|name| name.starts_with(':')) =>
        {
            text
        }
        _ => text,
    }
}

/// The text of a link, with its address where that is one of the web.
fn target(inside: &str) -> String {
    match inside.strip_suffix('>').and_then(|inside| inside.split_once('<')) {
        Some((text, address)) if address.contains("://") && text.trim().is_empty() => {
            address.to_owned()
        }
        Some((text, address)) if address.contains("://") => format!("{} ({address})", text.trim()),
        Some((text, _)) => text.trim().to_owned(),
        None => inside.to_owned(),
    }
}

fn emphasized(text: &str) -> String {
    text.replace("**", "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(description: &str) -> String {
        readable(description, 40).join("\n")
    }

    #[test]
    fn paragraphs_are_wrapped() {
        let text = "One two three four five six seven\neight nine ten.\n\nAnother.\n";
        assert_eq!(shown(text), "One two three four five six seven eight\nnine ten.\n\nAnother.");
    }

    #[test]
    fn folded_paragraphs_stay_apart() {
        let long = "word ".repeat(30);
        let text = format!("{long}\nAnother.");
        assert!(shown(&text).ends_with("word\n\nAnother."), "{}", shown(&text));
        // What belongs to an item stays with it.
        let text = format!("{long}\n- one\n  more");
        assert!(shown(&text).ends_with("word\n\n- one more"), "{}", shown(&text));
    }

    #[test]
    fn markup_is_left_out() {
        assert_eq!(shown("Use ``a: b`` and **this**."), "Use a: b and this.");
        assert_eq!(shown("See :ref:`the page <label>`."), "See the page.");
        assert_eq!(shown("See :doc:`/admin/x` now"), "See /admin/x now");
        assert_eq!(shown("See `it <https://x.org/a>`__."), "See it (https://x.org/a).");
        let address = "https://rubin-observatory.sentry.io/settings/projects/mobu/keys/";
        assert_eq!(shown(&format!("See\n{address}")), format!("See\n{address}"));
        assert_eq!(shown("At 12:30 or a `b"), "At 12:30 or a `b");
    }

    #[test]
    fn nothing_reaches_the_terminal_but_text() {
        assert_eq!(shown("a\u{1b}]0;x\u{7}b"), "a\\u{1b}]0;x\\u{7}b");
        assert_eq!(shown("a\rb\u{9b}31m"), "a\\rb\\u{9b}31m");
    }

    #[test]
    fn lists_and_literals_keep_their_lines() {
        let text = "Either:\n\n- one that is long enough for a second line\n- two\n\nAs in::\n\n    \
                    x = 1\n    y = 2\n";
        assert_eq!(
            shown(text),
            "Either:\n\n- one that is long enough for a second\n  line\n- two\n\nAs in:\n\n    x = \
             1\n    y = 2"
        );
    }
}
