//! What the tests have in common.
//!
//! - [`cli`]: a [`Sandbox`](cli::Sandbox) to run the program in, with nothing
//!   of the developer's own configuration.
//! - [`connect`]: a 1Password Connect server.
//! - [`json_documents`]: what `--json` prints, by its schemas.
//! - [`memory`]: folders for editors to work in.
//! - [`openbao`]: a real server, and another way than ours to look at it.
//! - [`phalanx`]: the data of the real Phalanx, where it is at hand.
//! - [`small_store`]: one of them, with a holder and secrets of every kind.
//! - [`standalone`]: small repositories from text in the test.
//! - [`story`]: documents that tell what happens.
//! - [`terminal`]: a real one to run the program at.
//! - [`traces`]: what a marked value leaves behind.
//! - [`age_tool`]: the stock `age`, where it is installed.

pub mod age_tool;
pub mod cli;
pub mod connect;
pub mod json_documents;
pub mod keys;
pub mod memory;
pub mod mistakes;
pub mod openbao;
pub mod phalanx;
pub mod small_store;
pub mod standalone;
pub mod story;
pub mod terminal;
pub mod traces;
pub mod version_1;

use std::io::Write;

use self::cli::Sandbox;

/// Says something past the test harness, which hides what passing tests print.
pub fn notice(message: &str) {
    let _ = writeln!(std::io::stderr(), "{message}");
}

/// Replaces what differs from run to run: the sandbox's path by `[SANDBOX]`
/// and the URL of any server on loopback by `[VAULT]`.
pub fn redact_paths(text: &str, sandbox: &Sandbox) -> String {
    let text = text.replace(sandbox.root().to_str().unwrap(), "[SANDBOX]");
    let mut redacted = String::new();
    let mut rest = text.as_str();
    while let Some((before, scheme, after)) = next_loopback_url(rest) {
        let after_port = after.trim_start_matches(|c: char| c.is_ascii_digit());
        let is_url = after_port.len() < after.len();
        redacted += before;
        redacted += if is_url { "[VAULT]" } else { scheme };
        rest = after_port;
    }
    redacted + rest
}

fn next_loopback_url(text: &str) -> Option<(&str, &str, &str)> {
    ["http://127.0.0.1:", "https://127.0.0.1:"]
        .into_iter()
        .filter_map(|scheme| text.split_once(scheme).map(|(b, a)| (b, scheme, a)))
        .min_by_key(|(before, _, _)| before.len())
}
