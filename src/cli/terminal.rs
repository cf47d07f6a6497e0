//! Hidden input at the terminal.
//!
//! The libraries for this read a line as the terminal gives it, which ends
//! after 4,095 bytes without a word, and take the lines of a pasted text for
//! one answer each. Here a value may be pasted whole, whatever its length, and
//! every buffer that it was in is wiped. The modes of the terminal come back
//! at whatever signal ends the process.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::getpgrp;
use rustix::termios::{
    InputModes, LocalModes, OptionalActions, QueueSelector, SpecialCodeIndex, Termios, tcflush,
    tcgetattr, tcgetpgrp, tcsetattr,
};
use zeroize::Zeroizing;

use super::input::MAX_VALUE;
use super::signals::{self, RestoredModes};
use crate::wiped;

/// Where the person is, whatever standard input, output and error are.
const TERMINAL: &str = "/dev/tty";

/// Has the terminal mark where what is pasted begins and ends.
const MARK_PASTES: &[u8] = b"\x1b[?2004h";
const MARK_NO_PASTES: &[u8] = b"\x1b[?2004l";
const PASTE_END: &[u8] = b"\x1b[201~";

/// How to tell what is pasted from what is typed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pastes {
    /// Whether the terminal is asked to mark what is pasted.
    are_marked: bool,
    /// How soon after a line the next one comes that was pasted with it, in
    /// nanoseconds; `None` where nothing but one line is wanted.
    within: Option<i64>,
}

impl Pastes {
    /// In a terminal of a kind (`TERM`).
    pub(super) fn in_terminal(kind: Option<&str>) -> Self {
        let (are_marked, within) = match kind {
            None | Some("dumb") => (false, 400_000_000),
            // They take the request and mark nothing.
            Some("linux") => (true, 400_000_000),
            Some(_) => (true, 80_000_000),
        };
        Self { are_marked, within: Some(within) }
    }

    /// The same, where a passphrase is asked for.
    pub(super) fn of_one_line(self) -> Self {
        Self { within: None, ..self }
    }
}

/// What was typed.
pub(super) enum Answer {
    /// A text, maybe empty, maybe of several lines. What ends a single line
    /// is not part of it.
    Text(Zeroizing<Vec<u8>>),
    /// A key with Control, instead of a text: its letter. The arrow upwards
    /// counts as P.
    Control(char),
    /// The end of the input.
    End,
}

/// Has the terminal show nothing of what is typed, until dropped.
pub(super) fn silence() -> io::Result<RestoredModes> {
    signals::watch()?;
    hide(&open()?, false)
}

/// Leaves out what was typed and not asked for, and tells whether there was
/// any. Only where the terminal is silent.
pub(super) fn discard_input() -> io::Result<bool> {
    let terminal = open()?;
    let mut is_some = false;
    // Of what is pasted over a slow line, the end has not come yet.
    while is_readable(&terminal, if is_some { QUIET } else { LATE })? {
        tcflush(&terminal, QueueSelector::IFlush)?;
        is_some = true;
    }
    Ok(is_some)
}

/// How soon the bytes of one key follow each other, in nanoseconds.
const WITHIN_KEY: i64 = 40_000_000;

/// How long after an answer the rest of its text may come, in nanoseconds:
/// sooner than anybody reads the next question.
const LATE: i64 = 150_000_000;
/// How long nothing comes where nothing more will, in nanoseconds.
const QUIET: i64 = 400_000_000;

