"""The house: who may import whom, what each run loads, and what every file has to have."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import NO_SERVICE, Repo

import git_scalingo_region

PACKAGE = Path(git_scalingo_region.__file__).parent
PROJECT = Path(__file__).parent.parent
MODULES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): path
    for path in PACKAGE.rglob("*.py")
}
VERBS = {name for name in MODULES if name.startswith("commands.")}

# A module, and what of the package it may import.
LAYERS: dict[str, set[str]] = {
    "__init__": set(),
    "errors": set(),
    "model": {"errors"},
    "scalingo": set(),
    "repository": set(),
    "ssh": set(),
    "cli": set(),
    "repository.configuration": set(),
    "repository.configfile": {"repository.configuration", "errors"},
    "outcomes": {"model", "errors"},
    "settings": {"errors"},
    "repository.plan": {"model", "repository.configuration", "errors"},
    "scalingo.builtin": {"model", "errors"},
    "scalingo.credentials": {"model", "errors"},
    "scalingo.cache": {"model", "errors"},
    "scalingo.api": {"model", "errors", "__init__"},
    "ssh.known_hosts": {"model", "errors"},
    "repository.git": {"repository.configfile", "repository.configuration", "errors"},
    "commands": set(),
    "terminal": {"outcomes", "model", "errors"},
    "cli.run": {"settings", "terminal", "errors", "__init__", *VERBS},
    "__main__": {"cli.run"},
}
MIDDLE = {"repository.plan", "scalingo.builtin", "scalingo.cache", "scalingo.api", "scalingo.credentials"}
MIDDLE |= {"repository.git", "ssh.known_hosts"}
LAYERS |= {
    verb: {*MIDDLE, *VERBS, "outcomes", "repository.configuration", "model", "settings", "errors"} for verb in VERBS
}

# What is heavy has one owner.
OWNERS = {"requests": "scalingo.api", "urllib3": "scalingo.api", "git": "repository.git", "typer": "cli.run"}


def tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def imports(module: str) -> Iterator[tuple[str, bool]]:
    """Yield what a module imports, names of this package without its prefix, and whether it does so at its top."""
    whole = tree(module)
    top = {id(node) for node in whole.body}
    for node in ast.walk(whole):
        if isinstance(node, ast.Import):
            yield from ((alias.name, id(node) in top) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            name = str(node.module)
            package, _, rest = name.partition(".")
            if package != "git_scalingo_region":
                yield name, id(node) in top
                continue
            for alias in node.names:
                inner = f"{rest}.{alias.name}".strip(".")
                yield inner if inner in MODULES else rest or "__init__", id(node) in top


def test_the_table_knows_every_module() -> None:
    """Every module of the package has its place in the table of layers."""
    assert {name or "__init__" for name in MODULES} == set(LAYERS)


@pytest.mark.parametrize(
    "module",
    sorted(LAYERS),
)
def test_modules_import_only_what_their_layer_may(module: str) -> None:
    """No module imports another of the package but those below it, and siblings in the middle never each other."""
    known = {*LAYERS, "git_scalingo_region"}
    imported = {name for name, _ in imports(module) if name in known}
    assert imported <= LAYERS[module]


@pytest.mark.parametrize("module", sorted(LAYERS))
def test_heavy_libraries_have_one_owner(module: str) -> None:
    """Only its owner imports a heavy library, and those who import that owner do so within functions."""
    names = dict(imports(module))
    for library, owner in OWNERS.items():
        users = [name for name in names if name.partition(".")[0] == library]
        assert not users or module == owner, f"{module} imports {users}"
    late = [
        name
        for name, at_top in imports(module)
        if at_top and (name in ("scalingo.api", "repository.git") or name in VERBS)
    ]
    assert late == [] or module in VERBS
    assert not {"scalingo.api", "repository.git"} & set(late)


@pytest.mark.parametrize("module", sorted(LAYERS))
def test_public_names_are_documented(module: str) -> None:
    """Each module, and each public class, function and method, has a docstring that starts and ends as a sentence."""
    whole = tree(module)
    found = [whole, *(node for node in ast.walk(whole) if isinstance(node, ast.ClassDef | ast.FunctionDef))]
    inner = {
        id(node)
        for outer in found
        if isinstance(outer, ast.FunctionDef)
        for node in ast.walk(outer)
        if node is not outer
    }
    for node in found:
        name = getattr(node, "name", module)
        if (name.startswith("_") and node is not whole) or id(node) in inner or within_private(whole, node):
            continue
        text = ast.get_docstring(node) or ""
        assert text.partition("\n\n")[0].endswith((".", ":")), f"{module}: {name}"


def within_private(whole: ast.Module, node: ast.AST) -> bool:
    private = [outer for outer in whole.body if isinstance(outer, ast.ClassDef) and outer.name.startswith("_")]
    return any(node in outer.body for outer in private)


# --- what each run loads ---------------------------------------------------------------------------------------------


@pytest.fixture
def fresh_cache(home: Path) -> None:
    """Keep a list of regions that needs no request."""
    listed = [{"name": "osc-fr1", "ssh": "ssh.osc-fr1.scalingo.com:22", "default": True}]
    code = (
        "import sys, json; from git_scalingo_region.scalingo.cache import Cache;"
        "from git_scalingo_region.model import parse_regions;"
        "folder, service, listed, now = json.loads(sys.argv[1]);"
        "Cache(folder, service).store(parse_regions({'regions': listed}), now)"
    )
    folder = str(home / ".cache" / "git-scalingo-region")
    arguments = json.dumps([folder, NO_SERVICE, listed, time.time()])
    subprocess.run([sys.executable, "-c", code, arguments], check=True)


def loaded(*arguments: str) -> set[str]:
    """Run the program and return the top-level modules that it loaded."""
    code = (
        "import json, sys; import git_scalingo_region.__main__; from git_scalingo_region.cli.run import run;"
        "status = run(sys.argv[1:]); sys.stderr.write(json.dumps(sorted(sys.modules))); sys.exit(status)"
    )
    # What the start-up files of this environment load, and what this needs itself, is taken off.
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent)}
    bare = subprocess.run(
        [sys.executable, "-c", "import json, sys; print(json.dumps(sorted(sys.modules)))"],
        check=True,
        capture_output=True,
        text=True,
        env=environment,
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], check=False, capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert "warning:" not in done.stderr, "the list of regions was meant to come from the cache"
    return set(json.loads(done.stderr.splitlines()[-1])) - set(json.loads(bare.stdout))


NETWORK = {"requests", "urllib3", "http.client", "socket"}
CRYPTOGRAPHY = {"ssl", "_ssl", "hashlib", "_hashlib"}
NEVER = {"rich", "pydantic", "click", "yaml", "asyncio"}


@pytest.mark.parametrize(
    ("arguments", "never"),
    [
        (["-h"], {*NETWORK, *CRYPTOGRAPHY, "git"}),
        (["add", "-h"], {*NETWORK, *CRYPTOGRAPHY, "git"}),
        (["--version"], {*NETWORK, *CRYPTOGRAPHY, "git"}),
        (["list"], {*NETWORK, *CRYPTOGRAPHY, "git"}),
        (["list", "--json"], {*NETWORK, *CRYPTOGRAPHY, "git"}),
        (["url", "osc-fr1", "myapp"], {*NETWORK, *CRYPTOGRAPHY, "git"}),
        (["show", "osc-fr1"], {*NETWORK, *CRYPTOGRAPHY, "git"}),
        (["show"], {*NETWORK, *CRYPTOGRAPHY, "git"}),
        (["add", "osc-fr1", "myapp"], {"requests", "urllib3", "ssl"}),
        (["status"], {"requests", "urllib3", "ssl"}),
        (["sync"], {"requests", "urllib3", "ssl"}),
    ],
)
def test_a_run_loads_no_more_than_it_needs(
    repo: Repo, fresh_cache: None, arguments: list[str], never: set[str]
) -> None:
    """While the cache is fresh nothing loads the HTTP client, and what needs no repository does not load GitPython."""
    assert loaded(*arguments) & (never | NEVER) == set()


# --- the files -------------------------------------------------------------------------------------------------------


def test_no_file_names_a_place_of_one_machine() -> None:
    """No file of the project holds a path that exists on its author's machine alone."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT,
        check=False,
        capture_output=True,
        text=True,
    )
    if listed.returncode:
        pytest.skip("this is no checkout")
    places = re.compile(rb"(?<![\w.~/-])/(?:work|root|tmp)/[\w.]")
    naming = {
        name: found.group()
        for name in listed.stdout.split("\0")
        if name and (PROJECT / name).is_file() and (found := places.search((PROJECT / name).read_bytes()))
    }
    assert naming == {}
