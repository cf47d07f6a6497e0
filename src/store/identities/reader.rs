//! From the text of an identity file to what is in it.

use std::io::{BufRead, Cursor};
use std::path::Path;
use std::sync::Arc;

use age::armor::ArmoredReader;
use age::ssh::UnsupportedKey;
use zeroize::Zeroizing;

use super::locked::{LockedFile, LockedSsh};
use super::makes::{self, Make};
use super::plugin::{PluginIdentity, Session};
use super::{Ask, Identity, IdentityError, Turn};
use crate::store::recipient::Recipient;

/// The largest identity file that is read, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// How an armored age file begins.
const ARMOR: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----";

fn read_file(path: &Path) -> std::io::Result<Zeroizing<Vec<u8>>> {
    let too_large = || std::io::Error::new(std::io::ErrorKind::FileTooLarge, "larger than 1 MiB");
    if std::fs::metadata(path)?.len() > MAX_FILE {
        return Err(too_large());
    }
    std::fs::read(path).map(Zeroizing::new)
}

/// Reads identities, and gives them what they need to ask.
#[derive(Clone)]
pub(super) struct Reader {
    pub(super) ask: Arc<dyn Ask>,
    session: Arc<Session>,
}

impl Reader {
    pub(super) fn new(ask: &Arc<dyn Ask>) -> Self {
        Self { ask: Arc::clone(ask), session: Session::new(ask) }
    }

    /// Reads a file.
    pub(super) fn read(&self, path: &Path, origin: &str) -> Result<Vec<Identity>, IdentityError> {
        let text = read_file(path)
            .map_err(|source| IdentityError::Read { origin: origin.to_owned(), source })?;
        self.parse(&text, origin)
    }

    /// Reads a file that need not be there.
    pub(super) fn read_default(
        &self,
        path: &Path,
        origin: &str,
    ) -> Result<Vec<Identity>, IdentityError> {
        match self.read(path, origin) {
            Err(IdentityError::Read { source, .. })
                if source.kind() == std::io::ErrorKind::NotFound =>
            {
                Ok(Vec::new())
            }
            read => read,
        }
    }

    /// Reads the text of an identity file or of an SSH private key.
    ///
    /// Lines with identities of no use are passed over where another line has
    /// one that is of use.
    pub(super) fn parse(&self, text: &[u8], origin: &str) -> Result<Vec<Identity>, IdentityError> {
        let text = without_mark(text);
        let trimmed = text.trim_ascii_start();
        let begins_with = |prefix: &[u8]| trimmed.starts_with(prefix);
        if begins_with(b"age-encryption.org/") || begins_with(ARMOR) {
            return self.parse_encrypted(trimmed, origin).map(|identity| vec![identity]);
        }
        let of_other_make = |make: Make| IdentityError::OtherMake {
            origin: origin.to_owned(),
            what: make.what,
            remedy: make.remedy,
        };
        if let Some(make) = makes::of_file(trimmed) {
            return Err(of_other_make(make));
        }
        if begins_with(b"-----BEGIN") {
            return self.parse_ssh(trimmed, origin).map(|identity| vec![identity]);
        }
        let (mut found, mut of_no_use) = (Vec::new(), None);
        for (line, number) in text.split(|byte| *byte == b'\n').zip(1..) {
            let line = line.trim_ascii();
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            match std::str::from_utf8(line).ok().and_then(makes::of_line) {
                Some(make) => of_no_use = Some(make),
                None => found.push(self.parse_line(line, number, origin)?),
            }
        }
        if found.is_empty() {
            return Err(match of_no_use {
                Some(make) => of_other_make(make),
                None => IdentityError::Empty { origin: origin.to_owned() },
            });
        }
        found.sort_by_key(|identity| identity.turn);
        Ok(found)
    }

    fn parse_line(
        &self,
        line: &[u8],
        number: usize,
        origin: &str,
    ) -> Result<Identity, IdentityError> {
        let malformed = || IdentityError::Malformed { origin: origin.to_owned(), line: number };
        let text = std::str::from_utf8(line).map_err(|_| malformed())?;
        let origin = origin.to_owned();
        if let Ok(native) = text.parse::<age::x25519::Identity>() {
            let recipient = native.to_public().to_string().parse().ok();
            let (key, turn) = (Box::new(native), Turn::Open);
            return Ok(Identity { key, recipient, origin, state: None, turn });
        }
        if text.parse::<Recipient>().is_ok() {
            return Err(IdentityError::PublicKey { origin, line: number });
        }
        let plugin: age::plugin::Identity = text.parse().map_err(|_| malformed())?;
        let plugin = PluginIdentity::new(plugin, &self.session);
        let (state, turn) = (Some(plugin.state()), Turn::Plugin);
        Ok(Identity { key: Box::new(plugin), recipient: None, origin, state, turn })
    }

    fn parse_ssh(&self, text: &[u8], origin: &str) -> Result<Identity, IdentityError> {
        let origin = origin.to_owned();
        let Ok(key) = age::ssh::Identity::from_buffer(Cursor::new(text), None) else {
            return Err(IdentityError::Cut { origin, what: "an SSH private key" });
        };
        let recipient: Option<Recipient> = age::ssh::Recipient::try_from(key.clone())
            .ok()
            .and_then(|recipient| recipient.to_string().parse().ok());
        match key {
            age::ssh::Identity::Unencrypted(_) => {
                let (key, turn) = (Box::new(key), Turn::Open);
                Ok(Identity { key, recipient, origin, state: None, turn })
            }
            age::ssh::Identity::Encrypted(key) => {
                let ask = Arc::clone(&self.ask);
                let locked = LockedSsh::new(key, recipient.as_ref(), origin.clone(), ask);
                let (state, turn) = (Some(locked.state()), Turn::Ssh);
                Ok(Identity { key: Box::new(locked), recipient, origin, state, turn })
            }
            age::ssh::Identity::Unsupported(kind) => {
                Err(IdentityError::Ssh { origin, reason: why_unsupported(&kind) })
            }
        }
    }

