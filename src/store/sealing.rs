//! Sealing a value to recipients, and opening it again.
//!
//! A sealed value is a standard age v1 file, armored, with the
//! [bound stanza](BoundStanza) in its header.

use std::cell::RefCell;
use std::collections::HashSet;
use std::io::{Read, Write};

use age::armor::{ArmoredReader, ArmoredWriter, Format};
use age::{DecryptError, EncryptError, Encryptor};
use age_core::format::{FileKey, Stanza};
use thiserror::Error;
use zeroize::Zeroizing;

use super::header::Header;
use super::header_gate::read_header;
use super::identities::Identities;
use super::paths::bound_path;
use super::recipient::RecipientSet;
use super::stanza::{BoundStanza, InvalidStanza, ValueNote};
use crate::model::{SecretId, SecretValue};

/// A value that could not be sealed.
#[derive(Debug, Error)]
pub enum SealError {
    /// A recipient that refused.
    #[error("a recipient cannot be sealed to")]
    Recipient(#[from] EncryptError),
    /// So many recipients that the file could not be opened again.
    #[error("there are too many keys to seal to: more than about 1,000")]
    TooMany,
    /// Memory that could not be written to.
    #[error("sealing failed")]
    Io(#[from] std::io::Error),
}

/// A sealed file that could not be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// It is not an age file, or only part of one.
    #[error("it is not a whole age file: it was truncated or overwritten")]
    Malformed,
    /// It has a header longer than any that is made.
    #[error("its header is longer than that of any sealed value (1,024 stanzas, 1 MiB)")]
    HeaderTooLong,
    /// It is an age file in the other form.
    #[error("it is a binary age file, and the store keeps armored ones")]
    Binary,
    /// Its header or its payload was changed after sealing.
    #[error("it was changed after it was sealed: {0} does not verify")]
    Tampered(&'static str),
    /// No identity at hand opens it.
    #[error("none of the identities at hand can open it")]
    NoMatchingIdentity,
    /// It belongs to another secret.
    #[error("it was sealed for {path}, and moved or copied here")]
    Moved {
        /// The secret that it was sealed for.
        path: String,
    },
    /// Its stanza of ours cannot be understood.
    #[error(transparent)]
    Stanza(#[from] InvalidStanza),
    /// An identity that may open it stayed locked.
    #[error("an identity that may open it is locked")]
    Locked,
    /// An identity failed: a plugin, or an SSH key.
    #[error("an identity failed")]
    Identity(#[source] DecryptError),
}

/// A value with what its seal says.
#[derive(Debug)]
pub struct Opened {
    /// The value.
    pub value: SecretValue,
    /// Its header, now verified.
    pub header: Header,
    /// What its file says of it, to be kept for as long as it is this value.
    pub note: ValueNote,
}

/// Seals a value to recipients, bound to its secret.
///
/// # Errors
/// No recipients, or one that refuses.
pub fn seal(
    value: &SecretValue,
    id: &SecretId,
    note: &ValueNote,
    recipients: &RecipientSet,
) -> Result<Vec<u8>, SealError> {
    let stanza = BoundStanza::new(bound_path(id), note, recipients.digest());
    seal_with(stanza, value, recipients)
}

fn seal_with(
    stanza: BoundStanza,
    value: &SecretValue,
    recipients: &RecipientSet,
) -> Result<Vec<u8>, SealError> {
    let wrapped = recipients.iter().map(|recipient| recipient.to_age());
    let bound = BoundRecipients { stanza, recipients: wrapped.collect::<Result<_, _>>()? };
    let encryptor = Encryptor::with_recipients(std::iter::once(&bound as &dyn age::Recipient))?;
    let armored = ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor)?;
    let mut writer = encryptor.wrap_output(armored)?;
    writer.write_all(value.expose())?;
    let sealed = writer.finish()?.finish()?;
    // What is beyond the limits of a header nobody could open.
    let can_be_read = read_header(&sealed).is_ok();
    if can_be_read { Ok(sealed) } else { Err(SealError::TooMany) }
}

/// Opens a sealed file, and verifies that it belongs to the secret.
///
/// # Errors
/// Whatever is wrong with it, before a byte of the value is given out.
pub fn open(file: &[u8], id: &SecretId, identities: &Identities) -> Result<Opened, OpenError> {
    let witness = Witness { identities, header: RefCell::new(Header::of_stanzas(&[])) };
    let decryptor = read_header(file)?;
    let mut payload =
        decryptor.decrypt(std::iter::once(&witness as &dyn age::Identity)).map_err(open_error)?;

    // From here on the header's MAC has been verified.
    let header = witness.header.into_inner()?;
    if let Some(seal) = &header.seal
        && seal.path != bound_path(id)
    {
        return Err(OpenError::Moved { path: seal.path.clone() });
    }

    // The value is no longer than the file, so the buffer never grows and
    // leaves no copy behind.
    let mut value = Zeroizing::new(Vec::with_capacity(file.len()));
    payload.read_to_end(&mut value).map_err(|_| OpenError::Tampered("its payload"))?;
    let note = ValueNote::of_file(file, header.seal.as_ref());
    Ok(Opened { value: value.into(), header, note })
}

/// Reads what a sealed file shows without any key. Nothing of it is verified.
///
/// # Errors
/// A file that is no age file or not a whole one, or whose stanza of ours is
/// malformed.
pub fn inspect(file: &[u8]) -> Result<Header, OpenError> {
    Ok(inspect_with_length(file)?.0)
}

/// The same, with the length of the value in bytes: age hides everything of a
/// value but that.
///
/// # Errors
/// As [`inspect`].
pub(crate) fn inspect_with_length(file: &[u8]) -> Result<(Header, u64), OpenError> {
    let reader = HeaderReader(RefCell::new(Header::of_stanzas(&[])));
    // Nobody can open it this way; the reader has seen the header all the same.
    let _ = read_header(file)?.decrypt(std::iter::once(&reader as &dyn age::Identity));
    let header = reader.0.into_inner()?;
    let length = payload_length(file).and_then(value_length).ok_or(OpenError::Malformed)?;
    Ok((header, length))
}

/// The length of the payload after the header of a file whose armor is whole,
/// with nothing after it.
fn payload_length(file: &[u8]) -> Option<u64> {
    let mut binary = Vec::with_capacity(file.len());
    ArmoredReader::new(file).read_to_end(&mut binary).ok()?;
    // No other line of a header begins so.
    let mac = binary.windows(4).position(|window| window == b"\n---")?;
    let rest = binary.get(mac + 1..)?;
    let line = rest.iter().position(|byte| *byte == b'\n')?;
    Some(rest.get(line + 1..)?.len() as u64)
}

/// The length of the value in a payload: a nonce, and chunks of 64 KiB, at
/// least one, each with a tag. Source: age specification, "Payload".
fn value_length(payload: u64) -> Option<u64> {
    const NONCE: u64 = 16;
    const TAG: u64 = 16;
    const CHUNK: u64 = (64 << 10) + TAG;
    let sealed = payload.checked_sub(NONCE)?;
    let chunks = sealed.div_ceil(CHUNK).max(1);
    sealed.checked_sub(chunks * TAG)
}

/// An identity that opens nothing and remembers what a header holds.
struct HeaderReader(RefCell<Result<Header, InvalidStanza>>);

impl age::Identity for HeaderReader {
    fn unwrap_stanza(&self, _: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        None
    }

    fn unwrap_stanzas(&self, stanzas: &[Stanza]) -> Option<Result<FileKey, DecryptError>> {
        *self.0.borrow_mut() = Header::of_stanzas(stanzas);
        None
    }
}

/// What an error of the age library says of a file.
pub(super) fn open_error(error: DecryptError) -> OpenError {
    match error {
        DecryptError::InvalidMac => OpenError::Tampered("its header"),
        DecryptError::DecryptionFailed => OpenError::Tampered("its header"),
        DecryptError::NoMatchingKeys => OpenError::NoMatchingIdentity,
        DecryptError::KeyDecryptionFailed => OpenError::Locked,
        DecryptError::InvalidHeader | DecryptError::UnknownFormat | DecryptError::Io(_) => {
            OpenError::Malformed
        }
        error => OpenError::Identity(error),
    }
}

/// The recipients of one file together with our stanza.
///
/// One recipient for age's purposes, because all recipients of a file must
/// agree on their labels: this one adopts those of the real ones. So, too, are
/// their stanzas in the order of the recipients, which is that of the digest.
struct BoundRecipients {
    stanza: BoundStanza,
    recipients: Vec<Box<dyn age::Recipient>>,
}

impl age::Recipient for BoundRecipients {
    fn wrap_file_key(
        &self,
        file_key: &FileKey,
    ) -> Result<(Vec<Stanza>, HashSet<String>), EncryptError> {
        let mut stanzas = vec![self.stanza.to_stanza()];
        let mut labels: Option<HashSet<String>> = None;
        for recipient in &self.recipients {
            let (wrapped, own) = recipient.wrap_file_key(file_key)?;
            match &labels {
                Some(labels) if *labels != own => {
                    return Err(EncryptError::IncompatibleRecipients {
                        l_labels: labels.clone(),
                        r_labels: own,
                    });
                }
                _ => labels = Some(own),
            }
            stanzas.extend(wrapped);
        }
        match labels {
            Some(labels) => Ok((stanzas, labels)),
            None => Err(EncryptError::MissingRecipients),
        }
    }
}

/// The identities at hand, as one that also reads our stanza in the header.
struct Witness<'a> {
    identities: &'a Identities,
    header: RefCell<Result<Header, InvalidStanza>>,
}

impl age::Identity for Witness<'_> {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        self.unwrap_stanzas(std::slice::from_ref(stanza))
    }

