//! Where a sealed value lies: `secrets/<env>/<app>/<key>.age`.
//!
//! Names of environments and applications are plain and stand for themselves.
//! Keys may be any printable text, so what file systems and age header stanzas
//! cannot take is percent-encoded.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::model::{InvalidName, KeyName, SecretId};

/// The folder of sealed values.
pub const SECRETS: &str = "secrets";
/// The folder of holders.
pub const RECIPIENTS: &str = "recipients";

/// What a key's file name cannot have in it.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'.')
    .remove(b'_')
    .remove(b'-')
    .remove(b'+')
    .remove(b'=')
    .remove(b'@')
    .remove(b',');

/// The name, without `.age`, of the file that holds a key's value.
#[must_use]
pub fn file_stem(key: &KeyName) -> String {
    let encoded = utf8_percent_encode(key.as_str(), ENCODED).to_string();
    // A leading dot would hide the file.
    match encoded.strip_prefix('.') {
        Some(rest) => format!("%2E{rest}"),
        None => encoded,
    }
}

/// The key whose value a file of this name, without `.age`, holds. `None`
/// where no key's file is called that.
pub(crate) fn key_of_file_stem(stem: &str) -> Option<Result<KeyName, InvalidName>> {
    let key = percent_decode_str(stem).decode_utf8().ok()?.into_owned().try_into();
    match key {
        Ok(key) if file_stem(&key) == stem => Some(Ok(key)),
        Ok(_) => None,
        Err(error) => Some(Err(error)),
    }
}

/// What the file of a key would be called whose name some other text, without
/// `.age`, encodes. `None` where that is no key's name.
pub(crate) fn canonical_file_stem(stem: &str) -> Option<String> {
    let key: KeyName = percent_decode_str(stem).decode_utf8().ok()?.into_owned().try_into().ok()?;
    Some(file_stem(&key))
}

/// The path to which a secret's value is bound: `<env>/<app>/<key>`, encoded.
pub(super) fn bound_path(id: &SecretId) -> String {
    format!("{}/{}/{}", id.environment, id.application, file_stem(&id.key))
}

/// The file in which a secret's value is kept, relative to the root.
#[must_use]
pub fn sealed_path(id: &SecretId) -> String {
    format!("{SECRETS}/{}.age", bound_path(id))
}

/// The secret whose value the file at a path is.
pub(crate) fn id_of_path(path: &str) -> Option<SecretId> {
    let rest = path.strip_prefix(SECRETS)?.strip_prefix('/')?.strip_suffix(".age")?;
    let mut parts = rest.split('/');
    let (environment, application, stem) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let key = key_of_file_stem(stem)?.ok()?;
    Some(SecretId::new(environment.parse().ok()?, application.parse().ok()?, key))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn awkward_keys_have_plain_paths() {
        let path = |key| sealed_path(&SecretId::parse("idfdev", "app", key).unwrap());
        assert_eq!(path("dex.clientSecret"), "secrets/idfdev/app/dex.clientSecret.age");
        assert_eq!(path(".dockerconfigjson"), "secrets/idfdev/app/%2Edockerconfigjson.age");
        assert_eq!(path("a/../b c"), "secrets/idfdev/app/a%2F..%2Fb%20c.age");
        assert_eq!(path("ключ"), "secrets/idfdev/app/%D0%BA%D0%BB%D1%8E%D1%87.age");
    }

    #[test]
    fn a_file_has_one_name_only() {
        assert!(key_of_file_stem("a%2E").is_none());
        assert!(key_of_file_stem("%61").is_none());
        assert!(key_of_file_stem("%ff").is_none());
        assert!(matches!(key_of_file_stem("%0A"), Some(Err(_))));
    }

    proptest! {
        #[test]
        fn every_key_comes_back_from_its_file_name(key in "\\PC{1,60}") {
            if let Ok(key) = key.parse::<KeyName>() {
                let stem = file_stem(&key);
                prop_assert!(stem.bytes().all(|b| b.is_ascii_graphic() && b != b'/'));
                prop_assert_eq!(key_of_file_stem(&stem), Some(Ok(key.clone())));
                let id = SecretId::new("env".parse().unwrap(), "app".parse().unwrap(), key);
                prop_assert_eq!(id_of_path(&sealed_path(&id)), Some(id));
            }
        }
    }
}
