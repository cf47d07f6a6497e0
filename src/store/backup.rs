//! Where the backup of a Vault entry lies: beside the values of its
//! application, under a key that no secret can have in Kubernetes. So it is
//! sealed to the same holders, and sealed again with the values.

use super::contents::Contents;
use crate::model::{ApplicationName, EnvironmentName, InvalidName, SecretId};

/// The key of a backup.
const KEY: &str = "@vault";

/// The id of the backup of an application's entry.
///
/// # Errors
/// None: the key is a valid one.
pub fn backup_id(
    environment: &EnvironmentName,
    application: &ApplicationName,
) -> Result<SecretId, InvalidName> {
    Ok(SecretId::new(environment.clone(), application.clone(), KEY.parse()?))
}

/// Whether something stored is a backup, and no value of a secret.
#[must_use]
pub fn is_backup(id: &SecretId) -> bool {
    id.key.as_str() == KEY
}

impl Contents {
    /// The ids of all backups.
    pub fn backups(&self) -> impl Iterator<Item = SecretId> {
        self.ids().filter(is_backup)
    }
}
