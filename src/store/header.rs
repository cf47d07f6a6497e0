//! What a sealed file shows without any key, and how that is judged.
//!
//! The header lists a stanza for each recipient. Which X25519 recipient one
//! belongs to is hidden, an SSH one carries a tag of its key, and what a plugin
//! writes is its own affair. So the stanzas are counted, and compared with the
//! recipients that the seal should be for. All of this is as good as the file:
//! only whoever can open it knows that nothing was changed.

use std::collections::BTreeMap;

use age_core::format::Stanza;
use thiserror::Error;

use super::holders::Holders;
use super::paths::bound_path;
use super::recipient::{Recipient, RecipientKind, RecipientSet};
use super::stanza::{BoundStanza, InvalidStanza};
use crate::model::SecretId;

/// The header of a sealed file, read and not verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// What the file says of itself. `None` in one made by stock age tools.
    pub seal: Option<BoundStanza>,
    recipients: Wrapped,
}

/// How many recipients of which kind: what a header shows, and what a set of
/// recipients should look like there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Wrapped {
    native: usize,
    /// By type and tag of the key.
    ssh: BTreeMap<(String, String), usize>,
    other: usize,
}

/// What is wrong with a seal, as far as can be seen without any key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SealFault {
    /// Stock tools made it.
    #[error("it was not sealed by this tool, so nothing shows that it belongs to this secret")]
    Unbound,
    /// It belongs to another secret.
    #[error("it was sealed for {path}, and moved or copied here")]
    Moved {
        /// The secret that it was sealed for.
        path: String,
    },
    /// It says that it was sealed to others than today's holders.
    #[error("it is not sealed to exactly today's holders")]
    Stale,
    /// Its recipients are not those that it says they are.
    #[error("its header does not have exactly the recipients that its seal names")]
    Recipients,
    /// Nothing is wrong, but it is in the form of an earlier version.
    #[error("an earlier version sealed it, so it does not tell one value from the next")]
    Earlier,
}

impl Header {
    /// Reads the stanzas of a header.
    ///
    /// # Errors
    /// A stanza of ours that does not follow the format.
    pub(super) fn of_stanzas(stanzas: &[Stanza]) -> Result<Self, InvalidStanza> {
        let seal = BoundStanza::find(stanzas)?;
        let mut recipients = Wrapped::default();
        for stanza in stanzas {
            match (stanza.tag.as_str(), stanza.args.as_slice()) {
                ("X25519", _) => recipients.native += 1,
                (kind @ ("ssh-ed25519" | "ssh-rsa"), [tag, ..]) => {
                    *recipients.ssh.entry((kind.to_owned(), tag.clone())).or_default() += 1;
                }
                // Random stanzas that keep readers from assuming too much.
                (tag, _) if tag.ends_with("-grease") || BoundStanza::is_tag(tag) => {}
                _ => recipients.other += 1,
            }
        }
        Ok(Self { seal, recipients })
    }

    /// Whether it shows that some of these keys can open the file beside those
    /// who may today: by the tag of an SSH key, or by a digest that is theirs
    /// and today's together.
    #[must_use]
    pub fn is_sealed_to(&self, keys: &[Recipient], today: &RecipientSet) -> bool {
        let has_tag = keys.iter().any(|key| match key.kind() {
            RecipientKind::Ssh { kind, tag } => self.recipients.ssh.contains_key(&(kind, tag)),
            RecipientKind::Native | RecipientKind::Plugin => false,
        });
        let together = || RecipientSet::from_iter(today.iter().chain(keys).cloned()).digest();
        has_tag || self.seal.as_ref().is_some_and(|seal| seal.recipients == together())
    }

    /// Whether it shows recipients among which a key may be: the tag of an SSH
    /// key, or any of the key's kind.
    pub(super) fn may_be_sealed_to(&self, key: &Recipient) -> bool {
        match key.kind() {
            RecipientKind::Native => self.recipients.native > 0,
            RecipientKind::Ssh { kind, tag } => self.recipients.ssh.contains_key(&(kind, tag)),
            RecipientKind::Plugin => self.recipients.other > 0,
        }
    }

    /// How many recipients it has of which kind, in a few words.
    #[must_use]
    pub fn describe_recipients(&self) -> String {
        let ssh = self.recipients.ssh.values().sum::<usize>();
        let kinds =
            [(self.recipients.native, "X25519"), (ssh, "SSH"), (self.recipients.other, "other")];
        let parts = kinds.iter().filter(|(count, _)| *count > 0);
        let parts: Vec<String> = parts.map(|(count, kind)| format!("{count} {kind}")).collect();
        if parts.is_empty() { "nobody".to_owned() } else { parts.join(", ") }
    }

    /// Judges the header of a secret's file against the holders of today.
    ///
    /// # Errors
    /// The first thing that is wrong, the gravest first.
    pub fn judge(&self, id: &SecretId, holders: &Holders) -> Result<(), SealFault> {
        let seal = self.seal.as_ref().ok_or(SealFault::Unbound)?;
        if seal.path != bound_path(id) {
            return Err(SealFault::Moved { path: seal.path.clone() });
        }
        let today = holders.recipients_for(&id.environment, &id.application);
        if seal.recipients != today.digest() {
            return Err(SealFault::Stale);
        }
        if !self.recipients.are(&today) {
            return Err(SealFault::Recipients);
        }
        if seal.tag.is_none() {
            return Err(SealFault::Earlier);
        }
        Ok(())
    }
}

impl Wrapped {
    /// Whether they look as a set of recipients should. A plugin may write
    /// more than one stanza for a recipient.
    fn are(&self, set: &RecipientSet) -> bool {
        let mut expected = Self::default();
        for recipient in set.iter() {
            match recipient.kind() {
                RecipientKind::Native => expected.native += 1,
                RecipientKind::Ssh { kind, tag } => {
                    *expected.ssh.entry((kind, tag)).or_default() += 1;
                }
                RecipientKind::Plugin => expected.other += 1,
            }
        }
        self.native == expected.native
            && self.ssh == expected.ssh
            && if expected.other == 0 { self.other == 0 } else { self.other >= expected.other }
    }
}
