//! Where the command works: the checkout, its layout and its store.

use std::path::{Path, PathBuf};

use git2::Oid;

use super::error::CliError;
use super::settings::Settings;
use super::ui::Ui;
use crate::history::former_holders;
use crate::layout::Layout;
use crate::model::{ApplicationName, Environment, EnvironmentName, KeyName, SecretId};
use crate::repo::{GitRepository, RepositoryError};
use crate::store::{
    Contents, FormerHolders, STORE_FILE, Store, StoreError, StoredValue, is_backup, sealed_path,
};
use crate::suggest::{did_you_mean, nearest};
use crate::tree::Tree;

/// Where a command that changes nothing reads.
#[derive(Debug, clap::Args)]
pub(super) struct RevisionArgs {
    /// Read everything from this commit, branch or tag instead of the work
    /// tree; REVISION:FOLDER where the store lies in a folder
    #[arg(long, value_name = "REVISION")]
    rev: Option<String>,
}

impl RevisionArgs {
    pub(super) fn of_commit(commit: Oid) -> Self {
        Self { rev: Some(commit.to_string()) }
    }

    pub(super) fn named(revision: &str) -> Self {
        Self { rev: Some(revision.to_owned()) }
    }

    /// The current commit where none is named.
    pub(super) fn or_head(&self) -> Self {
        Self::named(self.rev.as_deref().unwrap_or("HEAD"))
    }
}

/// Whether git can tell what was before, where a command was to work: there is
/// a repository, and it has a commit.
pub(super) fn has_history(root: Option<&Path>, settings: &Settings) -> bool {
    let place = root.or(settings.current_folder.as_deref().ok());
    let repository = place.and_then(|place| GitRepository::discover(place).ok());
    repository.is_some_and(|repository| repository.resolve("HEAD").is_ok())
}

/// How a store is opened: strictly, or for `check`.
pub(super) type OpenStore = fn(&Tree) -> Result<Option<Store>, StoreError>;

/// A checkout.
#[derive(Debug, Clone)]
pub(super) struct Checkout {
    pub(super) tree: Tree,
    pub(super) layout: Layout,
    /// The folder that it is, or the repository that it is in.
    pub(super) place: PathBuf,
    /// The commit that it is read from; `None` where that is the work tree.
    pub(super) commit: Option<Oid>,
    /// Where it is in the repository, where it is read from a commit.
    below: String,
    store: Option<Store>,
}

impl Checkout {
    /// Opens the checkout at `root`, or the one that the current folder is in.
    pub(super) fn find(root: Option<&Path>, settings: &Settings) -> Result<Self, CliError> {
        let root = find_root(root, settings)?;
        Self::open(Tree::new(&root), root, Store::open)
    }

    /// The same, or as a commit has it.
    pub(super) fn find_at(
        root: Option<&Path>,
        at: &RevisionArgs,
        settings: &Settings,
    ) -> Result<Self, CliError> {
        Self::find_at_with(root, at, settings, Store::open)
    }

