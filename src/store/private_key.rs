//! What a private key looks like, whole or damaged, so that none is repeated.

/// The shortest run of letters and digits in which there may be (a part of) a
/// key: names that people give to files are shorter, or have marks in between.
const RUN: usize = 20;

/// The position of an identity of age or of one of its plugins, or of the
/// first line of a PEM file, in a text.
///
/// The identities of plugins are upper case only, so that
/// `~/.config/age-plugin-yubikey/` is none.
pub(crate) fn find_private_key(text: &str) -> Option<usize> {
    let lower = text.to_ascii_lowercase();
    let native = lower.find("age-secret-key-1").or_else(|| lower.find("age-secret-key-pq-1"));
    [native, text.find("AGE-PLUGIN-"), text.find("-----BEGIN")].into_iter().flatten().min()
}

/// Whether a text could be a private key, a token, or a part of one: then no
/// message repeats it.
///
/// It goes by form alone: several lines, words that only keys have, or a long
/// run of letters and digits as in base64, bech32 and hexadecimal text. What
/// is understood as a key is [another question](find_private_key).
pub(crate) fn could_be_key(text: &str) -> bool {
    const WORDS: [&str; 7] =
        ["AGE-SECRET", "SECRET-KEY", "AGE-PLUGIN-", "PRIVATE KEY", "-----", "OPENSSH", "\"kty\""];
    let upper = text.to_ascii_uppercase();
    text.chars().any(char::is_control)
        || WORDS.iter().any(|word| match *word {
            // A folder may be called so in lower case.
            "AGE-PLUGIN-" => text.contains(word),
            word => upper.contains(&word.to_ascii_uppercase()),
        })
        || text.ends_with('=')
        || text.split(|c: char| !c.is_ascii_alphanumeric() && c != '+').any(is_encoded)
}

/// Whether a run is as long as encoded bytes are, and as mixed: of letters and
/// digits, or of large and small letters that take turns as in no word.
fn is_encoded(run: &str) -> bool {
    let count = |is_it: fn(&char) -> bool| run.chars().filter(is_it).count();
    let digits = count(char::is_ascii_digit);
    let turns = run
        .as_bytes()
        .windows(2)
        .filter(|pair| matches!(pair, [a, b] if a.is_ascii_lowercase() && b.is_ascii_uppercase()))
        .count();
    run.len() >= RUN && ((digits > 1 && digits < run.len()) || turns > 2 || run.len() >= 2 * RUN)
}

#[cfg(test)]
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
    fn paths_and_names_are_not() {
        for path in [
            "~/.config/phalanx-secrets/identity.txt",
            "/home/alice/.ssh/id_ed25519",
            "/run/secrets/phalanx-secrets/identity.txt",
            "keys/deploy-idfdev-2026.txt",
            "/var/run/secrets/kubernetes.io/serviceaccount/token",
            "/Users/Administrator/Library/Application Support/age/keys.txt",
            "C:\\Users\\alice\\identity.txt",
            "~/.config/age-plugin-yubikey/identity.txt",
            "../usdf-prompt-processing-identity.txt",
            "identity",
            "",
        ] {
            assert!(!could_be_key(path), "{path}");
        }
    }
}
