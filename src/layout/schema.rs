//! The JSON schema of Phalanx's `secrets.yaml`, to the byte as `phalanx
//! secrets schema` prints it, so that either can refresh
//! `docs/extras/schemas/secrets.json` of a checkout.
//!
//! Titles and descriptions are therefore those of the reference
//! implementation's models (Phalanx, `src/phalanx/models/secrets.py`). What a
//! schema cannot say (which rules exclude each other, and in which
//! environment) is checked when an environment is loaded.

use serde_json::{Value, json};

/// The schema, as a JSON document with its keys in alphabetic order.
#[must_use]
pub fn secrets() -> String {
    let schema = json!({
        "$defs": {
            "ConditionalOIDCClientsGenerateRules": rules(
                "ConditionalOIDCClientsGenerateRules",
                "Conditional rules for generating an OpenID Connect client secret.",
                &["type"],
                json!({ "if": condition(), "type": oidc_clients() }),
            ),
            "ConditionalSecretConfig": secret(),
            "ConditionalSecretCopyRules": rules(
                "ConditionalSecretCopyRules",
                "Possibly conditional rules for copying a secret value from another.",
                &["application", "key"],
                json!({
                    "application": text(
                        "Application", "Application from which the secret should be copied"),
                    "if": condition(),
                    "key": text("Key", "Secret key from which the secret should be copied"),
                }),
            ),
            "ConditionalSecretGenerateRules": {
                "anyOf": [
                    definition("ConditionalSimpleSecretGenerateRules"),
                    definition("ConditionalSourceSecretGenerateRules"),
                    definition("ConditionalOIDCClientsGenerateRules"),
                ],
            },
            "ConditionalSimpleSecretGenerateRules": rules(
                "ConditionalSimpleSecretGenerateRules",
                "Conditional rules for generating a secret value with no source.",
                &["type"],
                json!({
                    "if": condition(),
                    "type": one_of(
                        &["password", "gafaelfawr-token", "fernet-key", "rsa-private-key"]),
                }),
            ),
            "ConditionalSourceSecretGenerateRules": rules(
                "ConditionalSourceSecretGenerateRules",
                "Conditional rules for generating a secret from another secret.",
                &["type", "source"],
                json!({
                    "if": condition(),
                    "source": text(
                        "Source key",
                        "Key of secret on which this secret is based. This may only be set by \
                         secrets of type ``bcrypt-password-hash`` or ``mtime``."),
                    "type": one_of(&["bcrypt-password-hash", "mtime"]),
                }),
            ),
            "SecretOnepasswordConfig": onepassword(),
        },
        "$id": "https://phalanx.lsst.io/schemas/secrets.json",
        "additionalProperties": definition("ConditionalSecretConfig"),
        "title": "Phalanx application secret definitions",
        "type": "object",
    });
    // `{:#}` is JSON with two spaces a level, as Python's `indent=2`.
    format!("{schema:#}\n")
}

/// What an application declares about one of its secrets.
fn secret() -> Value {
    let password = json!({ "format": "password", "type": "string", "writeOnly": true });
    json!({
        "additionalProperties": false,
        "description": "Possibly conditional specification for an application secret.",
        "properties": {
            "copy": optional(
                definition("ConditionalSecretCopyRules"),
                "Copy rules",
                "Rules for where the secret should be copied from"),
            "description": optional(
                json!({ "type": "string" }), "Description", "Description of the secret"),
            "generate": optional(
                definition("ConditionalSecretGenerateRules"),
                "Generation rules",
                "Rules for how the secret should be generated"),
            "if": condition(),
            "onepassword": {
                "$ref": "#/$defs/SecretOnepasswordConfig",
                "description": "Configuration for how the secret is stored in 1Password",
                "title": "1Password configuration",
            },
            "value": optional(password, "Value", "Fixed value of secret"),
        },
        "title": "ConditionalSecretConfig",
        "type": "object",
    })
}

fn onepassword() -> Value {
    json!({
        "description": "Configuration for how a static secret is stored in 1Password.",
        "properties": {
            "encoded": {
                "default": false,
                "description": "Whether the 1Password copy of the secret is encoded in base64. \
                    1Password doesn't support newlines in secrets, so secrets that contain \
                    significant newlines have to be encoded when storing them in 1Password. This \
                    flag indicates that this has been done, and therefore when retrieving the \
                    secret from 1Password, its base64-encoding must be undone.",
                "title": "Is base64-encoded",
                "type": "boolean",
            },
        },
        "title": "SecretOnepasswordConfig",
        "type": "object",
    })
}

fn definition(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}

/// An object that has no other properties than these.
fn rules(title: &str, description: &str, required: &[&str], properties: Value) -> Value {
    json!({
        "additionalProperties": false,
        "description": description,
        "properties": properties,
        "required": required,
        "title": title,
        "type": "object",
    })
}

fn text(title: &str, description: &str) -> Value {
    json!({ "description": description, "title": title, "type": "string" })
}

fn one_of(types: &[&str]) -> Value {
    json!({
        "description": "Type of secret", "enum": types, "title": "Secret type", "type": "string",
    })
}

fn oidc_clients() -> Value {
    json!({
        "const": "oidc-clients",
        "description": "Type of secret",
        "title": "Secret type",
        "type": "string",
    })
}

fn optional(schema: Value, title: &str, description: &str) -> Value {
    json!({
        "anyOf": [schema, { "type": "null" }],
        "default": null,
        "description": description,
        "title": title,
    })
}

fn condition() -> Value {
    optional(
        json!({ "type": "string" }),
        "Condition",
        "Configuration only applies if this Helm chart setting is set to a true value",
    )
}
