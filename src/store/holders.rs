//! Key-holders, and who can read what: `recipients/<holder>.toml`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use toml_edit::{Array, DocumentMut, value};

use super::access::Access;
use super::error::StoreError;
use super::paths::RECIPIENTS;
use super::private_key::find_private_key;
use super::recipient::{Recipient, RecipientSet};
use super::signing_key::SigningKey;
use crate::model::{ApplicationName, EnvironmentName, HolderName, SecretId};
use crate::toml_file;
use crate::tree::Tree;

/// The stem of the file that records withdrawn access, which is no holder.
pub(super) const WITHDRAWN: &str = "withdrawn";

/// The list of signing keys in a holder's file.
const SIGNING_KEYS: &str = "signing-keys";

/// A person or machine with at least one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Their public keys. Whoever has the identity of one can read all that
    /// the holder may.
    pub keys: Vec<Recipient>,
    /// What they may read.
    pub access: Vec<Access>,
    /// The keys with which they sign commits. Where signatures are verified,
    /// these may change what the holder may read.
    pub signing_keys: Vec<SigningKey>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct HolderFile {
    keys: Vec<String>,
    access: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    signing_keys: Vec<String>,
}

impl Holder {
    /// The path of a holder's file.
    #[must_use]
    pub fn path(name: &HolderName) -> String {
        format!("{RECIPIENTS}/{name}.toml")
    }

    /// The holder as its file has it.
    ///
    /// # Errors
    /// None that a holder's data can cause; serialization may fail as such.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string_pretty(&HolderFile {
            keys: self.keys.iter().map(Recipient::to_string).collect(),
            access: self.access.iter().map(Access::to_string).collect(),
            signing_keys: self.signing_keys.iter().map(SigningKey::to_string).collect(),
        })
    }

    /// The text of the holder's file, changed from keys and access of this to
    /// those of `after`. What is in the file beside them stays: comments, too.
    ///
    /// # Errors
    /// A text that is not that of a holder's file.
    pub fn edit_toml(text: &str, after: &Self) -> Result<String, toml_edit::TomlError> {
        let mut document: DocumentMut = text.parse()?;
        let keys = after.keys.iter().map(Recipient::to_string).collect();
        let is_key =
            |old: &str, new: &str| old.parse::<Recipient>().is_ok_and(|old| old.as_str() == new);
        edit_list(&mut document, "keys", keys, is_key);
        let access = after.access.iter().map(Access::to_string).collect();
        edit_list(&mut document, "access", access, |old, new| old == new);
        if document.contains_key(SIGNING_KEYS) || !after.signing_keys.is_empty() {
            let keys = after.signing_keys.iter().map(SigningKey::to_string).collect();
            let is_key = |old: &str, new: &str| {
                old.parse::<SigningKey>().is_ok_and(|old| old.to_string() == new)
            };
            edit_list(&mut document, SIGNING_KEYS, keys, is_key);
        }
        Ok(document.to_string())
    }

    /// Whether they may read the secrets of an application of an environment.
    #[must_use]
    pub fn can_read(&self, environment: &EnvironmentName, application: &ApplicationName) -> bool {
        self.access.iter().any(|access| access.covers(environment, application))
    }

    /// What both sides have, and what either added.
    fn merge(base: Option<&Self>, ours: &Self, theirs: &Self) -> Self {
        fn lists<T: Clone + PartialEq>(base: Option<&[T]>, ours: &[T], theirs: &[T]) -> Vec<T> {
            let was = |item: &T| base.is_some_and(|base| base.contains(item));
            let mut all: Vec<T> = Vec::new();
            for item in ours.iter().chain(theirs) {
                let is_in_both = ours.contains(item) && theirs.contains(item);
                if (is_in_both || !was(item)) && !all.contains(item) {
                    all.push(item.clone());
                }
            }
            all
        }
        Self {
            keys: lists(base.map(|base| &base.keys[..]), &ours.keys, &theirs.keys),
            access: lists(base.map(|base| &base.access[..]), &ours.access, &theirs.access),
            signing_keys: lists(
                base.map(|base| &base.signing_keys[..]),
                &ours.signing_keys,
                &theirs.signing_keys,
            ),
        }
    }

    fn parse(file: &str, text: &str) -> Result<Self, StoreError> {
        // Before anything else could quote it.
        if let Some(offset) = find_private_key(text) {
            return Err(StoreError::PrivateKey {
                file: file.to_owned(),
                line: toml_file::line_at(text, offset),
            });
        }
        let parsed: HolderFile =
            toml_file::parse(text).map_err(|problem| StoreError::Malformed {
                file: file.to_owned(),
                line: problem.line,
                message: problem.message,
            })?;
        let keys = parsed.keys.iter().zip(1..).map(|(key, position)| {
            key.parse().map_err(|source| StoreError::InvalidRecipient {
                file: file.to_owned(),
                position,
                source,
            })
        });
        let access = parsed.access.iter().map(|access| {
            access
                .parse()
                .map_err(|source| StoreError::InvalidAccess { file: file.to_owned(), source })
        });
        let signing_keys = parsed.signing_keys.iter().zip(1..).map(|(key, position)| {
            key.parse().map_err(|source| StoreError::InvalidSigningKey {
                file: file.to_owned(),
                position,
                source,
            })
        });
        Ok(Self {
            keys: keys.collect::<Result<_, _>>()?,
            access: access.collect::<Result<_, _>>()?,
            signing_keys: signing_keys.collect::<Result<_, _>>()?,
        })
    }
}

