"""Which module may import which and what each run loads, as CONTRIBUTING.md says, and how long functions are."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import NO_SERVICE, OSC_FR1, STALE, Repo

import git_scalingo_region
from git_scalingo_region.scalingo import builtin
from git_scalingo_region.scalingo.cache import Cache

PACKAGE = Path(git_scalingo_region.__file__).parent
MODULES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts): path
    for path in PACKAGE.rglob("*.py")
    if path.stem != "__init__"
}
CONTRIBUTING = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")
# Each heavy library, and the modules that may import it.
OWNERS = {
    "typer": {"cli.parser"},
    "requests": {"scalingo.api"},
    "urllib3": {"scalingo.api"},
    "git": {"repository.git"},
    "subprocess": {"process"},
    "process": {"repository.git", "ssh.client"},
}
NOT_ON_EVERY_SYSTEM = {"fcntl", "pwd", "grp", "termios", "resource"}


def table(header: str) -> list[list[str]]:
    """Return the rows of the table in CONTRIBUTING.md that has this header."""
    lines = CONTRIBUTING.split(f"| {header} |", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def names(cell: str) -> list[str]:
    return [word.strip(" `") for word in cell.split(",") if word.strip()]


ROOMS = {
    names(room)[0]: (names(modules), set(names(above))) for room, modules, above in table("room | modules | may import")
}


def room_of(module: str) -> str:
    return module.partition(".")[0] if "." in module else "cellar"


def tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def imports(module: str) -> Iterator[tuple[str, bool]]:
    """Yield each import, without the prefix if it is of this package, and whether it is at the top of the module."""
    whole = tree(module)
    top = {id(node) for node in whole.body}
    for node in ast.walk(whole):
        if isinstance(node, ast.Import):
            yield from ((alias.name, id(node) in top) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            package, _, rest = str(node.module).partition(".")
            for alias in node.names:
                inner = f"{rest}.{alias.name}".strip(".")
                ours = package == "git_scalingo_region"
                yield (inner if inner in MODULES else rest) if ours else str(node.module), id(node) in top


def test_the_map_knows_every_module() -> None:
    """CONTRIBUTING.md lists every module of the package in its room, and no module that does not exist."""
    listed = {f"{room}.{name}".removeprefix("cellar.") for room, (modules, _) in ROOMS.items() for name in modules}
    assert listed == set(MODULES) - {"__main__"}


@pytest.mark.parametrize("module", sorted(set(MODULES) - {"__main__"}))
def test_modules_import_only_what_their_room_may(module: str) -> None:
    """A module imports only what CONTRIBUTING.md allows its room, and a heavy library only if it owns that library."""
    room = room_of(module)
    for name, at_top in imports(module):
        if name in MODULES:
            assert room_of(name) == room or room_of(name) in ROOMS[room][1], f"{module} imports {name}"
        library = name.partition(".")[0]
        assert module in OWNERS.get(library, {module}), f"{module} imports {library}"
        assert not (at_top and library in NOT_ON_EVERY_SYSTEM), f"{module} imports {library} at its top"


def test_functions_are_small() -> None:
    """At least half of the functions have at most 8 lines, and nine out of ten have at most 30."""
    sizes = sorted(
        body[-1].end_lineno - body[0].lineno + 1
        for module in MODULES
        for node in ast.walk(tree(module))
        if isinstance(node, ast.FunctionDef) and (body := node.body[bool(ast.get_docstring(node)) :])
        if body[-1].end_lineno
    )
    assert sizes[len(sizes) // 2] <= 8
    assert sizes[len(sizes) * 9 // 10] <= 30


# The arguments of those runs that the table in CONTRIBUTING.md names in words.
RUNS = {
    "`add` that changes nothing": "add osc-fr1 myapp",
    "`add` that changes something": "add osc-fr1 other",
    "`sync` that changes something": "sync old",
    "`setup` that changes something": "setup",
    "`trust`": "trust osc-fr1 --offline",
    "a mistake": "add --frobnicate",
}
LIBRARIES = {"Typer": "typer", "GitPython": "git", "requests": "requests"}


@pytest.mark.parametrize("row", table("run | Typer | GitPython | requests"), ids=lambda row: row[0])
def test_a_run_loads_only_what_it_needs(row: list[str], repo: Repo, home: Path) -> None:
    """Each run loads exactly the heavy libraries that the table in CONTRIBUTING.md lists for it."""
    repo.git("remote", "add", "scalingo", OSC_FR1)
    repo.git("remote", "add", "old", STALE)
    (repo.path / ".gitscalingo").write_text('[remote "declared"]\n\tapp = myapp\n\tregion = osc-fr1\n')
    Cache(str(home / ".cache" / "git-scalingo-region"), NO_SERVICE).store(builtin.REGIONS, time.time())
    script = (
        "import json, sys; import git_scalingo_region.__main__; from git_scalingo_region.cli.run import run;"
        "run(sys.argv[1:]);"
        f"print('LOADED', json.dumps([name for name in {sorted(LIBRARIES.values())} if name in sys.modules]))"
    )
    command = [sys.executable, "-c", script, *RUNS.get(row[0], row[0].strip("`")).split()]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = json.loads(done.stdout.rpartition("LOADED ")[2])
    assert {name: "yes" if LIBRARIES[name] in loaded else "no" for name in LIBRARIES} == dict(zip(LIBRARIES, row[1:]))


def test_loads_where_posix_modules_are_missing(repo: Repo) -> None:
    """On a system without fcntl, pwd and similar modules, the commands that need no ssh work."""
    script = (
        f"import sys; sys.modules.update(dict.fromkeys({sorted(NOT_ON_EVERY_SYSTEM)}));"
        "from git_scalingo_region.cli.run import run;"
        "sys.exit(max(run(line.split()) for line in sys.argv[1:]))"
    )
    lines = ["add --offline osc-fr1 myapp", "url --offline", "list --offline", "show --offline", "status --offline"]
    done = subprocess.run([sys.executable, "-c", script, *lines], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
