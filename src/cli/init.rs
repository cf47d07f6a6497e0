//! `init`: make a store, with the caller as its first key-holder.

use std::path::{Path, PathBuf};

use age::secrecy::ExposeSecret as _;
use zeroize::Zeroizing;

use super::commit::CommitArgs;
use super::private_file::{might_be_committed, warn_of_identities_to_add};
use super::{CliError, Exit, Global, Settings, Ui};
use crate::layout::Layout;
use crate::model::HolderName;
use crate::store::{
    Access, Holder, Identities, Recipient, STORE_FILE, StoreSettings, write_file, write_new_file,
};
use crate::tree::Tree;

/// What keeps git from changing sealed files on their way in and out.
const ATTRIBUTES: &str = "secrets/**/*.age -text";

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Layout [default: phalanx in a Phalanx checkout, else standalone]
    #[arg(long, value_enum)]
    layout: Option<LayoutName>,

    /// Name of the first holder [default: the name of the user]
    #[arg(long, value_name = "HOLDER")]
    name: Option<HolderName>,

    /// Public key of the first holder; repeatable [default: those of the
    /// identities at hand]
    #[arg(long = "key", value_name = "KEY")]
    keys: Vec<String>,

    /// Make a new identity for yourself first
    #[arg(long, conflicts_with = "keys")]
    new_identity: bool,

    /// What the first holder may read; repeatable
    #[arg(long, value_name = "ENVIRONMENT[/APPLICATION]", default_value = "*")]
    access: Vec<Access>,

    #[command(flatten)]
    commit: CommitArgs,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum LayoutName {
    /// A Phalanx checkout
    Phalanx,
    /// TOML files in secrets/environments and secrets/applications
    Standalone,
}

pub(super) fn run(
    args: &Args,
    global: &Global,
    settings: &Settings,
    ui: &Ui,
) -> Result<Exit, CliError> {
    let root = root(global, settings)?;
    let tree = Tree::new(&root);
    if tree.has_file(STORE_FILE) {
        return Err(CliError::store(format!("there is a store already: {STORE_FILE} exists")));
    }
    let commit = args.commit.begin_at(&root, false)?;
    let layout = match args.layout {
        Some(LayoutName::Phalanx) => Layout::Phalanx,
        Some(LayoutName::Standalone) => Layout::Standalone,
        None => Layout::detect(&tree).unwrap_or(Layout::Standalone),
    };
    if layout == Layout::Phalanx && Layout::detect(&tree) != Some(Layout::Phalanx) {
        return Err(CliError::store(format!("{} is no Phalanx checkout", root.display()))
            .hint("change into its root, or name it with -c FOLDER".to_owned()));
    }
    let name = holder_name(args, settings)?;
    let keys = keys(args, global, settings, ui)?;
    let holder = Holder { keys, access: args.access.clone(), signing_keys: Vec::new() };

    let toml_error = |error| CliError::new(Exit::Store, &error);
    let holder_text = holder.to_toml().map_err(toml_error)?;
    let store_text = toml::to_string(&StoreSettings::new(layout)).map_err(toml_error)?;
    let holder_file = Holder::path(&name);
    refuse_to_overwrite(&tree, &holder_file, &holder_text)?;
    write_attributes(&tree)?;
    write_file(&root, &holder_file, holder_text.as_bytes())?;
    // Last, since this is what makes it a store.
    write_new_file(&root, STORE_FILE, store_text.as_bytes())?;

    ui.status(&format!("Made a store in {}:", root.display()));
    ui.status(&format!("  {STORE_FILE}"));
    ui.status(&format!("  {holder_file}"));
    ui.status("  .gitattributes");
    let has_environments = !layout.environments(&tree)?.is_empty();
    let first = if commit.is_wanted() { "" } else { "commit these; then " };
    let next = if has_environments {
        "store a first value with: phalanx-secrets set"
    } else {
        "describe an environment in secrets/environments/ENVIRONMENT.toml, and what its \
         applications need in secrets/applications/APPLICATION.toml"
    };
    ui.hint(&format!("{first}{next}"));
    let files = vec![".gitattributes".to_owned(), holder_file, STORE_FILE.to_owned()];
    commit.end(files, "secrets: make a store", ui)?;
    Ok(Exit::Done)
}

fn root(global: &Global, settings: &Settings) -> Result<PathBuf, CliError> {
    match (&global.config, &settings.current_folder) {
        (Some(root), _) => Ok(root.clone()),
        (None, Ok(here)) => {
            // A checkout's root is where its store belongs.
            let is_checkout = |folder: &&Path| {
                Layout::detect(&Tree::new(*folder)).is_some() || folder.join(".git").exists()
            };
            Ok(here.ancestors().find(is_checkout).unwrap_or(here).to_owned())
        }
        (None, Err(error)) => {
            Err(CliError::store(format!("the current folder cannot be determined: {error}")))
        }
    }
}

