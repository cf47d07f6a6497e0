//! What a value has that people do not see, or do not mean to store.

use crate::model::SecretValue;
use crate::printable::is_invisible;

/// What values that another tool encrypted begin with, and whose they are.
const ENCRYPTED: [(&[u8], &str); 8] = [
    (b"ENC[", "sops"),
    (b"-----BEGIN AGE ENCRYPTED FILE-----", "age"),
    (b"age-encryption.org/", "age"),
    (b"$ANSIBLE_VAULT;", "Ansible"),
    (b"vault:v", "Vault's transit engine"),
    (b"\0GITCRYPT", "git-crypt"),
    (b"-----BEGIN PGP MESSAGE-----", "OpenPGP"),
    (b"Salted__", "OpenSSL"),
];

/// Whose ciphertext a value is, where it begins like some.
#[must_use]
pub(crate) fn encrypted_by(value: &SecretValue) -> Option<&'static str> {
    let bytes = value.expose().trim_ascii_start();
    let begins = |(prefix, _): &&(&[u8], &str)| bytes.starts_with(prefix);
    ENCRYPTED.iter().find(begins).map(|(_, tool)| *tool)
}

/// What nobody sees of a value, in words that follow "the value". None of them
/// says what the value is.
///
/// A line feed at the end of a text of several lines is as it should be.
#[must_use]
pub(crate) fn oddities(value: &SecretValue) -> Vec<&'static str> {
    let bytes = value.expose();
    let mut found = Vec::new();
    if bytes.starts_with(&[0xef, 0xbb, 0xbf]) {
        found.push("begins with a byte order mark");
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        found.push("is in UTF-16, or begins like it");
        return found;
    }
    let Some(text) = value.expose_str() else { return found };
    let inner = text.strip_suffix('\n').unwrap_or(text);
    let inner = inner.strip_suffix('\r').unwrap_or(inner);
    let is_one_line = !inner.contains('\n');
    if text.ends_with("\r\n") || text.ends_with('\r') {
        found.push("ends with a carriage return");
    } else if is_one_line && text.ends_with('\n') {
        found.push("is one line and ends with a line feed");
    }
    if text.contains('\0') {
        found.push("has a NUL character");
    }
    if is_one_line && inner.starts_with(char::is_whitespace) {
        found.push("begins with white space");
    }
    if is_one_line && inner.ends_with(char::is_whitespace) {
        found.push("ends with white space");
    }
    let rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    if rest.contains(is_invisible) {
        found.push("has characters that are not seen (such as zero-width ones)");
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_sees_is_named() {
        for (value, expected) in [
            ("hunter2", &[][..]),
            ("two\nlines\n", &[]),
            ("{\n  \"a\": \"b\"\n}\n", &[]),
            ("a b", &[]),
            ("Zoë\u{301}", &[]),
            ("hunter2\n", &["is one line and ends with a line feed"]),
            ("hunter2\r\n", &["ends with a carriage return"]),
            ("one\r\ntwo\r\n", &["ends with a carriage return"]),
            ("\u{feff}hunter2", &["begins with a byte order mark"]),
            (" hunter2", &["begins with white space"]),
            ("hunter2\u{a0}", &["ends with white space"]),
            ("hun\0ter", &["has a NUL character"]),
            ("hun\u{200b}ter", &["has characters that are not seen (such as zero-width ones)"]),
        ] {
            assert_eq!(oddities(&value.into()), expected, "{value:?}");
        }
        let utf16: Vec<u8> = "\u{feff}x".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(oddities(&utf16.into()), ["is in UTF-16, or begins like it"]);
    }

    #[test]
    fn ciphertext_is_known_by_how_it_begins() {
        for (value, tool) in [
            ("ENC[AES256_GCM,data:x]", Some("sops")),
            ("\n$ANSIBLE_VAULT;1.1;AES256\n", Some("Ansible")),
            ("vault:v1:abc", Some("Vault's transit engine")),
            ("-----BEGIN AGE ENCRYPTED FILE-----\n", Some("age")),
            ("ENCRYPTED", None),
            ("vault-token", None),
        ] {
            assert_eq!(encrypted_by(&value.into()), tool, "{value}");
        }
    }
}
