//! Reads a whole environment, as much at once as the settings allow.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join3;
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::{CurrentSecrets, Entry, VaultClient, VaultError};
use crate::model::ApplicationName;

impl VaultClient {
    /// The entries of these applications and of all others that Vault lists,
    /// but for those that are to be left alone.
    ///
    /// The mount is checked, the entries are listed and those asked for are
    /// read at the same time; then come the listed ones that were not asked
    /// for. Nothing of it is relied on unless all of it succeeds.
    ///
    /// # Errors
    /// The first that failed: of the mount first, because it explains the
    /// rest; then of the list, then of the reads.
    pub async fn read_environment<'a>(
        &self,
        applications: impl IntoIterator<Item = &'a ApplicationName>,
        leave: &BTreeSet<ApplicationName>,
    ) -> Result<CurrentSecrets, VaultError> {
        let asked = applications.into_iter().filter(|name| !leave.contains(*name));
        let asked: BTreeSet<ApplicationName> = asked.cloned().collect();
        let (mount, names, entries) =
            join3(self.check_mount(), self.list_entries(), self.read_entries(asked)).await;
        mount?;
        let names = names?;
        let mut current = CurrentSecrets { entries: entries?, ..CurrentSecrets::default() };

        let mut others = BTreeSet::new();
        for name in names {
            if name.ends_with('/') {
                current.folders.insert(name);
                continue;
            }
            match ApplicationName::try_from(name.clone()) {
                Ok(application) if current.entries.contains_key(&application) => {
                    let has_no_version = |entry: &Entry| entry.version == 0;
                    if current.entries.get(&application).is_some_and(has_no_version) {
                        current.without_version.insert(application);
                    }
                }
                Ok(application) if leave.contains(&application) => {
                    current.left_alone.insert(application);
                }
                Ok(application) => {
                    others.insert(application);
                }
                Err(_) => {
                    current.unreadable_names.insert(name);
                }
            }
        }
        current.entries.extend(self.read_entries(others).await?);
        Ok(current)
    }

    async fn read_entries(
        &self,
        applications: BTreeSet<ApplicationName>,
    ) -> Result<BTreeMap<ApplicationName, Entry>, VaultError> {
        stream::iter(applications)
            .map(|application| async move {
                let entry = self.read_entry(&application).await?;
                Ok((application, entry))
            })
            .buffer_unordered(self.concurrency)
            .try_collect()
            .await
    }
}