    fn parse_encrypted(&self, file: &[u8], origin: &str) -> Result<Identity, IdentityError> {
        let origin = origin.to_owned();
        let Ok(decryptor) = age::Decryptor::new_buffered(read_armored(file)) else {
            return Err(IdentityError::Cut { origin, what: "an encrypted file" });
        };
        if !decryptor.is_scrypt() {
            return Err(IdentityError::Encrypted { origin });
        }
        let locked = LockedFile::new(file.to_vec(), origin.clone(), self.clone());
        let (state, turn) = (Some(locked.state()), Turn::File);
        Ok(Identity { key: Box::new(locked), recipient: None, origin, state, turn })
    }
}

/// A text without a byte order mark, in UTF-8: PowerShell and some editors
/// write one, or UTF-16 with one.
fn without_mark(text: &[u8]) -> Zeroizing<Vec<u8>> {
    match encoding_rs::Encoding::for_bom(text) {
        Some((encoding, _)) => {
            Zeroizing::new(encoding.decode_with_bom_removal(text).0.into_owned().into_bytes())
        }
        None => Zeroizing::new(text.to_owned()),
    }
}

fn why_unsupported(kind: &UnsupportedKey) -> String {
    match kind {
        UnsupportedKey::EncryptedPem => {
            "its passphrase protects it in an old and weak way; ssh-keygen -p -f FILE writes it anew"
                .to_owned()
        }
        UnsupportedKey::EncryptedSsh(cipher) => format!(
            "it is encrypted with {cipher}; ssh-keygen -p -Z aes256-ctr -f FILE writes it anew"
        ),
        UnsupportedKey::Hardware(_) => "its private half is on a security key".to_owned(),
        UnsupportedKey::Type(kind) => {
            format!("it is of type {kind}, and only ssh-ed25519 and ssh-rsa keys are supported")
        }
    }
}

/// Reads an age file, armored or not.
pub(super) fn read_armored(file: &[u8]) -> impl BufRead {
    std::io::BufReader::new(ArmoredReader::new(file))
}

#[cfg(test)]
mod tests {
    use age::secrecy::ExposeSecret as _;

    use super::super::Nobody;
    use super::*;

    fn parse(text: &[u8]) -> Result<Vec<Identity>, IdentityError> {
        let ask: Arc<dyn Ask> = Arc::new(Nobody);
        Reader::new(&ask).parse(text, "FILE")
    }

    #[test]
    fn a_bad_line_is_named_by_number_only() {
        let good = age::x25519::Identity::generate().to_string();
        let text = format!("# comment\n{}\n\nAGE-SECRET-KEY-1OOPS\n", good.expose_secret());
        let error = parse(text.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), "FILE: line 4 is not an age identity");
        assert!(!format!("{error:?}").contains("OOPS"));
    }

    #[test]
    fn keys_of_other_makes_are_named() {
        for (text, name) in [
            ("-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n", "PKCS#8"),
            ("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIE\n", "encrypted"),
            ("\n -----BEGIN EC PRIVATE KEY-----\nMHcC\n", "elliptic-curve"),
            ("-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nx\n", "OpenPGP"),
            ("-----BEGIN CERTIFICATE-----\nMIIB\n", "certificate"),
            ("PuTTY-User-Key-File-3: ssh-ed25519\n", "PuTTY"),
            ("{\"kty\": \"OKP\"}", "JSON"),
            ("# pq\nAGE-SECRET-KEY-PQ-1PPPPPPPP\n", "post-quantum"),
        ] {
            let error = parse(text.as_bytes()).unwrap_err();
            assert!(error.is_of_no_use() && error.to_string().contains(name), "{text}: {error}");
            assert!(error.hint().is_some());
        }
    }

    #[test]
    fn what_is_of_no_use_leaves_the_others_and_marks_are_no_part_of_a_key() {
        let good = age::x25519::Identity::generate().to_string();
        let text = format!("AGE-SECRET-KEY-PQ-1PPPPPPPP\n{}\n", good.expose_secret());
        assert_eq!(parse(text.as_bytes()).unwrap().len(), 1);
        let marked = format!("\u{feff}{}\r\n", good.expose_secret());
        assert_eq!(parse(marked.as_bytes()).unwrap().len(), 1);
        for is_big in [false, true] {
            let units = marked.encode_utf16();
            let bytes = units.flat_map(|unit| match is_big {
                true => unit.to_be_bytes(),
                false => unit.to_le_bytes(),
            });
            assert_eq!(parse(&bytes.collect::<Vec<u8>>()).unwrap().len(), 1);
        }
    }

    #[test]
    fn files_without_an_identity_say_so() {
        for text in ["", "# only a comment\n"] {
            assert!(matches!(parse(text.as_bytes()), Err(IdentityError::Empty { .. })));
        }
        let encrypted = b"age-encryption.org/v1\n-> scrypt";
        assert!(matches!(parse(encrypted), Err(IdentityError::Cut { .. })));
    }
}
