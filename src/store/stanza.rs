//! The bound stanza: one extra header stanza of ours in every sealed file.
//!
//! `-> phalanx-secrets 2 <env>/<app>/<key> <set-at> <tag> <expires>
//! <recipients-digest>`
//!
//! Stock age tools ignore stanzas of types that they do not know. The header's
//! MAC covers it, so that whoever can decrypt the file notices when it was
//! edited, dropped or moved to another file. Without an identity it can be
//! read, not trusted.
//!
//! Version 1 had neither `<tag>` nor `<expires>`. It is read, and written no
//! more.

use age_core::format::Stanza;
use jiff::Timestamp;
use thiserror::Error;

use super::recipient::Digest;
use super::tag::ValueTag;

const TAG: &str = "phalanx-secrets";
const VERSION: &str = "2";
const EARLIER_VERSION: &str = "1";
/// What stands for an end of which nothing is known.
const NONE: &str = "-";

/// When a value was set whose file does not say: before anything else.
pub const UNKNOWN_TIME: Timestamp = Timestamp::UNIX_EPOCH;

/// What a sealed file says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoundStanza {
    /// The secret that it belongs to, `<env>/<app>/<key>` with the key encoded
    /// as in file names.
    pub path: String,
    /// When the value last changed. Sealing it again does not change it.
    pub set_at: Timestamp,
    /// What stands for the value. `None` in a file of version 1.
    pub tag: Option<ValueTag>,
    /// When the value ends, if that is known.
    pub expires: Option<Timestamp>,
    /// The recipients that it was sealed to.
    pub recipients: Digest,
}

/// What a seal says of its value. It stays with the value when that is sealed
/// again or renamed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueNote {
    /// What stands for the value.
    pub tag: ValueTag,
    /// When the value was set.
    pub set_at: Timestamp,
    /// When the value ends, if that is known.
    pub expires: Option<Timestamp>,
}

/// A stanza of ours that does not follow the format.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidStanza {
    /// There are several.
    #[error("it has more than one phalanx-secrets stanza")]
    Repeated,
    /// It is of a later version.
    #[error("its phalanx-secrets stanza is of a version that this one does not read")]
    Version,
    /// Anything else.
    #[error("its phalanx-secrets stanza is malformed")]
    Malformed,
}

impl ValueNote {
    /// That of a value which is set at a time.
    #[must_use]
    pub fn of_new_value(set_at: Timestamp) -> Self {
        Self { tag: ValueTag::random(), set_at, expires: None }
    }

    /// That of the value in a file.
    pub(super) fn of_file(file: &[u8], seal: Option<&BoundStanza>) -> Self {
        let tag = seal.and_then(|seal| seal.tag).unwrap_or_else(|| ValueTag::of_file(file));
        Self {
            tag,
            set_at: seal.map_or(UNKNOWN_TIME, |seal| seal.set_at),
            expires: seal.and_then(|seal| seal.expires),
        }
    }
}

impl BoundStanza {
    pub(super) fn new(path: String, note: &ValueNote, recipients: Digest) -> Self {
        let ValueNote { tag, set_at, expires } = note.clone();
        Self { path, set_at, tag: Some(tag), expires, recipients }
    }

    /// The stanza in the version that states all of it.
    pub(super) fn to_stanza(&self) -> Stanza {
        let (path, set_at) = (self.path.clone(), self.set_at.to_string());
        let expires = self.expires.map_or_else(|| NONE.to_owned(), |time| time.to_string());
        let recipients = self.recipients.as_str().to_owned();
        let args = match self.tag {
            Some(tag) => {
                vec![VERSION.to_owned(), path, set_at, tag.to_string(), expires, recipients]
            }
            None => vec![EARLIER_VERSION.to_owned(), path, set_at, recipients],
        };
        Stanza { tag: TAG.to_owned(), args, body: Vec::new() }
    }

    /// Whether a stanza's tag is ours.
    pub(super) fn is_tag(tag: &str) -> bool {
        tag == TAG
    }

