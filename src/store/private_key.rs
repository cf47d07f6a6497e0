//! What a private key looks like, whole or damaged, so that none is repeated.

use zeroize::Zeroizing;

/// The fewest letters and digits in which there may be (a part of) a key.
const SHORTEST: usize = 16;

/// The letters and digits of bech32, in which age writes keys.
const BECH32: &str = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

/// The position of an identity of age or of one of its plugins, or of the
/// first line of a PEM file, in a text.
///
/// The identities of plugins are upper case only, so that
/// `~/.config/age-plugin-yubikey/` is none.
pub(crate) fn find_private_key(text: &str) -> Option<usize> {
    let lower = Zeroizing::new(text.to_ascii_lowercase());
    let native = lower.find("age-secret-key-1").or_else(|| lower.find("age-secret-key-pq-1"));
    [native, text.find("AGE-PLUGIN-"), text.find("-----BEGIN")].into_iter().flatten().min()
}

/// Whether a text could be a private key, a token, or a part of one: then no
/// message repeats it.
///
/// It goes by form alone: several lines, words that only keys have, or letters
/// and digits that take turns as in encoded bytes and in no name: base64 of
/// either alphabet, hexadecimal, bech32, UUIDs. What is understood as a key is
/// [another question](find_private_key).
pub(crate) fn could_be_key(text: &str) -> bool {
    /// In capitals.
    const WORDS: [&str; 6] =
        ["AGE-SECRET", "SECRET-KEY", "PRIVATE KEY", "-----", "OPENSSH", "\"KTY\""];
    let upper = Zeroizing::new(text.to_ascii_uppercase());
    text.chars().any(char::is_control)
        || WORDS.iter().any(|word| upper.contains(word))
        // In small letters it may be a folder of the plugin's.
        || text.contains("AGE-PLUGIN-")
        || text.ends_with('=')
        || text.split(|c: char| !c.is_ascii_alphanumeric() && !"+/-_".contains(c)).any(is_encoded)
}

/// Whether a run is mixed as encoded bytes are.
///
/// Of every ten neighbours in random base64, six are of different classes
/// (small letters, capitals, digits), in hexadecimal text five, in bech32 four;
/// in paths and names, with the marks between words left out, one or two.
fn is_encoded(run: &str) -> bool {
    // Nothing is copied: it may be a key.
    let characters = || run.chars().filter(char::is_ascii_alphanumeric);
    let count = characters().count();
    if count < SHORTEST {
        return false;
    }
    let class = |c: char| (c.is_ascii_digit(), c.is_ascii_uppercase());
    let pairs = characters().zip(characters().skip(1));
    let changes = pairs.filter(|(one, next)| class(*one) != class(*next)).count();
    let has = |is_it: fn(&char) -> bool| characters().any(|c| is_it(&c));
    let one_case = !has(char::is_ascii_uppercase) || !has(char::is_ascii_lowercase);
    changes * 10 >= count * 3
        // Parts of keys of age with few digits among them, and UUIDs.
        || (one_case && has(char::is_ascii_digit) && characters().all(is_bech32))
        || (count >= 32 && characters().all(|c| c.is_ascii_hexdigit()))
        || run.split(['/', '-', '_']).any(is_of_bech32)
}

fn is_bech32(c: char) -> bool {
    BECH32.contains(c.to_ascii_lowercase())
}

/// Whether a word between marks is long, and of letters that bech32 has.
fn is_of_bech32(word: &str) -> bool {
    word.len() >= 40 || (word.len() >= 24 && word.chars().skip(1).all(is_bech32))
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::string_slice, reason = "tests stop at a surprise")]
mod tests {
    use super::*;

    /// A key of each make, in words of its own make alone.
    const KEYS: [&str; 8] = [
        "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX",
        "AGE-SECRET-KEY-PQ-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQQ9S5CW",
        "AGE-PLUGIN-YUBIKEY-1Q0YQZYFPYYSJZGFPYYSJZGFPYYSJZG2W4EGA",
        "LS0tLS1CRUdJTiBPUEVOU1NIIFBSSVZBVEUgS0VZLS0tLS0KYjNCbGJuTnphQzFyWlhrdGRqRUFBQUFB",
        "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "hvs.CAESIJ1cV9mFwJ2bYxTq4Zy8uLk0PqWcR5oN3sD7hGfXeMaIGh4KHGh2cy5",
        "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmU\n",
    ];

    #[test]
    fn keys_of_every_make_are_held_back_whole_and_damaged() {
        for key in KEYS {
            for text in
                [key.to_owned(), key.to_lowercase(), format!(" {key} "), format!("\"{key}\"")]
            {
                assert!(could_be_key(&text), "{text}");
            }
            for cut in [1, 4, 9, 16, 24] {
                assert!(key.get(cut..).is_some_and(could_be_key), "{key} from {cut}");
                assert!(
                    key.get(..key.len() - cut / 2).is_some_and(could_be_key),
                    "{key} without {cut}"
                );
            }
        }
    }

    #[test]
    fn random_bytes_are_held_back_however_they_are_written() {
        use base64::Engine as _;
        use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
        use rand::{RngExt as _, SeedableRng as _};
        let mut random = rand::rngs::StdRng::seed_from_u64(7);
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let mut missed = [0; 6];
        for _ in 0..500 {
            let bytes: [u8; 32] = random.random();
            let uuid = hex(&bytes[..16]);
            let uuid = [&uuid[..8], &uuid[8..12], &uuid[12..16], &uuid[16..20], &uuid[20..]];
            let letters: Vec<char> = BECH32.chars().collect();
            let tail: String =
                bytes.iter().take(19).map(|byte| letters[usize::from(byte % 32)]).collect();
            let texts = [
                STANDARD_NO_PAD.encode(bytes),
                URL_SAFE_NO_PAD.encode(bytes),
                URL_SAFE_NO_PAD.encode(&bytes[..24]),
                hex(&bytes),
                uuid.join("-"),
                tail,
            ];
            for (missed, text) in missed.iter_mut().zip(texts) {
                *missed += usize::from(!could_be_key(&text));
            }
        }
        // Nineteen letters of bech32 without any digit are a word like others.
        assert!(missed[..5].iter().all(|count| *count == 0) && missed[5] < 10, "{missed:?}");
    }

    #[test]
    fn paths_and_names_are_not() {
        for path in [
            "~/.config/phalanx-secrets/identity.txt",
            "/srv/alice/.ssh/id_ed25519",
            "/run/secrets/phalanx-secrets/identity.txt",
            "keys/deploy-idfdev-2026.txt",
            "/var/run/secrets/kubernetes.io/serviceaccount/token",
            "/Volumes/Administrator/Library/Application Support/age/keys.txt",
            "C:\\Users\\alice\\identity.txt",
            "~/.config/age-plugin-yubikey/identity.txt",
            "../usdf-prompt-processing-identity.txt",
            "usdfprod-prompt-processing",
            "/srv/alice/projects/observatory/keys2/identity7",
            "phalanx.lsst.io/environments/idfdev",
            "sync-vault-secrets-operator",
            "gafaelfawr-redis-password",
            "/var/sandbox-kP3hoQ/a/store",
            "identity",
            "",
        ] {
            assert!(!could_be_key(path), "{path}");
        }
    }
}