    fn unwrap_stanzas(&self, stanzas: &[Stanza]) -> Option<Result<FileKey, DecryptError>> {
        *self.header.borrow_mut() = Header::of_stanzas(stanzas);
        let mut failure = None;
        for identity in self.identities.iter() {
            match identity.unwrap_stanzas(stanzas) {
                Some(Err(error)) => failure = failure.or(Some(Err(error))),
                Some(Ok(file_key)) => return Some(Ok(file_key)),
                None => {}
            }
        }
        failure
    }
}

/// Seals a value as the first versions of this program did.
#[cfg(test)]
pub(super) fn seal_as_version_1(
    value: &SecretValue,
    id: &SecretId,
    set_at: jiff::Timestamp,
    recipients: &RecipientSet,
) -> Vec<u8> {
    let note = ValueNote::of_new_value(set_at);
    let stanza = BoundStanza::new(bound_path(id), &note, recipients.digest());
    seal_with(BoundStanza { tag: None, ..stanza }, value, recipients).unwrap()
}

#[cfg(test)]
mod tests {
    use age::secrecy::ExposeSecret as _;
    use age_core::format::FILE_KEY_BYTES;
    use proptest::prelude::*;

    use super::*;
    use crate::store::Recipient;

    /// An SSH key whose private half nobody needs here.
    const SSH: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN";

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// Who opens a file knows which stanza is theirs by their place among
        /// the recipients.
        #[test]
        fn stanzas_come_in_the_order_of_the_recipients(count in 1_usize..6, has_ssh: bool) {
            let mut people: Vec<(Recipient, Option<age::x25519::Identity>)> = (0..count)
                .map(|_| age::x25519::Identity::generate())
                .map(|key| (key.to_public().to_string().parse().unwrap(), Some(key)))
                .collect();
            if has_ssh {
                people.push((SSH.parse().unwrap(), None));
            }
            let set: RecipientSet = people.iter().map(|(recipient, _)| recipient.clone()).collect();
            let note = ValueNote::of_new_value(jiff::Timestamp::UNIX_EPOCH);
            let stanza = BoundStanza::new("a/b/c".to_owned(), &note, set.digest());
            let wrapped = set.iter().map(|recipient| recipient.to_age().unwrap()).collect();
            let bound = BoundRecipients { stanza, recipients: wrapped };
            let key = FileKey::new(Box::new([7; FILE_KEY_BYTES]));
            let (stanzas, _) = age::Recipient::wrap_file_key(&bound, &key).unwrap();

            prop_assert!(BoundStanza::is_tag(&stanzas[0].tag));
            // Each recipient has one, and nobody else's opens.
            prop_assert_eq!(stanzas.len(), 1 + people.len());
            for (place, recipient) in set.iter().enumerate() {
                let person = people.iter().find(|(own, _)| own == recipient).unwrap();
                match &person.1 {
                    None => prop_assert_eq!(&stanzas[1 + place].tag, "ssh-ed25519"),
                    Some(identity) => for (other, stanza) in stanzas.iter().enumerate() {
                        let opened = age::Identity::unwrap_stanza(identity, stanza);
                        let is_own = other == 1 + place;
                        let file_key = opened.and_then(Result::ok);
                        prop_assert_eq!(file_key.is_some(), is_own);
                        if let Some(file_key) = file_key {
                            prop_assert_eq!(file_key.expose_secret(), key.expose_secret());
                        }
                    },
                }
            }
        }
    }
}
