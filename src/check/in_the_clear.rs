//! What no commit should hold, wherever it lies: private keys, and static
//! secrets in the clear.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::finding::{Finding, FindingKind};
use crate::repo::StagedChange;
use crate::static_values::{StaticValues, encrypted_by};
use crate::store::{Holders, Recipient, public_half};

/// What a PEM file begins with, in base64.
const PEM_IN_BASE64: &str = "LS0tLS1CRUdJTi";
/// What an identity of age begins with, in base64.
const IDENTITY_IN_BASE64: &str = "QUdFLVNFQ1JFVC1LRVkt";
/// What identities of age begin with, the longer one first.
const IDENTITIES: [&str; 2] = ["AGE-SECRET-KEY-PQ-1", "AGE-SECRET-KEY-1"];
/// How many letters of an identity make it one, and not a word about it.
const LETTERS: usize = 40;

/// Judges a file that the next commit would hold.
pub(super) fn judge(change: &StagedChange, holders: Option<&Holders>) -> Option<Finding> {
    let text = decoded(change.content.as_deref()?)?;
    if let Some(message) = private_key(&text, holders) {
        return Some(Finding::new(FindingKind::PrivateKey, message).in_file(&change.path));
    }
    let count = static_values(&text);
    (count > 0).then(|| {
        let values = if count == 1 { "1 value".to_owned() } else { format!("{count} values") };
        let message = format!("it is a file of static secrets, with {values} in the clear");
        Finding::new(FindingKind::StaticFile, message).in_file(&change.path)
    })
}

/// The text of a file, in UTF-8 or UTF-16. `None` where it is none.
fn decoded(bytes: &[u8]) -> Option<Zeroizing<String>> {
    if let Ok(text) = str::from_utf8(bytes)
        && !text.contains('\0')
    {
        return Some(Zeroizing::new(text.to_owned()));
    }
    let units = |of: fn([u8; 2]) -> u16| {
        let units = bytes.chunks_exact(2).filter_map(|pair| Some(of(pair.try_into().ok()?)));
        String::from_utf16(&Zeroizing::new(units.collect::<Vec<u16>>())).ok().map(Zeroizing::new)
    };
    match bytes {
        [0xff, 0xfe, ..] | [_, 0, ..] => units(u16::from_le_bytes),
        [0xfe, 0xff, ..] | [0, _, ..] => units(u16::from_be_bytes),
        _ => None,
    }
}

/// What is said of a text with a private key in it.
fn private_key(text: &str, holders: Option<&Holders>) -> Option<String> {
    let (what, key) = find(text).or_else(|| {
        // One that somebody put into a line, as for a variable of CI.
        [PEM_IN_BASE64, IDENTITY_IN_BASE64].iter().find_map(|start| {
            let at = text.find(start)?;
            let run = text.get(at..)?;
            let is_end = |c: char| !c.is_ascii_alphanumeric() && !"+/=".contains(c);
            let run = run.split(is_end).next()?;
            let whole = run.get(..run.len() - run.len() % 4)?;
            let bytes = Zeroizing::new(STANDARD.decode(whole).ok()?);
            let (what, key) = find(str::from_utf8(&bytes).ok()?)?;
            Some((what, Cow::Owned(key.into_owned())))
        })
    })?;
    let key = Zeroizing::new(key.into_owned());
    let public = public_half(&key);
    let owner = holders.zip(public.as_ref()).and_then(|(holders, public)| owner(holders, public));
    Some(match owner {
        Some(owner) => format!("it holds the private key of holder {owner}"),
        None => format!("it holds {what}"),
    })
}

fn owner(holders: &Holders, public: &Recipient) -> Option<String> {
    let mut all = holders.iter();
    all.find(|(_, holder)| holder.keys.contains(public)).map(|(name, _)| name.to_string())
}

/// A private key in a text: what it is, and the key.
fn find(text: &str) -> Option<(&'static str, Cow<'_, str>)> {
    for start in IDENTITIES {
        let lower = Zeroizing::new(text.to_ascii_uppercase());
        for (at, _) in lower.match_indices(start) {
            let letters = text.get(at + start.len()..)?;
            let length = letters.chars().take_while(char::is_ascii_alphanumeric).count();
            if length >= LETTERS {
                let key = text.get(at..at + start.len() + length)?;
                return Some(("an age identity, which is a private key", key.into()));
            }
        }
    }
    pem(text)
}

/// A private key in PEM, also one that is indented or on a single line with
/// written-out line ends.
fn pem(text: &str) -> Option<(&'static str, Cow<'_, str>)> {
    const KINDS: [(&str, &str); 3] = [
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "an SSH private key"),
        ("-----BEGIN PGP PRIVATE KEY BLOCK-----", "an OpenPGP private key"),
        ("PRIVATE KEY-----", "a private key"),
    ];
    for (line, what) in KINDS {
        for (at, _) in text.match_indices(line) {
            let start = text.get(..at)?.rfind('\n').map_or(0, |end| end + 1);
            let body = text.get(at + line.len()..)?;
            let before = text.get(start..at)?;
            if line.starts_with("PRIVATE") && !before.contains("-----BEGIN ") {
                continue;
            }
            let encoded: String = body
                .replace("\\n", "\n")
                .split("-----")
                .next()?
                .lines()
                .map(str::trim)
                .filter(|line| !line.contains(':'))
                .collect();
            let encoded = Zeroizing::new(encoded);
            let is_base64 = |c: char| c.is_ascii_alphanumeric() || "+/=".contains(c);
            if encoded.chars().take_while(|c| is_base64(*c)).count() >= LETTERS {
                let key =
                    format!("{line}\n{}\n-----END OPENSSH PRIVATE KEY-----\n", *wrapped(&encoded));
                return Some((what, key.into()));
            }
        }
    }
    None
}

/// In lines of 70 letters, as OpenSSH writes them.
fn wrapped(encoded: &str) -> Zeroizing<String> {
    let mut lines = Zeroizing::new(String::with_capacity(encoded.len() * 2));
    for (index, letter) in encoded.chars().enumerate() {
        if index > 0 && index % 70 == 0 {
            lines.push('\n');
        }
        lines.push(letter);
    }
    lines
}

/// How many values in the clear a file of static secrets has; 0 where it is
/// none.
fn static_values(text: &str) -> usize {
    const SECTIONS: [&str; 4] =
        ["applications", "pull-secret", "oidc-clients", "vault-write-token"];
    if !SECTIONS.iter().any(|section| text.contains(section)) {
        return 0;
    }
    let Ok(values) = StaticValues::from_yaml(text.trim_start_matches('\u{feff}')) else { return 0 };
    let single = values.applications.values().flat_map(|keys| keys.values());
    let clear = single.chain(&values.vault_write_token);
    let clear = clear.filter(|value| !value.is_blank() && encrypted_by(value).is_none()).count();
    clear + values.pull_secret.len() + values.oidc_clients.len()
}
