//! Why nothing came from 1Password, and what to do about it.

use reqwest::StatusCode;
use thiserror::Error;

use crate::vault::SetupError;

pub(super) const NO_VAULT: &str = "no vault is";
pub(super) const SEVERAL_VAULTS: &str = "several vaults are";
pub(super) const SEVERAL_ITEMS: &str = "several items are";

/// Why nothing came from 1Password.
#[derive(Debug, Error)]
pub enum OnepasswordError {
    /// The URL of the server is no use.
    #[error("the 1Password Connect server in onepassword.connectUrl is no use")]
    Setup(#[from] SetupError),
    /// The token cannot be sent.
    #[error("OP_CONNECT_TOKEN holds no token")]
    Token,
    /// The server did not answer.
    #[error("1Password Connect at {server} cannot be asked for {what}")]
    Request {
        /// The server.
        server: String,
        /// What was asked for.
        what: String,
        /// Why not.
        #[source]
        source: reqwest::Error,
    },
    /// The server refused.
    #[error("1Password Connect at {server} answers {status} when asked for {what}{message}")]
    Refused {
        /// The server.
        server: String,
        /// What was asked for.
        what: String,
        /// Its answer.
        status: StatusCode,
        /// What it said, after a colon; or nothing.
        message: String,
    },
    /// The answer is not what the API documents.
    #[error("1Password Connect at {server} gives something else when asked for {what}")]
    Answer {
        /// The server.
        server: String,
        /// What was asked for.
        what: String,
    },
    /// No vault, or several vaults or items, have a title.
    #[error("{found} called {title:?} in 1Password")]
    Title {
        /// What was found, with its verb.
        found: &'static str,
        /// The title.
        title: String,
        /// A title that is alike, where there is none.
        nearest: Option<String>,
    },
    /// A value that is not what it should be.
    #[error("the 1Password item {item} has {what}")]
    Malformed {
        /// The item's title.
        item: String,
        /// What is wrong with it.
        what: String,
    },
}

impl OnepasswordError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Setup(_) => "correct onepassword.connectUrl of the environment".to_owned(),
            Self::Token => "set it to a token of the Connect server".to_owned(),
            Self::Refused { status, .. } if *status == StatusCode::UNAUTHORIZED => {
                "is OP_CONNECT_TOKEN a token of this Connect server, and not expired?".to_owned()
            }
            Self::Refused { status, .. } if *status == StatusCode::FORBIDDEN => {
                "have the token in OP_CONNECT_TOKEN given access to the vault".to_owned()
            }
            Self::Request { .. } | Self::Refused { .. } | Self::Answer { .. } => {
                "is this the URL of a Connect server that can be reached from here? Nothing was \
                 stored, so try again"
                    .to_owned()
            }
            Self::Title { nearest: Some(nearest), .. } => format!("did you mean {nearest:?}?"),
            Self::Title { found: NO_VAULT, .. } => {
                "the token in OP_CONNECT_TOKEN may not see it: it has access to some vaults only"
                    .to_owned()
            }
            Self::Title { .. } => "rename or archive all but one of them".to_owned(),
            Self::Malformed { .. } => "correct it in 1Password; nothing was stored".to_owned(),
        }
    }
}
