//! Credentials as a Kubernetes Secret, for the Vault Secrets Operator.

use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;
use zeroize::Zeroizing;

/// The name of a Kubernetes Secret.
#[derive(Debug, Clone)]
pub(super) struct SecretName(String);

#[derive(Debug, Error)]
#[error(
    "a Kubernetes Secret cannot have this name; lower-case letters, digits, - and . make one, \
     such as vault-credentials"
)]
pub(super) struct InvalidSecretName;

impl FromStr for SecretName {
    type Err = InvalidSecretName;

    fn from_str(name: &str) -> Result<Self, InvalidSecretName> {
        let is_inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let is_part = |part: &str| {
            !part.is_empty()
                && part.chars().all(is_inner)
                && !part.starts_with('-')
                && !part.ends_with('-')
        };
        let is_name = name.len() <= 253 && name.split('.').all(is_part);
        is_name.then(|| Self(name.to_owned())).ok_or(InvalidSecretName)
    }
}

impl SecretName {
    /// The Secret, to the byte as the Python CLI prints it.
    pub(super) fn manifest(&self, data: &[(&str, &str)]) -> Zeroizing<String> {
        let mut lines = Zeroizing::new(String::new());
        // What grows leaves copies behind.
        lines.reserve(data.iter().map(|(key, value)| key.len() + 2 * value.len() + 8).sum());
        for (key, value) in data {
            lines.push_str("  ");
            lines.push_str(key);
            lines.push_str(": ");
            lines.push_str(&Zeroizing::new(STANDARD.encode(value)));
            lines.push('\n');
        }
        let (name, lines) = (&self.0, lines.as_str());
        Zeroizing::new(format!(
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: {name}\n  namespace: \
             vault-secrets-operator\ndata:\n{lines}type: Opaque\n"
        ))
    }
}
