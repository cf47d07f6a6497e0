//! What is absent, misspelt or unreadable is an error, and no empty set.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use serde_json::json;

use crate::support::cli::Sandbox;
use crate::support::openbao::{OpenBao, shared, unique_prefix};
use crate::support::standalone::Repository;

const URL: &str = "http://localhost:8200";
const SPEC: &str = "key:\n  description: x\n";

fn checkout(sandbox: &Sandbox) -> Repository<'_> {
    Repository::phalanx(sandbox, "checkout")
        .environment("dev", URL, "secret/dev", &["app"])
        .application("app", SPEC)
}

/// What is said where `list dev` is refused.
#[track_caller]
fn refused(sandbox: &Sandbox, root: &Path) -> String {
    let output = sandbox.run_in(root, ["list", "dev"]).fails_with(3);
    assert_eq!(output.stdout(), "");
    output.stderr().to_owned()
}

/// What is said of a checkout with a text in the environment's own file.
#[track_caller]
fn of_environment(text: &str) -> String {
    let sandbox = Sandbox::new();
    let text = format!("name: dev\nvaultUrl: {URL}\nvaultPathPrefix: secret/dev\n{text}");
    let repository = checkout(&sandbox).file("environments/values-dev.yaml", &text);
    refused(&sandbox, repository.root())
}

#[test]
fn an_environment_that_cannot_be_understood_empties_nothing() {
    let (sandbox, server) = (Sandbox::new(), shared());
    for (what, text) in [
        ("old", "gafaelfawr:\n  enabled: true\n"),
        ("misspelt", "aplications:\n  gafaelfawr: true\n"),
        ("missing", ""),
        ("null", "applications:\n"),
        ("empty", "applications: {}\n"),
    ] {
        let prefix = unique_prefix(&format!("absent-{what}"));
        server.put(&prefix, "gafaelfawr", json!({ "database-password": "x" }));
        server.put(&prefix, "unknown", json!({ "a": "x" }));
        let own = format!("vaultPathPrefix: {prefix}\n{text}");
        let repository = Repository::phalanx(&sandbox, what)
            .file("environments/values.yaml", &format!("vaultUrl: {}\n", server.url()))
            .file("environments/values-e.yaml", &own)
            .file("applications/app/secrets.yaml", SPEC)
            .file("static.yaml", "applications: {}\n");
        let watch = server.watch(&prefix);
        sandbox
            .command(["sync", "e", "--secrets", "static.yaml", "--delete"])
            .current_dir(repository.root())
            .env("VAULT_TOKEN", OpenBao::ROOT_TOKEN)
            .run()
            .fails_with(3);
        assert_eq!(watch.writes(), [], "{what}");
    }
}

#[test]
fn a_misspelt_setting_of_an_environment_is_named_with_its_line() {
    let said = of_environment("aplications:\n  app: true\n");
    assert_eq!(
        said,
        "Error: environments/values-dev.yaml:4: \"aplications\" is no setting of an environment\n\
         Hint: did you mean applications?\n"
    );
    let said = of_environment("applications: {app: true}\ngafaelfawr: {enabled: true}\n");
    assert!(said.contains("values-dev.yaml:5: \"gafaelfawr\" is no setting"), "{said}");
    assert!(said.contains("below \"applications\""), "{said}");
    let said = of_environment("applications: {app: true}\napplications: {}\n");
    assert!(said.contains("values-dev.yaml:5: "), "{said}");
    for text in ["applications:\n", "applications: ~\n"] {
        let said = of_environment(text);
        assert!(said.contains("does not say which applications are enabled"), "{said}");
    }
    for text in [
        "applications: [app]\n",
        "applications: app\n",
        "applications:\n  app:\n",
        "applications:\n  app: treu\n",
        "applications:\napp: true\n",
    ] {
        of_environment(text);
    }
}