/// Whether there is something to read within some nanoseconds.
fn is_readable(terminal: &File, nanoseconds: i64) -> io::Result<bool> {
    let mut fds = [PollFd::from_borrowed_fd(terminal.as_fd(), PollFlags::IN)];
    let wait = Timespec { tv_sec: 0, tv_nsec: nanoseconds };
    match poll(&mut fds, Some(&wait)) {
        Ok(count) => Ok(count > 0),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Opens the terminal.
pub(super) fn open() -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open(TERMINAL)
}

/// Asks for something that is not shown. A terminal that is able to shall mark
/// what is pasted.
pub(super) fn ask_hidden(prompt: &str, pastes: Pastes) -> io::Result<Answer> {
    signals::watch()?;
    let mut terminal = open()?;
    let _modes = hide(&terminal, pastes.are_marked)?;
    if pastes.are_marked {
        terminal.write_all(MARK_PASTES)?;
    }
    terminal.write_all(prompt.as_bytes())?;
    let answer = Reader::new(&terminal, pastes.within).answer();
    terminal.write_all(b"\n")?;
    answer
}

/// Whether this process is in the foreground of a terminal.
pub(super) fn is_in_foreground() -> bool {
    open().is_ok_and(|terminal| is_ours(&terminal))
}

fn is_ours(terminal: &File) -> bool {
    tcgetpgrp(terminal).is_ok_and(|foreground| foreground == getpgrp())
}

/// The modes that a terminal had.
pub(super) struct Modes {
    terminal: File,
    modes: Termios,
    /// Those that it has now, where it shows nothing.
    hidden: Option<Termios>,
    /// Whether it marks what is pasted now.
    marks_pastes: bool,
}

impl Modes {
    pub(super) fn hide_again(&self) {
        if let Some(hidden) = self.hidden.as_ref().filter(|_| self.is_ours()) {
            let _ = tcsetattr(&self.terminal, OptionalActions::Now, hidden);
            if self.marks_pastes {
                let _ = (&self.terminal).write_all(MARK_PASTES);
            }
        }
    }

    /// Has what comes next begin on a line of its own, where a prompt stands.
    pub(super) fn end_line(&self) {
        if self.hidden.is_some() && self.is_ours() {
            let _ = (&self.terminal).write_all(b"\n");
        }
    }

    /// Whether they may be changed. In the background a process would be
    /// stopped by that, and a shell has set them as it wants them by then.
    fn is_ours(&self) -> bool {
        is_ours(&self.terminal)
    }

    pub(super) fn restore(self) {
        if !self.is_ours() {
            return;
        }
        if self.marks_pastes {
            let _ = (&self.terminal).write_all(MARK_NO_PASTES);
        }
        let is_shown_again =
            self.hidden.is_some() && self.modes.local_modes.contains(LocalModes::ECHO);
        let when = match is_shown_again {
            // What is left of a text that was pasted must not go to a shell.
            true => OptionalActions::Flush,
            false => OptionalActions::Now,
        };
        let _ = tcsetattr(&self.terminal, when, &self.modes);
    }
}

/// Has the modes of the terminal come back after another program had it, if
/// there is one.
pub(super) fn keep_modes() -> Option<RestoredModes> {
    let terminal = open().ok()?;
    let modes = tcgetattr(&terminal).ok()?;
    // Others are somebody else's, such as a pager's that this writes to.
    if !modes.local_modes.contains(LocalModes::ECHO | LocalModes::ICANON) {
        return None;
    }
    Some(RestoredModes::new(Modes { terminal, modes, hidden: None, marks_pastes: false }))
}

/// Has the terminal show nothing and pass every key on, until dropped. A
/// signal can still be sent with Control-C; stopping the process with
/// Control-Z would leave the terminal as it is.
fn hide(terminal: &File, marks_pastes: bool) -> io::Result<RestoredModes> {
    let before = tcgetattr(terminal)?;
    let was_shown = before.local_modes.contains(LocalModes::ECHO);
    let mut hidden = before.clone();
    hidden.local_modes -= LocalModes::ECHO | LocalModes::ICANON | LocalModes::IEXTEN;
    hidden.input_modes -= InputModes::ICRNL | InputModes::IXON;
    for code in [SpecialCodeIndex::VSUSP, SpecialCodeIndex::VTIME] {
        hidden.special_codes[code] = 0;
    }
    hidden.special_codes[SpecialCodeIndex::VMIN] = 1;
    let (terminal_again, hidden_again) = (terminal.try_clone()?, Some(hidden.clone()));
    let modes =
        Modes { terminal: terminal_again, modes: before, hidden: hidden_again, marks_pastes };
    let restored = RestoredModes::new(modes);
    let when = match was_shown {
        // What was typed before the question is no answer to it.
        true => OptionalActions::Flush,
        false => OptionalActions::Now,
    };
    tcsetattr(terminal, when, &hidden)?;
    Ok(restored)
}

/// Reads keys.
struct Reader<'a> {
    terminal: &'a File,
    /// As in [`Pastes`].
    pasted_within: Option<i64>,
    buffer: Zeroizing<Vec<u8>>,
    next: usize,
}

impl<'a> Reader<'a> {
    fn new(terminal: &'a File, pasted_within: Option<i64>) -> Self {
        Self { terminal, pasted_within, buffer: Zeroizing::new(Vec::with_capacity(4096)), next: 0 }
    }

    /// The next byte; `None` at the end of the input.
    fn byte(&mut self) -> io::Result<Option<u8>> {
        if let Some(byte) = self.buffer.get(self.next) {
            self.next += 1;
            return Ok(Some(*byte));
        }
        self.buffer.clear();
        self.next = 0;
        let mut chunk = Zeroizing::new([0; 4096]);
        loop {
            match rustix::io::read(self.terminal, &mut chunk[..]) {
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
                Ok(0) => return Ok(None),
                Ok(length) => {
                    wiped::append(&mut self.buffer, chunk.get(..length).unwrap_or_default());
                    self.next = 1;
                    return Ok(self.buffer.first().copied());
                }
            }
        }
    }

