//! What is stored for an environment, and opening many values at once.

use std::collections::BTreeMap;

use rayon::prelude::*;
use thiserror::Error;

use super::error::StoreError;
use super::holders::{Holder, Holders};
use super::identities::Identities;
use super::paths::{SECRETS, key_of_file_stem, sealed_path};
use super::sealing::{OpenError, Opened, open};
use crate::model::{
    ApplicationName, Environment, EnvironmentName, HolderName, KeyName, Kind, SecretId,
};
use crate::tree::{Tree, TreeError};

/// The sealed values of an environment, none of them read yet.
#[derive(Debug, Clone)]
pub struct Contents {
    tree: Tree,
    environment: EnvironmentName,
    stored: BTreeMap<ApplicationName, Vec<KeyName>>,
}

/// A value that was opened.
#[derive(Debug)]
pub struct StoredValue {
    /// The secret that it belongs to.
    pub id: SecretId,
    /// The value and its seal.
    pub opened: Opened,
}

/// A stored value that could not be opened.
#[derive(Debug, Error)]
#[error("{file} cannot be opened")]
pub struct OpenFailure {
    /// The secret that it belongs to.
    pub id: SecretId,
    /// The sealed file, relative to the root.
    pub file: String,
    /// Why.
    #[source]
    pub reason: OpenReason,
}

