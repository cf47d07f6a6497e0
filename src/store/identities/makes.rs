//! Keys that are none of age's and none that it takes, by what they look like.

/// A make of keys that no sealed file is opened with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Make {
    /// What it is, in words that follow "it is".
    pub(super) what: &'static str,
    /// What to do about it.
    pub(super) remedy: &'static str,
}

const REWRITE: &str = "if ssh-keygen reads it, this writes it in OpenSSH's form: ssh-keygen -p -f \
                       FILE; else make an age identity with age-keygen";
const MAKE_ONE: &str = "make an age identity with age-keygen, and have its public key added to \
                        your file in recipients/";
const PRIVATE_HALF: &str = "give the private key that belongs to it";

/// What files of other makes begin with.
const FILES: [(&str, Make); 15] = [
    ("-----BEGIN PRIVATE KEY-----", Make { what: "a private key in PKCS#8 form", remedy: REWRITE }),
    (
        "-----BEGIN ENCRYPTED PRIVATE KEY-----",
        Make { what: "an encrypted private key in PKCS#8 form", remedy: REWRITE },
    ),
    (
        "-----BEGIN EC PRIVATE KEY-----",
        Make { what: "an elliptic-curve (ECDSA) private key", remedy: MAKE_ONE },
    ),
    ("-----BEGIN EC PARAMETERS-----", Make { what: "an elliptic-curve key", remedy: MAKE_ONE }),
    ("-----BEGIN DSA PRIVATE KEY-----", Make { what: "a DSA private key", remedy: MAKE_ONE }),
    ("-----BEGIN PGP PRIVATE KEY", Make { what: "an OpenPGP private key", remedy: MAKE_ONE }),
    ("-----BEGIN PGP", Make { what: "an OpenPGP block", remedy: MAKE_ONE }),
    ("-----BEGIN CERTIFICATE", Make { what: "a certificate", remedy: MAKE_ONE }),
    ("-----BEGIN X509", Make { what: "a certificate", remedy: MAKE_ONE }),
    ("-----BEGIN PUBLIC KEY-----", Make { what: "a public key", remedy: PRIVATE_HALF }),
    ("-----BEGIN RSA PUBLIC KEY-----", Make { what: "a public key", remedy: PRIVATE_HALF }),
    ("---- BEGIN SSH2 PUBLIC KEY", Make { what: "a public key", remedy: PRIVATE_HALF }),
    (
        "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY",
        Make {
            what: "a private key in ssh.com's form",
            remedy: "this writes it in OpenSSH's form: ssh-keygen -i -f FILE > NEW",
        },
    ),
    (
        "PuTTY-User-Key-File",
        Make {
            what: "a private key in PuTTY's form",
            remedy: "this writes it in OpenSSH's form: puttygen FILE -O private-openssh -o NEW",
        },
    ),
    ("{", Make { what: "a JSON document, such as a JSON Web Key", remedy: MAKE_ONE }),
];

/// What a line of an identity file begins with, in capitals.
const LINES: [(&str, Make); 1] = [(
    "AGE-SECRET-KEY-PQ-1",
    Make {
        what: "a post-quantum identity, which this version does not open files with",
        remedy: "use an X25519 identity, as age-keygen makes without -pq, and have its public key \
                 added to your file in recipients/",
    },
)];

/// The make of a whole file.
pub(super) fn of_file(text: &[u8]) -> Option<Make> {
    let begins = |(prefix, _): &&(&str, Make)| text.starts_with(prefix.as_bytes());
    FILES.iter().find(begins).map(|(_, make)| *make)
}

/// The make of a line.
pub(super) fn of_line(line: &str) -> Option<Make> {
    let line = line.to_ascii_uppercase();
    LINES.iter().find(|(prefix, _)| line.starts_with(prefix)).map(|(_, make)| *make)
}
