//! What is put right before a signal ends the process: the modes of the
//! terminal, folders with values in the clear, an editor that was started, and
//! the tokens of logins.
//!
//! Nothing is undone in the store: each of its files is wholly old or wholly
//! new at any moment.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::exfiltrator::WithOrigin;
use signal_hook::low_level::siginfo::Origin;

use super::logins;
use super::terminal::{Modes, is_in_foreground};

/// What is open at the moment.
static OPEN: Mutex<Open> =
    Mutex::new(Open { modes: Vec::new(), folders: Vec::new(), child: None, is_ending: false });

struct Open {
    /// Those that the terminal gets back, the earliest first.
    modes: Vec<Modes>,
    folders: Vec<PathBuf>,
    child: Option<(Pid, Signals)>,
    /// Whether a signal is about to end the process.
    is_ending: bool,
}

/// What a signal means while a child runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signals {
    /// The end of the child as well, but for those that the terminal gives it.
    End,
    /// Whatever the child makes of it.
    PassedOn,
}

fn open() -> MutexGuard<'static, Open> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Watches for signals from now on. Those that the process was started to
/// ignore, as by `nohup`, it goes on ignoring.
///
/// # Errors
/// A system that does not let it.
pub(super) fn watch() -> io::Result<()> {
    static WATCHING: Mutex<bool> = Mutex::new(false);
    let mut is_watching = WATCHING.lock().unwrap_or_else(PoisonError::into_inner);
    if *is_watching {
        return Ok(());
    }
    let ignored = ignored();
    let is_ignored = |signal: i32| ignored & (1 << (signal - 1)) != 0;
    let watched = [SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2].into_iter();
    let mut signals =
        SignalsInfo::<WithOrigin>::new(watched.filter(|signal| !is_ignored(*signal)))?;
    *is_watching = true;
    std::thread::spawn(move || {
        for origin in signals.forever() {
            match origin.signal {
                SIGCONT => go_on(),
                _ => end_by(&origin),
            }
        }
    });
    Ok(())
}

/// The signals that the process ignores, a bit each; none where the system does
/// not tell.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    line.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok()).unwrap_or(0)
}

/// A shell may have changed the terminal while the process was stopped: what
/// is typed must not show now.
fn go_on() {
    if let Some(modes) = open().modes.last() {
        modes.hide_again();
    }
}

fn end_by(origin: &Origin) {
    let signal = origin.signal;
    let mut open = open();
    if open.is_ending {
        // Whoever asks again does not want to wait.
        let _ = signal_hook::low_level::emulate_default_handler(signal);
    }
    if let Some((child, signals)) = open.child {
        // What the terminal sends goes to the child too, which knows what it
        // means to it; what a process sends does not.
        let is_of_keys = matches!(signal, SIGINT | SIGQUIT);
        if !is_of_keys || origin.process.is_some() {
            let _ = Signal::from_named_raw(signal).map(|signal| kill_process(child, signal));
        }
        if is_of_keys || signals == Signals::PassedOn {
            return;
        }
        wait_for(child);
    }
    for folder in open.folders.drain(..) {
        let _ = std::fs::remove_dir_all(folder);
    }
    if let Some(modes) = open.modes.last() {
        modes.end_line();
    }
    open.modes.drain(..).rev().for_each(Modes::restore);
    if logins::are_open() {
        open.is_ending = true;
        std::thread::spawn(move || {
            logins::give_back();
            let _ = signal_hook::low_level::emulate_default_handler(signal);
        });
        return;
    }
    let _ = signal_hook::low_level::emulate_default_handler(signal);
}

/// Gives a child a moment to put the terminal right.
fn wait_for(child: Pid) {
    for _ in 0..20 {
        if test_kill_process(child).is_err() {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let _ = kill_process(child, Signal::KILL);
}

/// Modes that the terminal gets back, now or at a signal.
pub(super) struct RestoredModes(());

impl RestoredModes {
    pub(super) fn new(modes: Modes) -> Self {
        open().modes.push(modes);
        Self(())
    }
}

impl Drop for RestoredModes {
    fn drop(&mut self) {
        if let Some(modes) = open().modes.pop() {
            modes.restore();
        }
    }
}

/// A folder that is removed, now or at a signal.
#[derive(Debug)]
pub(super) struct RemovedFolder(PathBuf);

impl RemovedFolder {
    pub(super) fn new(folder: PathBuf) -> Self {
        open().folders.push(folder.clone());
        Self(folder)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for RemovedFolder {
    fn drop(&mut self) {
        let mut open = open();
        let _ = std::fs::remove_dir_all(&self.0);
        open.folders.retain(|folder| *folder != self.0);
    }
}

/// Runs a child that has the terminal for itself, to its end. A signal that
/// comes while it starts waits until it is known.
///
/// # Errors
/// A program that cannot be started.
pub(super) fn run_child(command: &mut Command, signals: Signals) -> io::Result<ExitStatus> {
    let mut child = {
        let mut open = open();
        let child = command.spawn()?;
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        open.child = pid.map(|pid| (pid, signals));
        child
    };
    let status = child.wait();
    if is_in_foreground() {
        // What ended it may be on its way to this process as well, and was for
        // the child alone.
        let is_done = status.as_ref().is_ok_and(ExitStatus::success);
        std::thread::sleep(Duration::from_millis(if is_done { 20 } else { 50 }));
    }
    open().child = None;
    status
}

/// Ends this process as a child was ended, by a signal.
pub(super) fn end_like_child(signal: i32) {
    let _ = signal_hook::low_level::emulate_default_handler(signal);
}
