//! What every secret of an environment should be: specs, static values and
//! what Vault holds now, brought to desired values.
//!
//! Pure: the same inputs give the same answer, and no value is made up here. A
//! secret that has yet to be generated comes out as [`Desired::Pending`], and
//! [`mint()`] makes it, with randomness and time passed in. So a dry run
//! generates nothing, and resolving again after a sync changes nothing.

mod mint;
mod problem;
mod structure;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

pub use mint::{MintError, Minted, Values, mint};
pub use problem::{Problem, Reason};
pub use structure::unresolvable;

use crate::generate::{GenerateError, check_bcrypt_source};
use crate::model::{
    ApplicationName, CopySource, Environment, Generator, KeyName, Kind, SecretValue, Spec,
};
use crate::static_values::{StaticValues, are_same_clients};
use crate::vault::{CurrentSecrets, CurrentValue};

/// The longest chain of secrets that are made from each other.
const MAX_CHAIN: usize = 500;

/// Which generated secrets are made anew although Vault has them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Regenerate {
    /// None: what exists is kept.
    #[default]
    Nothing,
    /// All of them.
    Everything,
    /// Those of an application (without a key), or single ones.
    Only(Vec<(ApplicationName, Option<KeyName>)>),
}

impl Regenerate {
    /// Whether it names a secret.
    #[must_use]
    pub fn names(&self, application: &ApplicationName, key: &KeyName) -> bool {
        match self {
            Self::Nothing => false,
            Self::Everything => true,
            Self::Only(targets) => targets.iter().any(|(own_application, own_key)| {
                own_application == application && own_key.as_ref().is_none_or(|own| own == key)
            }),
        }
    }

    /// Whether it names a secret by itself, and not only among others.
    #[must_use]
    pub fn names_alone(&self, application: &ApplicationName, key: &KeyName) -> bool {
        matches!(self, Self::Only(targets) if targets.iter().any(|(own_application, own_key)| {
            own_application == application && own_key.as_ref() == Some(key)
        }))
    }
}

/// What the user decided about a sync.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// Applications that are neither written nor complained about.
    pub exclude: BTreeSet<ApplicationName>,
    /// Generated secrets to make anew.
    pub regenerate: Regenerate,
    /// Whether a static secret that has no value in the store keeps the one
    /// that it has in Vault.
    pub keep_vault_static: bool,
    /// Secrets whose value in Vault is replaced although it was changed there
    /// by hand, and that would be refused.
    pub overwrite: Regenerate,
    /// Secrets that keep the value that they have in Vault, whatever the store
    /// has: another program changes them there.
    pub kept: BTreeSet<(ApplicationName, String)>,
}

/// All that resolving starts from.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// The environment with its specs.
    pub environment: &'a Environment,
    /// Values from outside.
    pub static_values: &'a StaticValues,
    /// What Vault holds now.
    pub current: &'a CurrentSecrets,
    /// Values that this run has generated, and that Vault may not have yet.
    pub minted: &'a Minted,
    /// What the user decided.
    pub policy: &'a Policy,
}

/// What a secret should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Desired {
    /// This value.
    Value(SecretValue),
    /// A value yet to be made.
    Pending(Pending),
}

/// A value yet to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pending {
    /// By a generator, of the source that it names, if any.
    Generate(Generator),
    /// By copying one yet to be made.
    Copy(CopySource),
}

/// The desired values of an environment, by application and key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resolved {
    /// The secrets of the applications that are not excluded.
    pub applications: BTreeMap<ApplicationName, BTreeMap<KeyName, Desired>>,
    /// The pull secret's document, if the environment has one.
    pub pull_secret: Option<SecretValue>,
}

/// Resolves every secret of an environment.
///
/// # Errors
/// Every secret that cannot be resolved, all at once.
pub fn resolve(inputs: &Inputs<'_>) -> Result<Resolved, Vec<Problem>> {
    let (resolved, problems) = resolve_each(inputs);
    if problems.is_empty() { Ok(resolved) } else { Err(problems) }
}

/// Resolves as many secrets of an environment as it can, and says of the others
/// why it cannot.
#[must_use]
pub fn resolve_each(inputs: &Inputs<'_>) -> (Resolved, Vec<Problem>) {
    let mut resolver = Resolver { inputs, done: BTreeMap::new(), under_way: Vec::new() };
    let mut resolved = Resolved {
        applications: BTreeMap::new(),
        pull_secret: inputs.static_values.dockerconfigjson(),
    };
    let mut problems = Vec::new();
    for (application, key, spec) in inputs.environment.secrets() {
        if inputs.policy.exclude.contains(application) {
            continue;
        }
        match resolver.secret(application, key) {
            Ok(desired) => {
                let values = resolved.applications.entry(application.clone()).or_default();
                values.insert(key.clone(), desired);
            }
            Err(reason) => problems.push(Problem {
                application: application.clone(),
                key: key.clone(),
                origin: spec.origin.clone(),
                reason,
            }),
        }
    }
    (resolved, problems)
}

