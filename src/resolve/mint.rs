//! Making the values that are yet to be made.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rand::CryptoRng;
use thiserror::Error;

use super::{Desired, Pending, Resolved};
use crate::generate::{self, GenerateError};
use crate::model::{ApplicationName, CopySource, Generator, KeyName, SecretValue};

/// Values that this run has generated.
///
/// Where a write is retried, because Vault changed meanwhile, what was
/// generated before is used again: it may already be in Vault elsewhere, as a
/// copy.
#[derive(Debug, Default)]
pub struct Minted(BTreeMap<(ApplicationName, KeyName), MintedValue>);

#[derive(Debug)]
struct MintedValue {
    value: SecretValue,
    source: Option<SecretValue>,
}

impl Minted {
    /// The value generated for a secret, if it was made from this source.
    pub(super) fn get(
        &self,
        application: &ApplicationName,
        key: &KeyName,
        source: Option<&SecretValue>,
    ) -> Option<&SecretValue> {
        let minted = self.0.get(&(application.clone(), key.clone()))?;
        (minted.source.as_ref() == source).then_some(&minted.value)
    }
}

/// A secret that could not be generated.
#[derive(Debug, Error)]
#[error("{application} {key} cannot be generated")]
pub struct MintError {
    /// Its application.
    pub application: ApplicationName,
    /// Its key.
    pub key: KeyName,
    #[source]
    source: GenerateError,
}

/// The final values of an environment, by application and key.
pub type Values = BTreeMap<ApplicationName, BTreeMap<KeyName, SecretValue>>;

/// Makes every pending value, and gives the final values of all secrets.
///
/// # Errors
/// A secret whose generator refuses its source.
pub fn mint(
    resolved: &Resolved,
    minted: &mut Minted,
    random: &mut impl CryptoRng,
    now: Timestamp,
) -> Result<Values, MintError> {
    let mut minter = Minter { resolved, minted, random, now, values: Values::new() };
    for (application, secrets) in &resolved.applications {
        for key in secrets.keys() {
            minter.value(application, key)?;
        }
    }
    Ok(minter.values)
}

struct Minter<'a, R> {
    resolved: &'a Resolved,
    minted: &'a mut Minted,
    random: &'a mut R,
    now: Timestamp,
    values: Values,
}

impl<R: CryptoRng> Minter<'_, R> {
    /// Gives a secret's value, made after those that it depends on. Resolving
    /// has seen to it that they exist and that there is no circle.
    fn value(
        &mut self,
        application: &ApplicationName,
        key: &KeyName,
    ) -> Result<Option<SecretValue>, MintError> {
        if let Some(value) = self.values.get(application).and_then(|values| values.get(key)) {
            return Ok(Some(value.clone()));
        }
        let desired =
            self.resolved.applications.get(application).and_then(|secrets| secrets.get(key));
        let value = match desired {
            None => return Ok(None),
            Some(Desired::Value(value)) => Some(value.clone()),
            Some(Desired::Pending(Pending::Copy(CopySource { application, key }))) => {
                self.value(application, key)?
            }
            Some(Desired::Pending(Pending::Generate(generator))) => {
                Some(self.generate(application, key, generator)?)
            }
        };
        if let Some(value) = &value {
            let values = self.values.entry(application.clone()).or_default();
            values.insert(key.clone(), value.clone());
        }
        Ok(value)
    }

    fn generate(
        &mut self,
        application: &ApplicationName,
        key: &KeyName,
        generator: &Generator,
    ) -> Result<SecretValue, MintError> {
        let source = match generator.source() {
            Some(source) => self.value(application, source)?,
            None => None,
        };
        if let Some(value) = self.minted.get(application, key, source.as_ref()) {
            return Ok(value.clone());
        }
        let nothing = SecretValue::from("");
        let value = match generator {
            Generator::Password => Ok(generate::password(self.random)),
            Generator::GafaelfawrToken => Ok(generate::gafaelfawr_token(self.random)),
            Generator::FernetKey => Ok(generate::fernet_key(self.random)),
            Generator::RsaPrivateKey => generate::rsa_private_key(self.random),
            Generator::BcryptPasswordHash { .. } => {
                generate::bcrypt_password_hash(source.as_ref().unwrap_or(&nothing), self.random)
            }
            Generator::Mtime { .. } => Ok(generate::mtime(self.now)),
            // Always resolved to a value, never pending.
            Generator::OidcClients => Ok(SecretValue::from("[]")),
        };
        let value = value.map_err(|source| MintError {
            application: application.clone(),
            key: key.clone(),
            source,
        })?;
        self.minted.0.insert(
            (application.clone(), key.clone()),
            MintedValue { value: value.clone(), source },
        );
        Ok(value)
    }
}
