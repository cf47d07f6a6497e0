//! Why a request to Vault failed, and what to do about it.

use std::fmt;

use reqwest::StatusCode;
use thiserror::Error;

use super::TlsProblem;

/// Why a request to Vault failed.
///
/// Its text completes the sentence that
/// [`RequestError`](super::RequestError) begins, and never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Failure {
    /// There was no connection.
    #[error("the server cannot be reached")]
    Unreachable,
    /// There was a connection, but TLS did not come about.
    #[error("no TLS connection came about")]
    Tls(TlsProblem),
    /// The time was up.
    #[error("the server did not answer in time")]
    Timeout,
    /// The connection broke before the answer was complete.
    #[error("the connection broke before the answer was complete")]
    Interrupted,
    /// The answer is longer than any that Vault gives.
    #[error("the answer is longer than {limit} bytes")]
    TooLong {
        /// The longest answer that is read, in bytes.
        limit: usize,
    },
    /// The entry is longer than any that could be read again. It was not sent.
    #[error("the entry takes {size} bytes, and none of more than {limit} could be read again")]
    TooLongToRead {
        /// How long its answer would be, in bytes.
        size: usize,
        /// The longest answer that is read, in bytes.
        limit: usize,
    },
    /// The server's storage takes no entry of that size.
    #[error("the server takes no entry of this size ({size} bytes){messages}")]
    TooLarge {
        /// The size of what was sent, in bytes.
        size: usize,
        /// What Vault says.
        messages: VaultMessages,
    },
    /// The answer stands behind a token of its own.
    #[error("the answer is wrapped in a token, as for a control group, and cannot be read")]
    Wrapped,
    /// The answer sends us elsewhere, and it is not for us to go there.
    #[error("the server redirects to {target}, {reason}")]
    Redirect {
        /// Where it sends us, as it came, without query.
        target: String,
        /// Why we do not go.
        reason: String,
    },
    /// The answer sends us elsewhere, and does not say where to.
    #[error("the server redirects ({status}) without saying where to")]
    RedirectNowhere {
        /// The status of the answer.
        status: StatusCode,
    },
    /// 403. Vault gives it for a missing capability and for a bad token alike.
    #[error(
        "permission denied: the token needs {capabilities} on {path}, or else it is invalid or \
         has expired{messages}"
    )]
    Forbidden {
        /// What the token needs.
        capabilities: &'static str,
        /// Where it needs that, as a policy names it.
        path: String,
        /// What Vault says.
        messages: VaultMessages,
    },
    /// A login that Vault does not accept.
    #[error("the server does not accept this login{0}")]
    NotLoggedIn(VaultMessages),
    /// The server is sealed.
    #[error("the server is sealed{0}")]
    Sealed(VaultMessages),
    /// There is no such namespace.
    #[error("there is no such namespace{0}")]
    NoSuchNamespace(VaultMessages),
    /// No secrets engine is mounted there.
    #[error("no secrets engine is mounted at {mount:?}{messages}")]
    NoSuchMount {
        /// The mount that was named.
        mount: String,
        /// What Vault says.
        messages: VaultMessages,
    },
    /// The secrets engine is another than KV.
    #[error("the secrets engine at {mount:?} is not KV version 2 but {engine}")]
    OtherEngine {
        /// The mount.
        mount: String,
        /// What it is.
        engine: String,
    },
    /// The answer is not one of KV v2.
    #[error("the answer has no version, so {mount:?} is not a KV version 2 secrets engine")]
    Unversioned {
        /// The mount.
        mount: String,
    },
    /// The server does not know the path that every Vault knows.
    #[error("the server answers, but Vault's API is not at that URL")]
    NotTheApi,
    /// Someone else wrote the entry after it was read.
    #[error("the entry has changed since it was read{0}")]
    Conflict(VaultMessages),
    /// Vault saw no `cas`, though we send it.
    #[error("Vault wants check-and-set and did not see it{0}")]
    CasRequired(VaultMessages),
    /// A value to be written is not text.
    #[error("the value of key {key} is not UTF-8, and Vault holds nothing else")]
    NotText {
        /// Its key.
        key: String,
    },
    /// The answer is not what Vault would say.
    #[error("the answer ({status}) is not one of Vault's: {problem}")]
    Malformed {
        /// The status of the answer.
        status: StatusCode,
        /// What is wrong with it, without a word of it.
        problem: String,
    },
    /// Vault said no for another reason.
    #[error("the server answered {status}{messages}")]
    Refused {
        /// The status of the answer.
        status: StatusCode,
        /// What Vault says.
        messages: VaultMessages,
    },
}

impl Failure {
    /// Whether the server as a whole is out of reach or out of order, so that
    /// other requests would most likely fail as well.
    #[must_use]
    pub fn concerns_the_server(&self) -> bool {
        match self {
            Self::Unreachable
            | Self::Tls(_)
            | Self::Timeout
            | Self::Interrupted
            | Self::Sealed(_) => true,
            Self::Refused { status, .. } => {
                status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS
            }
            _ => false,
        }
    }