    /// Whether more comes within some nanoseconds.
    fn has_more(&self, within: i64) -> io::Result<bool> {
        Ok(self.next < self.buffer.len() || is_readable(self.terminal, within)?)
    }

    /// Whether another line comes, as no one types.
    fn has_more_lines(&self) -> io::Result<bool> {
        self.pasted_within.map_or(Ok(false), |within| self.has_more(within))
    }

    fn answer(&mut self) -> io::Result<Answer> {
        let mut text = Zeroizing::new(Vec::with_capacity(4096));
        let mut is_marked = false;
        loop {
            if text.len() > MAX_VALUE {
                return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is too long"));
            }
            let Some(byte) = self.byte()? else { return Ok(Answer::End) };
            match byte {
                b'\r' | b'\n' if self.has_more_lines()? => {
                    wiped::append(&mut text, b"\n");
                    // Of a text whose lines end in both.
                    if byte == b'\r' && self.buffer.get(self.next) == Some(&b'\n') {
                        self.next += 1;
                    }
                }
                b'\r' | b'\n' => {
                    match text.iter().position(|byte| *byte == b'\n') {
                        // What was pasted with a single line is not part of it.
                        Some(first) if first + 1 == text.len() => text.truncate(first),
                        // What was pasted in several lines ends with one.
                        Some(_) if !is_marked => wiped::append(&mut text, b"\n"),
                        _ => {}
                    }
                    return Ok(Answer::Text(text));
                }
                0x1b => match self.sequence()?.as_slice() {
                    b"[200~" => {
                        self.pasted(&mut text)?;
                        is_marked = true;
                    }
                    b"[A" | b"OA" if text.is_empty() => return Ok(Answer::Control('P')),
                    _ => self.ring(),
                },
                0x04 if text.is_empty() => return Ok(Answer::End),
                0x15 => text.clear(),
                0x17 => remove_last_word(&mut text),
                0x08 | 0x7f => remove_last_character(&mut text),
                b'\t' => wiped::append(&mut text, b"\t"),
                0x01..0x20 if text.is_empty() => {
                    return Ok(Answer::Control(char::from(byte + b'@')));
                }
                0x00..0x20 => self.ring(),
                byte => wiped::append(&mut text, &[byte]),
            }
        }
    }

    /// Says that a key does nothing here.
    fn ring(&self) {
        let mut terminal = self.terminal;
        let _ = terminal.write_all(b"\x07");
    }

    /// What follows an escape character: nothing, or the rest of a key's
    /// sequence.
    fn sequence(&mut self) -> io::Result<Vec<u8>> {
        let mut sequence = Vec::new();
        while sequence.len() < 16 && self.has_more(WITHIN_KEY)? {
            let Some(byte) = self.byte()? else { break };
            sequence.push(byte);
            let is_introduction = sequence.len() == 1 && matches!(byte, b'[' | b'O');
            if !is_introduction && matches!(byte, 0x40..=0x7e) {
                break;
            }
        }
        Ok(sequence)
    }

    /// Reads what is pasted, up to its mark. Terminals give its line feeds as
    /// carriage returns.
    fn pasted(&mut self, text: &mut Zeroizing<Vec<u8>>) -> io::Result<()> {
        let start = text.len();
        while let Some(byte) = self.byte()? {
            // The second half of a line end of two.
            if byte != b'\n' || text.len() == start || text.last() != Some(&b'\r') {
                wiped::append(text, &[byte]);
            }
            if text.ends_with(PASTE_END) {
                let length = text.len() - PASTE_END.len();
                text.truncate(length);
                break;
            }
            if text.len() > MAX_VALUE {
                break;
            }
        }
        for byte in text.iter_mut().skip(start).filter(|byte| **byte == b'\r') {
            *byte = b'\n';
        }
        Ok(())
    }
}

/// Takes back a word, and the blanks behind it.
fn remove_last_word(text: &mut Vec<u8>) {
    let is_blank = |byte: &u8| byte.is_ascii_whitespace();
    let end = text.iter().rposition(|byte| !is_blank(byte)).unwrap_or(0);
    let start = text.iter().take(end).rposition(is_blank).map_or(0, |blank| blank + 1);
    text.truncate(start);
}

/// Takes back a character of UTF-8.
fn remove_last_character(text: &mut Vec<u8>) {
    while let Some(byte) = text.pop() {
        if byte & 0xc0 != 0x80 {
            break;
        }
    }
}