/// The text that Vault holds for a secret.
fn current_value<'a>(
    current: &'a CurrentSecrets,
    application: &ApplicationName,
    key: &KeyName,
) -> Option<&'a CurrentValue> {
    current.entries.get(application)?.data.as_ref()?.get(key.as_str())
}

/// Whether Vault holds an empty text, which is as good as none.
fn is_empty(current: &CurrentValue) -> bool {
    current.text().is_some_and(SecretValue::is_empty)
}

type SecretKey<'a> = (&'a ApplicationName, &'a KeyName);

struct Resolver<'a> {
    inputs: &'a Inputs<'a>,
    done: BTreeMap<SecretKey<'a>, Result<Desired, Reason>>,
    under_way: Vec<SecretKey<'a>>,
}

impl<'a> Resolver<'a> {
    /// Resolves one secret, after those that it depends on.
    fn secret(
        &mut self,
        application: &'a ApplicationName,
        key: &'a KeyName,
    ) -> Result<Desired, Reason> {
        let name = (application, key);
        if let Some(done) = self.done.get(&name) {
            return done.clone();
        }
        if let Some(start) = self.under_way.iter().position(|other| *other == name) {
            let circle = self.under_way.iter().skip(start).chain([&name]);
            return Err(Reason::Circle(circle.map(|(a, k)| format!("{a}/{k}")).collect()));
        }
        if self.under_way.len() > MAX_CHAIN {
            return Err(Reason::TooLongAChain);
        }
        let Some(spec) = self.inputs.environment.spec(application, key) else {
            return Err(Reason::NotNeeded);
        };
        self.under_way.push(name);
        let desired = self.by_kind(application, key, spec);
        self.under_way.pop();
        self.done.insert(name, desired.clone());
        desired
    }

    fn by_kind(
        &mut self,
        application: &'a ApplicationName,
        key: &'a KeyName,
        spec: &'a Spec,
    ) -> Result<Desired, Reason> {
        let kept = || (application.clone(), key.as_str().to_owned());
        if !self.inputs.policy.kept.is_empty()
            && self.inputs.policy.kept.contains(&kept())
            && let Some(CurrentValue::Text(value)) = self.current(application, key)
        {
            return Ok(Desired::Value(value.clone()));
        }
        match &spec.kind {
            Kind::Value(value) => Ok(Desired::Value(value.clone())),
            Kind::Static => self.static_secret(application, key, spec),
            Kind::Copy(source) => self.copy(source),
            Kind::Generate(Generator::OidcClients) => self.oidc_clients(application, key),
            Kind::Generate(generator) => self.generated(application, key, generator),
        }
    }

