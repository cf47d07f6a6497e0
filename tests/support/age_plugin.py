#!/usr/bin/env python3
"""An age plugin for tests, which protects nothing.

The file key stands in the stanza with every byte turned round, and it opens
with the PIN 1234. Each PIN that it is told goes to the file PINTEST_LOG. See "age-plugin" in the C2SP specifications.
"""

import base64
import os
import sys

read, write = sys.stdin.buffer, sys.stdout.buffer


def send(command, body=b""):
    text = base64.b64encode(body).rstrip(b"=").decode()
    lines = [text[i : i + 64] for i in range(0, len(text), 64)]
    if not lines or len(lines[-1]) == 64:
        lines.append("")
    write.write(("-> " + command + "\n" + "\n".join(lines) + "\n").encode())
    write.flush()


def receive():
    command = read.readline().decode().strip().removeprefix("-> ").split(" ")
    text = ""
    while True:
        line = read.readline().decode().rstrip("\n")
        text += line
        if len(line) < 64:
            return command, base64.b64decode(text + "=" * (-len(text) % 4))


def commands():
    while True:
        command, body = receive()
        if command[0] == "done":
            return
        yield command, body


def turn(key):
    return bytes(byte ^ 0xFF for byte in key)


def seal():
    recipients, keys = 0, []
    for command, body in commands():
        if command[0] in ("add-recipient", "add-identity"):
            recipients += 1
        elif command[0] == "wrap-file-key":
            keys.append(body)
    for number, key in enumerate(keys):
        for _ in range(recipients):
            send(f"recipient-stanza {number} pintest", turn(key))
            receive()
    send("done")


def unseal():
    stanzas = []
    for command, body in commands():
        if command[0] == "recipient-stanza" and command[2] == "pintest":
            stanzas.append((command[1], body))
    for file, body in stanzas:
        send("request-secret", b"PIN of the test")
        answer, pin = receive()
        with open(os.environ["PINTEST_LOG"], "ab") as log:
            log.write(pin + b"\n")
        if answer[0] == "ok" and pin == b"1234":
            send(f"file-key {file}", turn(body))
        else:
            send(f"error stanza {file} 0", b"wrong PIN")
        receive()
    send("done")


if sys.argv[1:] == ["--age-plugin=recipient-v1"]:
    seal()
elif sys.argv[1:] == ["--age-plugin=identity-v1"]:
    unseal()
