//! What is asked of Vault.

use std::fmt;

use bytes::Bytes;
use reqwest::{Method, Url};

use crate::model::ApplicationName;

/// A request to Vault. It has no `Debug`, because its body holds secrets.
pub(super) struct Request {
    /// What it is for.
    pub(super) operation: Operation,
    /// The path within Vault, behind `/v1/`, as policies name it.
    pub(super) path: String,
    /// The body, for a write.
    pub(super) body: Option<Bytes>,
}

/// What a request is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Operation {
    /// Ask what secrets engine a mount is of.
    CheckMount,
    /// List the entries of the environment.
    ListEntries,
    /// Read an application's entry.
    ReadEntry(ApplicationName),
    /// Write an application's entry.
    WriteEntry(ApplicationName),
    /// Delete the newest version of an application's entry.
    DeleteEntry(ApplicationName),
    /// Write the custom metadata of an application's entry.
    WriteMetadata(ApplicationName),
    /// Ask what the token may do.
    AskCapabilities,
    /// Get a token.
    LogIn,
    /// Give the token back.
    LogOut,
    /// Read or change policies, roles and tokens.
    Administer(Administration),
}

/// What is read or changed of policies, roles and tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Administration {
    /// What it does, as it follows "cannot".
    pub(super) words: String,
    /// The HTTP method.
    pub(super) method: Method,
    /// The policy capability that it takes.
    pub(super) capability: &'static str,
    /// Whether it lists names.
    pub(super) is_list: bool,
}

impl Request {
    /// A request without a body.
    pub(super) fn new(operation: Operation, path: String) -> Self {
        Self { operation, path, body: None }
    }

    /// Its URL on a server.
    pub(super) fn url(&self, server: &Url) -> Url {
        let mut url = server.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("v1").extend(self.path.split('/'));
        }
        let is_list = match &self.operation {
            Operation::ListEntries => true,
            Operation::Administer(administration) => administration.is_list,
            _ => false,
        };
        if is_list {
            // As Vault's own client does it: not every proxy lets the method
            // LIST pass.
            url.set_query(Some("list=true"));
        }
        url
    }

    /// The mount, which the path begins with.
    pub(super) fn mount(&self) -> &str {
        match self.operation {
            Operation::CheckMount => self.path.rsplit('/').next(),
            _ => self.path.split('/').next(),
        }
        .unwrap_or_default()
    }
}

impl Operation {
    /// The HTTP method.
    pub(super) fn method(&self) -> Method {
        match self {
            Self::CheckMount | Self::ListEntries | Self::ReadEntry(_) => Method::GET,
            Self::WriteEntry(_)
            | Self::WriteMetadata(_)
            | Self::AskCapabilities
            | Self::LogIn
            | Self::LogOut => Method::POST,
            Self::DeleteEntry(_) => Method::DELETE,
            Self::Administer(administration) => administration.method.clone(),
        }
    }

    /// The policy capabilities that it takes, in words.
    pub(super) fn capabilities(&self) -> &'static str {
        match self {
            Self::CheckMount | Self::ReadEntry(_) => "\"read\"",
            Self::ListEntries => "\"list\"",
            Self::WriteEntry(_) | Self::WriteMetadata(_) => "\"create\" and \"update\"",
            Self::DeleteEntry(_) => "\"delete\"",
            Self::AskCapabilities | Self::LogIn | Self::LogOut => "\"update\"",
            Self::Administer(Administration { capability, .. }) => match *capability {
                "read" => "\"read\"",
                "list" => "\"list\"",
                _ => "\"update\"",
            },
        }
    }
}

impl fmt::Display for Operation {
    /// As it follows "cannot".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CheckMount => f.write_str("check the mount"),
            Self::ListEntries => f.write_str("list the entries"),
            Self::ReadEntry(application) => write!(f, "read the entry of {application}"),
            Self::WriteEntry(application) => write!(f, "write the entry of {application}"),
            Self::DeleteEntry(application) => write!(f, "delete the entry of {application}"),
            Self::AskCapabilities => f.write_str("ask what the token may do"),
            Self::LogIn => f.write_str("get a token"),
            Self::LogOut => f.write_str("revoke the token of this login"),
            Self::Administer(administration) => f.write_str(&administration.words),
            Self::WriteMetadata(application) => {
                write!(f, "write the metadata of {application}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_follows_whatever_the_server_url_ends_with() {
        let request = Request::new(Operation::CheckMount, "sys/internal/ui/mounts/kv".to_owned());
        for (server, url) in [
            ("https://v", "https://v/v1/sys/internal/ui/mounts/kv"),
            ("https://v:8200/", "https://v:8200/v1/sys/internal/ui/mounts/kv"),
            ("https://v/vault", "https://v/vault/v1/sys/internal/ui/mounts/kv"),
            ("https://v/vault/", "https://v/vault/v1/sys/internal/ui/mounts/kv"),
        ] {
            assert_eq!(request.url(&server.parse().unwrap()).as_str(), url);
        }
        assert_eq!(request.mount(), "kv");
    }

    #[test]
    fn a_list_ends_with_a_slash_as_its_policy_path_does() {
        let request = Request::new(Operation::ListEntries, "kv/metadata/a b/".to_owned());
        let url = request.url(&"https://v".parse().unwrap());
        assert_eq!(url.as_str(), "https://v/v1/kv/metadata/a%20b/?list=true");
        assert_eq!(request.mount(), "kv");
    }
}
