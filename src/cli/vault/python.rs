//! Text as the Python CLI prints it: scalars and times of PyYAML, and times of
//! its audit.

use jiff::Timestamp;

/// A text as a YAML scalar: without quotes where PyYAML writes none, as far as
/// names, ids and tokens of Vault go.
pub(super) fn yaml_text(text: &str) -> String {
    let is_safe = |c: char| c.is_ascii_alphanumeric() || "-._/~+@:".contains(c);
    let is_end = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let is_simple = text.chars().all(is_safe)
        && is_end(text.chars().next())
        && is_end(text.chars().next_back());
    if !is_simple {
        return format!("{text:?}");
    }
    // Some words, and numbers in any spelling, would not be read as text. A
    // UUID is no number, whatever its digits are.
    let words = ["y", "n", "yes", "no", "true", "false", "on", "off", "null"];
    let is_word = words.iter().any(|word| text.eq_ignore_ascii_case(word));
    let is_never_in_a_number = |c: char| c == '/' || matches!(c.to_ascii_lowercase(), 'g'..='z');
    let is_number = !text.chars().any(|c| is_never_in_a_number(c) && !matches!(c, 'x' | 'o'))
        && text.matches('-').count() < 3;
    if is_word || is_number { format!("'{text}'") } else { text.to_owned() }
}

/// The policies of a role or token.
pub(super) fn yaml_policies(policies: &[String]) -> String {
    if policies.is_empty() {
        return "policies: []\n".to_owned();
    }
    let items: String = policies.iter().map(|name| format!("- {}\n", yaml_text(name))).collect();
    format!("policies:\n{items}")
}

/// A time as PyYAML writes a `datetime`, whose seconds have six digits behind
/// the point or none.
pub(super) fn yaml_time(time: Timestamp) -> String {
    let micros = time.subsec_microsecond();
    let fraction = if micros == 0 { String::new() } else { format!(".{micros:06}") };
    format!("{}{fraction}+00:00", time.strftime("%Y-%m-%d %H:%M:%S"))
}

/// A time in a report, as `format_datetime_for_logging` of the Python library
/// Safir writes it: with milliseconds, unless it is on the second.
pub(super) fn report_time(time: Timestamp) -> String {
    let micros = time.subsec_microsecond();
    let fraction = if micros == 0 { String::new() } else { format!(".{:03}", micros / 1000) };
    format!("{}{fraction}", time.strftime("%Y-%m-%d %H:%M:%S"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_has_quotes_where_it_would_be_read_as_something_else() {
        for plain in [
            "phalanx/idfdev/read",
            "token-idfdev",
            "default",
            "s.JscwCdKsKFHR5CG6PWrL54V0",
            "D4lM949L8u1zPVttqjd5Q7iM",
            "c8e1345c-2b31-354b-980c-fe1450bdd883",
            "12345678-1234-1234-1234-123456789012",
            "0123456e-1234-1234-1234-123456789012",
        ] {
            assert_eq!(yaml_text(plain), plain);
        }
        for quoted in
            ["no", "True", "123456789012345678901234", "1e5", "1.5e+3", "0x1f", "2026-01-02"]
        {
            assert_eq!(yaml_text(quoted), format!("'{quoted}'"));
        }
        assert_eq!(yaml_text("a: b"), "\"a: b\"");
        assert_eq!(yaml_text("it's\n"), "\"it's\\n\"");
        assert_eq!(yaml_text(""), "\"\"");
    }

    #[test]
    fn times_have_the_digits_that_python_gives_them() {
        let shown = |time: &str| {
            let time = time.parse().unwrap();
            (yaml_time(time), report_time(time))
        };
        let pair = |yaml: &str, report: &str| (yaml.to_owned(), report.to_owned());
        assert_eq!(
            shown("2026-12-29T04:42:28.078391377Z"),
            pair("2026-12-29 04:42:28.078391+00:00", "2026-12-29 04:42:28.078")
        );
        assert_eq!(
            shown("2026-12-29T04:42:28Z"),
            pair("2026-12-29 04:42:28+00:00", "2026-12-29 04:42:28")
        );
        // Less than a microsecond is nothing to Python.
        assert_eq!(
            shown("2026-12-29T04:42:28.000000999Z"),
            pair("2026-12-29 04:42:28+00:00", "2026-12-29 04:42:28")
        );
        assert_eq!(
            shown("2026-12-29T04:42:28.000999Z"),
            pair("2026-12-29 04:42:28.000999+00:00", "2026-12-29 04:42:28.000")
        );
    }
}