/// Makes a list hold what is wanted, and keeps the lines of what stays.
fn edit_list(
    document: &mut DocumentMut,
    name: &str,
    mut wanted: Vec<String>,
    same: impl Fn(&str, &str) -> bool,
) {
    let item = document.entry(name).or_insert_with(|| value(Array::new()));
    let Some(list) = item.as_array_mut() else { return };
    list.retain(|old| {
        let old = old.as_str().unwrap_or_default();
        let position = wanted.iter().position(|new| same(old, new));
        position.map(|position| wanted.remove(position)).is_some()
    });
    for new in wanted {
        list.push(new);
        // One a line, as such files are written.
        if let Some(last) = list.get_mut(list.len().saturating_sub(1)) {
            last.decor_mut().set_prefix("\n    ");
        }
    }
    for item in list.iter_mut() {
        let has_line = item.decor().prefix().and_then(|prefix| prefix.as_str());
        if !has_line.is_some_and(|prefix| prefix.contains('\n')) {
            item.decor_mut().set_prefix("\n    ");
        }
        item.decor_mut().set_suffix("");
    }
    if !list.is_empty() {
        let has_line = list.trailing().as_str().is_some_and(|text| text.contains('\n'));
        if !has_line {
            list.set_trailing("\n");
        }
        list.set_trailing_comma(true);
    }
}

/// All holders of a store.
#[derive(Debug, Clone, Default)]
pub struct Holders(BTreeMap<HolderName, Holder>);

impl Holders {
    pub(crate) fn read(tree: &Tree) -> Result<Self, StoreError> {
        let each = each_file(tree)?.map(|(_, holder)| holder);
        Ok(Self(each.collect::<Result<_, _>>()?))
    }

    /// Those whose files can be read.
    pub(crate) fn read_leniently(tree: &Tree) -> Result<Self, StoreError> {
        Ok(Self(each_file(tree)?.filter_map(|(_, holder)| holder.ok()).collect()))
    }

    /// The files that cannot be read, with what is wrong.
    pub(crate) fn faulty(tree: &Tree) -> Result<Vec<(String, StoreError)>, StoreError> {
        Ok(each_file(tree)?.filter_map(|(file, holder)| Some((file, holder.err()?))).collect())
    }

    /// The recipients that a value of an application is sealed to today.
    #[must_use]
    pub fn recipients_for(
        &self,
        environment: &EnvironmentName,
        application: &ApplicationName,
    ) -> RecipientSet {
        let holders = self.0.values().filter(|holder| holder.can_read(environment, application));
        holders.flat_map(|holder| holder.keys.iter().cloned()).collect()
    }

    /// The keys that can read all of an environment, or an application of it.
    #[must_use]
    pub fn readers_of(
        &self,
        environment: &EnvironmentName,
        application: Option<&ApplicationName>,
    ) -> RecipientSet {
        if let Some(application) = application {
            return self.recipients_for(environment, application);
        }
        let whole = Access::Environment(environment.clone());
        let can = |holder: &&Holder| holder.access.iter().any(|access| access.includes(&whole));
        let holders = self.0.values().filter(can);
        holders.flat_map(|holder| holder.keys.iter().cloned()).collect()
    }

