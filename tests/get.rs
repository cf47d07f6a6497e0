//! `get`: a value to the byte, or why not.

use std::fs;

use insta::assert_snapshot;

use crate::support::cli::Sandbox;
use crate::support::small_store::SmallStore;

#[test]
fn a_value_is_printed_to_the_byte_and_nothing_else_is() {
    let store = SmallStore::new();
    for value in ["plain", "two\nlines", "ends with a line feed\n", "\r\n", "é€😀", " "] {
        // White space alone is a value where somebody says so.
        let set = store.command(["set", "demo", "app", "password", "--allow-empty"]);
        set.stdin(value).run().success();
        let output = store.run(["get", "demo", "app", "password"]).success();
        assert_eq!((output.stdout(), output.stderr()), (value, ""));
    }
}

#[test]
fn it_works_from_below_the_root_and_from_elsewhere() {
    let store = SmallStore::new();
    store.set("app", "password", "hunter2");
    let (sandbox, root) = (&store.sandbox, store.root.to_str().unwrap());
    for folder in ["secrets", "secrets/demo/app", "recipients"] {
        let output = sandbox.run_in(store.root.join(folder), ["get", "demo", "app", "password"]);
        assert_eq!(output.success().stdout(), "hunter2");
    }
    for option in ["-c", "--config"] {
        let output = sandbox.run(["get", option, root, "demo", "app", "password"]);
        assert_eq!(output.success().stdout(), "hunter2");
    }
}

