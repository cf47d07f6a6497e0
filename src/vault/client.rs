//! What is asked of Vault, one method each.

use std::collections::BTreeMap;
use std::fmt;

use super::answer::{self, Landed};
use super::body::{fields, length_in_answers, write_body};
use super::request::{Operation, Request};
use super::transport::{LONGEST_ANSWER, Reply, Transport};
use super::{CurrentValue, Entry, Failure, Login, VaultError, VaultSettings, VaultToken, Written};
use crate::model::{ApplicationName, VaultLocation};

/// How many paths are asked about at once. OpenBao refuses JSON with a thousand
/// texts in it.
const PATHS_AT_ONCE: usize = 250;

/// The longest that the values of an entry may be in an answer, in bytes; the
/// rest is for what stands around them.
const LONGEST_ENTRY: usize = LONGEST_ANSWER - (256 << 10);

/// A capability that a token lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lacking {
    /// Where, as a policy names it.
    pub path: String,
    /// Which.
    pub capability: &'static str,
}

/// The secrets of one environment in one Vault, in one token's name.
///
/// Clones share their connections.
#[derive(Clone)]
pub struct VaultClient {
    transport: Transport,
    mount: String,
    path: String,
    is_from_login: bool,
    pub(super) concurrency: usize,
}

impl VaultClient {
    /// Makes a client. Nothing is sent yet; certificate files are read.
    ///
    /// # Errors
    /// A URL, namespace or certificate that is no use.
    pub fn new(
        location: &VaultLocation,
        token: VaultToken,
        settings: &VaultSettings,
    ) -> Result<Self, VaultError> {
        Ok(Self {
            transport: Transport::new(&location.url, Some(&token), settings)?,
            mount: location.mount.clone(),
            path: location.path.clone(),
            is_from_login: false,
            concurrency: settings.concurrency.max(1),
        })
    }

    /// Makes a client with a token of its own, which
    /// [`log_out`](Self::log_out) gives back.
    ///
    /// # Errors
    /// A URL, namespace or certificate that is no use, or a login that Vault
    /// does not accept.
    pub async fn log_in(
        location: &VaultLocation,
        login: &Login,
        settings: &VaultSettings,
    ) -> Result<Self, VaultError> {
        let transport = Transport::new(&location.url, None, settings)?;
        let mut request = Request::new(Operation::LogIn, login.path());
        request.body = login.body();
        if request.body.is_none() {
            let failure = Failure::NotText { key: "login".to_owned() };
            return Err(transport.error(&request, failure, 0, None));
        }
        let token = transport.send(&request, answer::token).await?;
        Ok(Self {
            transport: transport.with_token(&token),
            mount: location.mount.clone(),
            path: location.path.clone(),
            is_from_login: true,
            concurrency: settings.concurrency.max(1),
        })
    }

