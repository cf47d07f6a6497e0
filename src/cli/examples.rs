//! The examples in the help of each command, in one place: a test has every
//! command here, and every example parsed.

use clap::Command;

/// The examples of each command, and of those that have others below them.
const EXAMPLES: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "phalanx-secrets move-in minikube",
            "phalanx-secrets fill minikube",
            "phalanx-secrets sync minikube --dry-run",
        ],
    ),
    ("recipients", &["phalanx-secrets recipients add bob --key bob.pub --access idfdev"]),
    ("vault", &["phalanx-secrets vault create-read-approle idfdev"]),
    ("git", &["phalanx-secrets git setup"]),
    (
        "init",
        &[
            "phalanx-secrets init --new-identity",
            "phalanx-secrets init --key ~/.ssh/id_ed25519.pub",
        ],
    ),
    (
        "list",
        &[
            "phalanx-secrets list idfdev",
            "phalanx-secrets list idfdev --json | jq '.[] | select(.state == \"missing\")'",
        ],
    ),
    (
        "get",
        &[
            "phalanx-secrets get idfdev gafaelfawr ldap-password",
            "phalanx-secrets get idfdev portal aws-credentials.ini --rev HEAD~1 > credentials.ini",
        ],
    ),
    (
        "set",
        &[
            "phalanx-secrets set idfdev gafaelfawr ldap-password",
            "phalanx-secrets set idfdev,idfint,idfprod mobu ALERT_HOOK",
            "printf %s \"$TOKEN\" | phalanx-secrets set idfdev mobu github-token",
            "phalanx-secrets set idfdev gafaelfawr ldap-keytab --from-file ldap.keytab",
            "phalanx-secrets set idfdev portal ADMIN_PASSWORD --generate password",
            "phalanx-secrets set idfdev oidc-clients chronograf --generate oidc-client",
        ],
    ),
    (
        "edit",
        &[
            "phalanx-secrets edit idfdev gafaelfawr",
            "EDITOR='code --wait' phalanx-secrets edit idfdev gafaelfawr ldap-password",
        ],
    ),
    ("fill", &["phalanx-secrets fill idfdev", "phalanx-secrets fill idfdev nublado --commit"]),
    ("remove", &["phalanx-secrets remove idfdev mobu github-token --yes"]),
    (
        "rename",
        &[
            "phalanx-secrets rename idfdev,idfint portal client-secret oidc-client-secret",
            "phalanx-secrets rename idfdev mobu token token --to-application noteburst",
        ],
    ),
    ("move-in", &["phalanx-secrets move-in idfdev"]),
    (
        "import",
        &[
            "phalanx-secrets import idfdev static-secrets.yaml --dry-run",
            "phalanx-secrets import idfdev --from-onepassword",
            "phalanx-secrets import minikube --from-vault --commit",
            "age -d secrets.yaml.age | phalanx-secrets import summit -",
        ],
    ),
    ("copy-env", &["phalanx-secrets copy-env idfdev idfdemo --exclude nublado --dry-run"]),
    (
        "run",
        &[
            "phalanx-secrets run idfdev mobu -- cargo run",
            "phalanx-secrets run idfdev nublado --files -- sh -c 'ls $PHALANX_SECRETS_FOLDER'",
        ],
    ),
    (
        "onepassword-secrets",
        &[
            "phalanx-secrets onepassword-secrets idfdev -o /dev/shm/idfdev.yaml",
            "phalanx-secrets onepassword-secrets idfdev | age -r age1… > idfdev.yaml.age",
        ],
    ),
    (
        "export",
        &[
            "phalanx-secrets export idfdev | age -r age1… > idfdev.yaml.age",
            "phalanx-secrets export idfdev --rev v1.2",
        ],
    ),
    ("static-template", &["phalanx-secrets static-template idfdev > static-secrets.yaml"]),
    ("schema", &["phalanx-secrets schema --output docs/extras/schemas/secrets.json"]),
    (
        "check",
        &[
            "phalanx-secrets check",
            "phalanx-secrets check --staged",
            "phalanx-secrets check idfdev --open --json",
        ],
    ),
    ("recipients list", &["phalanx-secrets recipients list"]),
    ("recipients show", &["phalanx-secrets recipients show bob"]),
    (
        "recipients add",
        &[
            "phalanx-secrets recipients add bob --key bob.pub --access idfdev",
            "phalanx-secrets recipients add ci --key age1… --access idfdev/mobu",
            "phalanx-secrets recipients add bob --key new-laptop.pub",
        ],
    ),
    ("recipients grant", &["phalanx-secrets recipients grant bob idfint summit/nublado"]),
    ("recipients revoke", &["phalanx-secrets recipients revoke bob idfint"]),
    (
        "recipients remove",
        &[
            "phalanx-secrets recipients remove bob",
            "phalanx-secrets recipients remove bob --key old-laptop.pub",
        ],
    ),
    ("rekey", &["phalanx-secrets rekey", "phalanx-secrets rekey idfdev/nublado --dry-run"]),
    ("exposed", &["phalanx-secrets exposed", "phalanx-secrets exposed idfdev --json"]),
    ("audit", &["phalanx-secrets audit idfdev", "phalanx-secrets audit --all --json"]),
    (
        "sync",
        &[
            "phalanx-secrets sync idfdev --dry-run",
            "phalanx-secrets sync idfdev --exclude nublado",
            "phalanx-secrets sync idfdev --regenerate=gafaelfawr/session-secret",
            "phalanx-secrets sync idfdev idfint --rev origin/main",
        ],
    ),
    ("backup", &["phalanx-secrets backup idfdev --commit"]),
    (
        "restore",
        &[
            "phalanx-secrets restore idfdev --dry-run",
            "phalanx-secrets restore idfdev --rev HEAD~3 --replace",
        ],
    ),
    ("vault audit", &["phalanx-secrets vault audit idfdev"]),
    (
        "vault copy-secrets",
        &["phalanx-secrets vault copy-secrets idfdev secret/k8s_operator/idfdev"],
    ),
    (
        "vault create-read-approle",
        &[
            "phalanx-secrets vault create-read-approle idfdev --as-secret vault-credentials | kubectl apply -f -",
        ],
    ),
    (
        "vault create-read-token",
        &[
            "phalanx-secrets vault create-read-token idfdev --as-secret vault-secrets-operator | kubectl apply -f -",
        ],
    ),
    (
        "vault create-write-token",
        &["phalanx-secrets vault create-write-token idfdev --store --commit"],
    ),
    ("vault export-secrets", &["phalanx-secrets vault export-secrets idfdev /dev/shm/idfdev"]),
    (
        "log",
        &[
            "phalanx-secrets log idfdev",
            "phalanx-secrets log idfdev gafaelfawr ldap-password --json",
        ],
    ),
    ("diff", &["phalanx-secrets diff --staged", "phalanx-secrets diff main HEAD --values"]),
    ("git setup", &["phalanx-secrets git setup", "phalanx-secrets git setup --remove"]),
    ("git textconv", &["phalanx-secrets git textconv secrets/idfdev/mobu/token.age"]),
    ("git merge-driver", &["phalanx-secrets git merge-driver %O %A %B %P"]),
    (
        "verify",
        &[
            "phalanx-secrets verify",
            "phalanx-secrets verify idfdev --trust-root 0123456789abcdef0123456789abcdef01234567",
        ],
    ),
    ("completions", &["source <(phalanx-secrets completions bash)"]),
    ("man", &["phalanx-secrets man | man -l -", "phalanx-secrets man ~/.local/share/man/man1"]),
];

