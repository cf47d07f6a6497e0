"""Runs a command at a terminal: terminal.py ANSWER... -- COMMAND..."""

import os
import pty
import select
import sys
import termios
import time

split = sys.argv.index("--")
answers, command = sys.argv[1:split], sys.argv[split + 1 :]


def wait_until_hidden():
    """Waits until what is typed is not shown, as far as that is so at all.

    A prompt may be on the screen before the terminal is ready for its answer.
    """
    limit = time.monotonic() + 2
    while time.monotonic() < limit:
        if not termios.tcgetattr(terminal)[3] & termios.ECHO:
            return
        time.sleep(0.01)


pid, terminal = pty.fork()
if pid == 0:
    os.execvp(command[0], command)

screen, seen = b"", 0
deadline = time.monotonic() + 60
while time.monotonic() < deadline:
    if not select.select([terminal], [], [], 0.2)[0]:
        continue
    try:
        read = os.read(terminal, 65536)
    except OSError:
        break
    if not read:
        break
    screen += read
    shown = screen[seen:].rstrip(b"\x1b[?25hl")
    if shown.endswith((b": ", b"[y/N] ")):
        if shown.endswith(b": "):
            wait_until_hidden()
        # Without an answer it is the end of the input.
        os.write(terminal, answers.pop(0).encode() + b"\n" if answers else b"\x04")
        seen = len(screen)
else:
    os.kill(pid, 9)

_, status = os.waitpid(pid, 0)
sys.stdout.buffer.write(screen)
sys.stdout.flush()
sys.exit(os.waitstatus_to_exitcode(status) & 0xFF)
