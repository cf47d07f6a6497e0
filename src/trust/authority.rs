//! What access it takes to change a file.

use std::collections::BTreeSet;

use crate::layout::{self, Layout};
use crate::model::{ApplicationName, EnvironmentName};
use crate::store::{
    Access, Holders, RECIPIENTS, SECRETS, SigningKey, StoreError, Withdrawal, Withdrawals,
};
use crate::tree::Tree;

/// The environments whose secrets are at stake, and how they are described.
#[derive(Debug, Clone)]
pub struct Scope {
    /// Which files describe environments and applications.
    pub layout: Layout,
    /// The environments.
    pub environments: BTreeSet<EnvironmentName>,
}

/// What the holders are to whom a commit is known that changes a file.
pub(super) enum Need {
    /// It does not concern the environments.
    Nothing,
    /// Somebody whose access covers all of these.
    Access(Vec<Access>),
    /// A holder's file: somebody who has at least the access that the holder
    /// had, and has now.
    Holder,
    /// The record of withdrawn access, to which is only appended.
    Withdrawals,
}

impl Scope {
    /// What it takes to change the file at a path. `around` are the files
    /// around it, before and after.
    pub(super) fn need(&self, path: &str, around: &[Tree]) -> Need {
        let parts: Vec<&str> = path.split('/').collect();
        match (parts.as_slice(), self.layout) {
            ([RECIPIENTS, _], _) if *path == Withdrawals::path() => Need::Withdrawals,
            ([RECIPIENTS, file], _) if file.ends_with(".toml") => Need::Holder,
            ([SECRETS, "environments", file], Layout::Standalone) => {
                self.environment(file.strip_suffix(".toml"))
            }
            ([SECRETS, "applications", ..], Layout::Standalone) => self.all(),
            ([SECRETS, environment, rest @ ..], _) if !rest.is_empty() => {
                self.value(environment, rest)
            }
            ([RECIPIENTS | SECRETS, ..], _) => Need::Access(vec![Access::Everything]),
            (["environments", "values.yaml"], Layout::Phalanx) => self.all(),
            (["environments", file], Layout::Phalanx) => {
                match file.strip_prefix("values-").and_then(|file| file.strip_suffix(".yaml")) {
                    Some(environment) => self.environment(Some(environment)),
                    None => Need::Nothing,
                }
            }
            (["applications", application, file], Layout::Phalanx) => {
                self.application_file(application, file, around)
            }
            // A link or a submodule where a folder should be.
            (["environments" | "applications"] | ["applications", _], Layout::Phalanx) => {
                self.all()
            }
            _ => Need::Nothing,
        }
    }

    /// A file that describes one environment.
    fn environment(&self, name: Option<&str>) -> Need {
        match name.and_then(|name| name.parse().ok()) {
            Some(name) if self.environments.contains(&name) => {
                Need::Access(vec![Access::Environment(name)])
            }
            _ => Need::Nothing,
        }
    }

    /// A file that all environments share. A spec can copy the secret of any
    /// other application, so it takes access to the whole environment.
    fn all(&self) -> Need {
        match self.environments.is_empty() {
            true => Need::Nothing,
            false => {
                Need::Access(self.environments.iter().cloned().map(Access::Environment).collect())
            }
        }
    }

    /// A file among the values of an environment.
    fn value(&self, environment: &str, rest: &[&str]) -> Need {
        let Ok(environment) = environment.parse::<EnvironmentName>() else {
            return Need::Access(vec![Access::Everything]);
        };
        if !self.environments.contains(&environment) {
            return Need::Nothing;
        }
        let application = match rest {
            [application, _] => application.parse::<ApplicationName>().ok(),
            _ => None,
        };
        Need::Access(vec![match application {
            Some(application) => Access::Application(environment, application),
            None => Access::Environment(environment),
        }])
    }

    /// A file of an application, most of which have nothing to do with its
    /// secrets.
    fn application_file(&self, application: &str, file: &str, around: &[Tree]) -> Need {
        let of = |kind: &str| -> Option<Need> {
            let rest = file.strip_prefix(kind)?.strip_suffix(".yaml")?;
            match rest.strip_prefix('-') {
                Some(environment) => Some(self.environment(Some(environment))),
                None if rest.is_empty() => Some(self.all()),
                None => None,
            }
        };
        if let Some(need) = of("secrets") {
            return need;
        }
        let Some(need) = of("values") else { return Need::Nothing };
        // Settings matter where a secret hangs on one.
        let matters = around.iter().any(|tree| layout::has_conditions(tree, application));
        if matters { need } else { Need::Nothing }
    }
}

/// What a signing key's holders may read, and so change.
pub(super) fn access_of(holders: &Holders, key: &SigningKey) -> Vec<Access> {
    let own = holders.iter().filter(|(_, holder)| holder.signing_keys.contains(key));
    own.flat_map(|(_, holder)| holder.access.iter().cloned()).collect()
}

/// The first access that is needed and not held.
pub(super) fn lacking<'a>(held: &[Access], needed: &'a [Access]) -> Option<&'a Access> {
    needed.iter().find(|needed| !held.iter().any(|held| held.includes(needed)))
}

/// The access at stake where the record of withdrawn access changes: that of
/// what was appended; everything, where something else was done to it.
pub(super) fn withdrawn_access(before: &[Tree], after: &Tree) -> Result<Vec<Access>, StoreError> {
    let after = Withdrawals::read(after)?;
    let before = before.iter().map(Withdrawals::read).collect::<Result<Vec<_>, _>>()?;
    if before.iter().any(|before| before.iter().any(|one| !after.iter().any(|now| now == one))) {
        return Ok(vec![Access::Everything]);
    }
    let was_there =
        |one: &Withdrawal| before.iter().any(|before| before.iter().any(|was| was == one));
    Ok(after.iter().filter(|one| !was_there(one)).flat_map(|one| one.access.clone()).collect())
}