#[test]
fn a_setting_of_a_later_phalanx_is_taken_where_all_environments_have_it() {
    let sandbox = Sandbox::new();
    let base = "vaultUrl: http://localhost\nserviceMesh: null\napplications: {}\n";
    let own = "vaultPathPrefix: secret/dev\nserviceMesh: true\napplications: {app: true}\n";
    let repository = checkout(&sandbox)
        .file("environments/values.yaml", base)
        .file("environments/values-dev.yaml", own);
    assert_eq!(sandbox.run_in(&repository, ["list", "dev"]).success().stdout(), "app key\n");
    // One that is almost a setting is a mistake in either.
    let base = base.replace("serviceMesh", "vaultUlr");
    let repository = repository.file("environments/values.yaml", &base);
    let said = refused(&sandbox, repository.root());
    assert!(said.contains("values.yaml:2: \"vaultUlr\" is no setting"), "{said}");
}

#[test]
fn a_checkout_from_before_september_2023_is_named_as_such() {
    let said = of_environment("gafaelfawr:\n  enabled: true\nportal: {enabled: false}\n");
    assert!(said.contains("values-dev.yaml:4: \"gafaelfawr\" stands at the top"), "{said}");
    assert!(said.contains("before September 2023"), "{said}");
    assert!(said.contains("installer/generate_secrets.py"), "{said}");
    assert!(said.contains("docs/old-installer.md"), "{said}");
}

#[test]
fn a_file_that_is_almost_one_that_is_read_is_named() {
    let condition = "key:\n  description: x\n  if: on.it\n";
    for (file, spec, meant) in [
        ("secret.yaml", SPEC, "secrets.yaml"),
        ("secrets.yml", SPEC, "secrets.yaml"),
        ("Secrets.yaml", SPEC, "secrets.yaml"),
        ("secrets-dve.yaml", SPEC, "secrets-dev.yaml"),
        ("secrets_dev.yaml", SPEC, "secrets-dev.yaml"),
        ("secrets-dev.yml", SPEC, "secrets-dev.yaml"),
        ("values-dve.yaml", condition, "values-dev.yaml"),
        ("values-dev.yml", condition, "values-dev.yaml"),
        ("value.yaml", condition, "values.yaml"),
    ] {
        let sandbox = Sandbox::new();
        let repository = checkout(&sandbox)
            .application("app", spec)
            .file(&format!("applications/app/{file}"), "{}\n");
        let said = refused(&sandbox, repository.root());
        let expected = format!(
            "Error: applications/app/{file} would not be read: the name that is read is {meant}\n"
        );
        assert!(said.starts_with(&expected), "{said}");
    }
    let sandbox = Sandbox::new();
    let repository = checkout(&sandbox)
        .environment("deu", URL, "secret/deu", &[])
        .file("applications/app/secrets-deu.yaml", "{}\n")
        .file("applications/app/values-deu.yaml", "{}\n")
        .file("applications/app/secrets.yaml~", "{}\n")
        .file("applications/app/secrets-of-old.yaml", "{}\n");
    assert_eq!(sandbox.run_in(&repository, ["list", "dev"]).success().stdout(), "app key\n");
}

#[test]
fn an_environment_in_a_file_of_another_spelling_is_not_passed_over() {
    let sandbox = Sandbox::new();
    let repository = checkout(&sandbox).file("environments/values-summit.yml", "{}\n");
    let said = refused(&sandbox, repository.root());
    assert!(said.contains("environments/values-summit.yml would not be read"), "{said}");
    let repository = Repository::standalone(&sandbox, "store")
        .environment("dev", URL, "secret/dev", &["app"])
        .application("app", "secrets.key = {}")
        .file("secrets/environments/summit.TOML", "");
    let output = sandbox.run_in(repository.root(), ["check"]);
    assert_ne!(output.code(), 0, "{output:?}");
    assert!(output.stderr().contains("summit.TOML would not be read"), "{output:?}");
}

