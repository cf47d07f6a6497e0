//! JSON as Python's `json.dumps` writes it.
//!
//! Two Vault values are JSON documents that the Python CLI writes as well. A
//! difference in spelling alone would make each tool overwrite the other's, so
//! this writes to the byte what `json.dumps` does: `", "` and `": "` between
//! parts, and nothing outside ASCII.

use zeroize::Zeroizing;

/// A JSON document being written. The buffer is wiped when dropped.
#[derive(Default)]
pub(crate) struct Writer(Zeroizing<Vec<u8>>);

impl Writer {
    /// A writer with room for `capacity` bytes, beyond which secrets could be
    /// left behind in memory given back.
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self(Zeroizing::new(Vec::with_capacity(capacity)))
    }

    /// Writes punctuation as it is.
    pub(crate) fn raw(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    /// Writes a string.
    pub(crate) fn string(&mut self, text: &str) {
        self.0.push(b'"');
        for character in text.chars() {
            match character {
                '"' => self.raw("\\\""),
                '\\' => self.raw("\\\\"),
                '\n' => self.raw("\\n"),
                '\r' => self.raw("\\r"),
                '\t' => self.raw("\\t"),
                '\u{8}' => self.raw("\\b"),
                '\u{c}' => self.raw("\\f"),
                ' '..='~' => self.0.push(character as u8),
                _ => {
                    for unit in character.encode_utf16(&mut [0; 2]) {
                        let unit = Zeroizing::new(format!("\\u{unit:04x}"));
                        self.raw(&unit);
                    }
                }
            }
        }
        self.0.push(b'"');
    }

    /// Writes an object of strings.
    pub(crate) fn object(&mut self, members: &[(&str, &str)]) {
        self.0.push(b'{');
        for (position, (name, value)) in members.iter().enumerate() {
            if position > 0 {
                self.raw(", ");
            }
            self.string(name);
            self.raw(": ");
            self.string(value);
        }
        self.0.push(b'}');
    }

    /// The document.
    pub(crate) fn finish(self) -> Zeroizing<Vec<u8>> {
        self.0
    }
}

/// An upper bound of the bytes that a string takes, quotes included.
pub(crate) fn string_capacity(text: &str) -> usize {
    // A character outside the basic plane is 4 bytes in UTF-8 and 12 here; a
    // control character 1 and 6.
    2 + 6 * text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Strings and what Python 3.11's `json.dumps` gives for them.
    const STRINGS: &[(&str, &str)] = &[
        ("plain", r#""plain""#),
        ("quote\" back\\slash / slash", r#""quote\" back\\slash / slash""#),
        ("\n\r\t\u{8}\u{c}", r#""\n\r\t\b\f""#),
        ("\0\u{1f}\u{7f}", r#""\u0000\u001f\u007f""#),
        ("é€😀", r#""\u00e9\u20ac\ud83d\ude00""#),
    ];

    #[test]
    fn strings_are_spelt_as_python_spells_them() {
        for (text, expected) in STRINGS {
            let mut writer = Writer::default();
            writer.string(text);
            let written = writer.finish();
            assert_eq!(std::str::from_utf8(&written).unwrap(), *expected);
            assert!(written.len() <= string_capacity(text));
        }
    }

    #[test]
    fn objects_are_spaced_as_python_spaces_them() {
        let mut writer = Writer::default();
        writer.object(&[("a", "1"), ("b", "")]);
        assert_eq!(&**writer.finish(), br#"{"a": "1", "b": ""}"#);
    }
}
