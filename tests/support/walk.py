"""Walks through a command at a terminal: walk.py COMMAND...

Its input, which no other process sees, is a JSON list of {"expect": TEXT},
{"send": TEXT}, {"signal": NUMBER}, {"show": true} and {"pause": SECONDS}. Prints
what came of it, as JSON.
"""

import fcntl
import json
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

steps, command = json.load(sys.stdin), sys.argv[1:]
terminal, inner = pty.openpty()
fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 80, 0, 0))
before = termios.tcgetattr(inner)

pid = os.fork()
if pid == 0:
    os.setsid()
    # As in a new terminal, whatever the tests themselves were told to ignore.
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    fcntl.ioctl(inner, termios.TIOCSCTTY, 0)
    for stream in range(3):
        os.dup2(inner, stream)
    os.execvp(command[0], command)

screen, seen, status = b"", 0, None
deadline = time.monotonic() + 60


def read(wait):
    """Reads what comes, and tells whether the command is still there."""
    global screen, status
    if select.select([terminal], [], [], wait)[0]:
        screen += os.read(terminal, 65536)
        return True
    if status is None:
        ended, code = os.waitpid(pid, os.WNOHANG)
        status = code if ended else None
        return status is None
    return False


problem = None
for step in steps:
    if "expect" in step:
        text = step["expect"].encode()
        while (place := screen.find(text, seen)) < 0:
            if not read(0.05) or time.monotonic() > deadline:
                problem = f"{step['expect']!r} did not come"
                break
        else:
            seen = place + len(text)
    elif "send" in step:
        rest = step["send"].encode()
        while rest:
            select.select([], [terminal], [], 5)
            rest = rest[os.write(terminal, rest[:1024]) :]
            # What the command says meanwhile must not fill the terminal up.
            read(0)
    elif "signal" in step:
        os.kill(pid, step["signal"])
    elif "show" in step:
        # As a shell does that gets the terminal back.
        modes = termios.tcgetattr(inner)
        modes[3] |= termios.ECHO | termios.ICANON
        termios.tcsetattr(inner, termios.TCSANOW, modes)
    elif "pause" in step:
        until = time.monotonic() + step["pause"]
        while time.monotonic() < until:
            read(0.02)
    if problem:
        break

if problem and status is None:
    os.kill(pid, signal.SIGKILL)

while read(0.05) and time.monotonic() < deadline:
    pass
if status is None:
    problem = problem or "it did not end"
    os.kill(pid, signal.SIGKILL)
    status = os.waitpid(pid, 0)[1]
after = termios.tcgetattr(inner)
print(
    json.dumps(
        {
            "screen": screen.decode(errors="replace"),
            "code": os.WEXITSTATUS(status) if os.WIFEXITED(status) else None,
            "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else None,
            "is_restored": before == after,
            "problem": problem,
        }
    )
)