    fn current(&self, application: &ApplicationName, key: &KeyName) -> Option<&'a CurrentValue> {
        current_value(self.inputs.current, application, key)
    }

    fn static_secret(
        &self,
        application: &ApplicationName,
        key: &KeyName,
        spec: &Spec,
    ) -> Result<Desired, Reason> {
        // An empty text is as good as none, as it is for the Python CLI: it is
        // neither written nor kept.
        let current = self.current(application, key).filter(|current| !is_empty(current));
        let is_in_vault = current.is_some();
        let value = self.inputs.static_values.get(application, key);
        match (value.filter(|value| !value.is_empty()), current) {
            (Some(value), _) => match value.expose_str() {
                Some(_) => Ok(Desired::Value(value.clone())),
                // The spec says that whoever keeps it may encode it.
                None if spec.onepassword_encoded => Ok(Desired::Value(value.to_base64())),
                None => Err(Reason::NotText),
            },
            (None, Some(CurrentValue::Text(value))) if self.inputs.policy.keep_vault_static => {
                Ok(Desired::Value(value.clone()))
            }
            (None, Some(CurrentValue::Other(_))) if self.inputs.policy.keep_vault_static => {
                Err(Reason::VaultHoldsNoText)
            }
            (None, _) if value.is_some() => Err(Reason::EmptyStaticValue { is_in_vault }),
            (None, _) => Err(Reason::NoStaticValue { is_in_vault }),
        }
    }

    fn copy(&mut self, source: &'a CopySource) -> Result<Desired, Reason> {
        let CopySource { application, key } = source;
        if !self.inputs.environment.applications.contains_key(application) {
            return Err(Reason::SourceNotEnabled(source.clone()));
        }
        if self.inputs.policy.exclude.contains(application) {
            // The source stays as it is in Vault, and so does what equals it.
            return match self.current(application, key) {
                Some(CurrentValue::Text(value)) if !value.is_empty() => {
                    Ok(Desired::Value(value.clone()))
                }
                _ => Err(Reason::SourceExcluded(source.clone())),
            };
        }
        match self.secret(application, key) {
            Ok(Desired::Value(value)) => Ok(Desired::Value(value)),
            Ok(Desired::Pending(_)) => Ok(Desired::Pending(Pending::Copy(source.clone()))),
            Err(Reason::NotNeeded) => Err(Reason::SourceNotNeeded(source.clone())),
            Err(end @ (Reason::Circle(_) | Reason::TooLongAChain)) => Err(end),
            Err(_) => Err(Reason::SourceUnresolved(source.clone())),
        }
    }

    fn generated(
        &mut self,
        application: &'a ApplicationName,
        key: &'a KeyName,
        generator: &'a Generator,
    ) -> Result<Desired, Reason> {
        let source = match generator.source() {
            Some(source) => Some((source, self.source(application, source)?)),
            None => None,
        };
        let regenerate = self.inputs.policy.regenerate.names(application, key);
        let source_changes = source.as_ref().is_some_and(|(source, desired)| {
            match (desired, self.current(application, source)) {
                (Desired::Value(desired), Some(CurrentValue::Text(now))) => desired != now,
                _ => true,
            }
        });
        if !regenerate && !source_changes {
            match self.current(application, key) {
                Some(current) if is_empty(current) => {}
                Some(CurrentValue::Text(value)) => return Ok(Desired::Value(value.clone())),
                Some(CurrentValue::Other(_)) => return Err(Reason::VaultHoldsNoText),
                None => {}
            }
        }
        if let (Generator::BcryptPasswordHash { .. }, Some((_, source))) = (generator, &source) {
            // Known already, so said with all else and before anything is made.
            self.check_hashable(source).map_err(|error| Reason::Unhashable(error.to_string()))?;
        }
        let source = match &source {
            Some((_, Desired::Value(value))) => Some(value),
            _ => None,
        };
        Ok(match self.inputs.minted.get(application, key, source) {
            Some(value) => Desired::Value(value.clone()),
            None => Desired::Pending(Pending::Generate(generator.clone())),
        })
    }

    /// Checks that bcrypt would hash all of a source, whether it is there or
    /// yet to be made. Of what is made, RSA keys alone are too long.
    fn check_hashable(&self, source: &Desired) -> Result<(), GenerateError> {
        let mut pending = match source {
            Desired::Value(value) => return check_bcrypt_source(value),
            Desired::Pending(pending) => pending,
        };
        loop {
            match pending {
                Pending::Generate(Generator::RsaPrivateKey) => {
                    return Err(GenerateError::TooLongForBcrypt);
                }
                Pending::Generate(_) => return Ok(()),
                Pending::Copy(CopySource { application, key }) => {
                    // What a copy waits for was resolved before it.
                    match self.done.get(&(application, key)) {
                        Some(Ok(Desired::Pending(next))) => pending = next,
                        _ => return Ok(()),
                    }
                }
            }
        }
    }

    fn source(
        &mut self,
        application: &'a ApplicationName,
        source: &'a KeyName,
    ) -> Result<Desired, Reason> {
        let named = || CopySource { application: application.clone(), key: source.clone() };
        match self.secret(application, source) {
            Ok(desired) => Ok(desired),
            Err(Reason::NotNeeded) => Err(Reason::SourceNotNeeded(named())),
            Err(end @ (Reason::Circle(_) | Reason::TooLongAChain)) => Err(end),
            Err(_) => Err(Reason::SourceUnresolved(named())),
        }
    }

    /// The clients come from the store alone, so that one removed there goes.
    /// But a store without any, beside a Vault with some, was never filled:
    /// nobody removes their last client without a word. To generate everything
    /// anew is no such word, because nothing can generate a client.
    ///
    /// Where Vault has the same clients in another order, it stays as it is.
    fn oidc_clients(
        &self,
        application: &ApplicationName,
        key: &KeyName,
    ) -> Result<Desired, Reason> {
        let static_values = self.inputs.static_values;
        if let Some(names) = static_values.clients_of_one_id() {
            return Err(Reason::ClientsOfOneId(names));
        }
        let desired = static_values.oidc_clients_json();
        match self.current(application, key).filter(|current| !is_empty(current)) {
            Some(CurrentValue::Text(current)) if are_same_clients(current, &desired) => {
                Ok(Desired::Value(current.clone()))
            }
            Some(CurrentValue::Text(current))
                if static_values.oidc_clients.is_empty()
                    && !self.inputs.policy.regenerate.names_alone(application, key) =>
            {
                match self.inputs.policy.keep_vault_static {
                    true => Ok(Desired::Value(current.clone())),
                    false => Err(Reason::OidcClientsOnlyInVault),
                }
            }
            _ => Ok(Desired::Value(desired)),
        }
    }
}
