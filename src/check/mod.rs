//! What is wrong with a store, as far as can be told without any key.
//!
//! Nothing is missing, nothing lies about that does not belong, and every
//! value is sealed, in its own place, to exactly today's holders. What a sealed
//! file says of itself is taken at its word: that nobody changed it is known to
//! whoever opens it, which is done too where identities are given.

mod finding;
mod place;

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

pub use finding::{Finding, FindingKind};

use crate::layout::{Layout, LayoutError, OIDC_CLIENTS, PULL_SECRET, VAULT_WRITE_TOKEN};
use crate::model::{ApplicationName, Environment, EnvironmentName, Kind, SecretId};
use crate::static_values::WRITE_TOKEN_KEY;
use crate::store::{
    Header, Identities, OpenError, STORE_FILE, SealFault, Store, StoreError, inspect, is_backup,
    open,
};
use crate::tree::{Tree, TreeError};
use place::{Places, StoredFile};

/// What an armored age file begins with.
const ARMOR: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----";

/// What was looked at, and found.
#[derive(Debug, Default)]
pub struct Report {
    /// All that is wrong, by kind, then by place.
    pub findings: Vec<Finding>,
    /// How many environments were looked at.
    pub environments: usize,
    /// How many sealed values were.
    pub values: usize,
    /// How many of them the identities at hand cannot open.
    pub unopened: usize,
}

/// A store that cannot be looked at.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// A file that cannot be read.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The environments cannot be listed.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// The list of withdrawn access cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Looks at a store.
///
/// `wanted` limits it to some environments. With `identities`, every value is
/// opened too.
///
/// # Errors
/// Files that cannot be read, or a list of environments that cannot.
pub fn check(
    tree: &Tree,
    store: &Store,
    wanted: impl Fn(&EnvironmentName) -> bool + Sync,
    identities: Option<&Identities>,
) -> Result<Report, CheckError> {
    // Whatever changes a value reads it, so it must be readable.
    store.withdrawals()?;
    let layout = store.settings.layout;
    let known = layout.environments(tree)?;
    let places = Places::of(tree, layout, &known)?;
    let mut report = Report::default();
    report.findings.extend(unknown_settings(store, &known));
    report.findings.extend(places.strays);

    let environments: Vec<Looked> = known
        .par_iter()
        .filter(|name| wanted(name))
        .map(|name| {
            let stored = places.values.get(name).map(Vec::as_slice).unwrap_or_default();
            look_at(tree, store, layout, name, stored)
        })
        .collect();
    for looked in environments {
        report.environments += usize::from(looked.counts);
        report.findings.extend(looked.findings);
    }

    let values = places.values.into_iter().filter(|(name, _)| wanted(name));
    let values: Vec<StoredFile> = values.flat_map(|(_, files)| files).collect();
    report.values = values.len();
    report.findings.extend(unreadable(store, &values));
    let judged: Vec<Judgement> = values
        .into_par_iter()
        .map(|StoredFile { id, path }| {
            let bytes = tree.read(&path)?.unwrap_or_default();
            Ok(judge(&bytes, store, id, path, identities))
        })
        .collect::<Result<_, TreeError>>()?;
    for Judgement { finding, is_unopened } in judged {
        report.findings.extend(finding);
        report.unopened += usize::from(is_unopened);
    }
    // What is in no secret's place is sealed, or it is in the clear.
    for path in places.misplaced {
        let bytes = tree.read(&path)?.unwrap_or_default();
        if let Err((kind, message)) = form(&bytes) {
            report.findings.push(Finding::new(kind, message).in_file(path));
        }
    }

    report.findings.retain(|finding| finding.environment.as_ref().is_none_or(&wanted));
    report.findings.sort_by_cached_key(Finding::order);
    Ok(report)
}

/// Names in lists of environments in the settings that are no environment.
fn unknown_settings(store: &Store, known: &[EnvironmentName]) -> Vec<Finding> {
    let settings = &store.settings;
    let listed =
        [("not-served", &settings.not_served), ("keep-vault-static", &settings.keep_vault_static)];
    let named = listed.iter().flat_map(|(list, names)| names.iter().map(move |name| (list, name)));
    let unknown = named.filter(|(_, name)| !known.iter().any(|one| one.as_str() == *name));
    unknown
        .map(|(list, name)| {
            let message = format!("{list} names {name:?}, which is no environment");
            Finding::new(FindingKind::Setting, message).in_file(STORE_FILE)
        })
        .collect()
}

/// What came of an environment's specs.
#[derive(Default)]
struct Looked {
    findings: Vec<Finding>,
    /// Whether there was anything to look at.
    counts: bool,
}

/// Compares what an environment needs with what is stored for it.
fn look_at(
    tree: &Tree,
    store: &Store,
    layout: Layout,
    name: &EnvironmentName,
    stored: &[StoredFile],
) -> Looked {
    let is_served = store.settings.serves(name);
    if !is_served && stored.is_empty() {
        // Somebody else's, and perhaps not in order.
        return Looked::default();
    }
    let specs = match layout.load(tree, name) {
        Ok(specs) => specs,
        Err(error) => {
            let finding = Finding::new(FindingKind::Specs, with_causes(&error));
            let findings = vec![finding.in_environment(Some(name))];
            return Looked { findings, counts: true };
        }
    };
    let mut findings = Vec::new();
    for StoredFile { id, path } in stored {
        if let Some(reason) = why_unwanted(&specs, id) {
            let finding = Finding::new(FindingKind::Stray, reason);
            findings.push(finding.of_secret(id.clone()).in_file(path));
        }
    }
    // Where Vault's value is kept, none has to be here.
    if is_served && !store.settings.keeps_vault_static(name) {
        findings.extend(missing(&specs, stored));
    }
    Looked { findings, counts: true }
}

