//! The generators: one function each, with randomness and time passed in.
//!
//! The forms are those of the Python CLI, whose secrets the same applications
//! read. Source: Phalanx, `models/secrets.py`; Gafaelfawr, `models/token.py`;
//! the Fernet specification.

use base64::Engine as _;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use rand::{CryptoRng, Rng};
use rsa::pkcs8::{EncodePrivateKey as _, LineEnding};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::model::SecretValue;

/// The cost of bcrypt hashes: 2 to this power rounds, about two seconds.
const BCRYPT_COST: u32 = 15;
/// The bits of an RSA key.
const RSA_BITS: usize = 2048;

/// A value that could not be generated.
#[derive(Debug, Error)]
pub enum GenerateError {
    /// bcrypt would pass over all but the first bytes.
    #[error("its source is longer than the 72 bytes that bcrypt hashes in full")]
    TooLongForBcrypt,
    /// bcrypt ends a password at a zero byte.
    #[error("its source holds a zero byte, at which bcrypt would end it")]
    ZeroByteForBcrypt,
    /// The hash failed otherwise.
    #[error("bcrypt failed")]
    Bcrypt(#[source] bcrypt::BcryptError),
    /// The RSA key could not be made or written.
    #[error("the RSA key could not be made")]
    Rsa(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// 64 hexadecimal digits: 32 random bytes.
pub fn password(random: &mut impl CryptoRng) -> SecretValue {
    hexadecimal::<32>(random).as_str().into()
}

/// The id of an OpenID Connect client: 32 hexadecimal digits and where the
/// client belongs.
pub fn oidc_client_id(random: &mut impl CryptoRng, domain: &str) -> String {
    format!("{}.clients.{domain}", *hexadecimal::<16>(random))
}

/// Random bytes as hexadecimal digits.
fn hexadecimal<const N: usize>(random: &mut impl CryptoRng) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(2 * N));
    for byte in random_bytes::<N>(random).iter() {
        for digit in [byte >> 4, byte & 0xf] {
            text.push(char::from(if digit < 10 { b'0' + digit } else { b'a' + digit - 10 }));
        }
    }
    text
}

/// A Gafaelfawr token: `gt-<key>.<secret>`, each 16 random bytes in unpadded
/// URL-safe base64.
pub fn gafaelfawr_token(random: &mut impl CryptoRng) -> SecretValue {
    let mut text = Zeroizing::new(String::with_capacity(64));
    text.push_str("gt-");
    URL_SAFE_NO_PAD.encode_string(*random_bytes::<16>(random), &mut text);
    text.push('.');
    URL_SAFE_NO_PAD.encode_string(*random_bytes::<16>(random), &mut text);
    text.as_str().into()
}

/// A Fernet key: 32 random bytes in padded URL-safe base64.
pub fn fernet_key(random: &mut impl CryptoRng) -> SecretValue {
    let mut text = Zeroizing::new(String::with_capacity(64));
    URL_SAFE.encode_string(*random_bytes::<32>(random), &mut text);
    text.as_str().into()
}

/// A 2048-bit RSA private key, PKCS#8 in PEM.
///
/// # Errors
/// None that a good source of randomness can cause.
pub fn rsa_private_key(random: &mut impl CryptoRng) -> Result<SecretValue, GenerateError> {
    let key =
        rsa::PrivateKey::new(random, RSA_BITS).map_err(|error| GenerateError::Rsa(error.into()))?;
    let pem = key
        .to_pkcs8_pem(LineEnding::LF)
        .map_err(|error| GenerateError::Rsa(error.to_string().into()))?;
    Ok(pem.as_str().into())
}

/// Checks that bcrypt would hash all of `source`.
///
/// # Errors
/// A source of more than 72 bytes, or with a zero byte.
pub fn check_bcrypt_source(source: &SecretValue) -> Result<(), GenerateError> {
    /// What bcrypt takes. The zero byte that ends a shorter password is left
    /// out after one of this length, as all implementations do.
    const LONGEST: usize = 72;
    if source.expose().contains(&0) {
        Err(GenerateError::ZeroByteForBcrypt)
    } else if source.expose().len() > LONGEST {
        Err(GenerateError::TooLongForBcrypt)
    } else {
        Ok(())
    }
}

/// The bcrypt hash of `source`, at cost 15, in the form `$2b$15$…`.
///
/// # Errors
/// A source that bcrypt would not hash in full. Hashing the first part only,
/// as other tools do, would accept passwords that are not the source.
pub fn bcrypt_password_hash(
    source: &SecretValue,
    random: &mut impl CryptoRng,
) -> Result<SecretValue, GenerateError> {
    check_bcrypt_source(source)?;
    let salt = random_bytes::<16>(random);
    // It cuts nothing off but the zero byte that would follow the 72nd.
    let hash = bcrypt::hash_with_salt(source.expose(), BCRYPT_COST, *salt)
        .map_err(GenerateError::Bcrypt)?;
    Ok(hash.to_string().into())
}

/// The time, as Argo CD reads it: `%Y-%m-%dT%H:%M:%SZ`.
#[must_use]
pub fn mtime(now: Timestamp) -> SecretValue {
    now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string().into()
}

fn random_bytes<const N: usize>(random: &mut impl Rng) -> Zeroizing<[u8; N]> {
    let mut bytes = Zeroizing::new([0; N]);
    random.fill_bytes(bytes.as_mut());
    bytes
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;
    use rsa::pkcs8::DecodePrivateKey as _;
    use rsa::traits::PublicKeyParts as _;

    use super::*;

    fn random() -> StdRng {
        StdRng::seed_from_u64(7)
    }

    fn text(value: &SecretValue) -> &str {
        value.expose_str().unwrap()
    }

    #[test]
    fn a_password_is_64_hexadecimal_digits() {
        let value = password(&mut random());
        assert_eq!(text(&value).len(), 64);
        assert!(text(&value).bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)));
        assert_ne!(value, password(&mut StdRng::seed_from_u64(8)));
    }

    #[test]
    fn a_gafaelfawr_token_has_two_parts_of_16_bytes() {
        let value = gafaelfawr_token(&mut random());
        let (key, secret) = text(&value).strip_prefix("gt-").unwrap().split_once('.').unwrap();
        for part in [key, secret] {
            assert_eq!(part.len(), 22);
            assert_eq!(URL_SAFE_NO_PAD.decode(part).unwrap().len(), 16);
        }
        assert_ne!(key, secret);
    }

    #[test]
    fn a_fernet_key_is_32_bytes() {
        let value = fernet_key(&mut random());
        assert_eq!(text(&value).len(), 44);
        assert_eq!(URL_SAFE.decode(text(&value)).unwrap().len(), 32);
    }

    #[test]
    fn an_rsa_key_is_pkcs8_of_2048_bits() {
        let value = rsa_private_key(&mut random()).unwrap();
        assert!(text(&value).starts_with("-----BEGIN PRIVATE KEY-----\n"));
        assert!(text(&value).ends_with("-----END PRIVATE KEY-----\n"));
        let key = rsa::PrivateKey::from_pkcs8_pem(text(&value)).unwrap();
        assert_eq!(key.size() * 8, 2048);
        assert_eq!(*key.e(), rsa::BoxedUint::from(65537_u64));
    }

    #[test]
    fn a_bcrypt_hash_verifies_and_never_truncates() {
        let longest = "x".repeat(72);
        let hash = bcrypt_password_hash(&longest.as_str().into(), &mut random()).unwrap();
        assert!(bcrypt::verify(&longest, text(&hash)).unwrap());
        assert!(!bcrypt::verify("x".repeat(71), text(&hash)).unwrap());

        let source = SecretValue::from("x".repeat(73));
        let error = bcrypt_password_hash(&source, &mut random()).unwrap_err();
        assert!(matches!(error, GenerateError::TooLongForBcrypt));
        let error = bcrypt_password_hash(&"a\0b".into(), &mut random()).unwrap_err();
        assert!(matches!(error, GenerateError::ZeroByteForBcrypt));

        let hash = bcrypt_password_hash(&"hunter2".into(), &mut random()).unwrap();
        assert!(text(&hash).starts_with("$2b$15$"));
        assert!(bcrypt::verify("hunter2", text(&hash)).unwrap());
        assert!(!bcrypt::verify("hunter3", text(&hash)).unwrap());
    }

    #[test]
    fn an_mtime_is_in_utc_without_fractions() {
        let now: Timestamp = "2026-01-02T03:04:05.678Z".parse().unwrap();
        assert_eq!(text(&mtime(now)), "2026-01-02T03:04:05Z");
    }
}
