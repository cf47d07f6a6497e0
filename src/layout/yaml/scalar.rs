//! What PyYAML makes of a scalar.
//!
//! The Python CLI reads YAML 1.1 through PyYAML: `on` is true, `y` is text,
//! `0o17` and `1e3` are text, `0_0` is zero, `12:30` is a number of base 60.
//!
//! Source of the patterns: PyYAML 6, `resolver.py` and `constructor.py`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::layout::conditions::Truth;

/// What PyYAML makes of a scalar.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::layout) enum Scalar {
    /// A string, or bytes that are one (`!!binary`).
    Text(String),
    /// `None`.
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer or a floating-point number.
    Number(f64),
    /// Anything else: a date, or bytes that are no text. True for Python
    /// unless it is empty, which neither can be.
    Other,
    /// The merge key, `<<`.
    Merge,
}

impl Scalar {
    /// Resolves a plain scalar by PyYAML's implicit resolvers.
    pub(super) fn resolve(text: &str) -> Self {
        match text {
            "" | "~" | "null" | "Null" | "NULL" => return Self::Null,
            "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
                return Self::Bool(true);
            }
            "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
                return Self::Bool(false);
            }
            "<<" => return Self::Merge,
            _ => {}
        }
        if is_integer(text) || is_float(text) {
            return Self::Number(number(text));
        }
        if is_timestamp(text) {
            return Self::Other;
        }
        Self::Text(text.to_owned())
    }

    /// Makes a scalar of what a tag of YAML's own says that it is. `None` where
    /// there is no such tag, or the text is none of that.
    pub(super) fn tagged(tag: &str, text: &str) -> Option<Self> {
        let resolved = Self::resolve(text);
        match (tag, resolved) {
            ("str", _) => Some(Self::Text(text.to_owned())),
            ("null", _) => Some(Self::Null),
            ("binary", _) => Self::of_base64(text),
            ("bool", Self::Text(text)) => match text.to_ascii_lowercase().as_str() {
                "yes" | "true" | "on" => Some(Self::Bool(true)),
                "no" | "false" | "off" => Some(Self::Bool(false)),
                _ => None,
            },
            ("bool", resolved @ Self::Bool(_))
            | ("int" | "float", resolved @ Self::Number(_))
            | ("timestamp", resolved @ Self::Other) => Some(resolved),
            ("float", Self::Text(text)) => text.parse().ok().map(Self::Number),
            _ => None,
        }
    }

    fn of_base64(text: &str) -> Option<Self> {
        let text: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        let bytes = STANDARD.decode(text).ok()?;
        Some(String::from_utf8(bytes).map_or(Self::Other, Self::Text))
    }

    /// What Python's `bool` says of it.
    pub(in crate::layout) fn truth(&self) -> Truth {
        match self {
            Self::Text(text) => Truth::of_text(text),
            Self::Null => Truth::False,
            Self::Bool(truth) => (*truth).into(),
            Self::Number(number) => (*number != 0.0).into(),
            Self::Other | Self::Merge => Truth::True,
        }
    }

    /// The boolean that the reference implementation takes it for where it
    /// needs one, if any.
    ///
    /// Source: pydantic's conversion table, `bool` in lax mode.
    pub(super) fn as_boolean(&self) -> Option<bool> {
        match self {
            Self::Bool(truth) => Some(*truth),
            Self::Number(number) if *number == 0.0 => Some(false),
            Self::Number(number) if *number == 1.0 => Some(true),
            Self::Text(text) => match text.to_ascii_lowercase().as_str() {
                "1" | "on" | "t" | "true" | "y" | "yes" => Some(true),
                "0" | "off" | "f" | "false" | "n" | "no" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }
}

fn unsigned(text: &str) -> &str {
    text.strip_prefix(['+', '-']).unwrap_or(text)
}

fn all(text: &str, allowed: impl Fn(char) -> bool) -> bool {
    !text.is_empty() && text.chars().all(allowed)
}

/// `tag:yaml.org,2002:int`: binary, octal, decimal, hexadecimal, base 60.
fn is_integer(text: &str) -> bool {
    let text = unsigned(text);
    if let Some(digits) = text.strip_prefix("0b") {
        return all(digits, |c| matches!(c, '0' | '1' | '_'));
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return all(digits, |c| c.is_ascii_hexdigit() || c == '_');
    }
    if let Some(digits) = text.strip_prefix('0') {
        return digits.chars().all(|c| matches!(c, '0'..='7' | '_'));
    }
    let mut parts = text.split(':');
    let first = parts.next().unwrap_or_default();
    first.starts_with(|c: char| c.is_ascii_digit())
        && all(first, |c| c.is_ascii_digit() || c == '_')
        && parts.all(is_sexagesimal)
}

/// `tag:yaml.org,2002:float`.
fn is_float(text: &str) -> bool {
    let bare = unsigned(text);
    if matches!(bare, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let is_digits = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_digit())
            && all(text, |c| c.is_ascii_digit() || c == '_')
    };
    let Some((whole, rest)) = bare.split_once('.') else { return false };
    let (fraction, exponent) = match rest.split_once(['e', 'E']) {
        Some((fraction, exponent)) => (fraction, Some(exponent)),
        None => (rest, None),
    };
    let exponent_is_right = exponent.is_none_or(|exponent| {
        exponent.strip_prefix(['+', '-']).is_some_and(|digits| all(digits, |c| c.is_ascii_digit()))
    });
    let fraction_is_right = fraction.chars().all(|c| c.is_ascii_digit() || c == '_');
    if whole.is_empty() {
        return text.starts_with('.') && is_digits(fraction) && exponent_is_right;
    }
    let mut parts = whole.split(':');
    let first_is_right = parts.next().is_some_and(is_digits);
    let mut has_sixties = false;
    let sixties_are_right = parts.all(|part| {
        has_sixties = true;
        is_sexagesimal(part)
    });
    first_is_right
        && sixties_are_right
        && fraction_is_right
        && exponent_is_right
        && !(has_sixties && exponent.is_some())
}

