//! The static values of an environment: all that comes from outside.
//!
//! They come from the store, or from the static-secrets YAML file of the
//! Python CLI, and go to [`resolve`](crate::resolve) in this one form.

mod blank;
mod documents;
mod from_store;
mod from_vault;
mod oddities;
mod yaml;

use std::collections::BTreeMap;

use indexmap::IndexMap;

pub use blank::BlankPart;
pub use documents::{
    InvalidDocument, OidcClient, RegistryCredentials, are_same_clients, is_same_pull_secret,
};
pub use from_store::InvalidStoredValue;
pub use from_vault::{EntryValues, InvalidEntry};
pub(crate) use oddities::{encrypted_by, oddities};
pub use yaml::{Template, YamlError};

use crate::layout::{OIDC_CLIENTS, PULL_SECRET, VAULT_WRITE_TOKEN};
use crate::model::{ApplicationName, EnvironmentName, KeyName, SecretId, SecretValue};

/// The key under which the write token is stored.
pub const WRITE_TOKEN_KEY: &str = "token";

/// The static values of an environment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StaticValues {
    /// The values of applications' static secrets.
    pub applications: BTreeMap<ApplicationName, BTreeMap<KeyName, SecretValue>>,
    /// The environment's OpenID Connect clients, by the name they are kept
    /// under. They are written in this order, that of the names' code points,
    /// wherever they come from.
    pub oidc_clients: BTreeMap<String, OidcClient>,
    /// Credentials for container registries, by the registry's name, in the
    /// order in which they are written: that of the file or item that they come
    /// from; from the store, that of the names' code points.
    pub pull_secret: IndexMap<String, RegistryCredentials>,
    /// The token with which `sync` may write, if it is kept here.
    pub vault_write_token: Option<SecretValue>,
}

impl StaticValues {
    /// The value of an application's static secret.
    #[must_use]
    pub fn get(&self, application: &ApplicationName, key: &KeyName) -> Option<&SecretValue> {
        self.applications.get(application)?.get(key)
    }

    /// The pull secret's one Vault value, `.dockerconfigjson`: the document
    /// that Docker and Kubernetes read. `None` without registries.
    #[must_use]
    pub fn dockerconfigjson(&self) -> Option<SecretValue> {
        documents::dockerconfigjson(&self.pull_secret)
    }

    /// The JSON list of OpenID Connect clients that Gafaelfawr reads.
    #[must_use]
    pub fn oidc_clients_json(&self) -> SecretValue {
        documents::oidc_clients_json(self.oidc_clients.values())
    }

    /// The names of two clients that have one id, if there are such: the server
    /// would know one of them alone.
    #[must_use]
    pub fn clients_of_one_id(&self) -> Option<[String; 2]> {
        let mut by_id: BTreeMap<&str, &String> = BTreeMap::new();
        self.oidc_clients.iter().find_map(|(name, client)| {
            let other = by_id.insert(client.id.as_str(), name)?;
            Some([other.clone(), name.clone()])
        })
    }

    /// The application and the key that the store has each value under.
    pub fn names(&self) -> impl Iterator<Item = (&str, &str)> {
        let applications = self.applications.iter().flat_map(|(application, values)| {
            values.keys().map(move |key| (application.as_str(), key.as_str()))
        });
        let registries = self.pull_secret.keys().map(|name| (PULL_SECRET, name.as_str()));
        let clients = self.oidc_clients.keys().map(|name| (OIDC_CLIENTS, name.as_str()));
        let token = self.vault_write_token.iter().map(|_| (VAULT_WRITE_TOKEN, WRITE_TOKEN_KEY));
        applications.chain(registries).chain(clients).chain(token)
    }

    /// Leaves only the values that `wanted` picks, by the application and the
    /// key that the store has them under.
    pub fn retain(&mut self, wanted: impl Fn(&str, &str) -> bool) {
        for (application, values) in &mut self.applications {
            values.retain(|key, _| wanted(application.as_str(), key.as_str()));
        }
        self.applications.retain(|_, values| !values.is_empty());
        self.pull_secret.retain(|registry, _| wanted(PULL_SECRET, registry));
        self.oidc_clients.retain(|name, _| wanted(OIDC_CLIENTS, name));
        self.vault_write_token =
            self.vault_write_token.take().filter(|_| wanted(VAULT_WRITE_TOKEN, WRITE_TOKEN_KEY));
    }

    /// Every value as the store keeps it: its id and its plaintext.
    ///
    /// # Errors
    /// A name of a registry or client that the store cannot have.
    pub fn to_stored(
        &self,
        environment: &EnvironmentName,
    ) -> Result<Vec<(SecretId, SecretValue)>, crate::model::InvalidName> {
        let mut stored = Vec::new();
        for (application, values) in &self.applications {
            for (key, value) in values {
                let id = SecretId::new(environment.clone(), application.clone(), key.clone());
                stored.push((id, value.clone()));
            }
        }
        let environment = environment.as_str();
        for (registry, credentials) in &self.pull_secret {
            let id = SecretId::parse(environment, PULL_SECRET, registry)?;
            stored.push((id, credentials.to_plaintext()));
        }
        for (name, client) in &self.oidc_clients {
            let id = SecretId::parse(environment, OIDC_CLIENTS, name)?;
            stored.push((id, client.to_plaintext()));
        }
        if let Some(token) = &self.vault_write_token {
            let id = SecretId::parse(environment, VAULT_WRITE_TOKEN, WRITE_TOKEN_KEY)?;
            stored.push((id, token.clone()));
        }
        Ok(stored)
    }
}
