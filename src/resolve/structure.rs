//! What no static value could mend: specs that cannot be resolved as they are.

use super::{Inputs, Minted, Policy, Problem, Reason, resolve};
use crate::model::{ApplicationName, Environment, KeyName, Kind};
use crate::static_values::StaticValues;
use crate::suggest::nearest;
use crate::vault::CurrentSecrets;

/// A value that is text, and short enough to be hashed.
const ANY: &str = "x";

/// The secrets of an environment that cannot be resolved although every static
/// value is there, and Vault is empty.
///
/// The rules are those of [`resolve`]: this gives it a value for each static
/// secret, and asks what remains.
#[must_use]
pub fn unresolvable(environment: &Environment) -> Vec<Problem> {
    let mut static_values = StaticValues::default();
    for (application, key, spec) in environment.secrets() {
        if spec.kind == Kind::Static {
            let values = static_values.applications.entry(application.clone()).or_default();
            values.insert(key.clone(), ANY.into());
        }
    }
    let inputs = Inputs {
        environment,
        static_values: &static_values,
        current: &CurrentSecrets::default(),
        minted: &Minted::default(),
        policy: &Policy::default(),
    };
    resolve(&inputs).err().unwrap_or_default()
}

impl Problem {
    /// The secret of the environment that was perhaps meant, where a spec names
    /// one that is not there.
    #[must_use]
    pub fn nearest(&self, environment: &Environment) -> Option<String> {
        let (Reason::SourceNotNeeded(source) | Reason::SourceNotEnabled(source)) = &self.reason
        else {
            return None;
        };
        let Some(known) = environment.applications.get(&source.application) else {
            let names = environment.applications.keys().map(ApplicationName::as_str);
            return nearest(source.application.as_str(), names).map(str::to_owned);
        };
        // Not itself, which would only lead round in a circle.
        let is_other = |key: &&KeyName| source.application != self.application || **key != self.key;
        let keys = known.secrets.keys().filter(is_other).map(KeyName::as_str);
        Some(format!("{}/{}", source.application, nearest(source.key.as_str(), keys)?))
    }
}