#[test]
fn a_place_that_is_no_checkout_is_refused() {
    let sandbox = Sandbox::new();
    let output = sandbox.run(["get", "demo", "app", "password"]).fails_with(3);
    assert_snapshot!(output.stderr(), @r"
    Error: neither this folder nor one above it is a Phalanx checkout or a store
    Hint: change into the checkout, or name its root with -c FOLDER; a store is made with: phalanx-secrets init
    ");
    let output = sandbox.run(["-c", "nowhere", "get", "demo", "app", "password"]).fails_with(2);
    assert_snapshot!(output.stderr(), @r"
    Error: there is no folder nowhere
    Hint: what each command takes is shown by: phalanx-secrets help COMMAND
    ");
    let output = sandbox.run(["-c", ".", "get", "demo", "app", "password"]).fails_with(3);
    assert_snapshot!(output.stderr(), @r"
    Error: . is neither a Phalanx checkout nor has it a store
    Hint: name the root of the checkout with -c FOLDER
    ");
}

#[test]
fn a_checkout_without_a_store_is_refused() {
    let store = SmallStore::new();
    fs::remove_file(store.root.join("secrets/store.toml")).unwrap();
    let output = store.run(["get", "demo", "app", "password"]).fails_with(3);
    assert_snapshot!(store.stderr(&output), @r"
    Error: there is no store here: secrets/store.toml does not exist
    Hint: make one with: phalanx-secrets init
    ");
}

#[test]
fn a_store_of_a_later_version_is_refused() {
    let store = SmallStore::new();
    store.write("secrets/store.toml", "format = 2\nlayout = \"other\"\nmore = 1\n");
    let output = store.run(["get", "demo", "app", "password"]).fails_with(3);
    assert_snapshot!(store.stderr(&output), @r"
    Error: secrets/store.toml: format 2 is not one that this version reads (it reads 1)
    Hint: a later version of phalanx-secrets made this store; use that
    ");
}

#[test]
fn store_files_that_are_wrong_are_named_with_the_line() {
    let store = SmallStore::new();
    store.write("secrets/store.toml", "format = 1\nlayout = \"elsewhere\"\n");
    let output = store.run(["get", "demo", "app", "password"]).fails_with(3);
    assert_snapshot!(store.stderr(&output), @"
    Error: secrets/store.toml:2: unknown variant `elsewhere`, expected `phalanx` or `standalone`
    Hint: all that is wrong with the store is shown by: phalanx-secrets check
    ");
    store.write("secrets/store.toml", "format = 1\nlayout = \"standalone\"\nlayuot = 1\n");
    let output = store.run(["get", "demo", "app", "password"]).fails_with(3);
    assert_snapshot!(store.stderr(&output), @"
    Error: secrets/store.toml:3: unknown field `layuot`, expected one of `format`, `layout`, `not-served`, `keep-vault-static`, `commit`, `drift`, `trust`; did you mean layout?
    Hint: all that is wrong with the store is shown by: phalanx-secrets check
    ");
}

#[test]
fn names_that_nothing_is_called_are_refused_with_the_nearest() {
    let store = SmallStore::new();
    let output = store.run(["get", "dmo", "app", "password"]).fails_with(2);
    assert_snapshot!(store.stderr(&output), @r"
    Error: there is no environment dmo: secrets/environments/dmo.toml does not exist
    Hint: did you mean demo?
    ");
    let output = store.run(["get", "demo", "ap", "password"]).fails_with(2);
    assert_snapshot!(store.stderr(&output), @r"
    Error: demo does not enable an application named ap
    Hint: did you mean app?
    ");
    let output = store.run(["get", "demo", "app", "passwrod"]).fails_with(2);
    assert_snapshot!(store.stderr(&output), @r"
    Error: app needs no secret named passwrod in demo
    Hint: did you mean password?
    Hint: see what it needs with: phalanx-secrets list demo
    ");
    let output = store.run(["get", "demo", "app", "zzz"]).fails_with(2);
    assert_snapshot!(store.stderr(&output), @r"
    Error: app needs no secret named zzz in demo
    Hint: see what it needs with: phalanx-secrets list demo
    ");
}

#[test]
fn names_that_cannot_be_are_refused() {
    let store = SmallStore::new();
    let output = store.run(["get", "../demo", "app", "password"]).fails_with(2);
    assert_snapshot!(store.stderr(&output), @r#"
    error: invalid value '../demo' for '<ENVIRONMENT>': "../demo" is not a valid environment name: it must begin with an ASCII letter or digit

    For more information, try '--help'.
    "#);
    let output = store.run(["get", "demo", "app", " password"]).fails_with(2);
    assert_snapshot!(store.stderr(&output), @r#"
    error: invalid value ' password' for '<KEY>': " password" is not a valid key name: it must not begin or end with white space

    For more information, try '--help'.
    "#);
}

#[test]
fn a_value_that_is_not_stored_is_refused_with_the_reason() {
    let store = SmallStore::new();
    let output = store.run(["get", "demo", "app", "password"]).fails_with(3);
    assert_snapshot!(store.stderr(&output), @r"
    Error: no value is stored for demo/app/password: secrets/demo/app/password.age does not exist
    Hint: store it with: phalanx-secrets set demo app password
    ");
    let output = store.run(["get", "demo", "app", "made"]).fails_with(3);
    assert_snapshot!(store.stderr(&output), @r"
    Error: no value is stored for demo/app/made: secrets/demo/app/made.age does not exist
    Hint: it is generated (password) and kept in Vault alone
    ");
    let output = store.run(["get", "demo", "app", "copied"]).fails_with(3);
    assert_snapshot!(store.stderr(&output), @r"
    Error: no value is stored for demo/app/copied: secrets/demo/app/copied.age does not exist
    Hint: it is a copy of other/shared; ask for that
    ");
    let output = store.run(["get", "demo", "app", "fixed"]).fails_with(3);
    assert_snapshot!(store.stderr(&output), @r"
    Error: no value is stored for demo/app/fixed: secrets/demo/app/fixed.age does not exist
    Hint: it is a fixed value, in secrets/applications/app.toml
    ");
    let output = store.run(["get", "demo", "pull-secret", "ghcr.io"]).fails_with(3);
    assert_snapshot!(store.stderr(&output), @r"
    Error: no value is stored for demo/pull-secret/ghcr.io: secrets/demo/pull-secret/ghcr.io.age does not exist
    Hint: store it with: phalanx-secrets set demo pull-secret ghcr.io
    ");
    let output = store.run(["get", "demo", "vault-write-token", "token"]).fails_with(3);
    assert_snapshot!(store.stderr(&output), @r"
    Error: no value is stored for demo/vault-write-token/token: secrets/demo/vault-write-token/token.age does not exist
    Hint: store it with: phalanx-secrets set demo vault-write-token token
    ");
}

#[test]
fn a_value_that_no_spec_asks_for_any_more_is_still_printed() {
    let store = SmallStore::new();
    store.set("app", "password", "hunter2");
    store.write("secrets/applications/app.toml", "");
    assert_eq!(store.get("app", "password"), b"hunter2");
}

#[test]
fn without_access_the_error_says_who_could_grant_it() {
    let store = SmallStore::new();
    store.set("app", "password", "hunter2");
    let bob = store.sandbox.age_identity("bob");
    store.sandbox.install_identity(&bob.path);
    let output = store.run(["get", "demo", "app", "password"]).fails_with(3).hides("hunter2");
    let stderr = store.stderr(&output).replace(&bob.recipient, "[BOB]");
    assert_snapshot!(stderr, @r"
    Error: secrets/demo/app/password.age cannot be opened
    Caused by: none of the identities at hand can open it
    Hint: these identities were tried:
            [BOB] from [SANDBOX]/home/.config/phalanx-secrets/identity.txt
    Hint: access to demo/app can be given by those who have it: alice
    Hint: send one of them your public key; they run: phalanx-secrets recipients add NAME --key KEY --access ENVIRONMENT (for a holder: phalanx-secrets recipients grant NAME ENVIRONMENT)
    ");
}

#[test]
fn without_any_identity_the_error_says_how_to_name_one() {
    let store = SmallStore::new();
    store.set("app", "password", "hunter2");
    let store = store.without_own_identity();
    let output = store.run(["get", "demo", "app", "password"]).fails_with(3).hides("hunter2");
    assert_snapshot!(store.stderr(&output), @r"
    Error: secrets/demo/app/password.age cannot be opened
    Caused by: none of the identities at hand can open it
    Hint: no identity was found: name one with -i FILE or PHALANX_SECRETS_IDENTITY
    Hint: access to demo/app can be given by those who have it: alice
    Hint: send one of them your public key; they run: phalanx-secrets recipients add NAME --key KEY --access ENVIRONMENT (for a holder: phalanx-secrets recipients grant NAME ENVIRONMENT)
    ");
}

#[test]
fn a_value_sealed_to_other_holders_than_todays_is_printed_with_a_warning() {
    let store = SmallStore::new();
    store.set("app", "password", "hunter2");
    let bob = store.sandbox.age_identity("bob");
    store.holder("bob", &[&bob.recipient], &["demo"]);
    let output = store.run(["get", "demo", "app", "password"]).success();
    assert_eq!(output.stdout(), "hunter2");
    assert_snapshot!(store.stderr(&output), @"Warning: secrets/demo/app/password.age: it is not sealed to exactly today's holders");
}

#[test]
fn a_file_that_is_named_after_nothing_is_reported() {
    let store = SmallStore::new();
    store.set("app", "password", "hunter2");
    store.write("secrets/demo/app/%0A.age", "x");
    let output = store.run(["get", "demo", "app", "password"]).fails_with(3);
    assert_snapshot!(store.stderr(&output), @r#"
    Error: secrets/demo/app/%0A.age is named after nothing that can be stored there
    Caused by: "\n" is not a valid key name: control characters are not allowed
    Hint: all that is wrong with the store is shown by: phalanx-secrets check
    "#);
}
