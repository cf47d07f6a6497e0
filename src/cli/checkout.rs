//! Where the command works: the checkout, its layout and its store.

use std::path::{Path, PathBuf};

use super::error::CliError;
use super::settings::Settings;
use super::ui::Ui;
use crate::layout::Layout;
use crate::model::{ApplicationName, Environment, EnvironmentName, KeyName};
use crate::store::{STORE_FILE, Store, StoredValue, sealed_path};
use crate::suggest::nearest;
use crate::tree::Tree;

/// A checkout.
#[derive(Debug)]
pub(super) struct Checkout {
    pub(super) tree: Tree,
    pub(super) layout: Layout,
    store: Option<Store>,
}

impl Checkout {
    /// Opens the checkout at `root`, or the one that the current folder is in.
    pub(super) fn find(root: Option<&Path>, settings: &Settings) -> Result<Self, CliError> {
        let root = find_root(root, settings)?;
        Self::open(Tree::new(&root), &root)
    }

    /// The same, as the index of the git repository has it: what the next
    /// commit would hold.
    pub(super) fn find_staged(root: Option<&Path>, settings: &Settings) -> Result<Self, CliError> {
        let root = find_root(root, settings)?;
        let tree = Tree::of_index(&root, settings.git_index_file().as_deref())?;
        if !tree.has_file(STORE_FILE) {
            let message = format!("there is no store in the git index: it has no {STORE_FILE}");
            let hint = "add it with: git add secrets recipients".to_owned();
            return Err(CliError::store(message).hint(hint));
        }
        Self::open(tree, &root)
    }

    fn open(tree: Tree, root: &Path) -> Result<Self, CliError> {
        let store = Store::open(&tree)?;
        let layout = store.as_ref().map(|store| store.settings.layout);
        let Some(layout) = layout.or_else(|| Layout::detect(&tree)) else {
            return Err(CliError::store(format!(
                "{} is neither a Phalanx checkout nor has it a store",
                root.display()
            ))
            .hint("name the root of the checkout with -c FOLDER".to_owned()));
        };
        Ok(Self { tree, layout, store })
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
    let here = settings.current_folder.as_ref().map_err(|error| {
        CliError::store(format!("the current folder cannot be determined: {error}"))
    })?;
    let is_root = |folder: &&Path| {
        folder.join(STORE_FILE).is_file() || Layout::detect(&Tree::new(*folder)).is_some()
    };
    here.ancestors().find(is_root).map(Path::to_owned).ok_or_else(|| {
        CliError::store("neither this folder nor one above it is a Phalanx checkout or a store")
            .hint(
                "change into the checkout, or name its root with -c FOLDER; a store is made with: \
                 phalanx-secrets init"
                    .to_owned(),
            )
    })
}

/// What to say of a secret that no spec of the environment asks for.
pub(super) fn unknown_secret(
    environment: &Environment,
    application: &ApplicationName,
    key: &KeyName,
) -> CliError {
    let name = &environment.name;
    let Some(known) = environment.applications.get(application) else {
        let names = environment.applications.keys().map(ApplicationName::as_str);
        let hint = nearest(application.as_str(), names).map(|near| format!("did you mean {near}?"));
        let message = format!("{name} does not enable an application named {application}");
        return CliError::usage(message).hint(hint);
    };
    let names = known.secrets.keys().map(KeyName::as_str);
    let hint = nearest(key.as_str(), names).map(|near| format!("did you mean {near}?"));
    CliError::usage(format!("{application} needs no secret named {key} in {name}"))
        .hint(hint)
        .hint(format!("see what it needs with: phalanx-secrets list {name}"))
}

/// Warns of values whose seals are not what they should be.
pub(super) fn warn_of_seals(ui: &Ui, store: &Store, values: &[StoredValue]) {
    for StoredValue { id, opened } in values {
        if let Err(fault) = opened.header.judge(id, &store.holders) {
            ui.warn(&format!("{}: {fault}", sealed_path(id)));
        }
    }
}
