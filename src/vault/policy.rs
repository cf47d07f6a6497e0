//! The policies of an environment: who may read its secrets in Vault, and who
//! may write them. Their names are those of [`VaultLocation`]. Their text is
//! that of Phalanx to the byte (`vault-read-policy.hcl.jinja` and
//! `vault-write-policy.hcl.jinja` in `src/phalanx/data`, which the Python CLI
//! writes without the last line feed), because its `vault audit` compares it.

use crate::model::VaultLocation;

/// What the operator in the cluster may do: read the entries.
#[must_use]
pub fn read_policy(location: &VaultLocation) -> String {
    rules(location, &[("data", "/+", &["read"]), ("metadata", "/+", &["list", "read"])])
}

/// What a sync may do: read, write, delete and bring back the entries.
#[must_use]
pub fn write_policy(location: &VaultLocation) -> String {
    let data = &["create", "delete", "read", "update"];
    let metadata = &["delete", "list", "read", "update"];
    rules(
        location,
        &[
            ("data", "", data),
            ("data", "/+", data),
            ("metadata", "", metadata),
            ("metadata", "/+", metadata),
            ("delete", "/+", &["update"]),
            ("destroy", "/+", &["update"]),
            ("undelete", "/+", &["update"]),
        ],
    )
}

/// The text of a policy for paths of the environment: each an area of the
/// mount, what follows the environment's path, and what may be done there.
fn rules(location: &VaultLocation, rules: &[(&str, &str, &[&str])]) -> String {
    let VaultLocation { mount, path, .. } = location;
    let rule = |(area, below, capabilities): &(&str, &str, &[&str])| {
        let capabilities: Vec<String> =
            capabilities.iter().map(|capability| format!("{capability:?}")).collect();
        let capabilities = capabilities.join(", ");
        format!("path \"{mount}/{area}/{path}{below}\" {{\n  capabilities = [{capabilities}]\n}}")
    };
    rules.iter().map(rule).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_those_of_the_documentation_on_any_mount() {
        let location = VaultLocation::new("https://v", "kv/phalanx/idfdev").unwrap();
        assert_eq!(
            read_policy(&location),
            "path \"kv/data/phalanx/idfdev/+\" {\n  capabilities = [\"read\"]\n}\n\
             path \"kv/metadata/phalanx/idfdev/+\" {\n  capabilities = [\"list\", \"read\"]\n}"
        );
        let policy = write_policy(&location);
        assert!(policy.starts_with(
            "path \"kv/data/phalanx/idfdev\" {\n  capabilities = [\"create\", \"delete\", \
             \"read\", \"update\"]\n}\n"
        ));
        assert_eq!(policy.matches("path ").count(), 7);
        assert!(policy.ends_with("[\"update\"]\n}"));
    }
}
