//! The policies of an environment: who may read its secrets in Vault, and who
//! may write them. Their names are those of [`VaultLocation`], their rules
//! those that the Phalanx documentation gives.

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
    let mut text = String::new();
    for (area, below, capabilities) in rules {
        let capabilities: Vec<String> =
            capabilities.iter().map(|capability| format!("{capability:?}")).collect();
        let capabilities = capabilities.join(", ");
        text.push_str(&format!(
            "path \"{mount}/{area}/{path}{below}\" {{\n  capabilities = [{capabilities}]\n}}\n"
        ));
    }
    text
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
             path \"kv/metadata/phalanx/idfdev/+\" {\n  capabilities = [\"list\", \"read\"]\n}\n"
        );
        let policy = write_policy(&location);
        assert!(policy.starts_with(
            "path \"kv/data/phalanx/idfdev\" {\n  capabilities = [\"create\", \"delete\", \
             \"read\", \"update\"]\n}\n"
        ));
        assert_eq!(policy.matches("path ").count(), 7);
    }
}
