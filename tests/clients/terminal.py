#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs a shell command at a terminal and types an answer at each prompt.

usage: terminal.py COMMAND [ANSWER...]

Prints what the terminal showed. The exit status is the command's; 124 after two minutes, 125 for a question
too many, 126 for an answer that nobody asked for, 127 for one that the terminal showed while it was typed.
An answer that begins with "!" may be shown; the "!" is not typed.
"""

import os
import pty
import re
import select
import signal
import sys
import termios
import time

PROMPT = re.compile(rb"[:?\])]\s?$")


def echoes(terminal):
    return bool(termios.tcgetattr(terminal)[3] & termios.ECHO)


def converse(terminal, answers):
    """Returns what was shown, and 0 or one of the exit statuses above."""
    shown, since, asked = b"", time.monotonic(), 0
    end = since + 120
    while time.monotonic() < end:
        if select.select([terminal], [], [], 0.05)[0]:
            try:
                piece = os.read(terminal, 4096)
            except OSError:
                piece = b""
            if not piece:
                return shown, 126 if asked < len(answers) else 0
            shown += piece
            since = time.monotonic()
            continue
        if time.monotonic() - since < 0.2 or not PROMPT.search(shown.rsplit(b"\n", 1)[-1]):
            continue
        if asked == len(answers):
            if time.monotonic() - since > 5:
                return shown, 125
            continue
        answer = answers[asked]
        if answer.startswith("!"):
            answer = answer[1:]
        elif echoes(terminal):
            # Who asks may write the prompt first, and then hide what is typed.
            if time.monotonic() - since > 5:
                return shown, 127
            continue
        os.write(terminal, answer.encode() + b"\n")
        asked += 1
        shown += b"\n"
        since = time.monotonic()
    return shown, 124


def main():
    process, terminal = pty.fork()
    if process == 0:
        os.execvp("bash", ["bash", "-c", sys.argv[1]])
    shown, status = converse(terminal, sys.argv[2:])
    if status not in (0, 126):
        os.killpg(process, signal.SIGKILL)
    ended = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    sys.stdout.write(re.sub(rb"\r+\n", b"\n", shown).decode("utf-8", "replace"))
    return status or ended & 0xFF


sys.exit(main())
