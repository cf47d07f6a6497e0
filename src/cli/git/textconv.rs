//! `git textconv`: what a sealed file shows, for git's diffs.
//!
//! Git runs it for every version of every sealed file, in `git log -p` many
//! times over. It asks nothing, runs no plugin and never fails: where something
//! cannot be shown, it says so in its place.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::SHOW_VALUES;
use crate::cli::{CliError, Exit, Settings, Ui};
use crate::printable::printable;
use crate::repo::GitRepository;
use crate::store::{BoundStanza, Identities, id_of_path, inspect, open};
use crate::tree::MAX_FILE;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// The file, as git gives it
    file: PathBuf,
}

pub(super) fn run(
    args: &Args,
    settings: &Settings,
    named: &[PathBuf],
    ui: &Ui,
) -> Result<Exit, CliError> {
    let file = match std::fs::metadata(&args.file) {
        Ok(metadata) if metadata.is_file() && metadata.len() <= MAX_FILE => {
            std::fs::read(&args.file).ok()
        }
        _ => None,
    };
    let Some(file) = file else {
        ui.line("(this file cannot be read)")?;
        return Ok(Exit::Done);
    };
    if file.is_empty() {
        return Ok(Exit::Done);
    }
    let Ok(header) = inspect(&file) else {
        // Whatever it is, it may be what should have been sealed, and a digest
        // would show whether it is what somebody guesses.
        ui.line("(this is not a sealed value, and is not shown)")?;
        return Ok(Exit::Done);
    };
    let digest: String =
        Sha256::digest(&file).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let Some(seal) = &header.seal else {
        ui.line("(this was sealed by another tool, and belongs to no secret)")?;
        ui.line(&format!("file: {digest}"))?;
        return Ok(Exit::Done);
    };
    ui.line(&format!("secret: {}", printable(&seal.path)))?;
    ui.line(&format!("set: {}", seal.set_at))?;
    match seal.tag {
        Some(tag) => ui.line(&format!("tag: {tag}"))?,
        None => ui.line("tag: (none: an earlier version sealed it)")?,
    }
    ui.line(&format!("sealed to: {}", header.describe_recipients()))?;
    ui.line(&format!("file: {digest}"))?;
    if shows_values(settings) {
        print_value(&file, seal, settings, named, ui)?;
    } else {
        ui.line("value: (hidden)")?;
    }
    Ok(Exit::Done)
}

/// Whether this clone shows values in diffs.
fn shows_values(settings: &Settings) -> bool {
    let Ok(here) = &settings.current_folder else { return false };
    let Ok(repository) = GitRepository::discover(here) else { return false };
    let config = repository.git().config();
    config.and_then(|config| config.get_bool(SHOW_VALUES)).unwrap_or(false)
}

fn print_value(
    file: &[u8],
    seal: &BoundStanza,
    settings: &Settings,
    named: &[PathBuf],
    ui: &Ui,
) -> Result<(), CliError> {
    let sources = settings.identity_sources(named).unwrap_or_default();
    let opened = Identities::load_unlocked(&sources).ok().and_then(|identities| {
        let id = id_of_path(&format!("secrets/{}.age", seal.path))?;
        open(file, &id, &identities).ok()
    });
    let Some(opened) = opened else {
        return ui.line("value: (no identity at hand opens it)");
    };
    let Some(text) = opened.value.expose_str() else {
        let encoded = Zeroizing::new(STANDARD.encode(opened.value.expose()));
        ui.data(b"value: (in base64) ")?;
        ui.data(encoded.as_bytes())?;
        return ui.line("");
    };
    ui.line("value:")?;
    for line in text.split('\n') {
        let line = Zeroizing::new(printable(line));
        ui.data(b"  ")?;
        ui.data(line.as_bytes())?;
        ui.line("")?;
    }
    Ok(())
}