    /// The same, with a way to open the store.
    pub(super) fn find_at_with(
        root: Option<&Path>,
        at: &RevisionArgs,
        settings: &Settings,
        open: OpenStore,
    ) -> Result<Self, CliError> {
        let Some(revision) = &at.rev else {
            let root = find_root(root, settings)?;
            return Self::open(Tree::new(&root), root, open);
        };
        let place = match root {
            Some(root) => root,
            None => current_folder(settings)?,
        };
        let repository = GitRepository::discover(place)?;
        let (commit, root_named) = repository.resolve_root(revision)?;
        let mut below = repository.below().to_owned();
        let is_given = root.is_some() || root_named.is_some();
        below = root_named.unwrap_or(below);
        let mut repository = repository.with_root(&below);
        // The root is looked for as in the work tree: from here upwards.
        loop {
            match repository.tree_at(commit) {
                Ok(tree) if is_root(&tree) => {
                    let checkout = Self::open(tree, place.to_owned(), open)?;
                    return Ok(Self { commit: Some(commit), below, ..checkout });
                }
                Ok(_) | Err(RepositoryError::NoFolder { .. }) if !is_given && !below.is_empty() => {
                    let above = below.trim_end_matches('/').rsplit_once('/');
                    below = above.map_or_else(String::new, |(above, _)| format!("{above}/"));
                    repository = repository.with_root(&below);
                }
                Ok(_) => {
                    let message = format!(
                        "{revision} has neither a Phalanx checkout nor a store in this place"
                    );
                    return Err(CliError::store(message)
                        .hint("name the folder that it is in: --rev REVISION:FOLDER".to_owned()));
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The repository that it is in, with the root that it has there.
    pub(super) fn repository(&self) -> Result<GitRepository, RepositoryError> {
        let repository = GitRepository::discover(&self.place)?;
        Ok(match self.commit {
            Some(_) => repository.with_root(&self.below),
            None => repository,
        })
    }

    /// Who the holders were, as far as the repository's history tells.
    pub(super) fn former_holders(&self) -> FormerHolders<'_> {
        FormerHolders::new(|| {
            let states = self.repository().ok().and_then(|repository| {
                let from = self.commit.or_else(|| repository.resolve("HEAD").ok())?;
                former_holders(&repository, from).ok()
            });
            states.unwrap_or_default()
        })
    }

    /// The same, as the index of the git repository has it: what the next
    /// commit would hold.
    pub(super) fn find_staged(
        root: Option<&Path>,
        settings: &Settings,
        open: OpenStore,
    ) -> Result<Self, CliError> {
        let root = find_root(root, settings)?;
        let tree = Tree::of_index(&root, settings.git_index_file().as_deref())?;
        let has_store_on_disk = Tree::new(&root).has_file(STORE_FILE);
        let is_checkout = Layout::detect(&tree) == Some(Layout::Phalanx);
        if !tree.has_file(STORE_FILE) && (has_store_on_disk || !is_checkout) {
            let message = format!("there is no store in the git index: it has no {STORE_FILE}");
            let hint = "add it with: git add secrets recipients".to_owned();
            return Err(CliError::store(message).hint(hint));
        }
        Self::open(tree, root, open)
    }

    fn open(tree: Tree, place: PathBuf, open: OpenStore) -> Result<Self, CliError> {
        let store = open(&tree)?;
        let layout = store.as_ref().map(|store| store.settings.layout);
        let Some(layout) = layout.or_else(|| Layout::detect(&tree)) else {
            return Err(CliError::store(format!(
                "{} is neither a Phalanx checkout nor has it a store",
                place.display()
            ))
            .hint("name the root of the checkout with -c FOLDER".to_owned()));
        };
        Ok(Self { tree, layout, place, commit: None, below: String::new(), store })
    }

    /// The store.
    pub(super) fn store(&self) -> Result<&Store, CliError> {
        self.store.as_ref().ok_or_else(|| {
            CliError::store(format!("there is no store here: {STORE_FILE} does not exist"))
                .hint("make one with: phalanx-secrets init".to_owned())
        })
    }

    /// The store, where there is one.
    pub(super) fn store_if_any(&self) -> Option<&Store> {
        self.store.as_ref()
    }

    /// One environment.
    pub(super) fn environment(&self, name: &EnvironmentName) -> Result<Environment, CliError> {
        Ok(self.layout.load(&self.tree, name)?)
    }
}

fn find_root(root: Option<&Path>, settings: &Settings) -> Result<PathBuf, CliError> {
    let root = match root {
        Some(root) => root.to_owned(),
        None => search(settings)?,
    };
    if !root.is_dir() {
        return Err(CliError::usage(format!("there is no folder {}", root.display())));
    }
    Ok(root)
}

fn search(settings: &Settings) -> Result<PathBuf, CliError> {
    let here = current_folder(settings)?;
    here.ancestors().find(|folder| is_root(&Tree::new(*folder))).map(Path::to_owned).ok_or_else(
        || {
            CliError::store("neither this folder nor one above it is a Phalanx checkout or a store")
            .hint(
                "change into the checkout, or name its root with -c FOLDER; a store is made with: \
                 phalanx-secrets init"
                    .to_owned(),
            )
        },
    )
}

/// Whether there is a checkout or a store at the root of a tree.
fn is_root(tree: &Tree) -> bool {
    tree.has_file(STORE_FILE) || Layout::detect(tree).is_some()
}

fn current_folder(settings: &Settings) -> Result<&Path, CliError> {
    settings.current_folder.as_deref().map_err(|error| {
        CliError::store(format!("the current folder cannot be determined: {error}"))
    })
}

/// What to say of an application that the environment does not enable.
pub(super) fn unknown_application(
    environment: &Environment,
    application: &ApplicationName,
) -> CliError {
    let name = &environment.name;
    let names = environment.applications.keys().map(ApplicationName::as_str);
    let hint = nearest(application.as_str(), names).map(|near| format!("did you mean {near}?"));
    CliError::usage(format!("{name} does not enable an application named {application}")).hint(hint)
}

/// What to say of a secret that no spec of the environment asks for.
pub(super) fn unknown_secret(
    environment: &Environment,
    application: &ApplicationName,
    key: &KeyName,
) -> CliError {
    let name = &environment.name;
    let Some(known) = environment.applications.get(application) else {
        return unknown_application(environment, application);
    };
    let names = known.secrets.keys().map(KeyName::as_str);
    let key_name = key.as_str();
    let hint = nearest(key_name, names).map(|near| did_you_mean(key_name, near));
    CliError::usage(format!("{application} needs no secret named {key} in {name}"))
        .hint(hint)
        .hint(format!("see what it needs with: phalanx-secrets list {name}"))
}

/// What to say of a secret that has no value, where that is all that matters.
pub(super) fn not_stored(contents: &Contents, id: SecretId) -> CliError {
    let stored: Vec<SecretId> = contents.ids().filter(|id| !is_backup(id)).collect();
    let beside = stored.iter().filter(|stored| stored.application == id.application);
    let key = nearest(id.key.as_str(), beside.map(|stored| stored.key.as_str()));
    let applications = stored.iter().map(|stored| stored.application.as_str());
    let application = nearest(id.application.as_str(), applications);
    let near = match (key, application) {
        (Some(key), _) => Some(format!("did you mean {key}?")),
        (None, Some(near)) if near != id.application.as_str() => {
            Some(format!("did you mean {near}?"))
        }
        _ => None,
    };
    let list = format!("see what there is with: phalanx-secrets list {}", id.environment);
    let file = sealed_path(&id);
    CliError::from(StoreError::NotStored { id, file }).hint(near).hint(list)
}

/// Warns of values whose seals are not what they should be.
pub(super) fn warn_of_seals(ui: &Ui, store: &Store, values: &[StoredValue]) {
    for StoredValue { id, opened } in values {
        if let Err(fault) = opened.header.judge(id, &store.holders) {
            ui.warn(&format!("{}: {fault}", sealed_path(id)));
        }
    }
}