/// Adds the examples to the help of each command.
pub(super) fn add_to(program: Command) -> Command {
    add(with_examples(program, ""), "")
}

fn add(command: Command, above: &str) -> Command {
    let names: Vec<String> =
        command.get_subcommands().map(|below| below.get_name().to_owned()).collect();
    names.into_iter().fold(command, |command, name| {
        let path = format!("{above}{name}");
        command.mut_subcommand(name, |below| {
            let below = with_examples(below, &path);
            add(below, &format!("{path} "))
        })
    })
}

fn with_examples(command: Command, path: &str) -> Command {
    let Some((_, examples)) = EXAMPLES.iter().find(|(name, _)| *name == path) else {
        return command;
    };
    let heading = if examples.len() == 1 { "Example:" } else { "Examples:" };
    let mut help = command.get_after_help().map(|help| format!("{help}\n\n")).unwrap_or_default();
    help.push_str(heading);
    for example in *examples {
        help.push_str("\n  ");
        help.push_str(example);
    }
    command.after_help(help)
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::*;
    use crate::cli::Cli;

    const PROGRAM: &str = env!("CARGO_PKG_NAME");

    fn commands(command: &Command, above: &str, into: &mut Vec<String>) {
        for below in command.get_subcommands() {
            let path = format!("{above}{}", below.get_name());
            commands(below, &format!("{path} "), into);
            into.push(path);
        }
    }

    #[test]
    fn every_command_has_examples_and_no_other() {
        let mut all = vec![String::new()];
        commands(&Cli::command(), "", &mut all);
        let named: Vec<&str> = EXAMPLES.iter().map(|(name, _)| *name).collect();
        for command in &all {
            assert!(named.contains(&command.as_str()), "{command} has no example");
        }
        assert_eq!(all.len(), named.len());
    }

    #[test]
    fn every_example_is_right() {
        for (name, examples) in EXAMPLES {
            for example in *examples {
                let start = example.find(PROGRAM).unwrap();
                let ends = [" | ", " > ", ")"];
                let line = ends.iter().fold(example.get(start..).unwrap(), |line, end| {
                    line.split(end).next().unwrap_or(line)
                });
                let words = shell_words::split(line).unwrap();
                let cli = Cli::try_parse_from(&words);
                assert!(cli.is_ok(), "{example}: {}", cli.unwrap_err());
                assert!(line.starts_with(format!("{PROGRAM} {name}").trim_end()), "{example}");
            }
        }
    }
}
