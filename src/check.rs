//! What is wrong with a store, as far as can be told without any key.
//!
//! Nothing is missing, nothing lies about that does not belong, and every
//! value is sealed, in its own place, to exactly today's holders. What a sealed
//! file says of itself is taken at its word: that nobody changed it is known to
//! whoever opens it, which is done too where identities are given.

use std::collections::BTreeSet;

use rayon::prelude::*;

use crate::layout::{Layout, LayoutError, OIDC_CLIENTS, PULL_SECRET, VAULT_WRITE_TOKEN};
use crate::model::{ApplicationName, Environment, EnvironmentName, KeyName, Kind, SecretId};
use crate::store::{
    Identities, OpenError, RECIPIENTS, SECRETS, STORE_FILE, SealFault, Store, inspect, is_leftover,
    key_of_file_stem, open,
};
use crate::tree::{Tree, TreeError};

/// Files that may lie in any folder of the store.
const HARMLESS: [&str; 3] = [".gitattributes", ".gitignore", "README.md"];
/// What an armored age file begins with.
const ARMOR: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----";
/// What a binary one does.
const BINARY: &[u8] = b"age-encryption.org/";

/// What kind of thing is wrong, the gravest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FindingKind {
    /// A value in the clear where a sealed file should be.
    Plaintext,
    /// A sealed file that is damaged, or was changed.
    Damaged,
    /// A sealed file in another secret's place.
    Moved,
    /// A sealed file with other recipients than it says it has.
    Recipients,
    /// A sealed file that no holder may read.
    Unreadable,
    /// A sealed file that is not sealed to exactly today's holders.
    Stale,
    /// A sealed file that stock tools made.
    Unbound,
    /// A required static value that is not stored.
    Missing,
    /// An environment for which nothing is stored at all.
    Empty,
    /// A file that does not belong in the store.
    Stray,
    /// An environment whose specs cannot be read.
    Specs,
    /// A setting of the store that means nothing.
    Setting,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What kind of thing.
    pub kind: FindingKind,
    /// The environment that is concerned.
    pub environment: Option<EnvironmentName>,
    /// The secret that is concerned.
    pub id: Option<SecretId>,
    /// The file that is concerned, relative to the root.
    pub file: Option<String>,
    /// What is wrong. It holds nothing of any file's content.
    pub message: String,
}

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
    wanted: impl Fn(&EnvironmentName) -> bool,
    identities: Option<&Identities>,
) -> Result<Report, CheckError> {
    let layout = store.settings.layout;
    let known = layout.environments(tree)?;
    let mut check = Check { tree, store, report: Report::default(), values: Vec::new() };
    check.settings(&known);
    check.top_folder(layout, &known)?;
    check.holders()?;
    for name in known.iter().filter(|name| wanted(name)) {
        check.environment(layout, name)?;
    }
    check.seals(identities)?;
    let mut report = check.report;
    report.findings.retain(|finding| finding.environment.as_ref().is_none_or(&wanted));
    report.findings.sort_by(|a, b| {
        let key = |finding: &Finding| (finding.kind, finding.file.clone(), finding.id.clone());
        key(a).cmp(&key(b))
    });
    Ok(report)
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
}

struct Check<'a> {
    tree: &'a Tree,
    store: &'a Store,
    report: Report,
    /// The sealed values that were found, with their files.
    values: Vec<(SecretId, String)>,
}

