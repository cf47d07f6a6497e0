//! The examples of `docs/deploy`: whether they are YAML, ask of the program
//! what it can do, and run as the user whom they name.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::cli::{Output, Sandbox, copy_program};
use crate::support::notice;
use crate::support::openbao::{shared, unique_prefix};
use crate::support::standalone::Repository;
use crate::support::story;

/// Every command line of the program in an example.
fn command_lines(example: &Value, found: &mut Vec<Vec<String>>) {
    match example {
        Value::Object(fields) => {
            let texts = |value: &Value| -> Vec<String> {
                let items = value.as_array().into_iter().flatten();
                items.map(|item| item.as_str().unwrap().to_owned()).collect()
            };
            if fields.get("name").is_some_and(|name| name == "phalanx-secrets")
                && let Some(arguments) = fields.get("args")
            {
                found.push(texts(arguments));
            }
            let run = fields.get("run").and_then(Value::as_str).unwrap_or_default();
            if let Some(line) = run.strip_prefix("phalanx-secrets ") {
                found.push(line.split(' ').map(str::to_owned).collect());
            }
            fields.values().for_each(|value| command_lines(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| command_lines(item, found)),
        _ => {}
    }
}

#[test]
fn the_examples_ask_for_what_there_is() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/deploy");
    let sandbox = Sandbox::new();
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let example: Value = serde_saphyr::from_str(&text).unwrap();
        let mut lines = Vec::new();
        command_lines(&example, &mut lines);
        assert!(!lines.is_empty(), "{path:?}");
        for line in lines {
            // What is wrong with the arguments before it is said first.
            let line: Vec<&str> = line.iter().map(String::as_str).chain(["--help"]).collect();
            sandbox.run(line).success();
            count += 1;
        }
    }
    assert_eq!(count, 3);
}

/// The pod's user in the examples.
const USER: u32 = 65532;

/// What a container of an example is told.
struct Container<'a>(&'a Value);

impl Container<'_> {
    fn texts(&self, field: &str) -> Vec<String> {
        let items = self.0[field].as_array().into_iter().flatten();
        items.map(|item| item.as_str().unwrap().to_owned()).collect()
    }

    /// Its variables with a value of their own.
    fn variables(&self) -> Vec<(String, String)> {
        let items = self.0["env"].as_array().into_iter().flatten();
        let variable = |item: &Value| {
            Some((item["name"].as_str()?.to_owned(), item["value"].as_str()?.to_owned()))
        };
        items.filter_map(variable).collect()
    }
}

/// A pod's world: a volume as Kubernetes makes an `emptyDir`, a repository to
/// clone, and what the images carry.
struct Pod<'a> {
    sandbox: &'a Sandbox,
    volume: PathBuf,
    origin: PathBuf,
    /// Whether another user can be had, as in a cluster.
    has_users: bool,
}

impl<'a> Pod<'a> {
    fn new(sandbox: &'a Sandbox, origin: PathBuf) -> Self {
        let volume = sandbox.root().join("checkout");
        fs::create_dir(&volume).unwrap();
        let has_users = chown(&volume, Some(0), Some(USER)).is_ok()
            && chown(&origin, Some(USER), Some(USER)).is_ok();
        if has_users {
            fs::set_permissions(sandbox.root(), Permissions::from_mode(0o711)).unwrap();
            fs::set_permissions(&volume, Permissions::from_mode(0o2777)).unwrap();
        } else {
            notice("skipped: not root, so the examples of deployment run as one user alone");
        }
        Self { sandbox, volume, origin, has_users }
    }

    /// Runs a container's program, with the variables that it is given.
    fn run(&self, program: &Path, container: &Container<'_>, more: &[(&str, &str)]) -> Output {
        let volume = self.volume.to_str().unwrap();
        let inside = |text: String| text.replace("/checkout", volume);
        let arguments = container.texts("args").into_iter().map(inside);
        let folder = container.0["workingDir"].as_str().unwrap_or("/");
        let url = "https://github.com/example/phalanx.git";
        let mut command = self
            .sandbox
            .program(program, container.texts("command").into_iter().skip(1).chain(arguments))
            .current_dir(inside(folder.to_owned()))
            .env("HOME", volume)
            // Where the example's repository is here; nothing else of git's
            // settings, as in an image that has none.
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_COUNT", "1")
            .env("GIT_CONFIG_KEY_0", format!("url.{}.insteadOf", self.origin.display()))
            .env("GIT_CONFIG_VALUE_0", url);
        for (name, value) in container.variables() {
            command = command.env(name, inside(value));
        }
        for (name, value) in more {
            command = command.env(name, value);
        }
        if !self.has_users {
            return command.run();
        }
        let user = [format!("--reuid={USER}"), format!("--regid={USER}")];
        let options = ["--clear-groups", &user[0], &user[1], "--"].map(OsStr::new);
        command.wrapped_in("setpriv", &options).run()
    }
}

