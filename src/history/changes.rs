//! Two states of a store, compared.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::model::{ApplicationName, EnvironmentName, HolderName, KeyName, SecretId};
use crate::store::{
    Access, Contents, Holder, Holders, Recipient, SECRETS, Sameness, SigningKey, StoreError,
    UNKNOWN_TIME, ValueIdentity, inspect, sealed_path,
};
use crate::tree::Tree;

/// Which values are looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// Those of one environment.
    pub environment: Option<EnvironmentName>,
    /// Those of an application of this name.
    pub application: Option<ApplicationName>,
    /// Those with this key.
    pub key: Option<KeyName>,
}

impl Scope {
    /// Whether it includes a secret.
    #[must_use]
    pub fn includes(&self, id: &SecretId) -> bool {
        self.environment.as_ref().is_none_or(|name| *name == id.environment)
            && self.application.as_ref().is_none_or(|name| *name == id.application)
            && self.key.as_ref().is_none_or(|name| *name == id.key)
    }

    /// Whether holders are looked at too: not where it is about one
    /// application.
    #[must_use]
    pub fn includes_holders(&self) -> bool {
        self.application.is_none() && self.key.is_none()
    }

    fn concerns(&self, change: &HolderChange) -> bool {
        let Some(environment) = &self.environment else { return true };
        change.access.iter().any(|access| match access {
            Access::Everything => true,
            Access::Environment(name) | Access::Application(name, _) => name == environment,
        })
    }
}

/// What differs between two states.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Stored values, by their secrets.
    pub values: Vec<ValueChange>,
    /// Holders, by their names.
    pub holders: Vec<HolderChange>,
}

/// A stored value that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueChange {
    /// The secret: as it is called afterwards, if it is still there.
    pub id: SecretId,
    /// How it differs.
    pub kind: ValueChangeKind,
    /// When the value was set, of the newer file that there is. `None` where
    /// that is not known.
    pub set_at: Option<Timestamp>,
}

/// How a stored value differs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum ValueChangeKind {
    /// It was not there.
    Added,
    /// It was set anew.
    Changed,
    /// It was set anew or sealed again: its files do not tell which.
    Unclear,
    /// It is the same, sealed to others or in another file.
    SealedAgain,
    /// It is the same under another name.
    Renamed {
        /// The secret that it belonged to.
        from: SecretId,
    },
    /// It is not there any more.
    Removed,
}

/// A holder who differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HolderChange {
    /// The holder.
    pub name: HolderName,
    /// Whether they are a holder before, and after.
    pub is_holder: [bool; 2],
    /// All that they may read, before or after.
    pub access: Vec<Access>,
    /// What they may read and could not.
    pub gained: Vec<Access>,
    /// What they may not read and could.
    pub lost: Vec<Access>,
    /// The keys that are new.
    pub keys_added: Vec<Recipient>,
    /// The keys that are gone.
    pub keys_removed: Vec<Recipient>,
    /// The signing keys that are new.
    pub signing_keys_added: Vec<SigningKey>,
    /// The signing keys that are gone.
    pub signing_keys_removed: Vec<SigningKey>,
}

impl Changes {
    /// Whether nothing differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty() && self.holders.is_empty()
    }
}

/// Compares two states; `None` is one with nothing in it.
///
/// # Errors
/// A file or folder that cannot be read, and a holder's file that is wrong.
pub fn compare(
    before: Option<&Tree>,
    after: Option<&Tree>,
    scope: &Scope,
) -> Result<Changes, StoreError> {
    let mut ids = BTreeSet::new();
    for tree in [before, after].into_iter().flatten() {
        for environment in environments(tree, scope)? {
            ids.extend(Contents::list(tree, &environment)?.ids().filter(|id| scope.includes(id)));
        }
    }
    let values = compare_values(before, after, ids)?;
    let holders = match scope.includes_holders() {
        true => compare_holders(before, after, scope)?,
        false => Vec::new(),
    };
    Ok(Changes { values, holders })
}

fn environments(tree: &Tree, scope: &Scope) -> Result<Vec<EnvironmentName>, StoreError> {
    if let Some(environment) = &scope.environment {
        return Ok(vec![environment.clone()]);
    }
    let folders = tree.list(SECRETS)?.into_iter().filter(|entry| entry.is_folder);
    Ok(folders.filter_map(|entry| entry.name.parse().ok()).collect())
}

/// What a file holds, as far as it shows.
struct Sealed {
    bytes: Vec<u8>,
    identity: ValueIdentity,
    /// When its value was set, if that is known.
    set_at: Option<Timestamp>,
    /// Whether it is of a version of ours that states no tag.
    is_earlier: bool,
}

impl Sealed {
    fn read(tree: Option<&Tree>, id: &SecretId) -> Result<Option<Self>, StoreError> {
        let Some(tree) = tree else { return Ok(None) };
        let Some(bytes) = tree.read(&sealed_path(id))? else { return Ok(None) };
        let header = inspect(&bytes).ok();
        let identity = ValueIdentity::of(&bytes, header.as_ref());
        let seal = header.and_then(|header| header.seal);
        let is_earlier = seal.as_ref().is_some_and(|seal| seal.tag.is_none());
        let set_at = seal.map(|seal| seal.set_at).filter(|time| *time != UNKNOWN_TIME);
        Ok(Some(Self { bytes, identity, set_at, is_earlier }))
    }

