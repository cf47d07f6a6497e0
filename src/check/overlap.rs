//! Environments that are in each other's way in Vault: one place is one
//! environment's.
//!
//! Most often one was made by copying the file of the other. What `check` finds
//! here, the commands that write refuse. An environment that `store.toml` has
//! as not served is compared with nothing: its server may be another of the
//! same name, as in a cluster or a namespace of its own.

use crate::layout::{Layout, LayoutError, Place};
use crate::model::{EnvironmentName, VaultLocation};
use crate::store::Store;
use crate::tree::Tree;
use crate::vault::is_same_server;

/// The places of all environments.
#[derive(Debug, Default)]
pub struct Neighbours {
    /// Those that are known.
    pub places: Vec<Place>,
    /// All environments by name, those that are not served too.
    pub names: Vec<EnvironmentName>,
    /// Those whose file cannot be read.
    pub unread: Vec<(EnvironmentName, LayoutError)>,
}

/// How two environments are in each other's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// They are in one place.
    Same,
    /// The first is inside the other.
    Inside,
    /// The other is inside the first.
    Around,
}

/// What two files of environments have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shared {
    /// The domain name.
    Fqdn,
    /// The vault in 1Password.
    Onepassword,
}

/// Another environment that is in the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlap {
    /// The other.
    pub other: EnvironmentName,
    /// Where it is.
    pub place: VaultLocation,
    /// How.
    pub sharing: Sharing,
    /// Whose place it is by its name, where that can be told: the file of the
    /// other of the two is to be changed.
    pub owner: Option<EnvironmentName>,
}

impl Neighbours {
    /// Reads where all environments are that are served from here, and this
    /// one.
    ///
    /// # Errors
    /// A list of environments that cannot be read.
    pub fn read(
        tree: &Tree,
        layout: Layout,
        store: Option<&Store>,
        this: Option<&EnvironmentName>,
    ) -> Result<Self, LayoutError> {
        let all = layout.environments(tree)?;
        let mut names = all.clone();
        names.retain(|name| {
            this == Some(name) || store.is_none_or(|store| store.settings.serves(name))
        });
        let places = layout.places(tree, &names)?;
        let mut found = Self { names: all, ..Self::default() };
        for (place, name) in places.into_iter().zip(names) {
            match place {
                Ok(place) => found.places.extend(place),
                Err(error) => found.unread.push((name, error)),
            }
        }
        Ok(found)
    }

    /// Who is in the way of an environment that is at a place.
    #[must_use]
    pub fn of(&self, name: &EnvironmentName, place: &VaultLocation) -> Vec<Overlap> {
        let others = self.places.iter().filter(|other| other.environment != *name);
        let found = others.filter_map(|other| {
            let sharing = sharing(place, &other.vault)?;
            let owner = match sharing {
                Sharing::Same => owner(&place.path, name, &other.environment),
                _ => None,
            };
            let (other, place) = (other.environment.clone(), other.vault.clone());
            Some(Overlap { other, place, sharing, owner: owner.cloned() })
        });
        found.collect()
    }

    /// What the file of an environment has in common with that of another,
    /// although each has its own: the setting, and who else has it.
    #[must_use]
    pub fn copied(&self, name: &EnvironmentName) -> Vec<(Shared, &EnvironmentName)> {
        let of_this = |place: &&Place| place.environment == *name;
        let Some(this) = self.places.iter().find(of_this) else { return Vec::new() };
        let mut found = Vec::new();
        for other in self.places.iter().filter(|place| !of_this(place)) {
            let is_one = |one: &Option<String>, other: &Option<String>| match (one, other) {
                (Some(one), Some(other)) => !one.is_empty() && one.eq_ignore_ascii_case(other),
                _ => false,
            };
            if is_one(&this.fqdn, &other.fqdn) {
                found.push((Shared::Fqdn, &other.environment));
            }
            if this.onepassword.is_some() && this.onepassword == other.onepassword {
                found.push((Shared::Onepassword, &other.environment));
            }
        }
        found
    }

    /// The other environment that a place is named after, where that one's own
    /// place is not, as far as it is known: two files were swapped, or one was
    /// copied over another.
    #[must_use]
    pub fn named_after(
        &self,
        name: &EnvironmentName,
        place: &VaultLocation,
    ) -> Option<&EnvironmentName> {
        let is_named_after = |path: &str, name: &EnvironmentName| {
            path.rsplit('/').next().is_some_and(|last| last == name.as_str())
        };
        let mut others = self.names.iter().filter(|other| *other != name);
        let other = others.find(|other| is_named_after(&place.path, other))?;
        let mut places = self.places.iter();
        let has_its_own =
            places.any(|one| one.environment == *other && is_named_after(&one.vault.path, other));
        (!has_its_own).then_some(other)
    }

