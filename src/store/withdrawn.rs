//! Access that was withdrawn: `recipients/withdrawn.toml`.
//!
//! The history of the repository keeps every file that somebody could open, so
//! taking access away does not take away what was read. This file remembers
//! whose access ended when, and with it which values are exposed until they
//! change. It only ever grows.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::access::Access;
use super::error::StoreError;
use super::former::FormerHolders;
use super::header::Header;
use super::holders::Holders;
use super::paths::RECIPIENTS;
use super::recipient::{Recipient, RecipientSet};
use super::rekey::StaleValue;
use crate::model::{HolderName, SecretId};
use crate::toml_file;
use crate::tree::Tree;

/// What a new file begins with.
const PREAMBLE: &str = "\
# Access that was withdrawn: who could read what, and until when. What they\n\
# could read is exposed until it changes: see `phalanx-secrets exposed`.\n\
# Entries are appended, and stay.\n";

/// Access that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withdrawal {
    /// The holder.
    pub holder: HolderName,
    /// The keys that can read no more.
    pub keys: Vec<Recipient>,
    /// What they could read.
    pub access: Vec<Access>,
    /// Until when.
    pub at: Timestamp,
}

/// All access that ended, in the order in which it did.
#[derive(Debug, Clone, Default)]
pub struct Withdrawals(Vec<Withdrawal>);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WithdrawnFile {
    #[serde(default)]
    withdrawn: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    holder: String,
    keys: Vec<String>,
    access: Vec<String>,
    at: String,
}

impl Withdrawal {
    /// Whether this exposes a value: it was set before, or is sealed to one of
    /// the keys all the same, and not all of these may read it today.
    ///
    /// The latter happens to a value that was sealed on a branch which did not
    /// know yet.
    #[must_use]
    pub fn exposes(
        &self,
        id: &SecretId,
        set_at: Timestamp,
        header: Option<&Header>,
        today: &RecipientSet,
    ) -> bool {
        let is_sealed_to = || header.is_some_and(|header| header.is_sealed_to(&self.keys, today));
        self.access.iter().any(|access| access.covers_secret(id))
            && !self.keys.iter().all(|key| today.contains(key))
            && (set_at <= self.at || is_sealed_to())
    }

    /// The file with this appended to what it holds.
    ///
    /// # Errors
    /// None that a withdrawal's data can cause; serialization may fail as such.
    pub fn append_to(&self, file: Option<&str>) -> Result<String, toml::ser::Error> {
        let entry = Entry {
            holder: self.holder.to_string(),
            keys: self.keys.iter().map(Recipient::to_string).collect(),
            access: self.access.iter().map(Access::to_string).collect(),
            at: self.at.to_string(),
        };
        let mut text = file.unwrap_or(PREAMBLE).to_owned();
        if !text.ends_with('\n') {
            text.push('\n');
        }
        text.push('\n');
        text.push_str(&toml::to_string_pretty(&WithdrawnFile { withdrawn: vec![entry] })?);
        Ok(text)
    }
}

impl Withdrawals {
    /// The path of the file.
    #[must_use]
    pub fn path() -> String {
        format!("{RECIPIENTS}/{}.toml", super::holders::WITHDRAWN)
    }

    pub(crate) fn read(tree: &Tree) -> Result<Self, StoreError> {
        match tree.read_text(&Self::path())? {
            Some(text) => Self::parse(&text),
            None => Ok(Self::default()),
        }
    }

    /// Merges two versions of the file: ours, with the entries that theirs
    /// alone has.
    ///
    /// # Errors
    /// A version that cannot be parsed.
    pub fn merge(ours: &str, theirs: &str) -> Result<String, StoreError> {
        let known = Self::parse(ours)?;
        let mut merged = ours.to_owned();
        for entry in Self::parse(theirs)?.0.iter().filter(|entry| !known.0.contains(entry)) {
            let file = Some(merged.as_str()).filter(|file| !file.is_empty());
            merged = entry.append_to(file).map_err(|error| StoreError::Malformed {
                file: Self::path(),
                line: None,
                message: error.to_string(),
            })?;
        }
        Ok(merged)
    }

    fn parse(text: &str) -> Result<Self, StoreError> {
        let file = Self::path();
        let malformed = |line, message| StoreError::Malformed { file: file.clone(), line, message };
        let parsed: WithdrawnFile =
            toml_file::parse(text).map_err(|problem| malformed(problem.line, problem.message))?;
        let withdrawals = parsed.withdrawn.into_iter().zip(1..).map(|(entry, position)| {
            entry.parse().map_err(|what| {
                malformed(None, format!("{what} of withdrawal number {position} is not valid"))
            })
        });
        withdrawals.collect::<Result<_, _>>().map(Self)
    }

