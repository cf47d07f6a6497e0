//! The JSON schema of Phalanx's `secrets.yaml`.
//!
//! It allows what the reference implementation's schema allows, so that
//! editors and CI may use either. What a schema cannot say (which rules
//! exclude each other, and in which environment) is checked when an
//! environment is loaded.

use serde_json::{Value, json};

/// The schema, as a JSON document.
#[must_use]
pub fn secrets() -> Value {
    json!({
        "$id": "https://phalanx.lsst.io/schemas/secrets.json",
        "title": "Phalanx application secret definitions",
        "type": "object",
        "additionalProperties": { "$ref": "#/$defs/secret" },
        "$defs": {
            "secret": {
                "title": "Secret",
                "description": "What an application declares about one of its secrets.",
                "type": "object",
                "additionalProperties": false,
                "properties": {
                    "description": optional(json!({ "type": "string" }),
                        "What the secret is for, in reStructuredText."),
                    "if": condition(),
                    "copy": optional(json!({ "$ref": "#/$defs/copy" }),
                        "The secret equals another secret of the environment."),
                    "generate": optional(json!({ "$ref": "#/$defs/generate" }),
                        "The secret is generated, and then kept."),
                    "onepassword": { "$ref": "#/$defs/onepassword" },
                    "value": optional(
                        json!({ "type": "string", "format": "password", "writeOnly": true }),
                        "The secret has this fixed value."),
                },
            },
            "copy": {
                "title": "Copy rules",
                "type": "object",
                "additionalProperties": false,
                "required": ["application", "key"],
                "properties": {
                    "if": condition(),
                    "application": {
                        "type": "string",
                        "description": "The application whose secret is copied.",
                    },
                    "key": { "type": "string", "description": "The key of that secret." },
                },
            },
            "generate": {
                "title": "Generation rules",
                "anyOf": [
                    generator(&["password", "gafaelfawr-token", "fernet-key", "rsa-private-key"], false),
                    generator(&["bcrypt-password-hash", "mtime"], true),
                    generator(&["oidc-clients"], false),
                ],
            },
            "onepassword": {
                "title": "1Password rules",
                "description": "How a static secret is stored in 1Password.",
                "type": "object",
                "properties": {
                    "encoded": {
                        "type": "boolean",
                        "default": false,
                        "description": "Whether the copy in 1Password is base64, because \
                            1Password cannot hold line breaks.",
                    },
                },
            },
        },
    })
}

fn optional(schema: Value, description: &str) -> Value {
    json!({ "anyOf": [schema, { "type": "null" }], "default": null, "description": description })
}

fn condition() -> Value {
    optional(
        json!({ "type": "string" }),
        "The Helm setting that must be true for this to count, as a dotted path.",
    )
}

fn generator(types: &[&str], has_source: bool) -> Value {
    let kind = json!({ "enum": types, "description": "How the secret is generated." });
    let source = json!({
        "type": "string",
        "description": "The key of the same application that the secret is generated from.",
    });
    let (required, properties) = if has_source {
        (json!(["type", "source"]), json!({ "if": condition(), "type": kind, "source": source }))
    } else {
        (json!(["type"]), json!({ "if": condition(), "type": kind }))
    };
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": required,
        "properties": properties,
    })
}
