//! `recipients add`: a new holder, or a new key of one.

use crate::cli::completion::holders;
use std::fmt::Display;
use std::path::Path;
use std::str::FromStr;

use super::change::{Change, ChangeArgs, check_access};
use crate::cli::{CliError, Context, Exit};
use crate::model::HolderName;
use crate::store::{
    Access, Holder, InvalidRecipient, InvalidSigningKey, Recipient, SigningKey, find_private_key,
};

/// The largest file with public keys, in bytes.
const MAX_FILE: u64 = 1 << 20;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Name of the holder, a person or a machine
    #[arg(add = holders())]
    name: HolderName,

    /// Public key, or a file with some, such as ~/.ssh/id_ed25519.pub;
    /// repeatable
    #[arg(long = "key", value_name = "KEY", required_unless_present = "signing_keys")]
    keys: Vec<String>,

    /// SSH public key with which they sign commits, or a file with some;
    /// repeatable
    #[arg(long = "signing-key", value_name = "KEY")]
    signing_keys: Vec<String>,

    /// What a new holder may read: `*` is everything; repeatable
    #[arg(long, value_name = "ENVIRONMENT[/APPLICATION]")]
    access: Vec<Access>,

    #[command(flatten)]
    change: ChangeArgs,
}

pub(super) fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CliError> {
    let keys = parse_keys("--key", &args.keys)?;
    let signing_keys = parse_keys("--signing-key", &args.signing_keys)?;
    check_access(&args.access, &args.change, context)?;
    let store = context.store_to_change()?;
    let name = &args.name;
    for (other, holder) in store.holders.iter().filter(|(other, _)| *other != name) {
        if let Some(key) = keys.iter().find(|key| holder.keys.contains(key)) {
            return Err(CliError::usage(format!("{other} has this key already: {key}")).hint(
                "give that holder more access with: phalanx-secrets recipients grant".to_owned(),
            ));
        }
    }
    let after = match store.holders.get(name) {
        None if args.access.is_empty() => {
            return Err(CliError::usage(format!("{name} is new, and would have no access"))
                .hint("say what they may read: --access ENVIRONMENT[/APPLICATION]".to_owned()));
        }
        None if keys.is_empty() => {
            return Err(CliError::usage(format!("{name} is new, and could read nothing"))
                .hint("give the public key that values are sealed to: --key KEY".to_owned()));
        }
        None => Holder { keys, access: without_repeats(&args.access), signing_keys },
        Some(_) if !args.access.is_empty() => {
            return Err(CliError::usage(format!("{name} is a holder already"))
                .hint(format!(
                    "give them more access with: phalanx-secrets recipients grant {name} {}",
                    super::listed(&args.access).replace(", ", " ")
                ))
                .hint("without --access, the key is added to theirs".to_owned()));
        }
        Some(holder) => {
            let mut holder = holder.clone();
            holder.keys.extend(keys);
            holder.keys = without_repeats(&holder.keys);
            holder.signing_keys.extend(signing_keys);
            holder.signing_keys = without_repeats(&holder.signing_keys);
            holder
        }
    };
    if store.holders.get(name) == Some(&after) {
        context.ui.status(&format!("{name} has that key already."));
        return Ok(Exit::Done);
    }
    let summary = match store.holders.get(name) {
        None => format!("add {name} ({})", super::listed(&after.access)),
        Some(_) if args.keys.is_empty() => format!("add a signing key of {name}"),
        Some(_) => format!("add a key of {name}"),
    };
    let change = Change { name: name.clone(), after: Some(after), withdrawn: None, summary };
    change.apply(store, &args.change, context)
}

/// The items without those that were there before.
pub(super) fn without_repeats<T: PartialEq + Clone>(items: &[T]) -> Vec<T> {
    let mut kept: Vec<T> = Vec::new();
    for item in items {
        if !kept.contains(item) {
            kept.push(item.clone());
        }
    }
    kept
}

/// A public key that can be given as an argument.
pub(super) trait PublicKey: FromStr<Err: Display> + PartialEq + Clone {
    /// What to say where a text is none of these.
    const KINDS: &str;

    /// What to do about a text that is wrong.
    fn hint(error: &Self::Err) -> Option<String>;

    /// Whether a text is none of these at all.
    fn is_unknown(error: &Self::Err) -> bool;
}

impl PublicKey for Recipient {
    const KINDS: &str = "a public key (age1… or ssh-…)";

    fn hint(error: &InvalidRecipient) -> Option<String> {
        error.hint()
    }

    fn is_unknown(error: &InvalidRecipient) -> bool {
        *error == InvalidRecipient::Unknown
    }
}

impl PublicKey for SigningKey {
    const KINDS: &str = "an SSH public key";

    fn hint(_: &InvalidSigningKey) -> Option<String> {
        None
    }

    fn is_unknown(error: &InvalidSigningKey) -> bool {
        *error == InvalidSigningKey::Unknown
    }
}

/// The public keys that were named: each a key, or a file with some.
pub(super) fn parse_keys<K: PublicKey>(option: &str, texts: &[String]) -> Result<Vec<K>, CliError> {
    let mut keys = Vec::new();
    for (text, position) in texts.iter().zip(1..) {
        match text.parse::<K>() {
            Ok(key) => keys.push(key),
            Err(_) if find_private_key(text).is_some() => {
                let message = format!("{option} number {position}: this is a private key");
                return Err(CliError::usage(message)
                    .hint("give the public key that belongs to it: age-keygen -y FILE".to_owned())
                    .hint(
                        "this one now stands in the shell's history: take it for exposed, and \
                         make a new one"
                            .to_owned(),
                    ));
            }
            Err(error) if K::is_unknown(&error) && Path::new(text).is_file() => {
                keys.extend(read_keys(Path::new(text))?);
            }
            Err(error) if K::is_unknown(&error) => {
                let kinds = K::KINDS;
                let message = format!("{option} number {position} is neither {kinds} nor a file");
                return Err(CliError::usage(message));
            }
            Err(error) => {
                let message = format!("{option} number {position}: {error}");
                return Err(CliError::usage(message).hint(K::hint(&error)));
            }
        }
    }
    Ok(without_repeats(&keys))
}

/// The public keys in a file, one a line.
fn read_keys<K: PublicKey>(path: &Path) -> Result<Vec<K>, CliError> {
    let name = path.display();
    let cannot = |cause: String| {
        let mut error = CliError::usage(format!("{name} cannot be read"));
        error.causes.push(cause);
        error
    };
    let size = std::fs::metadata(path).map_err(|error| cannot(error.to_string()))?.len();
    if size > MAX_FILE {
        return Err(cannot("it is larger than 1 MiB".to_owned()));
    }
    let text = zeroize::Zeroizing::new(
        std::fs::read_to_string(path).map_err(|error| cannot(error.to_string()))?,
    );
    if find_private_key(&text).is_some() {
        let beside = path.with_extension("pub");
        let hint = if beside.is_file() {
            format!("give the public key beside it: --key {}", beside.display())
        } else {
            format!("give the public key that belongs to it: age-keygen -y {name}")
        };
        return Err(CliError::usage(format!("{name} holds a private key")).hint(hint));
    }
    let mut keys = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let key = line.parse::<K>().map_err(|error| {
            CliError::usage(format!("{name}:{number}: {error}")).hint(K::hint(&error))
        })?;
        keys.push(key);
    }
    if keys.is_empty() {
        return Err(CliError::usage(format!("{name} holds no public key")));
    }
    Ok(keys)
}
