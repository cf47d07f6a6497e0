//! What goes wrong in a text: one word, or one line.

/// A mistake in a text: what it is, and the text with it.
pub type Mistake = (String, String);

fn is_of_word(character: char) -> bool {
    character.is_alphanumeric() || "-_.".contains(character)
}

/// Every mistake that one word can have, for every word of a text.
pub fn words(text: &str) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    let mut rest = 0;
    while let Some(start) = text[rest..].find(is_of_word).map(|at| rest + at) {
        let end = text[start..].find(|c| !is_of_word(c)).map_or(text.len(), |at| start + at);
        rest = end;
        let word = &text[start..end];
        let mut letters: Vec<char> = word.chars().collect();
        let middle = letters.len() / 2;
        let mut wrong = vec![
            ("removed", String::new()),
            ("with a letter more", format!("{word}x")),
            ("in capitals", word.to_uppercase()),
            ("with a space", format!("{} {}", &word[..middle], &word[middle..])),
        ];
        let mut doubled = letters.clone();
        doubled.insert(middle, letters[middle]);
        wrong.push(("with a letter doubled", doubled.into_iter().collect()));
        if letters.len() > 1 {
            letters.swap(middle - 1, middle);
            wrong.push(("with letters swapped", letters.iter().collect()));
            letters.swap(middle - 1, middle);
            letters.remove(middle);
            wrong.push(("with a letter less", letters.into_iter().collect()));
        }
        let line = text[..start].lines().count().max(1);
        for (what, wrong) in wrong {
            let text = format!("{}{wrong}{}", &text[..start], &text[end..]);
            mistakes.push((format!("{word:?} in line {line} {what}"), text));
        }
    }
    mistakes
}

/// Every mistake that one line can have, for every line of a text.
pub fn lines(text: &str) -> Vec<Mistake> {
    let all: Vec<&str> = text.lines().collect();
    let mut mistakes = vec![("emptied".to_owned(), String::new())];
    for (number, line) in all.iter().enumerate() {
        for (what, new) in [
            ("removed", vec![]),
            ("doubled", vec![(*line).to_owned(); 2]),
            ("further in", vec![format!("  {line}")]),
            ("further out", vec![line.strip_prefix("  ").unwrap_or(line).to_owned()]),
            ("commented out", vec![format!("#{line}")]),
        ] {
            let mut lines: Vec<String> = all.iter().map(|&line| line.to_owned()).collect();
            lines.splice(number..=number, new);
            mistakes.push((format!("line {} {what}", number + 1), lines.join("\n") + "\n"));
        }
    }
    mistakes
}
