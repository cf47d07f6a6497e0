//! A secret's rules as they are written, and the spec that they come to in
//! one environment.
//!
//! The same rules stand in Phalanx's `secrets.yaml` and in the standalone
//! layout's TOML. What may stand together follows the reference
//! implementation: `copy` and `generate` exclude each other, and exclude
//! `value`, unless a condition keeps them apart.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::conditions::Settings;
use super::error::LayoutError;
use crate::model::{
    Application, ApplicationName, CopySource, Generator, KeyName, Kind, SecretValue, Spec,
};

/// A secret's rules.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rules {
    #[serde(rename = "if")]
    condition: Option<String>,
    description: Option<String>,
    copy: Option<CopyRule>,
    generate: Option<GenerateRule>,
    onepassword: Option<Onepassword>,
    value: Option<Literal>,
}

/// A literal value, which has no business in `Debug` output even so.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
struct Literal(String);

impl std::fmt::Debug for Literal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Literal(redacted)")
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct CopyRule {
    #[serde(rename = "if")]
    condition: Option<String>,
    application: ApplicationName,
    key: KeyName,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct GenerateRule {
    #[serde(rename = "if")]
    condition: Option<String>,
    #[serde(rename = "type")]
    generator: GeneratorName,
    source: Option<KeyName>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum GeneratorName {
    Password,
    GafaelfawrToken,
    FernetKey,
    RsaPrivateKey,
    BcryptPasswordHash,
    Mtime,
    OidcClients,
}

#[derive(Debug, Clone, Deserialize)]
struct Onepassword {
    #[serde(default)]
    encoded: bool,
}

impl Rules {
    /// Whether any part of the rules hangs on a setting.
    pub(super) fn has_conditions(&self) -> bool {
        [
            self.condition.as_deref(),
            self.copy.as_ref().and_then(|rule| rule.condition.as_deref()),
            self.generate.as_ref().and_then(|rule| rule.condition.as_deref()),
        ]
        .into_iter()
        .flatten()
        .any(|condition| !condition.is_empty())
    }

    /// Checks what must hold whatever the settings are.
    ///
    /// # Errors
    /// The reason why the rules can never be right.
    pub(super) fn check(&self) -> Result<(), String> {
        let copy = self.copy.as_ref().is_some_and(|rule| is_unconditional(&rule.condition));
        let generate = self.generate.as_ref().is_some_and(|rule| is_unconditional(&rule.condition));
        if copy && generate {
            return Err("\"copy\" and \"generate\" cannot both be set without a condition".into());
        }
        if (copy || generate) && self.literal().is_some() {
            return Err("\"value\" cannot be set beside \"copy\" or \"generate\"".into());
        }
        if let Some(rule) = &self.generate {
            rule.generator()?;
        }
        Ok(())
    }

    /// Decides every condition by `settings`. `None` where the secret is not
    /// needed.
    ///
    /// # Errors
    /// The reason why the rules contradict each other under these settings.
    pub(super) fn decide(&self, settings: &Settings, origin: &str) -> Result<Option<Spec>, String> {
        let holds = |condition: &Option<String>| match condition.as_deref() {
            None | Some("") => true,
            Some(path) => settings.is_true(path),
        };
        if !holds(&self.condition) {
            return Ok(None);
        }
        let copy = self.copy.as_ref().filter(|rule| holds(&rule.condition));
        let generate = self.generate.as_ref().filter(|rule| holds(&rule.condition));
        let kind = match (self.literal(), copy, generate) {
            (_, Some(_), Some(_)) => {
                return Err("the conditions of both \"copy\" and \"generate\" hold here".into());
            }
            (Some(value), ..) => Kind::Value(value),
            (None, Some(rule), None) => Kind::Copy(CopySource {
                application: rule.application.clone(),
                key: rule.key.clone(),
            }),
            (None, None, Some(rule)) => Kind::Generate(rule.generator()?),
            (None, None, None) => Kind::Static,
        };
        Ok(Some(Spec {
            kind,
            description: self.description.clone(),
            onepassword_encoded: self.onepassword.as_ref().is_some_and(|rule| rule.encoded),
            origin: origin.to_owned(),
        }))
    }

    /// The literal value. An empty one is none, as it is for Python.
    fn literal(&self) -> Option<SecretValue> {
        self.value.as_ref().filter(|value| !value.0.is_empty()).map(|value| value.0.clone().into())
    }
}

impl GenerateRule {
    fn generator(&self) -> Result<Generator, String> {
        let source = self.source.clone();
        let sourced = |make: fn(KeyName) -> Generator| match source.clone() {
            Some(source) => Ok(make(source)),
            None => Err("this generator needs a \"source\"".to_owned()),
        };
        let simple = |generator| match source {
            Some(_) => Err("\"source\" is only for bcrypt-password-hash and mtime".to_owned()),
            None => Ok(generator),
        };
        match self.generator {
            GeneratorName::Password => simple(Generator::Password),
            GeneratorName::GafaelfawrToken => simple(Generator::GafaelfawrToken),
            GeneratorName::FernetKey => simple(Generator::FernetKey),
            GeneratorName::RsaPrivateKey => simple(Generator::RsaPrivateKey),
            GeneratorName::OidcClients => simple(Generator::OidcClients),
            GeneratorName::BcryptPasswordHash => {
                sourced(|source| Generator::BcryptPasswordHash { source })
            }
            GeneratorName::Mtime => sourced(|source| Generator::Mtime { source }),
        }
    }
}

fn is_unconditional(condition: &Option<String>) -> bool {
    condition.as_deref().is_none_or(str::is_empty)
}

/// Decides the rules of all secrets of an application, each with the file that
/// declares it.
///
/// # Errors
/// The first secret whose rules are wrong.
pub(super) fn decide_all(
    application: &ApplicationName,
    declared: BTreeMap<KeyName, (Rules, String)>,
    settings: &Settings,
) -> Result<Application, LayoutError> {
    let mut secrets = BTreeMap::new();
    for (key, (rules, file)) in declared {
        match rules.check().and_then(|()| rules.decide(settings, &file)) {
            Ok(Some(spec)) => {
                secrets.insert(key, spec);
            }
            Ok(None) => {}
            Err(reason) => {
                let application = application.clone();
                return Err(LayoutError::InvalidSpec { file, application, key, reason });
            }
        }
    }
    Ok(Application { secrets })
}