/// The access at stake where a holder's file changes: all that the holder had
/// and has.
pub(super) fn holder_access<'a>(
    path: &str,
    holders: impl Iterator<Item = &'a Holders>,
) -> Vec<Access> {
    let stem = path.strip_prefix(RECIPIENTS).and_then(|path| path.strip_prefix('/'));
    let name = stem.and_then(|stem| stem.strip_suffix(".toml")).and_then(|stem| stem.parse().ok());
    // A file that is no holder's, whatever it is for.
    let Some(name) = name else { return vec![Access::Everything] };
    holders.filter_map(|holders| holders.get(&name)).flat_map(|one| one.access.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What it takes to change a file, in a line.
    fn need(scope: &Scope, tree: &Tree, path: &str) -> String {
        match scope.need(path, std::slice::from_ref(tree)) {
            Need::Nothing => "nothing".to_owned(),
            Need::Holder => "holder".to_owned(),
            Need::Withdrawals => "withdrawals".to_owned(),
            Need::Access(access) => {
                access.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
            }
        }
    }

    fn scope(layout: Layout, environments: &[&str]) -> Scope {
        let environments = environments.iter().map(|name| name.parse().unwrap()).collect();
        Scope { layout, environments }
    }

    #[test]
    fn each_file_takes_the_access_that_it_could_abuse() {
        let folder = tempfile::tempdir().unwrap();
        let write = |file: &str, text: &str| {
            crate::store::write_file(folder.path(), file, text.as_bytes()).unwrap();
        };
        write("applications/plain/secrets.yaml", "a:\n  description: as if\n");
        write("applications/hung/secrets.yaml", "a:\n  description: x\n  if: b.c\n");
        write("applications/rule/secrets.yaml", "a:\n  description: x\n");
        let rule = "a:\n  description: x\n  generate:\n    if: b\n    type: password\n";
        write("applications/rule/secrets-idfdev.yaml", rule);
        write("applications/broken/secrets.yaml", ": {");
        let tree = Tree::new(folder.path());
        let one = scope(Layout::Phalanx, &["idfdev"]);
        let two = scope(Layout::Phalanx, &["idfdev", "summit"]);
        let standalone = scope(Layout::Standalone, &["idfdev", "summit"]);
        // The path, and what it takes for one environment, for two, and for
        // two in the standalone layout.
        for (path, alone, together, elsewhere) in [
            ("secrets/idfdev/app/key.age", "idfdev/app", "idfdev/app", "idfdev/app"),
            ("secrets/summit/app/key.age", "nothing", "summit/app", "summit/app"),
            (
                "secrets/idfdev/pull-secret/x.age",
                "idfdev/pull-secret",
                "idfdev/pull-secret",
                "idfdev/pull-secret",
            ),
            ("secrets/idfdev/file", "idfdev", "idfdev", "idfdev"),
            ("secrets/idfdev/a/b/c", "idfdev", "idfdev", "idfdev"),
            ("secrets/idfdev/a b/c", "idfdev", "idfdev", "idfdev"),
            ("secrets/a b/c", "*", "*", "*"),
            ("secrets/store.toml", "*", "*", "*"),
            ("secrets", "*", "*", "*"),
            ("recipients", "*", "*", "*"),
            ("recipients/bob.toml", "holder", "holder", "holder"),
            ("recipients/withdrawn.toml", "withdrawals", "withdrawals", "withdrawals"),
            ("recipients/a/bob.toml", "*", "*", "*"),
            ("recipients/README", "*", "*", "*"),
            ("environments/values.yaml", "idfdev", "idfdev summit", "nothing"),
            ("environments/values-idfdev.yaml", "idfdev", "idfdev", "nothing"),
            ("environments/values-summit.yaml", "nothing", "summit", "nothing"),
            ("environments/Chart.yaml", "nothing", "nothing", "nothing"),
            ("environments/templates/values.yaml", "nothing", "nothing", "nothing"),
            ("environments", "idfdev", "idfdev summit", "nothing"),
            ("applications/plain", "idfdev", "idfdev summit", "nothing"),
            ("applications/plain/secrets.yaml", "idfdev", "idfdev summit", "nothing"),
            ("applications/plain/secrets-idfdev.yaml", "idfdev", "idfdev", "nothing"),
            ("applications/plain/secrets-summit.yaml", "nothing", "summit", "nothing"),
            ("applications/plain/secretsx.yaml", "nothing", "nothing", "nothing"),
            ("applications/plain/values.yaml", "nothing", "nothing", "nothing"),
            ("applications/hung/values.yaml", "idfdev", "idfdev summit", "nothing"),
            ("applications/hung/values-idfdev.yaml", "idfdev", "idfdev", "nothing"),
            ("applications/rule/values.yaml", "idfdev", "idfdev summit", "nothing"),
            ("applications/broken/values.yaml", "idfdev", "idfdev summit", "nothing"),
            ("applications/hung/templates/values.yaml", "nothing", "nothing", "nothing"),
            ("applications/hung/Chart.yaml", "nothing", "nothing", "nothing"),
            ("secrets/environments/idfdev.toml", "*", "*", "idfdev"),
            ("secrets/environments/x.toml", "*", "*", "nothing"),
            ("secrets/applications/app.toml", "*", "*", "idfdev summit"),
            ("README.md", "nothing", "nothing", "nothing"),
        ] {
            assert_eq!(need(&one, &tree, path), alone, "{path} alone");
            assert_eq!(need(&two, &tree, path), together, "{path} together");
            assert_eq!(need(&standalone, &tree, path), elsewhere, "{path} in the other layout");
        }
    }
}
