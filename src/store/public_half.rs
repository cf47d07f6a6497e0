//! The public key that belongs to a private one.

use zeroize::Zeroizing;

use super::recipient::Recipient;

/// The public half of an age identity, or of an OpenSSH private key, with or
/// without a passphrase: it is in the clear there. `None` where it does not
/// show.
pub(crate) fn public_half(key: &str) -> Option<Recipient> {
    if let Ok(identity) = key.trim().parse::<age::x25519::Identity>() {
        return identity.to_public().to_string().parse().ok();
    }
    let key = ssh_key::PrivateKey::from_openssh(key).ok()?;
    let public = Zeroizing::new(key.public_key().to_openssh().ok()?);
    public.parse().ok()
}

#[cfg(test)]
mod tests {
    use age::secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn an_identity_has_its_recipient() {
        let identity = age::x25519::Identity::generate();
        let text = identity.to_string();
        let public = public_half(text.expose_secret()).unwrap();
        assert_eq!(public.as_str(), identity.to_public().to_string());
        assert_eq!(public_half("AGE-SECRET-KEY-1QQQ"), None);
        assert_eq!(public_half(""), None);
    }
}
