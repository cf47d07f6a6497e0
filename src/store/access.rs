//! What a holder may read, as their file says it.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::model::{ApplicationName, EnvironmentName, InvalidName, SecretId};

/// What a holder may read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// Everything: `*`.
    Everything,
    /// An environment: `idfdev`.
    Environment(EnvironmentName),
    /// An application of an environment: `summit/nublado`.
    Application(EnvironmentName, ApplicationName),
}

/// A text that is no access.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{text:?} is not an access: use \"*\", \"ENVIRONMENT\" or \"ENVIRONMENT/APPLICATION\"")]
pub struct InvalidAccess {
    text: String,
    #[source]
    source: InvalidName,
}

impl Access {
    /// Whether it covers all that another does.
    #[must_use]
    pub fn includes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Everything, _) => true,
            (Self::Environment(own), Self::Environment(other) | Self::Application(other, _)) => {
                own == other
            }
            _ => self == other,
        }
    }

    /// Whether it covers the secrets of an application of an environment.
    #[must_use]
    pub fn covers(&self, environment: &EnvironmentName, application: &ApplicationName) -> bool {
        match self {
            Self::Everything => true,
            Self::Environment(own) => own == environment,
            Self::Application(own, own_application) => {
                own == environment && own_application == application
            }
        }
    }

    /// Whether it covers a secret.
    #[must_use]
    pub fn covers_secret(&self, id: &SecretId) -> bool {
        self.covers(&id.environment, &id.application)
    }
}

impl FromStr for Access {
    type Err = InvalidAccess;

    fn from_str(text: &str) -> Result<Self, InvalidAccess> {
        let fail = |source| InvalidAccess { text: text.to_owned(), source };
        match text.split_once('/') {
            None if text == "*" => Ok(Self::Everything),
            None => text.parse().map(Self::Environment).map_err(fail),
            Some((environment, application)) => Ok(Self::Application(
                environment.parse().map_err(fail)?,
                application.parse().map_err(fail)?,
            )),
        }
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everything => f.write_str("*"),
            Self::Environment(environment) => environment.fmt(f),
            Self::Application(environment, application) => write!(f, "{environment}/{application}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn access_covers_what_it_says() {
        let (environment, nublado, portal) =
            ("summit".parse().unwrap(), "nublado".parse().unwrap(), "portal".parse().unwrap());
        let covers = |access: &str, application| {
            access.parse::<Access>().unwrap().covers(&environment, application)
        };
        assert!(covers("*", &portal) && covers("summit", &portal));
        assert!(covers("summit/nublado", &nublado) && !covers("summit/nublado", &portal));
        assert!(!covers("base", &nublado) && !covers("base/nublado", &nublado));
        for text in ["", "*/nublado", "summit/*", "summit/", "../x", "a/b/c"] {
            assert!(text.parse::<Access>().is_err(), "{text:?}");
        }
    }
}