fn holder_name(args: &Args, settings: &Settings) -> Result<HolderName, CliError> {
    if let Some(name) = &args.name {
        return Ok(name.clone());
    }
    let user = settings.user().and_then(|user| user.parse().ok());
    user.ok_or_else(|| {
        CliError::usage("the name of the first holder is not known")
            .hint("name yourself with --name HOLDER: letters, digits, '.', '_' and '-'".to_owned())
    })
}

fn keys(
    args: &Args,
    global: &Global,
    settings: &Settings,
    ui: &Ui,
) -> Result<Vec<Recipient>, CliError> {
    if args.new_identity {
        return Ok(vec![new_identity(settings, ui)?]);
    }
    if !args.keys.is_empty() {
        let parsed = args.keys.iter().zip(1..).map(|(key, position)| {
            key.parse::<Recipient>().map_err(|error| {
                CliError::usage(format!("--key number {position}: {error}")).hint(error.hint())
            })
        });
        return parsed.collect();
    }
    let sources = settings.identity_sources(&global.identities)?;
    warn_of_identities_to_add(&global.identities, ui);
    let identities = Identities::load_asking(&sources, &ui.ask())?;
    if identities.recipients().next().is_none() {
        identities.unlock_unknown();
    }
    let mut keys: Vec<Recipient> = identities.recipients().cloned().collect();
    keys.sort();
    keys.dedup();
    if keys.is_empty() {
        let mut error = CliError::store(
            "no identity of yours was found, so nobody could read \
                                         what you store",
        );
        error.details.extend(identities.describe());
        for skipped in identities.skipped.iter() {
            error.details.push(format!("passed over: {}", skipped.reason));
        }
        return Err(error.hint(
            "make one with --new-identity, name one with -i FILE, or give a public key with --key"
                .to_owned(),
        ));
    }
    Ok(keys)
}

/// Makes an identity where this tool looks for it first.
fn new_identity(settings: &Settings, ui: &Ui) -> Result<Recipient, CliError> {
    let path = settings.own_identity_file().ok_or_else(|| {
        CliError::usage("there is no home folder to keep an identity in (HOME is not set)")
    })?;
    if might_be_committed(&path) {
        let message =
            format!("{} is in a git repository, which would take it along", path.display());
        return Err(CliError::store(message)
            .hint("make one elsewhere: age-keygen -o FILE; then name it with -i FILE")
            .hint("or have git ignore that file"));
    }
    let identity = age::x25519::Identity::generate();
    let public = identity.to_public().to_string();
    let secret = identity.to_string();
    let mut text = Zeroizing::new(String::with_capacity(512));
    text.push_str(&format!("# public key: {public}\n"));
    text.push_str(secret.expose_secret());
    text.push('\n');
    write_private(&path, text.as_bytes()).map_err(|error| {
        let mut failed = CliError::store(format!("{} cannot be made", path.display()));
        failed.causes.push(error.to_string());
        let is_there = error.kind() == std::io::ErrorKind::AlreadyExists;
        failed.hint(
            is_there.then(|| "to use the one that is there, leave out --new-identity".to_owned()),
        )
    })?;
    ui.status(&format!("Made an identity: {}", path.display()));
    ui.warn("keep a copy of it in a safe place: what is sealed to it alone is lost with it");
    public.parse().map_err(|error| CliError::new(Exit::Store, &error))
}

/// Writes a file that only its owner may read, where there is none yet.
fn write_private(path: &Path, content: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;

    let folder = path.parent().unwrap_or(path);
    std::fs::create_dir_all(folder)?;
    // Temporary files are their owner's alone.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map_err(|error| error.error)?;
    Ok(())
}

/// A holder's file may be left from a store that was removed by half, and say
/// something else. What an interrupted `init` left is as good as new.
fn refuse_to_overwrite(tree: &Tree, file: &str, content: &str) -> Result<(), CliError> {
    let unreadable = |error| CliError::new(Exit::Store, &error);
    match tree.read_text(file).map_err(unreadable)? {
        Some(there) if there != content => {
            let message = format!("{file} is there already and says something else");
            Err(CliError::store(message)
                .hint("remove it, or take another name with --name HOLDER".to_owned()))
        }
        _ => Ok(()),
    }
}

fn write_attributes(tree: &Tree) -> Result<(), CliError> {
    const FILE: &str = ".gitattributes";
    let unreadable = |error| CliError::new(Exit::Store, &error);
    let mut text = tree.read_text(FILE).map_err(unreadable)?.unwrap_or_default();
    if text.lines().any(|line| line.trim() == ATTRIBUTES) {
        return Ok(());
    }
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(ATTRIBUTES);
    text.push('\n');
    write_file(tree.folder()?, FILE, text.as_bytes())?;
    Ok(())
}