    /// What to do next, if there is something better than reading the error.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Unreachable => {
                "check the environment's Vault URL and that this machine can reach it (a VPN, a \
                 proxy, a firewall)"
            }
            Self::Tls(problem) => problem.hint(),
            Self::Timeout | Self::Interrupted => {
                "run it again: what is already in Vault is not written twice"
            }
            Self::TooLong { .. } | Self::Malformed { .. } | Self::NotTheApi => {
                "check that the environment's Vault URL is the one that VAULT_ADDR would hold, \
                 and that no proxy or login page is in between"
            }
            Self::TooLongToRead { .. } => {
                "keep what is that large elsewhere, and a secret that leads to it here"
            }
            Self::TooLarge { .. } => {
                "store smaller values; or have the server's storage take more (max_entry_size), \
                 and its listener (max_request_size)"
            }
            Self::Wrapped => {
                "use a token whose policies ask for no approval and no wrapping (no control_group, \
                 no min_wrapping_ttl)"
            }
            Self::Redirect { .. } | Self::RedirectNowhere { .. } => {
                "no token is taken to another server: if Vault has moved there, or one node sends \
                 its clients to another, change the environment's Vault URL"
            }
            Self::Forbidden { .. } => {
                "`vault token lookup` (or `bao token lookup`) says whether the token is valid and \
                 which policies it has; `vault token capabilities PATH` says what it may do there"
            }
            Self::NotLoggedIn(_) => {
                "check the role and what proves it (VAULT_AUTH_METHOD, VAULT_AUTH_ROLE, \
                 VAULT_ROLE_ID, VAULT_SECRET_ID), where the auth method is mounted \
                 (VAULT_AUTH_MOUNT), and VAULT_NAMESPACE"
            }
            Self::Sealed(_) => "someone with the unseal keys has to unseal it first",
            Self::NoSuchNamespace(_) => "check VAULT_NAMESPACE",
            Self::NoSuchMount { .. } => {
                "the first part of the environment's Vault path prefix is the mount: check it, \
                 and VAULT_NAMESPACE if the server has namespaces"
            }
            Self::OtherEngine { .. } | Self::Unversioned { .. } => {
                "name a KV version 2 mount as the first part of the environment's Vault path \
                 prefix; `vault kv enable-versioning MOUNT` turns version 1 into version 2"
            }
            Self::Conflict(_) => "run it again, to start from what is there now",
            Self::CasRequired(_) => "look for a proxy that changes requests",
            Self::NotText { .. } => {
                "store the value in an encoding that the application undoes, such as base64"
            }
            Self::Refused { status, .. } if status.is_server_error() => {
                "the server's log says more; once it is well, run it again"
            }
            Self::Refused { status, .. } if *status == StatusCode::TOO_MANY_REQUESTS => {
                "wait a while: the server limits how often it may be asked"
            }
            // As Go answers plain HTTP on a TLS port.
            Self::Refused { status, messages }
                if *status == StatusCode::BAD_REQUEST && messages.0.is_empty() =>
            {
                "if the server speaks TLS, the environment's Vault URL begins with https://"
            }
            Self::Refused { .. } => return None,
        };
        Some(hint.to_owned())
    }
}

/// The longest message that is passed on, in characters.
const LONGEST_MESSAGE: usize = 300;

/// Vault's own words about a failure, each on one line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VaultMessages(Vec<String>);

impl VaultMessages {
    /// Makes messages of the `errors` of an answer: on one line each, without
    /// the frame that Vault puts around a single error, and without whatever a
    /// terminal would obey.
    pub(super) fn new(errors: &[String]) -> Self {
        Self(errors.iter().map(|error| one_line(error)).filter(|line| !line.is_empty()).collect())
    }

    /// Whether one of the messages contains a text, whatever its case.
    pub(super) fn mention(&self, text: &str) -> bool {
        self.0.iter().any(|message| message.to_ascii_lowercase().contains(text))
    }
}

fn one_line(error: &str) -> String {
    let words: Vec<&str> = error.split_whitespace().collect();
    let line = words.join(" ");
    let line = line.strip_prefix("1 error occurred: * ").unwrap_or(&line);
    line.chars().filter(|c| !c.is_control()).take(LONGEST_MESSAGE).collect()
}

impl fmt::Display for VaultMessages {
    /// As it follows a failure: ` (Vault says: …)`, or nothing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, " (Vault says: {})", self.0.join("; ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_take_one_line() {
        let shown = |error: &str| VaultMessages::new(&[error.to_owned()]).to_string();
        assert_eq!(
            shown("1 error occurred:\n\t* permission denied\n\n"),
            " (Vault says: permission denied)"
        );
        assert_eq!(shown("\u{1b}[2Jx"), " (Vault says: [2Jx)");
        assert_eq!(shown(""), "");
        assert!(shown(&"x".repeat(5000)).len() < 400);
    }
}
