"""`.gitscalingo`: the remotes that a project declares. It comes with a clone, so nothing in it is trusted.

It holds only names, in git's configuration format. This program reads the bytes itself, and never opens a link, a fifo
or a folder of that name; git then parses the bytes, without includes.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from typing import NamedTuple

from git_scalingo_region.context import Context
from git_scalingo_region.errors import InvalidInput, RepositoryError
from git_scalingo_region.model import check_app_name, check_region_name, check_remote_name
from git_scalingo_region.repository.configuration import VALUELESS, parse_items, split_key
from git_scalingo_region.repository.git import Repository, ask, output, reason_of

FILE = ".gitscalingo"
SIZE_MAX = 1 << 20  # bytes
_TOO_LARGE = f"{FILE} is too large: it may have {SIZE_MAX >> 20} MiB at most"
EXAMPLE = ('[remote "scalingo"]', "    app = myapp")


class Declared(NamedTuple):
    """A declared remote: its app, and its region, which may be ""."""

    remote: str
    app: str
    region: str


def path_of(repository: Repository) -> str:
    """Return the path of the file at the top of the work tree."""
    return os.path.join(repository.top, FILE)


def read_declared(context: Context, repository: Repository) -> Mapping[str, Declared] | None:
    """Return the declared remotes by name; None if there is no such file. Warn about unknown keys.

    In a bare repository, the file is the one in HEAD. Raises `RepositoryError` for a file that is unreadable, too large
    or not a regular file, and `InvalidInput` for a syntax error or a bad name.
    """
    content = _read_file(path_of(repository)) if repository.has_work_tree else _read_from_head()
    if content is None:
        return None
    if len(content) > SIZE_MAX:
        raise RepositoryError(_TOO_LARGE)
    answer = ask("config", "--file", "-", "--no-includes", "--null", "--list", given=content)
    if answer.status:
        raise InvalidInput(f"{FILE} is not valid: {reason_of(answer.error).removesuffix(' in standard input')}")
    values: dict[str, dict[str, str]] = {}
    for key, value in parse_items(answer.output):
        section, name, variable = split_key(key)
        if section != "remote" or name is None or variable not in ("app", "region"):
            context.warn(f"{FILE}: ignoring the unknown key {key}")
        elif value is VALUELESS:
            raise InvalidInput(f"{FILE}: {key} has no value")
        else:
            values.setdefault(name, {})[variable] = value
    return {name: _checked(name, **found) for name, found in values.items()}


def _read_file(path: str) -> bytes | None:
    """Return the content of the file, or only its beginning if it is too large; None if there is no such file."""
    # If a link or a fifo takes the file's place after lstat, do not follow the link, and do not hang on the fifo.
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            raise RepositoryError(f"{FILE} is not a regular file: a link, a folder or a fifo in its place is not read")
        with open(os.open(path, flags), "rb") as file:
            return file.read(SIZE_MAX + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RepositoryError(f"cannot read {FILE}: {error.strerror}") from None


def _read_from_head() -> bytes | None:
    listed = ask("ls-tree", "-z", "--full-tree", "-l", "HEAD^0", "--", FILE)
    if listed.status or not listed.output:
        return None
    mode, _, _, size = listed.output.partition("\t")[0].split()
    if not mode.startswith("100"):
        raise RepositoryError(f"{FILE} is not a regular file in HEAD")
    if int(size) > SIZE_MAX:
        raise RepositoryError(_TOO_LARGE)
    return os.fsencode(output("cat-file", "blob", f"HEAD^0:{FILE}"))


def _checked(name: str, app: str | None = None, region: str = "") -> Declared:
    try:
        check_remote_name(name)
        if app is None:
            raise InvalidInput(f"the remote '{name}' has no app")
        return Declared(name, check_app_name(app), region and check_region_name(region))
    except InvalidInput as error:
        raise InvalidInput(f"{FILE}: {error.message}", *error.hints) from None
