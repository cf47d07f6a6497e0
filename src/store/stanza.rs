//! The bound stanza: one extra header stanza of ours in every sealed file.
//!
//! `-> phalanx-secrets 1 <env>/<app>/<key> <set-at> <recipients-digest>`
//!
//! Stock age tools ignore stanzas of types that they do not know. The header's
//! MAC covers it, so that whoever can decrypt the file notices when it was
//! edited, dropped or moved to another file. Without an identity it can be
//! read, not trusted.

use age_core::format::Stanza;
use jiff::Timestamp;
use thiserror::Error;

use super::recipient::Digest;

const TAG: &str = "phalanx-secrets";
const VERSION: &str = "1";

/// What a sealed file says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoundStanza {
    /// The secret that it belongs to, `<env>/<app>/<key>` with the key encoded
    /// as in file names.
    pub path: String,
    /// When the value last changed. Sealing it again does not change it.
    pub set_at: Timestamp,
    /// The recipients that it was sealed to.
    pub recipients: Digest,
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

impl BoundStanza {
    pub(super) fn to_stanza(&self) -> Stanza {
        Stanza {
            tag: TAG.to_owned(),
            args: vec![
                VERSION.to_owned(),
                self.path.clone(),
                self.set_at.to_string(),
                self.recipients.as_str().to_owned(),
            ],
            body: Vec::new(),
        }
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
        match args.as_slice() {
            [VERSION, path, set_at, recipients] if stanza.body.is_empty() => Ok(Some(Self {
                path: (*path).to_owned(),
                set_at: set_at.parse().map_err(|_| InvalidStanza::Malformed)?,
                recipients: Digest::parse(recipients).ok_or(InvalidStanza::Malformed)?,
            })),
            [VERSION, ..] | [] => Err(InvalidStanza::Malformed),
            [..] => Err(InvalidStanza::Version),
        }
    }
}