    /// Those that expose a value: of each holder the last.
    pub fn exposing<'a>(
        &'a self,
        id: &SecretId,
        set_at: Timestamp,
        header: Option<&Header>,
        today: &RecipientSet,
    ) -> Vec<&'a Withdrawal> {
        let mut found: Vec<&Withdrawal> = Vec::new();
        for withdrawal in self.0.iter().filter(|one| one.exposes(id, set_at, header, today)) {
            found.retain(|earlier| earlier.holder != withdrawal.holder);
            found.push(withdrawal);
        }
        found
    }

    /// What to record before values are sealed again that are sealed to
    /// somebody who may not read them today, where nothing says so yet: their
    /// access ended by a change of the files by hand, or they were set on a
    /// branch that did not know that it had ended. The new file will not show
    /// it any more.
    #[must_use]
    pub fn unrecorded(
        &self,
        stale: &[StaleValue],
        holders: &Holders,
        former: &FormerHolders<'_>,
    ) -> Vec<Withdrawal> {
        let mut unrecorded: Vec<Withdrawal> = Vec::new();
        for StaleValue { id, header, .. } in stale {
            for found in former.unrecorded(id, header, holders, self) {
                let same = unrecorded.iter_mut().find(|one| {
                    (&one.holder, &one.keys, &one.access)
                        == (&found.holder, &found.keys, &found.access)
                });
                match same {
                    Some(same) => same.at = same.at.max(found.at),
                    None => unrecorded.push(found),
                }
            }
        }
        unrecorded
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Withdrawal> {
        self.0.iter()
    }
}

impl FromIterator<Withdrawal> for Withdrawals {
    fn from_iter<I: IntoIterator<Item = Withdrawal>>(withdrawals: I) -> Self {
        Self(withdrawals.into_iter().collect())
    }
}

impl Entry {
    /// What is not valid, or the withdrawal.
    fn parse(self) -> Result<Withdrawal, &'static str> {
        let keys = self.keys.iter().map(|key| key.parse::<Recipient>());
        let access = self.access.iter().map(|access| access.parse::<Access>());
        Ok(Withdrawal {
            holder: self.holder.parse().map_err(|_| "the holder")?,
            keys: keys.collect::<Result<_, _>>().map_err(|_| "a key")?,
            access: access.collect::<Result<_, _>>().map_err(|_| "an access")?,
            at: self.at.parse().map_err(|_| "the time")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOB: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
    const OTHER: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN";

    fn withdrawal(at: &str) -> Withdrawal {
        Withdrawal {
            holder: "bob".parse().unwrap(),
            keys: vec![BOB.parse().unwrap()],
            access: vec!["demo".parse().unwrap(), "prod/app".parse().unwrap()],
            at: at.parse().unwrap(),
        }
    }

    #[test]
    fn what_is_appended_is_read_back() {
        let (one, two) = (withdrawal("2026-01-01T00:00:00Z"), withdrawal("2026-02-01T00:00:00Z"));
        let text = one.append_to(None).unwrap();
        let both = two.append_to(Some(&text)).unwrap();
        assert!(both.starts_with(&text));
        let root = tempfile::tempdir().unwrap();
        crate::store::write_file(root.path(), &Withdrawals::path(), both.as_bytes()).unwrap();
        let read = Withdrawals::read(&Tree::new(root.path())).unwrap();
        assert_eq!(read.iter().collect::<Vec<_>>(), [&one, &two]);
    }

    #[test]
    fn a_value_is_exposed_until_it_changes_or_access_comes_back() {
        let withdrawal = withdrawal("2026-01-01T00:00:00Z");
        let id = |text: &str| SecretId::parse(text, "app", "key").unwrap();
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let nobody = RecipientSet::default();
        let before = at("2025-12-31T23:59:59Z");
        assert!(withdrawal.exposes(&id("demo"), before, None, &nobody));
        assert!(withdrawal.exposes(&id("prod"), before, None, &nobody));
        assert!(!withdrawal.exposes(&id("other"), before, None, &nobody));
        assert!(withdrawal.exposes(&id("demo"), withdrawal.at, None, &nobody));
        assert!(!withdrawal.exposes(&id("demo"), at("2026-01-01T00:00:01Z"), None, &nobody));

        let others = RecipientSet::from_iter([OTHER.parse().unwrap()]);
        assert!(withdrawal.exposes(&id("demo"), before, None, &others));
        let again = RecipientSet::from_iter([BOB.parse().unwrap(), OTHER.parse().unwrap()]);
        assert!(!withdrawal.exposes(&id("demo"), before, None, &again));
    }

    #[test]
    fn a_wrong_entry_is_named_and_not_repeated() {
        let root = tempfile::tempdir().unwrap();
        let text =
            "[[withdrawn]]\nholder = \"bob\"\nkeys = [\"hunter2\"]\naccess = []\nat = \"x\"\n";
        crate::store::write_file(root.path(), &Withdrawals::path(), text.as_bytes()).unwrap();
        let error = Withdrawals::read(&Tree::new(root.path())).unwrap_err().to_string();
        assert_eq!(error, "recipients/withdrawn.toml: a key of withdrawal number 1 is not valid");
    }
}