/// Why a stored value could not be opened.
#[derive(Debug, Error)]
pub enum OpenReason {
    /// The file could not be read.
    #[error(transparent)]
    Read(#[from] TreeError),
    /// The file is not there (any more).
    #[error("it does not exist")]
    Absent,
    /// The file could not be opened with the identities at hand.
    #[error(transparent)]
    Open(#[from] OpenError),
}

impl Contents {
    pub(crate) fn list(tree: &Tree, environment: &EnvironmentName) -> Result<Self, StoreError> {
        let mut stored: BTreeMap<ApplicationName, Vec<KeyName>> = BTreeMap::new();
        let folder = format!("{SECRETS}/{environment}");
        for application in tree.list(&folder)?.into_iter().filter(|entry| entry.is_folder) {
            let folder = format!("{folder}/{}", application.name);
            let Ok(application) = application.name.parse::<ApplicationName>() else { continue };
            for entry in tree.list(&folder)? {
                if entry.is_folder || entry.is_escaped || entry.name.starts_with('.') {
                    continue;
                }
                let Some(stem) = entry.name.strip_suffix(".age") else { continue };
                let Some(key) = key_of_file_stem(stem) else { continue };
                let key = key.map_err(|source| StoreError::InvalidFileName {
                    file: format!("{folder}/{}", entry.name),
                    source,
                })?;
                stored.entry(application.clone()).or_default().push(key);
            }
        }
        Ok(Self { tree: tree.clone(), environment: environment.clone(), stored })
    }

    /// Whether a value is stored.
    #[must_use]
    pub fn has(&self, application: &ApplicationName, key: &KeyName) -> bool {
        self.stored.get(application).is_some_and(|keys| keys.contains(key))
    }

    /// The ids of all that is stored.
    pub fn ids(&self) -> impl Iterator<Item = SecretId> {
        self.stored.iter().flat_map(move |(application, keys)| {
            keys.iter().map(move |key| {
                SecretId::new(self.environment.clone(), application.clone(), key.clone())
            })
        })
    }

    /// The static secrets of the environment that have no value.
    pub fn missing(&self, environment: &Environment) -> impl Iterator<Item = SecretId> {
        let secrets = environment.secrets().filter(|(application, key, spec)| {
            spec.kind == Kind::Static && !self.has(application, key)
        });
        secrets.map(|(application, key, _)| {
            SecretId::new(self.environment.clone(), application.clone(), key.clone())
        })
    }

    /// Opens one value.
    ///
    /// # Errors
    /// The reason why it cannot be.
    pub fn open_one(
        &self,
        id: SecretId,
        identities: &Identities,
    ) -> Result<StoredValue, OpenFailure> {
        let opened = self
            .read(&id)
            .and_then(|bytes| open(&bytes, &id, identities).map_err(|e| OpenFailure::new(&id, e)));
        Ok(StoredValue { opened: opened?, id })
    }

    /// The sealed file of one value.
    pub(super) fn read(&self, id: &SecretId) -> Result<Vec<u8>, OpenFailure> {
        match self.tree.read(&sealed_path(id)) {
            Ok(Some(bytes)) => Ok(bytes),
            Ok(None) => Err(OpenFailure::new(id, OpenReason::Absent)),
            Err(error) => Err(OpenFailure::new(id, error)),
        }
    }

    /// Opens the values that `wanted` picks, on all cores, and gives those
    /// that could be opened and those that could not.
    #[must_use]
    pub fn open_all(
        &self,
        wanted: impl Fn(&SecretId) -> bool,
        identities: &Identities,
    ) -> (Vec<StoredValue>, Vec<OpenFailure>) {
        let ids: Vec<SecretId> = self.ids().filter(wanted).collect();
        let opened: Vec<_> = ids.into_par_iter().map(|id| self.open_one(id, identities)).collect();
        let (mut values, mut failures) = (Vec::new(), Vec::new());
        for result in opened {
            match result {
                Ok(value) => values.push(value),
                Err(failure) => failures.push(failure),
            }
        }
        (values, failures)
    }
}

impl OpenFailure {
    pub(super) fn new(id: &SecretId, reason: impl Into<OpenReason>) -> Self {
        Self { id: id.clone(), file: sealed_path(id), reason: reason.into() }
    }

    /// What to do about it.
    #[must_use]
    pub fn hints(&self, holders: &Holders, identities: &Identities) -> Vec<String> {
        let hint = match &self.reason {
            OpenReason::Open(OpenError::NoMatchingIdentity | OpenError::Identity(_)) => {
                let access = access_hints(&self.id, holders, identities);
                return std::iter::once(tried_hint(identities)).chain(access).collect();
            }
            OpenReason::Open(OpenError::Locked) => {
                let job = identities.lack_terminal().then(|| WITHOUT_TERMINAL.to_owned());
                return std::iter::once(tried_hint(identities)).chain(job).collect();
            }
            OpenReason::Open(OpenError::Malformed | OpenError::Tampered(_)) => Some(format!(
                "look at its history with: git log -- {file}; a good version can be restored with: \
                 git checkout COMMIT -- {file}",
                file = self.file
            )),
            OpenReason::Open(OpenError::Binary) => Some(format!(
                "store it anew: age --decrypt -i IDENTITY {} | phalanx-secrets set {} {} {}",
                self.file, self.id.environment, self.id.application, self.id.key
            )),
            OpenReason::Open(OpenError::Moved { .. }) => Some(format!(
                "move it back, or seal the right value with: phalanx-secrets set {} {} {}",
                self.id.environment, self.id.application, self.id.key
            )),
            _ => None,
        };
        hint.into_iter().collect()
    }
}

/// How access is given.
const ASK_FOR_ACCESS: &str = "send one of them your public key; they run: phalanx-secrets \
                              recipients add NAME --key KEY --access ENVIRONMENT (for a holder: \
                              phalanx-secrets recipients grant NAME ENVIRONMENT)";

/// What to do where nobody can be asked.
const WITHOUT_TERMINAL: &str = "where nobody can be asked, as in a deploy job, take an identity \
                                without a passphrase: PHALANX_SECRETS_IDENTITY may hold it";

/// Which identities were tried.
fn tried_hint(identities: &Identities) -> String {
    let mut hint = String::new();
    if identities.found().is_empty() {
        hint.push_str("no identity was found: name one with -i FILE or PHALANX_SECRETS_IDENTITY");
    } else {
        hint.push_str("these identities were tried:");
        for line in identities.describe() {
            hint.push_str(&format!("\n  {line}"));
        }
    }
    for skipped in identities.skipped.iter() {
        hint.push_str(&format!("\n  (passed over: {})", skipped.reason));
    }
    hint
}

/// Who could give access, and how.
fn access_hints(id: &SecretId, holders: &Holders, identities: &Identities) -> Vec<String> {
    let SecretId { environment, application, .. } = id;
    let access = format!("{environment}/{application}");
    let names: Vec<&str> = holders.who_can_read(id).map(HolderName::as_str).collect();
    if names.is_empty() {
        return vec![format!("no holder in recipients/ has access to {access} today")];
    }
    let who = format!("access to {access} can be given by those who have it: {}", names.join(", "));
    let is_own = |holder: &Holder| identities.recipients().any(|key| holder.keys.contains(key));
    let own: Vec<_> = holders.iter().filter(|(_, holder)| is_own(holder)).collect();
    let how = match own.first() {
        None => ASK_FOR_ACCESS.to_owned(),
        Some(_) if own.iter().any(|(_, holder)| holder.can_read(environment, application)) => {
            format!(
                "you have access to {access}, and this value is not sealed to your key yet; one \
                 who can open it runs: phalanx-secrets rekey {environment}"
            )
        }
        Some((name, _)) => {
            format!("ask one of them to run: phalanx-secrets recipients grant {name} {access}")
        }
    };
    vec![who, how]
}