/// `[0-5]?[0-9]`.
fn is_sexagesimal(part: &str) -> bool {
    match part.as_bytes() {
        [digit] => digit.is_ascii_digit(),
        [ten, digit] => (b'0'..=b'5').contains(ten) && digit.is_ascii_digit(),
        _ => false,
    }
}

/// What a text, which is known to be a number, comes to.
fn number(text: &str) -> f64 {
    let is_negative = text.starts_with('-');
    let digits = unsigned(text).replace('_', "").to_ascii_lowercase();
    let of_radix = |digits: &str, radix: u32| {
        let digits = digits.chars().filter_map(|digit| digit.to_digit(radix));
        digits.fold(0.0, |sum, digit| sum * f64::from(radix) + f64::from(digit))
    };
    let magnitude = if let Some(digits) = digits.strip_prefix("0b") {
        of_radix(digits, 2)
    } else if let Some(digits) = digits.strip_prefix("0x") {
        of_radix(digits, 16)
    } else if digits == ".inf" {
        f64::INFINITY
    } else if digits == ".nan" {
        f64::NAN
    } else if digits.contains(':') {
        let parts = digits.split(':').map(|part| part.parse().unwrap_or(0.0));
        parts.fold(0.0, |sum: f64, part: f64| sum * 60.0 + part)
    } else if digits.contains('.') {
        digits.parse().unwrap_or(0.0)
    } else if digits.starts_with('0') {
        of_radix(&digits, 8)
    } else {
        of_radix(&digits, 10)
    };
    if is_negative { -magnitude } else { magnitude }
}

/// `tag:yaml.org,2002:timestamp`: a date, with a time or without.
fn is_timestamp(text: &str) -> bool {
    let mut rest = Rest(text);
    if !(rest.digits(4, 4) && rest.one_of("-")) {
        return false;
    }
    let short = Rest(rest.0);
    let is_date = {
        let mut date = short;
        date.digits(2, 2) && date.one_of("-") && date.digits(2, 2) && date.0.is_empty()
    };
    is_date || {
        let has_date = rest.digits(1, 2) && rest.one_of("-") && rest.digits(1, 2);
        let has_gap = has_date && (rest.one_of("Tt") || rest.blanks() > 0);
        let has_time = has_gap
            && rest.digits(1, 2)
            && rest.one_of(":")
            && rest.digits(2, 2)
            && rest.one_of(":")
            && rest.digits(2, 2);
        if has_time && rest.one_of(".") {
            rest.digits(0, usize::MAX);
        }
        has_time && rest.is_zone()
    }
}

/// What is left of a text that is read from its beginning.
#[derive(Clone, Copy)]
struct Rest<'a>(&'a str);

impl Rest<'_> {
    /// Takes as many digits as there are, up to `most`; whether there were
    /// enough.
    fn digits(&mut self, least: usize, most: usize) -> bool {
        let count = self.0.bytes().take(most).take_while(u8::is_ascii_digit).count();
        self.0 = self.0.get(count..).unwrap_or_default();
        count >= least
    }

    fn one_of(&mut self, characters: &str) -> bool {
        let rest = self.0.strip_prefix(|c| characters.contains(c));
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn blanks(&mut self) -> usize {
        let rest = self.0.trim_start_matches([' ', '\t']);
        let count = self.0.len() - rest.len();
        self.0 = rest;
        count
    }

    /// Whether all that is left is a time zone, or nothing.
    fn is_zone(mut self) -> bool {
        if self.0.is_empty() {
            return true;
        }
        self.blanks();
        if self.one_of("Z") {
            return self.0.is_empty();
        }
        self.one_of("+-")
            && self.digits(1, 2)
            && (!self.one_of(":") || self.digits(2, 2))
            && self.0.is_empty()
    }
}