    /// The same client over connections of its own, for use beside another
    /// runtime.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn connected_anew(&self, settings: &VaultSettings) -> Result<Self, VaultError> {
        Ok(Self { transport: self.transport.connected_anew(settings)?, ..self.clone() })
    }

    /// Whether another client has its token from the same login.
    #[must_use]
    pub fn is_same_login(&self, other: &Self) -> bool {
        self.is_from_login && other.is_from_login && self.transport.is_same(&other.transport)
    }

    /// A client for another place on the same server, in the same name.
    #[must_use]
    pub fn at(&self, location: &VaultLocation) -> Self {
        Self { mount: location.mount.clone(), path: location.path.clone(), ..self.clone() }
    }

    /// What the token lacks of what it needs: each an application and the
    /// capability that it takes on the application's entry.
    ///
    /// # Errors
    /// No answer. Where the token may not ask, it lacks nothing that is known.
    pub async fn lacking<'a>(
        &self,
        needed: impl IntoIterator<Item = (&'a ApplicationName, &'static str)>,
    ) -> Result<Vec<Lacking>, VaultError> {
        let needed: Vec<Lacking> = needed
            .into_iter()
            .map(|(name, capability)| Lacking { path: self.entry_path(name), capability })
            .collect();
        let mut held = BTreeMap::new();
        for asked in needed.chunks(PATHS_AT_ONCE) {
            let path = "sys/capabilities-self".to_owned();
            let mut request = Request::new(Operation::AskCapabilities, path);
            let paths: Vec<&str> = asked.iter().map(|one| one.path.as_str()).collect();
            request.body = Some(serde_json::json!({ "paths": paths }).to_string().into());
            held.extend(self.transport.send(&request, answer::capabilities).await?);
        }
        let is_lacking = |one: &Lacking| {
            let held = held.get(&one.path);
            held.is_some_and(|held| !held.iter().any(|has| has == "root" || has == one.capability))
        };
        Ok(needed.into_iter().filter(is_lacking).collect())
    }

    /// A policy that allows what a sync of the environment does with entries.
    #[must_use]
    pub fn needed_policy(&self, delete: bool) -> String {
        let delete = if delete { ", \"delete\"" } else { "" };
        format!(
            "path \"{mount}/data/{path}/*\" {{\n  capabilities = [\"create\", \"read\", \
             \"update\"{delete}]\n}}\npath \"{mount}/metadata/{path}/*\" {{\n  capabilities = \
             [\"list\", \"create\", \"update\"]\n}}",
            mount = self.mount,
            path = self.path,
        )
    }

    /// Revokes the token, if it is from a login of ours.
    ///
    /// # Errors
    /// A refusal, or no answer. The token is then good until it expires.
    pub async fn log_out(&self) -> Result<(), VaultError> {
        if !self.is_from_login {
            return Ok(());
        }
        let mut request = Request::new(Operation::LogOut, "auth/token/revoke-self".to_owned());
        request.body = Some(fields(&[]));
        self.transport.send(&request, answer::done).await
    }

    /// Checks that the mount is of KV version 2, as far as the token may know.
    ///
    /// To be called before anything that a read says is relied on, because on
    /// a KV version 1 mount every entry looks absent, and a write would land
    /// beside where it belongs.
    ///
    /// # Errors
    /// Another secrets engine, or no answer. A refusal is no error.
    pub async fn check_mount(&self) -> Result<(), VaultError> {
        let path = format!("sys/internal/ui/mounts/{}", self.mount);
        let request = Request::new(Operation::CheckMount, path);
        self.transport.send(&request, answer::is_kv2).await
    }

    /// The names of the environment's entries, deleted ones too, and of its
    /// folders, which end with a slash.
    ///
    /// # Errors
    /// Any answer but a list, and but the one that says that there is nothing.
    pub async fn list_entries(&self) -> Result<Vec<String>, VaultError> {
        let path = format!("{}/metadata/{}/", self.mount, self.path);
        let request = Request::new(Operation::ListEntries, path);
        self.transport.send(&request, answer::names).await
    }

    /// The newest version of an application's entry.
    ///
    /// # Errors
    /// Any answer but the entry, and but those that say that it is absent or
    /// deleted.
    pub async fn read_entry(&self, application: &ApplicationName) -> Result<Entry, VaultError> {
        let operation = Operation::ReadEntry(application.clone());
        let request = Request::new(operation, self.entry_path(application));
        self.transport.send(&request, answer::entry).await
    }

    /// Replaces an application's entry, provided that its version is still
    /// `cas`, and says which version the new one is.
    ///
    /// # Errors
    /// A [conflict](VaultError::is_conflict) where the entry has changed; a
    /// value that is not UTF-8; an entry that is too long to be read again; or
    /// a refusal. After a time-out or a broken
    /// connection, the write may have landed.
    pub async fn write_entry(
        &self,
        application: &ApplicationName,
        data: &BTreeMap<String, CurrentValue>,
        cas: u64,
    ) -> Result<Written, VaultError> {
        let operation = Operation::WriteEntry(application.clone());
        let mut request = Request::new(operation, self.entry_path(application));
        let size = length_in_answers(data);
        if size > LONGEST_ENTRY {
            // Written, it could never be read again.
            let failure = Failure::TooLongToRead { size, limit: LONGEST_ENTRY };
            return Err(self.transport.error(&request, failure, 0, None));
        }
        match write_body(data, cas) {
            Ok(body) => request.body = Some(body),
            Err(key) => {
                let failure = Failure::NotText { key: key.to_owned() };
                return Err(self.transport.error(&request, failure, 0, None));
            }
        }
        match self.transport.send(&request, answer::written).await? {
            Landed::Version(written) => Ok(written),
            // The attempt whose answer was lost may have made the version that
            // its own retry met.
            Landed::MaybeBefore(messages) => {
                let now = self.read_entry(application).await?;
                if now.version == cas.saturating_add(1) && now.data.as_ref() == Some(data) {
                    Ok(Written { version: now.version, deleted_at: now.deleted_at })
                } else {
                    Err(self.transport.error(&request, Failure::Conflict(messages), 1, None))
                }
            }
        }
    }

    /// Deletes the newest version of an application's entry, such that it can
    /// be undeleted. Where there is none, nothing happens.
    ///
    /// # Errors
    /// A refusal, or no answer.
    pub async fn delete_entry(&self, application: &ApplicationName) -> Result<(), VaultError> {
        let operation = Operation::DeleteEntry(application.clone());
        let request = Request::new(operation, self.entry_path(application));
        self.transport.send(&request, answer::done).await
    }

    /// Replaces the custom metadata of an application's entry. It makes no new
    /// version.
    ///
    /// # Errors
    /// A refusal, or no answer.
    pub async fn write_metadata(
        &self,
        application: &ApplicationName,
        custom_metadata: &BTreeMap<String, String>,
    ) -> Result<(), VaultError> {
        let path = self.metadata_path(application);
        let mut request = Request::new(Operation::WriteMetadata(application.clone()), path);
        let body = serde_json::json!({ "custom_metadata": custom_metadata });
        request.body = Some(body.to_string().into());
        self.transport.send(&request, answer::done).await
    }

    /// Whether its token is [of its own](Self::log_in), and ends with it.
    #[must_use]
    pub fn is_from_login(&self) -> bool {
        self.is_from_login
    }

    pub(super) fn mount(&self) -> &str {
        &self.mount
    }

    /// Sends a request that concerns no entry.
    pub(super) async fn send<T>(
        &self,
        request: &Request,
        read: impl FnOnce(&Reply<'_>) -> Result<T, Failure>,
    ) -> Result<T, VaultError> {
        self.transport.send(request, read).await
    }

    pub(super) fn metadata_path(&self, application: &ApplicationName) -> String {
        format!("{}/metadata/{}/{application}", self.mount, self.path)
    }

    fn entry_path(&self, application: &ApplicationName) -> String {
        format!("{}/data/{}/{application}", self.mount, self.path)
    }
}

impl fmt::Debug for VaultClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VaultClient")
            .field("server", &self.transport.server().as_str())
            .field("mount", &self.mount)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
