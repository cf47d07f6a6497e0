//! The settings that an entry has of its own, beside those of its mount.

use std::collections::BTreeMap;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use reqwest::Method;
use serde::{Deserialize, Serialize};

use super::administration::{Data, administer, found};
use super::transport::Reply;
use super::{VaultClient, VaultError, answer};
use crate::model::ApplicationName;

/// The settings of an entry. The default is what an entry has that nobody gave
/// any: those of its mount then hold.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct EntrySettings {
    /// Whether each write has to name the version that it replaces.
    pub cas_required: bool,
    /// How many versions are kept: 0 for as many as the mount says.
    pub max_versions: u64,
    /// After which time a version is deleted, as Go writes durations: `0s` for
    /// what the mount says.
    pub delete_version_after: String,
}

impl Default for EntrySettings {
    fn default() -> Self {
        let delete_version_after = "0s".to_owned();
        Self { cas_required: false, max_versions: 0, delete_version_after }
    }
}

impl EntrySettings {
    /// Whether nobody gave the entry any.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl VaultClient {
    /// The settings of entries; `None` for an entry whose settings the token
    /// may not read. An entry that is not there has the default ones.
    ///
    /// # Errors
    /// No answer, or one that is none.
    pub async fn entry_settings<'a>(
        &self,
        applications: impl IntoIterator<Item = &'a ApplicationName>,
    ) -> Result<BTreeMap<ApplicationName, Option<EntrySettings>>, VaultError> {
        let names: Vec<ApplicationName> = applications.into_iter().cloned().collect();
        stream::iter(names)
            .map(|name| async move {
                let settings = self.settings_of(&name).await?;
                Ok((name, settings))
            })
            .buffer_unordered(self.concurrency)
            .try_collect()
            .await
    }

    async fn settings_of(
        &self,
        application: &ApplicationName,
    ) -> Result<Option<EntrySettings>, VaultError> {
        let words = format!("read the settings of the entry {application}");
        let path = self.metadata_path(application);
        let request = administer(words, Method::GET, "read", path, None);
        let read = |reply: &Reply<'_>| found::<Data<EntrySettings>>(reply);
        match self.send(&request, read).await {
            Err(error) if error.is_forbidden() => Ok(None),
            found => Ok(Some(found?.map(|found| found.data).unwrap_or_default())),
        }
    }

    /// Gives an entry its settings. One that is not there yet has them from its
    /// first version on.
    ///
    /// # Errors
    /// A refusal, or no answer.
    pub async fn write_entry_settings(
        &self,
        application: &ApplicationName,
        settings: &EntrySettings,
    ) -> Result<(), VaultError> {
        let words = format!("write the settings of the entry {application}");
        let body = serde_json::json!(settings);
        let path = self.metadata_path(application);
        let request = administer(words, Method::POST, "update", path, Some(&body));
        self.send(&request, answer::done).await
    }
}
