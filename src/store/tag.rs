//! Which value a sealed file holds, as far as that shows without any key.
//!
//! A value gets a random tag when it is set, and keeps it when it is sealed
//! again or renamed. So two files with one tag hold one value, and two with
//! different tags hold values that were set apart. A time cannot tell that: it
//! may repeat. Nor may a digest of the value: it could be guessed at.
//!
//! A file of version 1 of our stanza, or of stock age tools, states no tag. A
//! digest of the file itself stands for it. Whoever brings that file to the
//! present version gives the value this tag, so that two people who do so apart
//! agree. Such a file beside another one tells nothing: the value may be the
//! same or not.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use sha2::{Digest as _, Sha256};

use super::header::Header;

/// What stands for a value: 128 bits, written as 22 characters of unpadded
/// base64.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValueTag([u8; 16]);

impl ValueTag {
    /// The tag of a value that is set now.
    #[must_use]
    pub fn random() -> Self {
        Self(rand::random())
    }

    /// What stands for the value of a sealed file that states no tag: the first
    /// half of SHA-256 over a label and the armored file. White space is left
    /// out, so that line ends make no difference.
    #[must_use]
    pub fn of_file(file: &[u8]) -> Self {
        let text: Vec<u8> =
            file.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
        let mut hash = Sha256::new();
        hash.update(b"phalanx-secrets file 1\n");
        hash.update(text);
        let mut tag = [0; 16];
        for (to, from) in tag.iter_mut().zip(hash.finalize()) {
            *to = from;
        }
        Self(tag)
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        STANDARD_NO_PAD.decode(text).ok()?.try_into().ok().map(Self)
    }
}

impl fmt::Display for ValueTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for ValueTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ValueTag({self})")
    }
}

/// Which value a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ValueIdentity {
    tag: ValueTag,
    /// Whether the file says so itself.
    is_stated: bool,
}

/// What is known of the values of two files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sameness {
    /// They are one value.
    Same,
    /// They were set apart.
    SetApart,
    /// It does not show.
    Unknown,
}

impl ValueIdentity {
    /// Reads it from a file and its header, if it has one that can be read.
    #[must_use]
    pub fn of(file: &[u8], header: Option<&Header>) -> Self {
        let stated = header.and_then(|header| header.seal.as_ref()).and_then(|seal| seal.tag);
        let tag = stated.unwrap_or_else(|| ValueTag::of_file(file));
        Self { tag, is_stated: stated.is_some() }
    }

    /// The tag that stands for the value.
    #[must_use]
    pub fn tag(self) -> ValueTag {
        self.tag
    }

    /// Compares it with that of another file.
    #[must_use]
    pub fn compare(self, other: Self) -> Sameness {
        match (self.tag == other.tag, self.is_stated && other.is_stated) {
            (true, _) => Sameness::Same,
            (false, true) => Sameness::SetApart,
            (false, false) => Sameness::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_written_and_read_back() {
        let tag = ValueTag::random();
        assert_eq!(ValueTag::parse(&tag.to_string()), Some(tag));
        assert_eq!(tag.to_string().len(), 22);
        assert_ne!(tag, ValueTag::random());
        // One text a tag: neither padding nor bits that are left over.
        for text in ["", "-", "AAAAAAAAAAAAAAAAAAAAAA==", "AAAAAAAAAAAAAAAAAAAAAB", "AAAA"] {
            assert_eq!(ValueTag::parse(text), None, "{text}");
        }
        assert!(ValueTag::parse("AAAAAAAAAAAAAAAAAAAAAA").is_some());
    }

    #[test]
    fn what_stands_for_a_file_is_not_about_its_line_ends() {
        assert_eq!(ValueTag::of_file(b"a b\nc\n"), ValueTag::of_file(b"a b\r\nc\r\n"));
        assert_ne!(ValueTag::of_file(b"a"), ValueTag::of_file(b"b"));
        // docs/format.md has this example.
        assert_eq!(ValueTag::of_file(b"").to_string(), "jj7Xs/LKIZ6QHXnSB+xpEw");
    }

    #[test]
    fn only_tags_that_are_stated_tell_values_apart() {
        let stated = |tag| ValueIdentity { tag, is_stated: true };
        let derived = |tag| ValueIdentity { tag, is_stated: false };
        let (one, two) = (ValueTag::random(), ValueTag::random());
        for (a, b, expected) in [
            (stated(one), stated(one), Sameness::Same),
            (stated(one), stated(two), Sameness::SetApart),
            // Sealed again from just this file, or not.
            (derived(one), stated(one), Sameness::Same),
            (derived(one), stated(two), Sameness::Unknown),
            (derived(one), derived(two), Sameness::Unknown),
        ] {
            assert_eq!((a.compare(b), b.compare(a)), (expected, expected));
        }
    }
}
