//! What can be wrong with an identity.

use thiserror::Error;

/// Identities that cannot be used.
#[derive(Debug, Error)]
pub enum IdentityError {
    /// A file that cannot be read.
    #[error("{origin} cannot be read")]
    Read {
        /// The file and how it was named.
        origin: String,
        /// Why.
        source: std::io::Error,
    },
    /// A private key in the place of a path. It is not repeated.
    #[error("{named_by} needs the path of a file, and was given a private key itself")]
    NotAPath {
        /// How it was given.
        named_by: &'static str,
    },
    /// Neither the path of a file that can be read nor an identity. It is not
    /// repeated, since it could be a damaged one.
    #[error(
        "{named_by} has neither the path of a file that can be read nor an identity that is \
         understood (it is not repeated here: it could be a private key)"
    )]
    NotUnderstood {
        /// How it was given.
        named_by: &'static str,
    },
    /// A public key where a private one is needed.
    #[error("{origin}: line {line} is a public key; the private key that belongs to it is needed")]
    PublicKey {
        /// The file and how it was named.
        origin: String,
        /// The line, from 1.
        line: usize,
    },
    /// A line that holds no identity. The line is not repeated.
    #[error("{origin}: line {line} is not an age identity")]
    Malformed {
        /// The file and how it was named.
        origin: String,
        /// The line, from 1.
        line: usize,
    },
    /// An SSH key that cannot be used.
    #[error("{origin}: this SSH private key cannot be used: {reason}")]
    Ssh {
        /// The file and how it was named.
        origin: String,
        /// Why.
        reason: String,
    },
    /// A key of another make.
    #[error("{origin} cannot be used: it is {what}")]
    OtherMake {
        /// The file and how it was named.
        origin: String,
        /// What it is.
        what: &'static str,
        /// What to do about it.
        remedy: &'static str,
    },
    /// A text between BEGIN and END of which a part is missing.
    #[error("{origin} is malformed: it holds only part of {what}")]
    Cut {
        /// The file and how it was named.
        origin: String,
        /// What it begins like.
        what: &'static str,
    },
    /// An identity file that is encrypted to keys.
    #[error("{origin} is itself encrypted, and not with a passphrase")]
    Encrypted {
        /// The file and how it was named.
        origin: String,
    },
    /// No identity in a file that should have one.
    #[error("{origin} holds no identity")]
    Empty {
        /// The file and how it was named.
        origin: String,
    },
}

impl IdentityError {
    /// Whether it is about a key that is whole and of no use here, so that
    /// others may be used all the same.
    #[must_use]
    pub fn is_of_no_use(&self) -> bool {
        matches!(self, Self::OtherMake { .. } | Self::Ssh { .. })
    }

    /// What to do about it, where that is not plain from the message.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::OtherMake { remedy, .. } => remedy,
            Self::Read { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                "name one that is there, or make one with: phalanx-secrets init --new-identity, \
                 or age-keygen"
            }
            Self::Read { .. } => "an identity is a file that you may read",
            Self::PublicKey { .. } => {
                "age-keygen writes both: the private key is the line AGE-SECRET-KEY-1…; of an SSH \
                 key it is the file without .pub"
            }
            Self::Malformed { .. } | Self::Empty { .. } => {
                "an identity file is what age-keygen writes, or an SSH private key"
            }
            Self::Ssh { .. } => {
                "make an age identity with age-keygen, and have its public key added to your file \
                 in recipients/"
            }
            Self::Cut { .. } => {
                "all of it is needed, from its first line to its last, with its line breaks"
            }
            Self::NotUnderstood { .. } => {
                "an identity is the whole line AGE-SECRET-KEY-1…, or an SSH private key with all \
                 of its lines; base64 of one is not decoded"
            }
            Self::Encrypted { .. } => "decrypt it on the way: -i <(age --decrypt -i KEY FILE)",
            Self::NotAPath { .. } => "PHALANX_SECRETS_IDENTITY and SOPS_AGE_KEY may hold a key",
        };
        Some(hint.to_owned())
    }
}
