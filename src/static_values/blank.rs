//! Values that are nothing: empty, or white space alone, as of a variable that
//! was not set where a file was filled in.
//!
//! An empty value counts as none wherever it comes from, as it does for the
//! Python CLI. White space alone is a value only where somebody said so, which
//! a file cannot.

use thiserror::Error;

use super::StaticValues;
use crate::model::{ApplicationName, KeyName};

/// Credentials or a client of which a part is nothing, so that they can be no
/// use.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BlankPart {
    /// The credentials of this registry.
    #[error(
        "the credentials for registry {0:?} are not usable: the username or the password is empty"
    )]
    Registry(String),
    /// The client of this name.
    #[error(
        "the OpenID Connect client {0:?} is not usable: its id, its secret or its return_uri is \
         empty"
    )]
    Client(String),
}

impl StaticValues {
    /// Takes out each value of a static secret that is white space, and gives
    /// their names. What is wholly empty stays, and counts as none.
    pub fn take_white_space(&mut self) -> Vec<(ApplicationName, KeyName)> {
        let mut taken = Vec::new();
        for (application, values) in &mut self.applications {
            values.retain(|key, value| {
                let stays = value.is_empty() || !value.is_blank();
                if !stays {
                    taken.push((application.clone(), key.clone()));
                }
                stays
            });
        }
        taken
    }

    /// Refuses credentials and clients that can be no use.
    ///
    /// # Errors
    /// The first of which a part is empty or white space.
    pub fn refuse_blank_parts(&self) -> Result<(), BlankPart> {
        if let Some((name, _)) = self.pull_secret.iter().find(|(_, one)| one.has_blank_part()) {
            return Err(BlankPart::Registry(name.clone()));
        }
        match self.oidc_clients.iter().find(|(_, one)| one.has_blank_part()) {
            Some((name, _)) => Err(BlankPart::Client(name.clone())),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_is_taken_out_and_named() {
        let yaml = "applications: {a: {tab: {value: \"\\t\\n\"}, wide: {value: \"\\u3000\"}, \
                    empty: {value: ''}, text: {value: ' x '}, none: {value: null}}}";
        let mut values = StaticValues::from_yaml(yaml).unwrap();
        let names: Vec<String> =
            values.take_white_space().iter().map(|(a, k)| format!("{a} {k}")).collect();
        assert_eq!(names, ["a tab", "a wide"]);
        let left: Vec<&str> = values.applications["a"].keys().map(KeyName::as_str).collect();
        assert_eq!(left, ["empty", "text"]);
    }

    #[test]
    fn a_blank_part_is_named() {
        for (yaml, expected) in [
            ("pull-secret: {registries: {r: {username: '', password: p}}}", "registry \"r\""),
            ("pull-secret: {registries: {r: {username: u, password: ' '}}}", "registry \"r\""),
            ("oidc-clients: {c: {id: '', secret: s, return_uri: u}}", "client \"c\""),
            ("oidc-clients: {c: {secret: \"\\n\", return_uri: u}}", "client \"c\""),
            ("oidc-clients: {c: {secret: s, return_uri: ''}}", "client \"c\""),
        ] {
            let error = StaticValues::from_yaml(yaml).unwrap().refuse_blank_parts().unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
        }
        let yaml = "oidc-clients: {c: {secret: s, return_uri: u}}";
        assert_eq!(StaticValues::from_yaml(yaml).unwrap().refuse_blank_parts(), Ok(()));
    }
}
