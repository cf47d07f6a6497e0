//! What can be wrong with a store and with specs.

use crate::model::{EnvironmentName, SecretId};

/// What kind of thing is wrong, the gravest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FindingKind {
    /// A private key that is about to be committed.
    PrivateKey,
    /// A file of static secrets in the clear that is about to be committed.
    StaticFile,
    /// Something in the clear where a sealed file should be.
    Plaintext,
    /// A sealed file that is damaged, or was changed after sealing.
    Damaged,
    /// A sealed file with other recipients than it says it has.
    Recipients,
    /// A sealed file in another secret's place.
    Moved,
    /// A sealed file in age's binary form.
    Binary,
    /// A holder's file that cannot be read, or that says what cannot be meant.
    Holder,
    /// Files of the store that git ignores.
    Ignored,
    /// Attributes of git without which it may change sealed files.
    Attributes,
    /// Stored values that no holder may read.
    Unreadable,
    /// A sealed file that is not sealed to exactly today's holders.
    Stale,
    /// A sealed file that stock tools made.
    Unbound,
    /// A secret that no sync could make, whatever is stored.
    Unresolvable,
    /// An environment whose place in Vault is no good one.
    Place,
    /// A file of an environment in which something of another one was left.
    Copied,
    /// A name that Kubernetes refuses.
    Name,
    /// A condition that holds since its setting is text that says no.
    Condition,
    /// Names that differ in case alone.
    Case,
    /// An application with more than a Kubernetes Secret holds.
    Size,
    /// A value that says that it was set at a time which is yet to come.
    Future,
    /// Two OpenID Connect clients with one id.
    Duplicate,
    /// A required static value that is not stored.
    Missing,
    /// An environment for which nothing is stored at all.
    Empty,
    /// A secret without a description.
    Undescribed,
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
    /// The file or folder that is concerned, relative to the root. Of a name
    /// that is not UTF-8, the rest is escaped.
    pub file: Option<String>,
    /// The line in that file, from 1, where one is to be changed.
    pub line: Option<u64>,
    /// What is wrong. It holds nothing of any file's content but names.
    pub message: String,
}

impl Finding {
    pub(super) fn new(kind: FindingKind, message: impl Into<String>) -> Self {
        Self { kind, environment: None, id: None, file: None, line: None, message: message.into() }
    }

    pub(super) fn in_environment(mut self, environment: Option<&EnvironmentName>) -> Self {
        self.environment = environment.cloned();
        self
    }

    pub(super) fn of_secret(mut self, id: SecretId) -> Self {
        self.environment = Some(id.environment.clone());
        self.id = Some(id);
        self
    }

    pub(super) fn in_file(mut self, file: impl Into<String>) -> Self {
        self.file = Some(file.into());
        self
    }

    pub(super) fn on_line(mut self, line: Option<u64>) -> Self {
        self.line = line;
        self
    }

    /// By kind, then by place.
    pub(super) fn order(&self) -> impl Ord + use<> {
        let place = (self.file.clone(), self.line, self.id.clone());
        (self.kind, self.environment.clone(), place)
    }
}

impl FindingKind {
    /// What findings of this kind have in common.
    #[must_use]
    pub fn heading(self) -> &'static str {
        match self {
            Self::PrivateKey => "Private keys that are about to be committed",
            Self::StaticFile => "Static secrets in the clear that are about to be committed",
            Self::Plaintext => "Not sealed",
            Self::Damaged => "Damaged, or changed after sealing",
            Self::Recipients => "Recipients that do not add up",
            Self::Moved => "In another secret's place",
            Self::Binary => "Sealed in the binary form",
            Self::Holder => "Holders that cannot be right",
            Self::Ignored => "Ignored by git",
            Self::Attributes => "Attributes of git that were taken away",
            Self::Unreadable => "Readable by nobody",
            Self::Stale => "Not sealed to exactly today's holders",
            Self::Unbound => "Sealed by another tool",
            Self::Unresolvable => "Secrets that no sync can make",
            Self::Place => "Places in Vault that cannot be right",
            Self::Copied => "Left of another environment",
            Self::Name => "Names that Kubernetes refuses",
            Self::Condition => "Conditions that hold since text counts as true",
            Self::Case => "Names that differ in case alone",
            Self::Size => "More than a Kubernetes Secret holds",
            Self::Future => "Set at a time that is yet to come",
            Self::Duplicate => "OpenID Connect clients with one id",
            Self::Missing => "Required and not stored",
            Self::Empty => "Environments for which nothing is stored",
            Self::Undescribed => "Without a description",
            Self::Stray => "Not part of the store",
            Self::Specs => "Environments that cannot be read",
            Self::Setting => "Settings that mean nothing",
        }
    }
}
