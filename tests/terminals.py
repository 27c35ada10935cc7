"""Run a program in a terminal."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time
from collections.abc import Sequence
from typing import Any

import pytest

DEADLINE = 30.0


def in_terminal(argv: Sequence[str], *, keys: str = "", **options: Any) -> str:
    """Run a program in a terminal until it exits, type `keys` at its first `READY>`, and return what it has shown."""
    controller, terminal = pty.openpty()
    options |= dict.fromkeys(("stdin", "stdout", "stderr"), terminal)
    process = subprocess.Popen(argv, start_new_session=True, **options)
    os.close(terminal)
    shown, end = b"", time.monotonic() + DEADLINE
    try:
        while (left := end - time.monotonic()) > 0 and select.select([controller], [], [], left)[0]:
            try:
                chunk = os.read(controller, 65536)
            except OSError:  # Linux reports the end of a terminal this way
                chunk = b""
            if not chunk:
                process.wait(left)
                return shown.decode()
            shown += chunk
            if keys and b"READY> " in shown:
                os.write(controller, keys.encode())
                keys = ""
    finally:
        process.kill()
        process.wait()
        os.close(controller)
    pytest.fail(f"{argv[0]} did not come to an end; it showed {shown!r}")
