"""Runs a command at a terminal: terminal.py ANSWER... -- COMMAND..."""

import os
import pty
import select
import sys
import time

split = sys.argv.index("--")
answers, command = sys.argv[1:split], sys.argv[split + 1 :]

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
    if screen[seen:].endswith(b": "):
        # The prompt switches the echo off before or after it is written.
        time.sleep(0.3)
        os.write(terminal, answers.pop(0).encode() + b"\n" if answers else b"\x04")
        seen = len(screen)
else:
    os.kill(pid, 9)

_, status = os.waitpid(pid, 0)
sys.stdout.buffer.write(screen)
sys.stdout.flush()
sys.exit(os.waitstatus_to_exitcode(status) & 0xFF)