#[test]
fn what_is_there_in_another_form_is_not_absent() {
    for file in ["applications/app/secrets.yaml", "environments/values.yaml"] {
        let sandbox = Sandbox::new();
        let repository = checkout(&sandbox);
        let path = repository.root().join(file);
        fs::remove_file(&path).unwrap();
        symlink("nowhere", &path).unwrap();
        let said = refused(&sandbox, repository.root());
        assert!(said.contains(&format!("cannot read {file}")), "{said}");
        assert!(said.contains("it is a link, which is not followed"), "{said}");
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        let said = refused(&sandbox, repository.root());
        assert!(said.contains(&format!("cannot read {file}")), "{said}");
    }
    let sandbox = Sandbox::new();
    let repository = checkout(&sandbox).holder("alice", &[], &["*"]);
    let holders = repository.root().join("recipients");
    fs::remove_dir_all(&holders).unwrap();
    for is_link in [true, false] {
        match is_link {
            true => symlink("nowhere", &holders).unwrap(),
            false => fs::write(&holders, "alice").unwrap(),
        }
        let said = refused(&sandbox, repository.root());
        assert!(said.contains("cannot read recipients"), "{said}");
        fs::remove_file(&holders).unwrap();
    }
}

#[test]
fn a_folder_that_may_not_be_read_is_not_empty() {
    let sandbox = Sandbox::new();
    let repository = checkout(&sandbox).holder("alice", &[], &["*"]);
    for folder in ["recipients", "applications/app"] {
        let path = repository.root().join(folder);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
        // Root reads everything.
        if fs::read_dir(&path).is_err() {
            refused(&sandbox, repository.root());
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

#[test]
fn an_application_that_a_sparse_checkout_leaves_out_is_missed() {
    let sandbox = Sandbox::new();
    let repository = checkout(&sandbox)
        .environment("dev", URL, "secret/dev", &["app", "other"])
        .application("other", SPEC)
        .committed();
    sandbox
        .git_in(repository.root(), ["sparse-checkout", "set", "applications/app", "environments"]);
    assert!(!repository.root().join("applications/other").exists());
    let said = refused(&sandbox, repository.root());
    assert!(said.contains("enables application other, but applications/other"), "{said}");
}

#[test]
fn a_misspelt_setting_of_the_store_or_of_a_standalone_environment_is_named() {
    let dev = "vault-url = \"http://localhost\"\nvault-path-prefix = \"secret/dev\"\n";
    let store = "format = 1\nlayout = \"standalone\"\n";
    for (file, text, expected) in [
        (
            "secrets/environments/dev.toml",
            format!("{dev}aplications = [\"app\"]\n"),
            "applications",
        ),
        ("secrets/environments/dev.toml", dev.to_owned(), "applications"),
        (
            "secrets/environments/dev.toml",
            format!("{dev}applications = []\n[setings.app]\non = true\n"),
            "did you mean settings?",
        ),
        ("secrets/applications/app.toml", "[secret.key]\n".to_owned(), "did you mean secrets?"),
        ("secrets/applications/app.toml", "[seting]\n".to_owned(), "did you mean settings?"),
        ("secrets/store.toml", format!("{store}[turst]\nenforce = true\n"), "did you mean trust?"),
        (
            "secrets/store.toml",
            format!("{store}[trust]\nenfroce = true\n"),
            "did you mean enforce?",
        ),
        (
            "secrets/store.toml",
            format!("{store}not-servd = [\"dev\"]\n"),
            "did you mean not-served?",
        ),
        (
            "recipients/alice.toml",
            "keys = []\nacces = [\"*\"]\n".to_owned(),
            "did you mean access?",
        ),
    ] {
        let sandbox = Sandbox::new();
        let repository = Repository::standalone(&sandbox, "store")
            .environment("dev", URL, "secret/dev", &["app"])
            .application("app", "secrets.key = {}")
            .file(file, &text);
        let said = refused(&sandbox, repository.root());
        assert!(said.starts_with(&format!("Error: {file}")), "{said}");
        assert!(said.contains(expected), "{said}");
    }
}
