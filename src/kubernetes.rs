//! What Kubernetes takes for a Secret and for a name, as far as it can be told
//! beforehand.
//!
//! vault-secrets-operator makes one Secret of each application's entry in
//! Vault. Where the API server refuses that Secret, none of its keys arrives.
//!
//! Source: Kubernetes, `apimachinery/pkg/util/validation` (`IsConfigMapKey`,
//! `IsDNS1123Subdomain`) and `pkg/apis/core` (`MaxSecretSize`).

/// The largest sum of the values of a Secret, in bytes.
pub(crate) const MAX_SECRET: u64 = 1 << 20;

/// The longest name of an object, in bytes.
const MAX_NAME: usize = 253;

/// Why no Secret can have a key of this name.
pub(crate) fn why_no_key(key: &str) -> Option<&'static str> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    if !key.chars().all(is_allowed) {
        Some("a key has only ASCII letters, digits, '-', '_' and '.'")
    } else if key == "." || key.starts_with("..") {
        Some("no key is \".\" or begins with \"..\"")
    } else if key.is_empty() || key.len() > MAX_NAME {
        Some("a key has 1 to 253 bytes")
    } else {
        None
    }
}

/// A key like this one that a Secret can have.
pub(crate) fn nearest_key(key: &str) -> String {
    let mut nearest = String::new();
    for c in key.chars() {
        match c {
            c if c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_') => nearest.push(c),
            _ if nearest.ends_with('-') => {}
            _ => nearest.push('-'),
        }
    }
    match nearest.trim_start_matches('.') {
        rest if nearest.len() - rest.len() > 1 => format!(".{rest}"),
        _ => nearest,
    }
}

/// Why no object can have this name.
pub(crate) fn why_no_name(name: &str) -> Option<&'static str> {
    let is_letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_part = |part: &str| {
        part.starts_with(is_letter)
            && part.ends_with(is_letter)
            && part.chars().all(|c| is_letter(c) || c == '-')
    };
    if name.len() > MAX_NAME {
        Some("a name has at most 253 bytes")
    } else if !name.split('.').all(is_part) {
        Some(
            "a name has only lower-case ASCII letters, digits, '-' and '.', with a letter or digit \
             at both ends",
        )
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_that_the_api_server_takes() {
        for key in ["a", "A_b-c.d", ".dockerconfigjson", "tls.crt", "-", "a..b", &"x".repeat(253)] {
            assert_eq!(why_no_key(key), None, "{key:?}");
        }
        for key in ["", ".", "..", "..a", "a b", "a/b", "ключ", "a+b", "50%", &"x".repeat(254)]
        {
            assert!(why_no_key(key).is_some(), "{key:?}");
        }
    }

    #[test]
    fn the_nearest_key_is_one_that_it_takes() {
        for (key, nearest) in [
            ("aws credentials.ini", "aws-credentials.ini"),
            ("a/../b", "a-..-b"),
            ("..", "."),
            ("..data", ".data"),
            ("é x", "-x"),
        ] {
            assert_eq!(nearest_key(key), nearest);
        }
    }

    #[test]
    fn names_are_those_that_the_api_server_takes() {
        for name in ["a", "gafaelfawr", "cert-manager", "a.b", "1"] {
            assert_eq!(why_no_name(name), None, "{name:?}");
        }
        for name in ["", "A", "a_b", "a-", "a.", "a..b", "-a", &"a".repeat(254)] {
            assert!(why_no_name(name).is_some(), "{name:?}");
        }
    }
}
