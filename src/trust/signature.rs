//! Who signed a commit.
//!
//! Git's SSH signatures (`gpg.format=ssh`) are verified here, without any
//! other program. They cover the commit as it is without the signature: its
//! tree, its parents, its author and its message. Whether the key is anybody's
//! is for others to say.

use git2::{ErrorCode, Oid, Repository};
use ssh_key::{PublicKey, SshSig};
use thiserror::Error;

use crate::store::SigningKey;

/// What git signs in: a signature made for another purpose does not count.
const NAMESPACE: &str = "git";

/// Why a commit's signature tells nobody's name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SignatureFault {
    /// There is none.
    #[error("it is not signed")]
    Unsigned,
    /// There is one of another kind.
    #[error("its signature is not an SSH one (gpg.format=ssh)")]
    NotSsh,
    /// There is one, and it is not of this commit.
    #[error("its signature is not good: it is of something else, or was changed")]
    Bad,
}

/// The key by which a commit is signed.
pub(super) fn signer(
    git: &Repository,
    commit: Oid,
) -> Result<Result<SigningKey, SignatureFault>, git2::Error> {
    let (armored, signed) = match git.extract_signature(&commit, None) {
        Ok(found) => found,
        Err(error) if error.code() == ErrorCode::NotFound => {
            return Ok(Err(SignatureFault::Unsigned));
        }
        Err(error) => return Err(error),
    };
    Ok(verify(&armored, &signed))
}

fn verify(armored: &[u8], signed: &[u8]) -> Result<SigningKey, SignatureFault> {
    const SSH: &[u8] = b"-----BEGIN SSH SIGNATURE-----";
    if !armored.starts_with(SSH) {
        return Err(SignatureFault::NotSsh);
    }
    let signature = SshSig::from_pem(armored).map_err(|_| SignatureFault::Bad)?;
    let key = PublicKey::new(signature.public_key().clone(), "");
    key.verify(NAMESPACE, signed, &signature).map_err(|_| SignatureFault::Bad)?;
    SigningKey::from_data(signature.public_key()).map_err(|_| SignatureFault::Bad)
}
