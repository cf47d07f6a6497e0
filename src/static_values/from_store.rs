//! Static values as the store has them.

use thiserror::Error;

use super::documents::{InvalidDocument, OidcClient, RegistryCredentials};
use super::{StaticValues, WRITE_TOKEN_KEY};
use crate::layout::{OIDC_CLIENTS, PULL_SECRET, VAULT_WRITE_TOKEN};
use crate::model::SecretId;
use crate::store::{StoredValue, is_backup, sealed_path};

/// A stored value that is not the document it should be.
#[derive(Debug, Error)]
#[error("{} holds no {what}", sealed_path(id))]
pub struct InvalidStoredValue {
    /// The secret that it belongs to.
    pub id: SecretId,
    what: &'static str,
    #[source]
    source: InvalidDocument,
}

impl StaticValues {
    /// Sorts opened values into what they are.
    ///
    /// # Errors
    /// The first value of a pull secret or client that is not one.
    pub fn from_stored(
        values: impl IntoIterator<Item = StoredValue>,
    ) -> Result<Self, InvalidStoredValue> {
        let mut sorted = Self::default();
        for StoredValue { id, opened } in values.into_iter().filter(|one| !is_backup(&one.id)) {
            let value = opened.value;
            match id.application.as_str() {
                PULL_SECRET => {
                    let credentials = RegistryCredentials::from_plaintext(&value)
                        .map_err(|source| invalid(&id, "registry credentials", source))?;
                    sorted.pull_secret.insert(id.key.as_str().to_owned(), credentials);
                }
                OIDC_CLIENTS => {
                    let client = OidcClient::from_plaintext(&value)
                        .map_err(|source| invalid(&id, "OpenID Connect client", source))?;
                    sorted.oidc_clients.insert(id.key.as_str().to_owned(), client);
                }
                VAULT_WRITE_TOKEN => {
                    if id.key.as_str() == WRITE_TOKEN_KEY {
                        sorted.vault_write_token = Some(value);
                    }
                }
                _ => {
                    sorted.applications.entry(id.application).or_default().insert(id.key, value);
                }
            }
        }
        // They came in the order of their files, whose names are encoded.
        sorted.pull_secret.sort_keys();
        Ok(sorted)
    }
}

fn invalid(id: &SecretId, what: &'static str, source: InvalidDocument) -> InvalidStoredValue {
    InvalidStoredValue { id: id.clone(), what, source }
}
