//! What is put right before a signal ends the process: the modes of the
//! terminal, folders with values in the clear, an editor that was started.
//!
//! Nothing is undone in the store: each of its files is wholly old or wholly
//! new at any moment.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;

use super::terminal::Modes;

/// What is open at the moment.
static OPEN: Mutex<Open> = Mutex::new(Open { modes: None, folders: Vec::new(), child: None });

struct Open {
    modes: Option<Modes>,
    folders: Vec<PathBuf>,
    child: Option<Pid>,
}

fn open() -> MutexGuard<'static, Open> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Watches for signals from now on.
///
/// # Errors
/// A system that does not let it.
pub(super) fn watch() -> io::Result<()> {
    static WATCHING: OnceLock<()> = OnceLock::new();
    if WATCHING.set(()).is_err() {
        return Ok(());
    }
    let mut signals = Signals::new([SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM])?;
    std::thread::spawn(move || {
        for signal in signals.forever() {
            match signal {
                SIGCONT => go_on(),
                signal => end_by(signal),
            }
        }
    });
    Ok(())
}

/// A shell may have changed the terminal while the process was stopped: what
/// is typed must not show now.
fn go_on() {
    if let Some(modes) = &open().modes {
        modes.hide_again();
    }
}

fn end_by(signal: i32) {
    let mut open = open();
    if let Some(child) = open.child {
        // The terminal gives these to the child too, which knows what they
        // mean to it.
        if matches!(signal, SIGINT | SIGQUIT) {
            return;
        }
        let passed_on = if signal == SIGHUP { Signal::HUP } else { Signal::TERM };
        let _ = kill_process(child, passed_on);
        wait_for(child);
    }
    if let Some(modes) = open.modes.take() {
        modes.end_line();
        modes.restore();
    }
    for folder in open.folders.drain(..) {
        let _ = std::fs::remove_dir_all(folder);
    }
    let _ = signal_hook::low_level::emulate_default_handler(signal);
}

/// Gives a child a moment to put the terminal right.
fn wait_for(child: Pid) {
    for _ in 0..20 {
        if test_kill_process(child).is_err() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let _ = kill_process(child, Signal::KILL);
}

/// Modes that the terminal gets back, now or at a signal.
pub(super) struct RestoredModes(());

impl RestoredModes {
    pub(super) fn new(modes: Modes) -> Self {
        open().modes = Some(modes);
        Self(())
    }
}

impl Drop for RestoredModes {
    fn drop(&mut self) {
        if let Some(modes) = open().modes.take() {
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

/// A child that has the terminal for itself.
pub(super) struct RunningChild(());

impl RunningChild {
    pub(super) fn new(child: &std::process::Child) -> Self {
        open().child = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        Self(())
    }
}

impl Drop for RunningChild {
    fn drop(&mut self) {
        open().child = None;
    }
}
