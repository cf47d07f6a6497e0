//! A secret's rules as they are written, and the spec that they come to in
//! one environment.
//!
//! The same rules stand in Phalanx's `secrets.yaml` and in the standalone
//! layout's TOML. What may stand together follows the reference
//! implementation: `copy` and `generate` exclude each other, and exclude
//! `value`, unless a condition keeps them apart.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer};

use super::conditions::Settings;
use super::error::LayoutError;
use crate::model::{
    Application, ApplicationName, CopySource, Generator, KeyName, Kind, SecretValue, Spec,
};

/// A secret's rules.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "the rules of a secret")]
pub(super) struct Rules {
    #[serde(rename = "if")]
    condition: Option<Text>,
    description: Option<Text>,
    copy: Option<CopyRule>,
    generate: Option<GenerateRule>,
    #[serde(default)]
    onepassword: Onepassword,
    value: Option<Text>,
}

/// Text that is text in the file too. YAML's `if: true` is none: taken for the
/// setting called "true", it would drop the secret without a word.
#[derive(Clone)]
struct Text<T = String>(T);

impl<T> fmt::Debug for Text<T> {
    // It may be a literal value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Text(redacted)")
    }
}

impl<'de, T: TryFrom<String, Error: fmt::Display>> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor(PhantomData))
    }
}

struct TextVisitor<T>(PhantomData<T>);

impl<T: TryFrom<String, Error: fmt::Display>> Visitor<'_> for TextVisitor<T> {
    type Value = Text<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text (in quotes, if it looks like something else)")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Text<T>, E> {
        text.to_owned().try_into().map(Text).map_err(E::custom)
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, expecting = "the rules of a copy")]
struct CopyRule {
    #[serde(rename = "if")]
    condition: Option<Text>,
    application: Text<ApplicationName>,
    key: Text<KeyName>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, expecting = "the rules of a generator")]
struct GenerateRule {
    #[serde(rename = "if")]
    condition: Option<Text>,
    #[serde(rename = "type")]
    generator: GeneratorName,
    source: Option<Text<KeyName>>,
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

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(expecting = "the rules of 1Password")]
struct Onepassword {
    #[serde(default)]
    encoded: bool,
}

impl Rules {
    /// Whether any part of the rules hangs on a setting.
    pub(super) fn has_conditions(&self) -> bool {
        self.conditions().next().is_some()
    }

    /// The settings that parts of the rules hang on.
    fn conditions(&self) -> impl Iterator<Item = &str> {
        let copy = self.copy.as_ref().map(|rule| &rule.condition);
        let generate = self.generate.as_ref().map(|rule| &rule.condition);
        let conditions = [Some(&self.condition), copy, generate].into_iter().flatten();
        conditions.flatten().map(|path| path.0.as_str()).filter(|path| !path.is_empty())
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
        let holds = |condition: &Option<Text>| match condition {
            Some(Text(path)) if !path.is_empty() => settings.is_true(path),
            _ => true,
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
                application: rule.application.0.clone(),
                key: rule.key.0.clone(),
            }),
            (None, None, Some(rule)) => Kind::Generate(rule.generator()?),
            (None, None, None) => Kind::Static,
        };
        Ok(Some(Spec {
            kind,
            description: self.description.clone().map(|text| text.0),
            onepassword_encoded: self.onepassword.encoded,
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
        let source = self.source.clone().map(|source| source.0);
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

fn is_unconditional(condition: &Option<Text>) -> bool {
    condition.as_ref().is_none_or(|path| path.0.is_empty())
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
    let (mut secrets, mut switched_off) = (BTreeMap::new(), BTreeSet::new());
    let mut says_no_in_text = BTreeSet::new();
    for (key, (rules, file)) in declared {
        let asked = rules.conditions().filter(|path| settings.says_no_in_text(path));
        says_no_in_text.extend(asked.map(str::to_owned));
        match rules.check().and_then(|()| rules.decide(settings, &file)) {
            Ok(Some(spec)) => {
                secrets.insert(key, spec);
            }
            Ok(None) => {
                switched_off.insert(key);
            }
            Err(reason) => {
                let application = application.clone();
                return Err(LayoutError::InvalidSpec { file, application, key, reason });
            }
        }
    }
    Ok(Application { secrets, switched_off, says_no_in_text })
}
