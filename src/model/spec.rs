//! What an application declares about a secret, with every condition already
//! decided for one environment.

use super::{ApplicationName, KeyName, SecretValue};

/// What an application declares about one of its secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// How the secret is obtained.
    pub kind: Kind,
    /// What it is for, in reStructuredText, for whoever provides it.
    pub description: Option<String>,
    /// Whether its copy in 1Password is base64, because 1Password cannot hold
    /// line breaks (`onepassword.encoded`).
    pub onepassword_encoded: bool,
    /// The file that declares it, relative to the root, with `/`.
    pub origin: String,
}

/// How a secret is obtained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// From outside: its value is kept in the store.
    Static,
    /// A literal in the spec, so no secret at all.
    Value(SecretValue),
    /// Always equal to another secret of the environment.
    Copy(CopySource),
    /// Made by the tool, and then kept.
    Generate(Generator),
}

impl Kind {
    /// The kind's name in messages and JSON.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::Value(_) => "value",
            Self::Copy(_) => "copy",
            Self::Generate(_) => "generate",
        }
    }
}

/// The secret that a copy equals, in the same environment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CopySource {
    /// The application that it belongs to.
    pub application: ApplicationName,
    /// Its key.
    pub key: KeyName,
}

impl std::fmt::Display for CopySource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.application, self.key)
    }
}

/// How a generated secret is made. [`crate::generate`] has a function for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Generator {
    /// 64 hexadecimal digits.
    Password,
    /// A Gafaelfawr token, `gt-<key>.<secret>`.
    GafaelfawrToken,
    /// A Fernet key: 32 bytes in padded, URL-safe base64.
    FernetKey,
    /// A 2048-bit RSA private key, PKCS#8 in PEM.
    RsaPrivateKey,
    /// The bcrypt hash (cost 15) of another key of the same application.
    BcryptPasswordHash {
        /// The key that is hashed.
        source: KeyName,
    },
    /// The time (UTC) at which another key of the same application changed.
    Mtime {
        /// The key whose change is recorded.
        source: KeyName,
    },
    /// The environment's OpenID Connect clients, as a JSON list. Always made
    /// anew, from static values alone.
    OidcClients,
}

impl Generator {
    /// The generator's name in specs and JSON.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::GafaelfawrToken => "gafaelfawr-token",
            Self::FernetKey => "fernet-key",
            Self::RsaPrivateKey => "rsa-private-key",
            Self::BcryptPasswordHash { .. } => "bcrypt-password-hash",
            Self::Mtime { .. } => "mtime",
            Self::OidcClients => "oidc-clients",
        }
    }

    /// The key of the same application that the generator starts from, if any.
    #[must_use]
    pub fn source(&self) -> Option<&KeyName> {
        match self {
            Self::BcryptPasswordHash { source } | Self::Mtime { source } => Some(source),
            _ => None,
        }
    }
}
