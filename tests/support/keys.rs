//! Identities for the people of a test.

use std::fs;
use std::path::{Path, PathBuf};

use age::secrecy::ExposeSecret;

use super::cli::{Sandbox, make_private};

/// Somebody's key pair.
#[derive(Debug, Clone)]
pub struct Key {
    /// The file with the private half.
    pub path: PathBuf,
    /// The public half: `age1…`, or `ssh-ed25519 AAAA…` without its comment.
    pub recipient: String,
}

impl Sandbox {
    /// Makes an X25519 identity, in the form that `age-keygen` writes.
    pub fn age_identity(&self, name: &str) -> Key {
        let identity = age::x25519::Identity::generate();
        let recipient = identity.to_public().to_string();
        let text = format!("# public key: {recipient}\n{}\n", identity.to_string().expose_secret());
        let path = self.home().join("keys").join(format!("{name}.txt"));
        self.write(&path, text);
        make_private(&path);
        Key { path, recipient }
    }

    /// Makes an ed25519 SSH key without a passphrase.
    pub fn ssh_key(&self, name: &str) -> Key {
        self.ssh_key_of_type(name, "ed25519")
    }

    /// Makes an SSH key of any type that `ssh-keygen -t` knows.
    pub fn ssh_key_of_type(&self, name: &str, kind: &str) -> Key {
        let path = self.home().join(".ssh").join(format!("{name}_{kind}"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        self.program("ssh-keygen", ["-q", "-t", kind, "-N", "", "-C", name, "-f"])
            .args([&path])
            .run()
            .success();
        let public = self.read(path.with_extension("pub"));
        let recipient = public.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
        Key { path, recipient }
    }

    /// Makes an SSH key with a passphrase.
    pub fn ssh_key_with_passphrase(&self, name: &str, kind: &str, passphrase: &str) -> Key {
        let key = self.ssh_key_of_type(name, kind);
        self.program("ssh-keygen", ["-q", "-p", "-P", "", "-N", passphrase, "-f"])
            .args([&key.path])
            .run()
            .success();
        key
    }

    /// Puts an identity where the program looks for the user's own.
    pub fn install_identity(&self, identity: &Path) {
        let text = fs::read(identity).unwrap();
        let own = self.home().join(".config/phalanx-secrets/identity.txt");
        make_private(&self.write(own, text));
    }
}

/// Encrypts something with a passphrase, as `age --passphrase --armor` does,
/// with less work.
pub fn encrypted_with_passphrase(plaintext: &[u8], passphrase: &str) -> Vec<u8> {
    let mut recipient = age::scrypt::Recipient::new(passphrase.to_owned().into());
    recipient.set_work_factor(8);
    age::encrypt_and_armor(&recipient, plaintext).unwrap().into_bytes()
}
