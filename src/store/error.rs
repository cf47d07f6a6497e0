//! What can be wrong with a store.

use thiserror::Error;

use super::access::InvalidAccess;
use super::recipient::InvalidRecipient;
use super::sealing::SealError;
use super::signing_key::InvalidSigningKey;
use super::write::WriteError;
use crate::model::{InvalidName, SecretId};
use crate::tree::TreeError;

/// A store that cannot be read, or a value that cannot be kept in it.
#[derive(Debug, Error)]
pub enum StoreError {
    /// A file that cannot be read.
    #[error(transparent)]
    Tree(#[from] TreeError),

    /// A file that cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),

    /// A store that cannot be locked.
    #[error("the store cannot be locked against other changes")]
    Lock {
        /// Why.
        source: std::io::Error,
    },

    /// A TOML file that does not parse.
    #[error("{file}{}: {message}", line.map(|line| format!(":{line}")).unwrap_or_default())]
    Malformed {
        /// Its path.
        file: String,
        /// The line, from 1.
        line: Option<u64>,
        /// What is wrong there.
        message: String,
    },

    /// A store made by a later version.
    #[error("{file}: format {format} is not one that this version reads (it reads 1)")]
    UnknownFormat {
        /// The path of `store.toml`.
        file: String,
        /// The format that it names.
        format: u64,
    },

    /// A file or folder whose name is not that of a secret, or of a holder.
    #[error("{file} is named after nothing that can be stored there")]
    InvalidFileName {
        /// Its path.
        file: String,
        /// The name and its rule.
        source: InvalidName,
    },

    /// A private key in a file that everybody reads.
    #[error("{file}:{line}: there is a private key here, where only public ones may be")]
    PrivateKey {
        /// The holder's file.
        file: String,
        /// The line, from 1.
        line: u64,
    },

    /// A holder's key that cannot be sealed to.
    #[error("{file}: key number {position} cannot be sealed to")]
    InvalidRecipient {
        /// The holder's file.
        file: String,
        /// Which of its keys, from 1.
        position: usize,
        /// What is wrong with it.
        source: InvalidRecipient,
    },

    /// A holder's signing key that is none.
    #[error("{file}: signing key number {position} is not usable")]
    InvalidSigningKey {
        /// The holder's file.
        file: String,
        /// Which of its signing keys, from 1.
        position: usize,
        /// What is wrong with it.
        source: InvalidSigningKey,
    },

    /// A holder's access that is none.
    #[error("{file}: what the holder may read is not clear")]
    InvalidAccess {
        /// The holder's file.
        file: String,
        /// What is wrong with it.
        source: InvalidAccess,
    },

    /// A file that would be one with another, on some file systems.
    #[error(
        "{file} cannot be made: its name differs from that of {other} in case alone, and on macOS \
         and Windows the two are one"
    )]
    DiffersInCase {
        /// The file that was to be made.
        file: String,
        /// The file or folder that there is.
        other: String,
    },

    /// Nobody could read a value sealed now.
    #[error("{id} cannot be sealed: no holder in recipients/ has access to it")]
    NoHolder {
        /// The secret.
        id: SecretId,
    },

    /// A value that could not be sealed.
    #[error("{id} could not be sealed")]
    Seal {
        /// The secret.
        id: SecretId,
        /// Why.
        source: SealError,
    },

    /// No value is stored for a secret.
    #[error("no value is stored for {id}: {file} does not exist")]
    NotStored {
        /// The secret.
        id: SecretId,
        /// Where it would be.
        file: String,
    },
}

impl StoreError {
    /// What to do about it, where that is not plain from the message.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoHolder { id } => Some(format!(
                "give a holder access, by a line such as: access = [\"{}\"]",
                id.environment
            )),
            Self::DiffersInCase { .. } => {
                Some("take the name that is there, or one that differs in more".to_owned())
            }
            Self::UnknownFormat { .. } => {
                Some("a later version of phalanx-secrets made this store; use that".to_owned())
            }
            Self::PrivateKey { .. } => InvalidRecipient::PrivateKey.hint(),
            Self::InvalidRecipient { source, .. } => source.hint(),
            _ => None,
        }
    }
}