    /// Whether it is the same file as another, but for its line ends.
    fn is_same_file(&self, other: &Self) -> bool {
        self.bytes == other.bytes || lines(&self.bytes).eq(lines(&other.bytes))
    }
}

/// The lines of a file, without their ends.
fn lines(file: &[u8]) -> impl Iterator<Item = &[u8]> {
    file.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}

/// Compares some values.
pub(super) fn compare_values(
    before: Option<&Tree>,
    after: Option<&Tree>,
    ids: impl IntoIterator<Item = SecretId>,
) -> Result<Vec<ValueChange>, StoreError> {
    let mut changes = Vec::new();
    let (mut added, mut removed) = (Vec::new(), Vec::new());
    for id in ids {
        match (Sealed::read(before, &id)?, Sealed::read(after, &id)?) {
            (None, None) => {}
            (None, Some(file)) => added.push((id, file)),
            (Some(file), None) => removed.push((id, file)),
            (Some(old), Some(new)) if old.is_same_file(&new) => {}
            (Some(old), Some(new)) => {
                let kind = match old.identity.compare(new.identity) {
                    Sameness::Same => ValueChangeKind::SealedAgain,
                    Sameness::SetApart => ValueChangeKind::Changed,
                    Sameness::Unknown => ValueChangeKind::Unclear,
                };
                changes.push(ValueChange { id, kind, set_at: new.set_at });
            }
        }
    }
    for (id, file) in &added {
        let kind = match origin(id, file, &added, &removed) {
            Some(from) => ValueChangeKind::Renamed { from: from.clone() },
            None => ValueChangeKind::Added,
        };
        changes.push(ValueChange { id: id.clone(), kind, set_at: file.set_at });
    }
    for (id, file) in &removed {
        let is_origin = |change: &ValueChange| matches!(&change.kind, ValueChangeKind::Renamed { from } if from == id);
        if !changes.iter().any(is_origin) {
            let kind = ValueChangeKind::Removed;
            changes.push(ValueChange { id: id.clone(), kind, set_at: file.set_at });
        }
    }
    changes.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(changes)
}

/// The secret whose value went away as this one came: the only one with this
/// value. Where neither file states a tag, the only one of the application, or
/// with the key, that was set at the same time; an earlier version of this
/// program kept nothing else when it renamed one.
fn origin<'a>(
    id: &SecretId,
    file: &Sealed,
    added: &[(SecretId, Sealed)],
    removed: &'a [(SecretId, Sealed)],
) -> Option<&'a SecretId> {
    let only = |is_it: &dyn Fn(&Sealed) -> bool| {
        let is_alone = added.iter().filter(|(_, one)| is_it(one)).count() == 1;
        let mut found = removed.iter().filter(|(_, one)| is_it(one));
        match (found.next(), found.next()) {
            (Some((id, _)), None) if is_alone => Some(id),
            _ => None,
        }
    };
    let is_same = |one: &Sealed| one.identity.compare(file.identity) == Sameness::Same;
    only(&is_same).or_else(|| {
        let time = file.set_at.filter(|_| file.is_earlier)?;
        let from = only(&|one| one.is_earlier && one.set_at == Some(time))?;
        let is_near = from.application == id.application || from.key == id.key;
        (is_near && from.environment == id.environment).then_some(from)
    })
}

/// Compares all holders.
pub(super) fn compare_holders(
    before: Option<&Tree>,
    after: Option<&Tree>,
    scope: &Scope,
) -> Result<Vec<HolderChange>, StoreError> {
    let read = |tree: Option<&Tree>| tree.map_or(Ok(Holders::default()), Holders::read);
    let (before, after) = (read(before)?, read(after)?);
    let all: BTreeMap<&HolderName, ()> =
        before.iter().chain(after.iter()).map(|(name, _)| (name, ())).collect();
    let changes = all.into_keys().filter_map(|name| {
        let (old, new) = (before.get(name), after.get(name));
        (old != new).then(|| HolderChange::of(name, old, new))
    });
    Ok(changes.filter(|change| scope.concerns(change)).collect())
}

impl HolderChange {
    fn of(name: &HolderName, old: Option<&Holder>, new: Option<&Holder>) -> Self {
        let is_holder = [old.is_some(), new.is_some()];
        let nobody = Holder { keys: Vec::new(), access: Vec::new(), signing_keys: Vec::new() };
        let (old, new) = (old.unwrap_or(&nobody), new.unwrap_or(&nobody));
        let may =
            |holder: &Holder, access: &Access| holder.access.iter().any(|has| has.includes(access));
        let lacking = |these: &Holder, those: &Holder| {
            these.access.iter().filter(|access| !may(those, access)).cloned().collect()
        };
        let mut access = old.access.clone();
        access.extend(new.access.iter().filter(|access| !old.access.contains(access)).cloned());
        Self {
            name: name.clone(),
            is_holder,
            access,
            gained: lacking(new, old),
            lost: lacking(old, new),
            keys_added: without(&new.keys, &old.keys),
            keys_removed: without(&old.keys, &new.keys),
            signing_keys_added: without(&new.signing_keys, &old.signing_keys),
            signing_keys_removed: without(&old.signing_keys, &new.signing_keys),
        }
    }
}

fn without<T: Clone + PartialEq>(these: &[T], those: &[T]) -> Vec<T> {
    these.iter().filter(|one| !those.contains(one)).cloned().collect()
}