fn missing(specs: &Environment, stored: &[StoredFile]) -> Vec<Finding> {
    let has: BTreeSet<&SecretId> = stored.iter().map(|file| &file.id).collect();
    let required = specs.secrets().filter(|(_, _, spec)| spec.kind == Kind::Static);
    let missing: Vec<SecretId> = required
        .map(|(application, key, _)| {
            SecretId::new(specs.name.clone(), application.clone(), key.clone())
        })
        .filter(|id| !has.contains(id))
        .collect();
    if stored.iter().all(|file| is_backup(&file.id)) && !missing.is_empty() {
        let message = match missing.len() {
            1 => "its one static value is not stored".to_owned(),
            count => format!("none of its {count} static values is stored"),
        };
        let finding = Finding::new(FindingKind::Empty, message);
        return vec![finding.in_environment(Some(&specs.name))];
    }
    let finding = |id| Finding::new(FindingKind::Missing, "it is required").of_secret(id);
    missing.into_iter().map(finding).collect()
}

/// Why nothing asks for a stored value.
fn why_unwanted(specs: &Environment, id: &SecretId) -> Option<String> {
    if is_backup(id) {
        return None;
    }
    match id.application.as_str() {
        PULL_SECRET | OIDC_CLIENTS => return None,
        VAULT_WRITE_TOKEN if id.key.as_str() == WRITE_TOKEN_KEY => return None,
        VAULT_WRITE_TOKEN => {
            return Some(format!("the key of {VAULT_WRITE_TOKEN} is {WRITE_TOKEN_KEY}"));
        }
        _ => {}
    }
    if !specs.applications.contains_key(&id.application) {
        return Some(format!("{} does not enable {}", specs.name, id.application));
    }
    match specs.spec(&id.application, &id.key).map(|spec| &spec.kind) {
        Some(Kind::Static) => None,
        Some(kind) => Some(format!("it is of kind {}, so nothing uses this value", kind.name())),
        None => Some("no spec asks for it".to_owned()),
    }
}

/// Applications with values that no holder may read today.
fn unreadable(store: &Store, values: &[StoredFile]) -> Vec<Finding> {
    let mut counts: BTreeMap<(&EnvironmentName, &ApplicationName), usize> = BTreeMap::new();
    for StoredFile { id, .. } in values {
        *counts.entry((&id.environment, &id.application)).or_default() += 1;
    }
    let unreadable = counts.into_iter().filter(|((environment, application), _)| {
        store.holders.recipients_for(environment, application).is_empty()
    });
    unreadable
        .map(|((environment, application), count)| {
            let values = if count == 1 { "1 value".to_owned() } else { format!("{count} values") };
            let message = format!("no holder in recipients/ may read the {values} in it");
            let folder = format!("{}/{environment}/{application}", crate::store::SECRETS);
            Finding::new(FindingKind::Unreadable, message)
                .in_environment(Some(environment))
                .in_file(folder)
        })
        .collect()
}

/// What came of one sealed file.
#[derive(Default)]
struct Judgement {
    finding: Option<Finding>,
    is_unopened: bool,
}

fn judge(
    bytes: &[u8],
    store: &Store,
    id: SecretId,
    path: String,
    identities: Option<&Identities>,
) -> Judgement {
    let find = |kind, message: String| Judgement {
        finding: Some(Finding::new(kind, message).of_secret(id.clone()).in_file(&path)),
        is_unopened: false,
    };
    let header = match form(bytes) {
        Ok(header) => header,
        Err((kind, message)) => return find(kind, message),
    };
    let today = store.holders.recipients_for(&id.environment, &id.application);
    let seal = match header.judge(&id, &store.holders) {
        Ok(()) => Judgement::default(),
        // Said of the application as a whole.
        Err(SealFault::Stale) if today.is_empty() => Judgement::default(),
        Err(fault) => find(kind_of(&fault), fault.to_string()),
    };
    let Some(identities) = identities else { return seal };
    match open(bytes, &id, identities) {
        Ok(_) => seal,
        Err(OpenError::NoMatchingIdentity | OpenError::Locked | OpenError::Identity(_)) => {
            let should =
                seal.finding.is_none() && identities.recipients().any(|r| today.contains(r));
            if should {
                let message = "an identity at hand should open it and cannot: what its header \
                               holds for that one was changed";
                return find(FindingKind::Damaged, message.to_owned());
            }
            Judgement { is_unopened: true, ..seal }
        }
        Err(OpenError::Moved { .. }) if seal.finding.is_some() => seal,
        Err(error) => find(FindingKind::Damaged, error.to_string()),
    }
}

fn kind_of(fault: &SealFault) -> FindingKind {
    match fault {
        SealFault::Unbound => FindingKind::Unbound,
        SealFault::Moved { .. } => FindingKind::Moved,
        SealFault::Stale => FindingKind::Stale,
        SealFault::Recipients => FindingKind::Recipients,
    }
}

/// Reads the header of what should be a sealed file.
fn form(bytes: &[u8]) -> Result<Header, (FindingKind, String)> {
    inspect(bytes).map_err(|error| match error {
        OpenError::Binary => (FindingKind::Binary, error.to_string()),
        OpenError::Malformed if !bytes.trim_ascii_start().starts_with(ARMOR) => {
            (FindingKind::Plaintext, "it is no age file".to_owned())
        }
        error => (FindingKind::Damaged, error.to_string()),
    })
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}
