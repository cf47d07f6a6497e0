//! Values of variables in the forms that Go's library reads, which are those
//! of the `vault` command line.

use std::time::Duration;

/// The longest that a duration may be: longer ones overflow in Go.
const LONGEST: f64 = (1_u64 << 33) as f64;

/// Reads a boolean.
///
/// Source: `strconv.ParseBool`.
pub(super) fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

/// Reads a duration: seconds, days, or whatever Go writes, such as `1m30s`.
///
/// Source: `ParseDurationSecond` in HashiCorp's `go-secure-stdlib/parseutil`,
/// and `time.ParseDuration`.
pub(super) fn parse_duration(text: &str) -> Option<Duration> {
    let whole = |text: &str| text.parse::<u32>().ok().map(f64::from);
    let seconds = match whole(text) {
        Some(seconds) => seconds,
        None => match text.strip_suffix('d') {
            Some(days) => whole(days)? * 86400.0,
            None => seconds_of_parts(text)?,
        },
    };
    (seconds <= LONGEST).then(|| Duration::from_secs_f64(seconds))
}

/// The sum of numbers with a unit each.
fn seconds_of_parts(text: &str) -> Option<f64> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest.is_empty() {
        return None;
    }
    let mut sum = 0.0;
    while !rest.is_empty() {
        let (number, after) = split(rest, |c| c.is_ascii_digit() || c == '.');
        let (unit, after) = split(after, |c| !c.is_ascii_digit() && c != '.');
        let unit = match unit {
            "ns" => 1e-9,
            "us" | "\u{b5}s" | "\u{3bc}s" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        sum += number.parse::<f64>().ok()? * unit;
        rest = after;
    }
    Some(sum)
}

/// Splits a text where the first part, of such characters, ends.
fn split(text: &str, is_part: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|c| !is_part(c)).unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn booleans_are_those_of_go() {
        for text in ["1", "t", "T", "TRUE", "true", "True"] {
            assert_eq!(parse_bool(text), Some(true), "{text}");
        }
        for text in ["0", "f", "F", "FALSE", "false", "False"] {
            assert_eq!(parse_bool(text), Some(false), "{text}");
        }
        for text in ["", "yes", "no", "on", "off", "tRUE", "2", "-1", " true", "true "] {
            assert_eq!(parse_bool(text), None, "{text:?}");
        }
    }

    #[test]
    fn durations_are_those_of_go() {
        for (text, milliseconds) in [
            ("0", 0),
            ("60", 60_000),
            ("60s", 60_000),
            ("1m", 60_000),
            ("1m30s", 90_000),
            ("1h0m0.5s", 3_600_500),
            ("1.5h", 5_400_000),
            (".5s", 500),
            ("1.s", 1000),
            ("+2s", 2000),
            ("250ms", 250),
            ("250000us", 250),
            ("250000\u{b5}s", 250),
            ("250000000ns", 250),
            ("2d", 172_800_000),
            ("0s", 0),
        ] {
            let expected = Duration::from_millis(milliseconds);
            assert_eq!(parse_duration(text), Some(expected), "{text}");
        }
        for text in [
            "",
            "x",
            "s",
            ".s",
            "1.5",
            "-1s",
            "-1",
            "1 s",
            "1s ",
            "1S",
            "1y",
            "1s2",
            "1..5s",
            "1e3s",
            "0x10",
            "infs",
            "NaNs",
            "99999999999",
            "99999999999h",
            "1d1h",
        ] {
            assert_eq!(parse_duration(text), None, "{text:?}");
        }
    }
}