    /// The name that the file of an environment gives it, where that is
    /// another.
    #[must_use]
    pub fn misnamed(&self, name: &EnvironmentName) -> Option<&str> {
        let place = self.places.iter().find(|place| place.environment == *name)?;
        place.declared.as_deref().filter(|declared| *declared != name.as_str())
    }
}

impl Overlap {
    /// What is wrong, to be read after "it is", of an environment at a place.
    #[must_use]
    pub fn text(&self, place: &VaultLocation) -> String {
        let Self { other, place: theirs, sharing, .. } = self;
        let prefix = format!("{}/{}", place.mount, place.path);
        let its = format!("{}/{}", theirs.mount, theirs.path);
        match sharing {
            Sharing::Same => format!(
                "it is in one place of Vault ({prefix}) with {other}: each would write over the \
                 other's secrets"
            ),
            Sharing::Inside => format!(
                "it is in a folder of Vault ({prefix}) inside that of {other} ({its}): whoever \
                 may read or write {other} may do so here, too"
            ),
            Sharing::Around => format!(
                "it has the place of {other} ({its}) inside its own ({prefix}): whoever may read \
                 or write it may do so there, too"
            ),
        }
    }

    /// The one whose file is to be changed, as far as that can be told.
    #[must_use]
    pub fn wrong<'e>(&'e self, name: &'e EnvironmentName) -> Option<&'e EnvironmentName> {
        let owner = self.owner.as_ref()?;
        Some(if owner == name { &self.other } else { name })
    }

    /// Which of the two is right, as far as that can be told.
    #[must_use]
    pub fn hint(&self, name: &EnvironmentName) -> Option<String> {
        let (owner, wrong) = (self.owner.as_ref()?, self.wrong(name)?);
        Some(format!("the path is named after {owner}, so that of {wrong} is to be changed"))
    }
}

fn sharing(one: &VaultLocation, other: &VaultLocation) -> Option<Sharing> {
    if !is_same_server(&one.url, &other.url) {
        return None;
    }
    let is_below = |inner: &str, outer: &str| {
        inner.strip_prefix(outer).is_some_and(|below| below.starts_with('/'))
    };
    let whole = |place: &VaultLocation| format!("{}/{}", place.mount, place.path);
    let (here, there) = (whole(one), whole(other));
    match () {
        () if here == there => Some(Sharing::Same),
        () if is_below(&here, &there) => Some(Sharing::Inside),
        () if is_below(&there, &here) => Some(Sharing::Around),
        () => None,
    }
}

/// After which of two environments a path is named.
fn owner<'e>(
    path: &str,
    one: &'e EnvironmentName,
    other: &'e EnvironmentName,
) -> Option<&'e EnvironmentName> {
    let is_in = |name: &EnvironmentName| path.split('/').any(|part| part == name.as_str());
    match (is_in(one), is_in(other)) {
        (true, false) => Some(one),
        (false, true) => Some(other),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(name: &str, url: &str, prefix: &str) -> Place {
        let vault = VaultLocation::new(url, prefix).unwrap();
        Place {
            environment: name.parse().unwrap(),
            vault,
            declared: None,
            fqdn: None,
            onepassword: None,
        }
    }

    fn found(one: (&str, &str), other: (&str, &str)) -> Option<Sharing> {
        let (one, other) = (place("one", one.0, one.1), place("other", other.0, other.1));
        sharing(&one.vault, &other.vault)
    }

    #[test]
    fn places_are_compared_by_whole_components_of_one_server() {
        let (here, there) = ("https://vault.example.org/", "https://other.example.org");
        let same = "HTTPS://Vault.Example.org:443";
        for (one, other, expected) in [
            ((here, "secret/a/demo"), (same, "secret/a/demo"), Some(Sharing::Same)),
            ((here, "secret/a/demo"), (there, "secret/a/demo"), None),
            ((here, "secret/a/demo/x"), (same, "secret/a/demo"), Some(Sharing::Inside)),
            ((here, "secret/a"), (same, "secret/a/demo"), Some(Sharing::Around)),
            ((here, "secret/a/demo2"), (same, "secret/a/demo"), None),
            ((here, "kv/a/demo"), (same, "secret/a/demo"), None),
            ((here, "secret/b/demo"), (same, "secret/a/demo"), None),
            ((here, "secret/a/Demo"), (same, "secret/a/demo"), None),
            ((here, "secret/b/x"), (same, "secret/a/y"), None),
        ] {
            assert_eq!(found(one, other), expected, "{one:?} {other:?}");
        }
    }

    #[test]
    fn the_path_tells_whose_it_is() {
        let names: [EnvironmentName; 2] = ["demo".parse().unwrap(), "new".parse().unwrap()];
        let [demo, new] = &names;
        assert_eq!(owner("phalanx/demo", demo, new), Some(demo));
        assert_eq!(owner("new/phalanx", demo, new), Some(new));
        assert_eq!(owner("phalanx/demonstration", demo, new), None);
        assert_eq!(owner("new/demo", demo, new), None);
    }
}
