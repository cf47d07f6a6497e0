//! The program that keeps tokens for the `vault` command line, where its
//! configuration names one.
//!
//! Source: "Token helpers" in Vault's documentation.

use std::process::{Command, Stdio};

use zeroize::Zeroizing;

use super::CliError;
use crate::model::SecretValue;

/// The setting `token_helper = "PROGRAM"` of a configuration in HCL.
pub(super) fn find_token_helper(text: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let value = line.trim().strip_prefix("token_helper")?.trim_start().strip_prefix('=')?;
        let value = value.trim().strip_prefix('"')?.split('"').next()?;
        Some(value.to_owned()).filter(|value| !value.is_empty())
    })
}

/// Asks a token helper, as the `vault` command line does: it prints the token.
/// One that keeps several is told, as `vault` and `bao` tell it, which server
/// the token is for.
pub(super) fn token_of_helper(helper: &str, server: &str) -> Result<SecretValue, CliError> {
    let fail = |cause: String| {
        let mut failed = CliError::store(format!("the token helper {helper} gives no token"));
        failed.causes.push(cause);
        failed.hint("log in with: vault login (or bao login)".to_owned())
    };
    let output = Command::new(helper)
        .arg("get")
        .env("VAULT_ADDR", server)
        .env("BAO_ADDR", server)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| fail(error.to_string()))?;
    let printed = Zeroizing::new(output.stdout);
    match printed.trim_ascii() {
        _ if !output.status.success() => Err(fail(format!("it ended with {}", output.status))),
        [] => Err(fail("it has none".to_owned())),
        token => Ok(SecretValue::from(token.to_vec())),
    }
}