impl Check<'_> {
    fn find(&mut self, finding: Finding) {
        self.report.findings.push(finding);
    }

    fn stray(&mut self, environment: Option<&EnvironmentName>, file: String, message: &str) {
        let name = file.rsplit('/').next().unwrap_or(&file);
        let message = if is_leftover(name) {
            "an interrupted command left it; the next one that changes the store removes it"
        } else {
            message
        };
        self.find(Finding {
            kind: FindingKind::Stray,
            environment: environment.cloned(),
            id: None,
            file: Some(file),
            message: message.to_owned(),
        });
    }

    fn settings(&mut self, known: &[EnvironmentName]) {
        for name in &self.store.settings.not_served {
            if !known.iter().any(|known| known.as_str() == name) {
                self.report.findings.push(Finding {
                    kind: FindingKind::Setting,
                    environment: None,
                    id: None,
                    file: Some(STORE_FILE.to_owned()),
                    message: format!("not-served names {name}, which is no environment"),
                });
            }
        }
    }

    /// What lies in `secrets/` itself.
    fn top_folder(&mut self, layout: Layout, known: &[EnvironmentName]) -> Result<(), TreeError> {
        let specs: &[&str] = match layout {
            Layout::Phalanx => &[],
            Layout::Standalone => &["environments", "applications"],
        };
        for entry in self.tree.list(SECRETS)? {
            let path = format!("{SECRETS}/{}", entry.name);
            if !entry.is_folder {
                if path != STORE_FILE && !HARMLESS.contains(&entry.name.as_str()) {
                    self.stray(None, path, "no such file belongs here");
                }
            } else if specs.contains(&entry.name.as_str()) {
                for file in self.files_below(&path)? {
                    let is_spec = file.ends_with(".toml") && file.matches('/').count() == 2;
                    if !is_spec && !HARMLESS.iter().any(|name| file.ends_with(name)) {
                        self.stray(None, file, "only TOML files belong here");
                    }
                }
            } else if !known.iter().any(|name| name.as_str() == entry.name) {
                for file in self.files_below(&path)? {
                    let message = format!("there is no environment named {}", entry.name);
                    self.stray(None, file, &message);
                }
            }
        }
        Ok(())
    }

    /// What lies in `recipients/`.
    fn holders(&mut self) -> Result<(), TreeError> {
        for file in self.files_below(RECIPIENTS)? {
            let name = file.strip_prefix("recipients/").unwrap_or(&file);
            let is_holder = name.ends_with(".toml") && !name.contains('/') && !is_leftover(name);
            if !is_holder && !HARMLESS.contains(&name) {
                self.stray(None, file, "only the TOML files of holders belong here");
            }
        }
        Ok(())
    }

    fn files_below(&self, folder: &str) -> Result<Vec<String>, TreeError> {
        let mut files = Vec::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in self.tree.list(&folder)? {
                let path = format!("{folder}/{}", entry.name);
                if entry.is_folder { folders.push(path) } else { files.push(path) }
            }
        }
        files.sort();
        Ok(files)
    }

    /// One environment: what it needs, and what is stored for it.
    fn environment(&mut self, layout: Layout, name: &EnvironmentName) -> Result<(), TreeError> {
        self.report.environments += 1;
        let specs = match layout.load(self.tree, name) {
            Ok(specs) => Some(specs),
            Err(error) => {
                self.find(Finding {
                    kind: FindingKind::Specs,
                    environment: Some(name.clone()),
                    id: None,
                    file: None,
                    message: with_causes(&error),
                });
                None
            }
        };
        let stored = self.stored_values(name, specs.as_ref())?;
        let is_served = !self.store.settings.not_served.iter().any(|other| name.as_str() == other);
        if let Some(specs) = specs.filter(|_| is_served) {
            self.missing(&specs, &stored);
        }
        Ok(())
    }

    fn stored_values(
        &mut self,
        name: &EnvironmentName,
        specs: Option<&Environment>,
    ) -> Result<BTreeSet<SecretId>, TreeError> {
        let mut stored = BTreeSet::new();
        let folder = format!("{SECRETS}/{name}");
        for file in self.files_below(&folder)? {
            let inner = file.strip_prefix(&format!("{folder}/")).unwrap_or(&file).to_owned();
            let last = inner.rsplit('/').next().unwrap_or(&inner);
            if HARMLESS.contains(&last) {
                continue;
            }
            let Some((application, key)) = parse_place(&inner) else {
                self.stray(Some(name), file, "it is named after no secret");
                continue;
            };
            let id = SecretId::new(name.clone(), application, key);
            if let Some(reason) = specs.and_then(|specs| why_unwanted(specs, &id)) {
                self.find(Finding {
                    kind: FindingKind::Stray,
                    environment: Some(name.clone()),
                    id: Some(id.clone()),
                    file: Some(file.clone()),
                    message: reason,
                });
            }
            stored.insert(id.clone());
            self.values.push((id, file));
        }
        Ok(stored)
    }

    fn missing(&mut self, specs: &Environment, stored: &BTreeSet<SecretId>) {
        let required = specs.secrets().filter(|(_, _, spec)| spec.kind == Kind::Static);
        let missing: Vec<SecretId> = required
            .map(|(application, key, _)| {
                SecretId::new(specs.name.clone(), application.clone(), key.clone())
            })
            .filter(|id| !stored.contains(id))
            .collect();
        if stored.is_empty() && !missing.is_empty() {
            self.find(Finding {
                kind: FindingKind::Empty,
                environment: Some(specs.name.clone()),
                id: None,
                file: None,
                message: format!("none of its {} static values is stored", missing.len()),
            });
            return;
        }
        for id in missing {
            self.find(Finding {
                kind: FindingKind::Missing,
                environment: Some(specs.name.clone()),
                id: Some(id),
                file: None,
                message: "it is required and not stored".to_owned(),
            });
        }
    }

    /// Judges every sealed file that was found, on all cores.
    fn seals(&mut self, identities: Option<&Identities>) -> Result<(), TreeError> {
        let values = std::mem::take(&mut self.values);
        self.report.values = values.len();
        let judged: Vec<_> = values
            .into_par_iter()
            .map(|(id, file)| {
                let bytes = self.tree.read(&file)?.unwrap_or_default();
                Ok::<_, TreeError>((self.judge(&bytes, &id, identities), id, file))
            })
            .collect::<Result<_, _>>()?;
        for (judgement, id, file) in judged {
            match judgement {
                Judgement::Good => {}
                Judgement::Unopened => self.report.unopened += 1,
                Judgement::Bad(kind, message) => self.find(Finding {
                    kind,
                    environment: Some(id.environment.clone()),
                    id: Some(id),
                    file: Some(file),
                    message,
                }),
            }
        }
        Ok(())
    }

    fn judge(&self, bytes: &[u8], id: &SecretId, identities: Option<&Identities>) -> Judgement {
        let bad = |kind, message: &str| Judgement::Bad(kind, message.to_owned());
        if bytes.starts_with(BINARY) {
            return bad(
                FindingKind::Damaged,
                "it is a binary age file; the store keeps armored ones",
            );
        }
        if !bytes.trim_ascii_start().starts_with(ARMOR) {
            return bad(FindingKind::Plaintext, "it is no sealed file");
        }
        let header = match inspect(bytes) {
            Ok(header) => header,
            Err(error) => return bad(FindingKind::Damaged, &error.to_string()),
        };
        if self.store.holders.recipients_for(&id.environment, &id.application).is_empty() {
            return bad(FindingKind::Unreadable, "no holder in recipients/ has access to it");
        }
        if let Err(fault) = header.judge(id, &self.store.holders) {
            let kind = match fault {
                SealFault::Unbound => FindingKind::Unbound,
                SealFault::Moved { .. } => FindingKind::Moved,
                SealFault::Stale => FindingKind::Stale,
                SealFault::Recipients => FindingKind::Recipients,
            };
            return bad(kind, &fault.to_string());
        }
        match identities.map(|identities| open(bytes, id, identities)) {
            None | Some(Ok(_)) => Judgement::Good,
            Some(Err(OpenError::NoMatchingIdentity | OpenError::Identity(_))) => {
                Judgement::Unopened
            }
            Some(Err(error)) => bad(FindingKind::Damaged, &error.to_string()),
        }
    }
}

enum Judgement {
    Good,
    Unopened,
    Bad(FindingKind, String),
}

/// The secret whose file `<app>/<key>.age` is, if any's.
fn parse_place(inner: &str) -> Option<(ApplicationName, KeyName)> {
    let (application, file) = inner.split_once('/')?;
    let key = key_of_file_stem(file.strip_suffix(".age")?)?.ok()?;
    Some((application.parse().ok()?, key))
}

/// Why nothing asks for a stored value.
fn why_unwanted(specs: &Environment, id: &SecretId) -> Option<String> {
    match id.application.as_str() {
        PULL_SECRET | OIDC_CLIENTS => return None,
        VAULT_WRITE_TOKEN if id.key.as_str() == "token" => return None,
        VAULT_WRITE_TOKEN => return Some("the key of the write token is token".to_owned()),
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

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}
