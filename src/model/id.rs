//! Names of environments, applications, keys and holders, and the secret id
//! made of the first three.
//!
//! Names are checked once, when they are made. Whatever holds one may use it
//! as a path component: none can be empty, hidden, or climb out of a folder.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// The longest name accepted, in bytes.
const MAX_LENGTH: usize = 200;

/// The longest name of a key in the form that its file has, in bytes: with a
/// suffix it fits the 255 that file systems allow.
const MAX_ENCODED: usize = 250;

/// A name that does not follow its rules.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{name:?} is not a valid {what} name: {reason}")]
pub struct InvalidName {
    what: &'static str,
    name: String,
    reason: &'static str,
}

/// The rule for names that people choose: letters, digits, `.`, `_`, `-`.
fn check_plain(name: &str) -> Result<(), &'static str> {
    check_length(name)?;
    if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return Err("it must begin with an ASCII letter or digit");
    }
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')) {
        return Err("only ASCII letters, digits, '.', '_' and '-' are allowed");
    }
    Ok(())
}

/// The rule for environments: the standalone layout has folders of these names
/// beside those of environments.
fn check_environment(name: &str) -> Result<(), &'static str> {
    match name {
        "applications" | "environments" => Err("the store has a folder of its own of that name"),
        _ => check_plain(name),
    }
}

/// The rule for holders: one file beside theirs is none.
fn check_holder(name: &str) -> Result<(), &'static str> {
    match name {
        "withdrawn" => Err("the store has a file of its own of that name"),
        _ => check_plain(name),
    }
}

/// The rule for keys, which applications choose: any printable text.
fn check_key(name: &str) -> Result<(), &'static str> {
    check_length(name)?;
    if name.chars().any(char::is_control) {
        return Err("control characters are not allowed");
    }
    if name.trim() != name {
        return Err("it must not begin or end with white space");
    }
    if encoded_length(name) > MAX_ENCODED {
        return Err("its file's name would be longer than file systems allow");
    }
    Ok(())
}

/// The length of a key's name where it is percent-encoded, as in the name of
/// its file: `store::file_stem` says which bytes are.
fn encoded_length(name: &str) -> usize {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-+=@,".contains(&byte);
    let plain: usize = name.bytes().map(|byte| if is_plain(byte) { 1 } else { 3 }).sum();
    plain + if name.starts_with('.') { 2 } else { 0 }
}

fn check_length(name: &str) -> Result<(), &'static str> {
    match name.len() {
        0 => Err("it is empty"),
        1..=MAX_LENGTH => Ok(()),
        _ => Err("it is longer than 200 bytes"),
    }
}

macro_rules! name_type {
    ($(#[$doc:meta])* $type:ident, $what:literal, $check:path) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(String);

        impl $type {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $type {
            type Error = InvalidName;

            fn try_from(name: String) -> Result<Self, InvalidName> {
                match $check(&name) {
                    Ok(()) => Ok(Self(name)),
                    Err(reason) => Err(InvalidName { what: $what, name, reason }),
                }
            }
        }

        impl FromStr for $type {
            type Err = InvalidName;

            fn from_str(name: &str) -> Result<Self, InvalidName> {
                Self::try_from(name.to_owned())
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl Borrow<str> for $type {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::try_from(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
            }
        }
    };
}

name_type!(
    /// The name of an environment, such as `idfdev`.
    EnvironmentName, "environment", check_environment
);
name_type!(
    /// The name of an application, such as `gafaelfawr`.
    ApplicationName, "application", check_plain
);
name_type!(
    /// The key of a secret within its application, such as `dex.clientSecret`.
    ///
    /// Any printable text: Phalanx uses keys with dots, and file names as keys.
    KeyName, "key", check_key
);
name_type!(
    /// The name of a key-holder: the stem of its file in `recipients/`.
    HolderName, "holder", check_holder
);

/// Names one secret: one key of one application in one environment.
///
/// ```
/// # use phalanx_secrets::model::SecretId;
/// let id = SecretId::parse("idfdev", "gafaelfawr", "ldap-password")?;
/// assert_eq!(id.to_string(), "idfdev/gafaelfawr/ldap-password");
/// assert!(SecretId::parse("..", "gafaelfawr", "ldap-password").is_err());
/// # Ok::<(), phalanx_secrets::model::InvalidName>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretId {
    /// The environment that needs it.
    pub environment: EnvironmentName,
    /// The application that it belongs to.
    pub application: ApplicationName,
    /// Its key within the application.
    pub key: KeyName,
}

impl SecretId {
    /// Makes an id of three checked names.
    #[must_use]
    pub fn new(environment: EnvironmentName, application: ApplicationName, key: KeyName) -> Self {
        Self { environment, application, key }
    }

    /// Makes an id of three texts.
    ///
    /// # Errors
    /// The first of the three that is not a valid name.
    pub fn parse(environment: &str, application: &str, key: &str) -> Result<Self, InvalidName> {
        Ok(Self::new(environment.parse()?, application.parse()?, key.parse()?))
    }
}

impl fmt::Display for SecretId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.environment, self.application, self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_leave_a_folder_are_refused() {
        for name in ["", ".", "..", ".hidden", "a/b", "a\\b", "a b", "-x", "é", "a\0"] {
            assert!(name.parse::<EnvironmentName>().is_err(), "{name:?}");
            assert!(name.parse::<ApplicationName>().is_err(), "{name:?}");
            assert!(name.parse::<HolderName>().is_err(), "{name:?}");
        }
    }

    #[test]
    fn names_that_the_store_uses_itself_are_refused() {
        assert!("applications".parse::<EnvironmentName>().is_err());
        assert!("withdrawn".parse::<HolderName>().is_err());
        assert!("applications".parse::<ApplicationName>().is_ok());
    }

    #[test]
    fn keys_are_any_printable_text() {
        for key in ["a", ".dockerconfigjson", "aws-credentials.ini", "with space", "ключ", "a/b"]
        {
            assert!(key.parse::<KeyName>().is_ok(), "{key:?}");
        }
        for key in ["", "a\nb", "\u{7f}", " a", "a ", &"x".repeat(201)] {
            assert!(key.parse::<KeyName>().is_err(), "{key:?}");
        }
    }
}