    /// All holders, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&HolderName, &Holder)> {
        self.0.iter()
    }

    /// One holder.
    #[must_use]
    pub fn get(&self, name: &HolderName) -> Option<&Holder> {
        self.0.get(name)
    }

    /// These holders with one of them changed, or removed where that is
    /// `None`.
    #[must_use]
    pub fn with(&self, name: &HolderName, holder: Option<Holder>) -> Self {
        let mut holders = self.clone();
        match holder {
            Some(holder) => holders.0.insert(name.clone(), holder),
            None => holders.0.remove(name),
        };
        holders
    }

    /// Merges what two sides made of the same holders.
    ///
    /// # Errors
    /// The first who can read the secret on either side, or could before, and
    /// about whom somebody has to decide: one side removed them and the other
    /// changed them, or both sides gave the name to different keys.
    pub fn merge(
        id: &SecretId,
        base: &Self,
        ours: &Self,
        theirs: &Self,
    ) -> Result<Self, HolderName> {
        let can_read = |holder: &Holder| holder.can_read(&id.environment, &id.application);
        let mut merged = BTreeMap::new();
        for name in ours.0.keys().chain(theirs.0.keys()) {
            let (was, one, two) = (base.0.get(name), ours.0.get(name), theirs.0.get(name));
            let holder = match (one, two) {
                _ if one == two || two == was => one.cloned(),
                _ if one == was => two.cloned(),
                (Some(one), Some(two)) if was.is_some() || one.keys == two.keys => {
                    Some(Holder::merge(was, one, two))
                }
                _ if ![was, one, two].into_iter().flatten().any(can_read) => None,
                _ => return Err(name.clone()),
            };
            merged.extend(holder.map(|holder| (name.clone(), holder)));
        }
        Ok(Self(merged))
    }

    /// The names of those who may read a secret.
    pub fn who_can_read(&self, id: &SecretId) -> impl Iterator<Item = &HolderName> {
        let readers =
            self.0.iter().filter(|(_, holder)| holder.can_read(&id.environment, &id.application));
        readers.filter(|(_, holder)| !holder.keys.is_empty()).map(|(name, _)| name)
    }
}

type ReadHolder = Result<(HolderName, Holder), StoreError>;

/// Each holder's file, read.
fn each_file(tree: &Tree) -> Result<impl Iterator<Item = (String, ReadHolder)>, StoreError> {
    let files = tree.list(RECIPIENTS)?.into_iter().filter_map(|entry| {
        let stem = entry.name.strip_suffix(".toml")?;
        let is_none =
            entry.is_folder || entry.is_escaped || stem == WITHDRAWN || stem.starts_with('.');
        (!is_none).then(|| (format!("{RECIPIENTS}/{}", entry.name), stem.to_owned()))
    });
    let read = |file: &str, stem: &str| {
        let name = stem
            .parse()
            .map_err(|source| StoreError::InvalidFileName { file: file.to_owned(), source })?;
        let text = tree.read_text(file)?.unwrap_or_default();
        Ok((name, Holder::parse(file, &text)?))
    };
    Ok(files.map(move |(file, stem)| {
        let holder = read(&file, &stem);
        (file, holder)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_either_side_added_is_there_and_what_either_took_away_is_not() {
        let holder = |access: &[&str]| {
            let access = access.iter().map(|access| access.parse().unwrap()).collect();
            Some(Holder { keys: Vec::new(), access, signing_keys: Vec::new() })
        };
        let name: HolderName = "bob".parse().unwrap();
        let of = |one: Option<Holder>| Holders::default().with(&name, one);
        let both = Some(&["a", "b"][..]);
        // Before, on either side, and afterwards; `Err` where somebody decides.
        type Access<'a> = Option<&'a [&'a str]>;
        let table: [(Access<'_>, Access<'_>, Access<'_>, Result<Access<'_>, ()>); 9] = [
            (None, None, both, Ok(both)),
            (None, Some(&["a"]), Some(&["b"]), Ok(both)),
            (both, Some(&["a"]), Some(&["b"]), Ok(Some(&[]))),
            (both, Some(&["a"]), Some(&["a", "b", "c"]), Ok(Some(&["a", "c"]))),
            (both, None, both, Ok(None)),
            (both, None, None, Ok(None)),
            (both, None, Some(&["a"]), Err(())),
            // It is of no concern to the secret.
            (Some(&["c"]), None, Some(&["d"]), Ok(None)),
            (both, both, both, Ok(both)),
        ];
        let id = SecretId::parse("a", "app", "key").unwrap();
        for (base, ours, theirs, expected) in table {
            let [base, ours, theirs] = [base, ours, theirs].map(|one| of(one.and_then(holder)));
            let expected = expected.map(|one| of(one.and_then(holder)));
            for (one, two) in [(&ours, &theirs), (&theirs, &ours)] {
                let merged = Holders::merge(&id, &base, one, two).map_err(|_| ());
                let access = |all: &Holders| {
                    let mut access = all.get(&name).map(|one| one.access.clone());
                    if let Some(access) = &mut access {
                        access.sort_by_key(ToString::to_string);
                    }
                    access
                };
                assert_eq!(merged.as_ref().map(access), expected.as_ref().map(access));
            }
        }
    }
}