    /// Finds ours among a header's stanzas.
    pub(super) fn find(stanzas: &[Stanza]) -> Result<Option<Self>, InvalidStanza> {
        let mut ours = stanzas.iter().filter(|stanza| stanza.tag == TAG);
        let Some(stanza) = ours.next() else { return Ok(None) };
        if ours.next().is_some() {
            return Err(InvalidStanza::Repeated);
        }
        let args: Vec<&str> = stanza.args.iter().map(String::as_str).collect();
        let parsed = match args.as_slice() {
            [VERSION, path, set_at, tag, expires, recipients] => {
                ValueTag::parse(tag).and_then(|tag| {
                    let expires = match *expires {
                        NONE => None,
                        time => Some(time.parse().ok()?),
                    };
                    Self::parse(path, set_at, Some(tag), expires, recipients)
                })
            }
            [EARLIER_VERSION, path, set_at, recipients] => {
                Self::parse(path, set_at, None, None, recipients)
            }
            [VERSION | EARLIER_VERSION, ..] | [] => None,
            [..] => return Err(InvalidStanza::Version),
        };
        parsed.filter(|_| stanza.body.is_empty()).map(Some).ok_or(InvalidStanza::Malformed)
    }

    fn parse(
        path: &str,
        set_at: &str,
        tag: Option<ValueTag>,
        expires: Option<Timestamp>,
        recipients: &str,
    ) -> Option<Self> {
        Some(Self {
            path: path.to_owned(),
            set_at: set_at.parse().ok()?,
            tag,
            expires,
            recipients: Digest::parse(recipients)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::RecipientSet;

    fn stanza(args: &[&str]) -> Stanza {
        let args = args.iter().map(|arg| (*arg).to_owned()).collect();
        Stanza { tag: TAG.to_owned(), args, body: Vec::new() }
    }

    #[test]
    fn both_versions_are_read_and_no_other() {
        let digest = RecipientSet::default().digest();
        let digest = digest.as_str();
        let (path, time, tag) = ("env/app/key", "2026-01-02T03:04:05Z", "AAAAAAAAAAAAAAAAAAAAAA");
        let find = |args: &[&str]| BoundStanza::find(&[stanza(args)]);

        for expires in ["-", "2027-01-01T00:00:00Z"] {
            let args = ["2", path, time, tag, expires, digest];
            let found = find(&args).unwrap().unwrap();
            assert_eq!(found.tag, ValueTag::parse(tag));
            assert_eq!(found.expires.map_or("-".to_owned(), |time| time.to_string()), expires);
            assert_eq!(found.to_stanza(), stanza(&args));
        }
        let found = find(&["1", path, time, digest]).unwrap().unwrap();
        assert_eq!((found.tag, found.expires), (None, None));
        assert_eq!(found.to_stanza(), stanza(&["1", path, time, digest]));

        for malformed in [
            &[][..],
            &["1"],
            &["2"],
            &["1", path, time, tag, "-", digest],
            &["2", path, time, digest],
            &["2", path, time, "-", "-", digest],
            &["2", path, "-", tag, "-", digest],
            &["2", path, time, tag, "never", digest],
            &["2", path, time, tag, "-", "-"],
            &["2", path, time, tag, "-", digest, "more"],
        ] {
            assert_eq!(find(malformed), Err(InvalidStanza::Malformed), "{malformed:?}");
        }
        for version in ["0", "3", "02", "10", ""] {
            let args = [version, path, time, tag, "-", digest];
            assert_eq!(find(&args), Err(InvalidStanza::Version), "{version}");
        }
        let full = stanza(&["2", path, time, tag, "-", digest]);
        assert!(matches!(BoundStanza::find(&[full]), Ok(Some(_))));
        let full = || stanza(&["2", path, time, tag, "-", digest]);
        let with_body = Stanza { body: vec![0], ..full() };
        assert_eq!(BoundStanza::find(&[with_body]), Err(InvalidStanza::Malformed));
        assert_eq!(BoundStanza::find(&[full(), full()]), Err(InvalidStanza::Repeated));
        assert_eq!(BoundStanza::find(&[]), Ok(None));
    }
}
