//! `completions`: what the shell offers for a word that was begun.
//!
//! The shell runs the program itself, which looks into the checkout: names of
//! environments, applications and keys, and never a value.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::ValueEnum;
use clap_complete::CompleteEnv;
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use clap_complete::env::Shells;

use super::checkout::Checkout;
use super::settings::Settings;
use super::{Cli, CliError, Exit, Ui};
use crate::layout::RESERVED_APPLICATIONS;
use crate::model::{ApplicationName, Environment, HolderName};

/// The variable by which the shell asks.
const VARIABLE: &str = "COMPLETE";

/// Has bash quote names with blanks, which it alone of the shells does not by
/// itself.
const QUOTE_IN_BASH: &str = r#"
_phalanx_secrets_quoted() {
    _clap_complete_phalanx_secrets "$@"
    [[ "${COMP_WORDS[COMP_CWORD]}" == [\"\']* ]] && return
    local i
    for i in "${!COMPREPLY[@]}"; do
        if [[ "${COMPREPLY[i]}" == *[!A-Za-z0-9_,./:=@%+-]* ]]; then
            printf -v "COMPREPLY[$i]" %q "${COMPREPLY[i]}"
        fi
    done
}
complete -o nospace -o bashdefault -o nosort -F _phalanx_secrets_quoted phalanx-secrets \
    2> /dev/null || complete -o nospace -o bashdefault -F _phalanx_secrets_quoted phalanx-secrets
"#;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Put one of these where your shell starts:\n  bash   source <(phalanx-secrets \
    completions bash)\n  zsh    source <(phalanx-secrets completions zsh)\n  fish   \
    phalanx-secrets completions fish | source"
)]
pub(super) struct Args {
    /// The shell
    shell: Shell,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Shell {
    Bash,
    Elvish,
    Fish,
    Powershell,
    Zsh,
}

impl Shell {
    fn name(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::Elvish => "elvish",
            Self::Fish => "fish",
            Self::Powershell => "powershell",
            Self::Zsh => "zsh",
        }
    }
}

pub(super) fn run(args: &Args, ui: &Ui) -> Result<Exit, CliError> {
    let name = env!("CARGO_PKG_NAME");
    let mut script = Vec::new();
    if let Some(shell) = Shells::builtins().completer(args.shell.name()) {
        shell.write_registration(VARIABLE, name, name, name, &mut script)?;
    }
    if matches!(args.shell, Shell::Bash) {
        script.extend(QUOTE_IN_BASH.as_bytes());
    }
    ui.data(&script)?;
    Ok(Exit::Done)
}

/// Answers the shell, if it is the one who asks.
pub(super) fn answer() -> bool {
    let asked = CompleteEnv::with_factory(Cli::definition).var(VARIABLE);
    let here = Settings::from_process().current_folder.ok();
    asked.try_complete(words(), here.as_deref()).unwrap_or_default()
}

/// The arguments, for which the library has completers look themselves.
fn words() -> Vec<OsString> {
    std::env::args_os().collect()
}

/// Completes an environment, also the last of several.
pub(super) fn environments() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| {
        let Some(current) = current.to_str() else { return Vec::new() };
        let (before, last) = match current.rsplit_once(',') {
            Some((before, last)) => (format!("{before},"), last),
            None => (String::new(), current),
        };
        let names = Line::read().map(|line| line.environments()).unwrap_or_default();
        let is_there = |name: &String| before.split(',').any(|there| there == name);
        let names = names.into_iter().filter(|name| name.starts_with(last) && !is_there(name));
        names.map(|name| CompletionCandidate::new(format!("{before}{name}"))).collect()
    })
}

/// Completes an application of the environment that was named before.
pub(super) fn applications() -> ArgValueCompleter {
    completer(|line| {
        let (environment, _) = line.environment()?;
        let enabled = environment.applications.into_iter();
        let with_secrets = enabled.filter(|(_, application)| !application.secrets.is_empty());
        let names = with_secrets.map(|(name, _)| name.to_string());
        Some(names.chain(RESERVED_APPLICATIONS.map(str::to_owned)).collect())
    })
}

/// Completes a key of the application that was named before.
pub(super) fn keys() -> ArgValueCompleter {
    completer(|line| {
        let (environment, rest) = line.environment()?;
        let application: ApplicationName = rest.iter().find_map(|word| {
            word.parse().ok().filter(|name: &ApplicationName| {
                environment.applications.contains_key(name)
                    || RESERVED_APPLICATIONS.contains(&name.as_str())
            })
        })?;
        let declared = environment.applications.get(&application);
        let declared = declared.into_iter().flat_map(|declared| declared.secrets.keys());
        let mut keys: Vec<String> = declared.map(ToString::to_string).collect();
        let contents = line.checkout.store_if_any()?.contents(&environment.name).ok()?;
        let stored = contents.ids().filter(|id| id.application == application);
        keys.extend(stored.map(|id| id.key.to_string()).filter(|key| !key.starts_with('@')));
        keys.sort();
        keys.dedup();
        Some(keys)
    })
}

/// Completes a holder.
pub(super) fn holders() -> ArgValueCompleter {
    completer(|line| {
        let holders = line.checkout.store_if_any()?.holders.iter();
        Some(holders.map(|(name, _): (&HolderName, _)| name.to_string()).collect())
    })
}

fn completer(
    names: impl Fn(&Line) -> Option<Vec<String>> + Send + Sync + 'static,
) -> ArgValueCompleter {
    ArgValueCompleter::new(move |current: &OsStr| {
        let Some(current) = current.to_str().map(unquoted) else { return Vec::new() };
        let names = Line::read().and_then(|line| names(&line)).unwrap_or_default();
        let names = names.into_iter().filter(|name| name.starts_with(&current));
        names.map(CompletionCandidate::new).collect()
    })
}

/// A word that was begun, without its quotes.
fn unquoted(word: &str) -> String {
    match shell_words::split(word) {
        Ok(words) => words.into_iter().next().unwrap_or_default(),
        // Of those that are open yet.
        Err(_) => word.trim_start_matches(['"', '\'']).trim_end_matches('\\').to_owned(),
    }
}

/// The line that is being completed, and the checkout that it is about.
struct Line {
    words: Vec<String>,
    checkout: Checkout,
}

impl Line {
    fn read() -> Option<Self> {
        let words = words().into_iter().skip_while(|word| word != "--").skip(2);
        let words: Vec<String> =
            words.filter_map(|word| word.into_string().ok()).map(|word| unquoted(&word)).collect();
        let named = words.iter().position(|word| word == "-c" || word == "--config");
        let joined = words.iter().find_map(|word| word.strip_prefix("--config="));
        let root = named.and_then(|position| words.get(position + 1)).map(String::as_str);
        let root = root.or(joined).map(PathBuf::from);
        let checkout = Checkout::find(root.as_deref(), &Settings::from_process()).ok()?;
        Some(Self { words, checkout })
    }

    fn environments(&self) -> Vec<String> {
        let names = self.checkout.layout.environments(&self.checkout.tree).unwrap_or_default();
        names.iter().map(ToString::to_string).collect()
    }

    /// The first environment that was named, and what follows.
    fn environment(&self) -> Option<(Environment, &[String])> {
        let known = self.environments();
        let first = |word: &String| word.split(',').next().unwrap_or_default().to_owned();
        let position = self.words.iter().position(|word| known.contains(&first(word)))?;
        let name = self.words.get(position).map(first)?.parse().ok()?;
        let environment = self.checkout.environment(&name).ok()?;
        Some((environment, self.words.get(position + 1..)?))
    }
}
