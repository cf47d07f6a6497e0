//! Sealed values as the first versions of the program made them.

use std::collections::HashSet;
use std::io::Write as _;

use age::armor::{ArmoredWriter, Format};
use age::{EncryptError, Encryptor};
use age_core::format::{FileKey, Stanza};
use phalanx_secrets::store::{Recipient, RecipientSet};

/// Seals a value to X25519 recipients, bound to a path, without a tag.
pub fn seal(path: &str, set_at: &str, recipients: &[&str], value: &[u8]) -> Vec<u8> {
    let set: RecipientSet =
        recipients.iter().map(|key| key.parse::<Recipient>().unwrap()).collect();
    let args = ["1", path, set_at, set.digest().as_str()].map(str::to_owned).to_vec();
    let sealed = Sealed { args, recipients: set.iter().map(ToString::to_string).collect() };
    let encryptor =
        Encryptor::with_recipients(std::iter::once(&sealed as &dyn age::Recipient)).unwrap();
    let armored = ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor).unwrap();
    let mut writer = encryptor.wrap_output(armored).unwrap();
    writer.write_all(value).unwrap();
    writer.finish().unwrap().finish().unwrap()
}

struct Sealed {
    args: Vec<String>,
    recipients: Vec<String>,
}

impl age::Recipient for Sealed {
    fn wrap_file_key(
        &self,
        file_key: &FileKey,
    ) -> Result<(Vec<Stanza>, HashSet<String>), EncryptError> {
        let ours =
            Stanza { tag: "phalanx-secrets".to_owned(), args: self.args.clone(), body: Vec::new() };
        let mut stanzas = vec![ours];
        for recipient in &self.recipients {
            let recipient: age::x25519::Recipient = recipient.parse().unwrap();
            stanzas.extend(recipient.wrap_file_key(file_key)?.0);
        }
        Ok((stanzas, HashSet::new()))
    }
}
