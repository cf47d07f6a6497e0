//! Where the token comes from.

use insta::assert_snapshot;

use super::World;
use crate::support::cli::Output;
use crate::support::openbao::OpenBao;

const WRONG: &str = "wrong-token";

/// A world with a wrong token in each of these places.
fn world(name: &str, sealed: Option<&str>, file: Option<&str>) -> World {
    let world = World::new(name, &[("app", "secrets.made.generate.type = 'password'")]);
    if let Some(token) = sealed {
        world.set("vault-write-token", "token", token);
    }
    if let Some(token) = file {
        world.sandbox.write(world.sandbox.home().join(".vault-token"), token);
    }
    world
}

fn sync(world: &World, variables: &[(&str, &str)]) -> Output {
    let mut command = world.command(&["sync", "demo"]).env_remove("VAULT_TOKEN");
    for (name, value) in variables {
        command = command.env(name, value);
    }
    command.run().hides(OpenBao::ROOT_TOKEN).hides(WRONG)
}

#[test]
fn the_environment_comes_first() {
    let right = OpenBao::ROOT_TOKEN;
    let world = world("token-environment", Some(WRONG), Some(WRONG));
    sync(&world, &[("VAULT_TOKEN", right), ("BAO_TOKEN", WRONG)]).success();
    sync(&world, &[("BAO_TOKEN", right)]).success();
    sync(&world, &[("VAULT_TOKEN", ""), ("BAO_TOKEN", right)]).success();
    sync(&world, &[("VAULT_TOKEN", WRONG), ("BAO_TOKEN", right)]).fails_with(4);
    sync(&world, &[]).fails_with(4);
}

#[test]
fn the_sealed_token_comes_before_that_of_a_login() {
    let world = world("token-sealed", Some(OpenBao::ROOT_TOKEN), Some(WRONG));
    sync(&world, &[]).success();
    assert_eq!(world.server.list(&world.prefix), ["app"]);
}

#[test]
fn the_token_of_a_login_comes_last() {
    let token = format!("{}\n", OpenBao::ROOT_TOKEN);
    let world = world("token-login", None, Some(&token));
    sync(&world, &[]).success();
}

#[test]
fn a_file_of_values_may_hold_the_token() {
    let world = world("token-values", None, Some(WRONG));
    let text = format!("applications: {{}}\nvault-write-token: {}\n", OpenBao::ROOT_TOKEN);
    let file = world.sandbox.write("values.yaml", text);
    let command = world.command(&["sync", "demo", "--secrets", file.to_str().unwrap()]);
    command.env_remove("VAULT_TOKEN").run().success().hides(OpenBao::ROOT_TOKEN);
}

#[test]
fn a_sealed_token_that_cannot_be_opened_is_no_reason_to_use_another() {
    let world = world("token-unopened", Some(OpenBao::ROOT_TOKEN), Some(OpenBao::ROOT_TOKEN));
    let bob = world.sandbox.age_identity("bob");
    world.sandbox.install_identity(&bob.path);
    let output = sync(&world, &[]).fails_with(3);
    assert!(output.stderr().contains("vault-write-token/token.age"), "{output:?}");
    assert_eq!(world.server.list(&world.prefix), [""; 0]);
}

#[test]
fn without_any_token_it_says_where_one_could_be() {
    let world = world("token-none", None, None);
    let output = sync(&world, &[]).fails_with(2);
    assert_snapshot!(output.stderr(), @r"
    Error: there is no token for Vault
    Hint: set VAULT_TOKEN, log in with VAULT_AUTH_METHOD, run vault login (or bao login), or store a token: phalanx-secrets set ENVIRONMENT vault-write-token token
    ");
}

#[test]
fn what_is_no_token_is_named_by_its_place() {
    let world = world("token-none-place", None, Some("first\nsecond\n"));
    let file = world.sandbox.home().join(".vault-token");
    let place_of = |variables: &[(&str, &str)], code| {
        let output = sync(&world, variables).fails_with(code);
        output.stderr().lines().next().unwrap().to_owned()
    };
    let place = |variables: &[(&str, &str)]| place_of(variables, 2);
    let reason = "is not a Vault token: only printable ASCII characters without spaces are allowed";
    for name in ["VAULT_TOKEN", "BAO_TOKEN"] {
        assert_eq!(place(&[(name, "two words")]), format!("Error: {name} {reason}"));
    }
    assert_eq!(place(&[]), format!("Error: {} {reason}", file.display()));
    world.set("vault-write-token", "token", "two words");
    let stored = place_of(&[], 3);
    assert_eq!(stored, format!("Error: the stored vault-write-token token {reason}"));
    let right = [("VAULT_TOKEN", OpenBao::ROOT_TOKEN)];
    sync(&world, &right).success();
}

#[test]
fn the_token_is_never_written_into_vault() {
    let world = world("token-stays", Some(OpenBao::ROOT_TOKEN), None);
    sync(&world, &[]).success();
    assert_eq!(world.server.list(&world.prefix), ["app"]);
}

#[cfg(unix)]
#[test]
fn a_token_helper_is_asked_as_vault_does() {
    let world = world("token-helper", None, Some(WRONG));
    let helper = world.sandbox.root().join("helper");
    let script = format!("#!/bin/sh\n[ \"$1\" = get ] && printf %s {}\n", OpenBao::ROOT_TOKEN);
    world.sandbox.write(&helper, script);
    crate::support::cli::make_executable(&helper);
    let config = world.sandbox.home().join(".vault");
    world.sandbox.write(&config, format!("token_helper = {helper:?}\n"));
    sync(&world, &[]).success();
    // A token that is named goes before it.
    sync(&world, &[("VAULT_TOKEN", WRONG)]).fails_with(4);
    world.sandbox.write(&helper, "#!/bin/sh\nexit 7\n");
    let failed = sync(&world, &[]).fails_with(3);
    assert!(failed.stderr().contains("gives no token"), "{failed:?}");
    let other = world.sandbox.write("vault.hcl", "# token_helper = \"x\"\n");
    sync(&world, &[("VAULT_CONFIG_PATH", other.to_str().unwrap())]).fails_with(4);
}

#[cfg(unix)]
#[test]
fn a_token_helper_is_told_which_server_a_token_is_for() {
    let world = world("token-helper-server", None, None);
    let helper = world.sandbox.root().join("helper");
    let (right, url) = (OpenBao::ROOT_TOKEN, world.server.url());
    for name in ["VAULT_ADDR", "BAO_ADDR"] {
        let script = format!(
            "#!/bin/sh\ncase ${name} in {url}) printf %s {right};; *) printf {WRONG};; esac\n"
        );
        world.sandbox.write(&helper, script);
        crate::support::cli::make_executable(&helper);
        let config = world.sandbox.home().join(".vault");
        world.sandbox.write(&config, format!("token_helper = {helper:?}\n"));
        sync(&world, &[]).success();
        // A server that is chosen is the one whose token it is.
        let chosen = world.command(&["sync", "demo", "--vault-url", url]);
        let chosen = chosen.env_remove("VAULT_TOKEN").env(name, "https://vault.example.org");
        chosen.run().success();
    }
}