#[test]
fn the_jobs_run_as_the_user_of_their_pod() {
    let (sandbox, server) = (Sandbox::new(), shared());
    let job = sandbox.age_identity("job");
    let prefix = unique_prefix("deployment");
    let repository = Repository::standalone(&sandbox, "origin")
        .holder("job", &[&job.recipient], &["*"])
        .environment("idfdev", server.url(), &prefix, &["app"])
        .application("app", "secrets.made.generate.type = 'password'\n")
        .committed();
    let commit = sandbox.git_in(&repository, ["rev-parse", "HEAD"]);
    let token = story::sync_token(server, &prefix);
    sandbox.git(["clone", "--quiet", "--bare", "origin", "origin.git"]);
    // The images' folders are everybody's to read.
    let program = sandbox.root().join("phalanx-secrets");
    copy_program(Path::new(env!("CARGO_BIN_EXE_phalanx-secrets")), &program);
    let identity = sandbox.root().join("identity.txt");
    fs::copy(&job.path, &identity).unwrap();
    fs::set_permissions(&identity, Permissions::from_mode(0o644)).unwrap();

    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/deploy");
    for (example, findings) in [("presync-job.yaml", 0), ("cronjob.yaml", 1)] {
        let text = fs::read_to_string(examples.join(example)).unwrap();
        let example: Value = serde_saphyr::from_str(&text).unwrap();
        let spec = example["spec"].get("jobTemplate").unwrap_or(&example);
        let pod = &spec["spec"]["template"]["spec"];
        assert_eq!(pod["securityContext"]["runAsUser"], USER);
        let origin = sandbox.work().join("origin.git");
        let world = Pod::new(&sandbox, origin);
        // The image of the first container runs git, unless told otherwise.
        let checkout = Container(&pod["initContainers"][0]);
        let first = checkout.texts("command").first().map_or("git", |_| "sh").to_owned();
        world.run(Path::new(&first), &checkout, &[]).success();
        // In place of a login by the cluster, and of the mounted secret.
        let here = [
            ("PHALANX_SECRETS_IDENTITY", identity.to_str().unwrap()),
            ("PHALANX_SECRETS_TRUST_ROOT", &commit),
            ("VAULT_AUTH_METHOD", ""),
            ("VAULT_AUTH_ROLE", ""),
            ("VAULT_TOKEN", &token),
        ];
        if findings == 1 {
            server.put(&prefix, "stranger", serde_json::json!({ "a": "b" }));
        }
        world.run(&program, &Container(&pod["containers"][0]), &here).fails_with(findings);
        fs::remove_dir_all(&world.volume).unwrap();
    }
    assert!(server.value(&prefix, "app", "made").is_some());

    // The workflow, in what `actions/checkout` leaves.
    let text = fs::read_to_string(examples.join("github-workflow.yaml")).unwrap();
    let workflow: Value = serde_saphyr::from_str(&text).unwrap();
    let steps = workflow["jobs"]["sync"]["steps"].as_array().unwrap();
    let lines = steps.iter().filter_map(|step| step["run"].as_str());
    let lines: Vec<&str> = lines.filter(|line| line.starts_with("phalanx-secrets ")).collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    sandbox.git(["clone", "--quiet", "origin", "checkout"]);
    let entry = format!("{}/app", prefix.replacen('/', "/metadata/", 1));
    server.root("DELETE", &entry, None);
    story::shell(&sandbox, lines[0], &sandbox.work().join("checkout"))
        .env("PHALANX_SECRETS_IDENTITY", sandbox.read(&job.path))
        .env("PHALANX_SECRETS_TRUST_ROOT", &commit)
        .env("VAULT_TOKEN", &token)
        .run()
        .success();
    assert!(server.value(&prefix, "app", "made").is_some());
}
