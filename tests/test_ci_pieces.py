"""The files for continuous integration: they follow their schemas, and their shell steps work in bash on loopback."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from conftest import Repo, Service, executable, git, region_json
from pasting import PROGRAM, environment
from ssh_server import Endpoint

ROOT = Path(__file__).resolve().parent.parent
SCHEMAS = {
    "action.yml": ["vendor.github-actions"],
    ".github/workflows/ci.yml": ["vendor.github-workflows"],
    ".github/workflows/release.yml": ["vendor.github-workflows"],
    ".github/dependabot.yml": ["vendor.dependabot"],
    "docs/gitlab-ci.yml": ["vendor.gitlab-ci", "--data-transform", "gitlab-ci"],
}
SHALLOW = (
    "::error title=Shallow clone::Scalingo refuses a push from a shallow clone."
    " Add this under 'with:' of actions/checkout: fetch-depth: 0\n"
)

# Stands in for install.sh, which has tests of its own.
INSTALLER = """\
#!/bin/sh
test "$1" = --prefix && mkdir -p "$2/bin" && ln -sf '{program}' "$2/bin/git-scalingo-region"
"""


def read(name: str) -> Any:
    """Parse a YAML file of the project."""
    yaml = pytest.importorskip("ruamel.yaml", reason="ruamel.yaml is not installed")
    return yaml.YAML(typ="safe", pure=True).load((ROOT / name).read_text())


def gitlab_script() -> str:
    """Return the shell lines of the GitLab job."""
    job = read("docs/gitlab-ci.yml")["deploy"]
    return "\n".join([*job["before_script"], *job["script"]])


class Done(NamedTuple):
    """The result of a job: its status, its output, and the action's outputs."""

    status: int
    text: str
    outputs: dict[str, str]


class Runner:
    """A runner of CI jobs, which has the program and plays the part of GitHub or GitLab."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.program = folder / "program"
        executable(self.program, PROGRAM)
        executable(folder / "action/install.sh", INSTALLER.format(program=self.program))

    def bash(self, script: str, **variables: str) -> Done:
        """Run a script as both runners do: bash stops at the first command that fails."""
        options: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "stdin": subprocess.DEVNULL}
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
        done = subprocess.run(command, check=False, text=True, env=environment() | variables, **options)
        return Done(done.returncode, done.stdout, {})

    def action(self, **inputs: str) -> Done:
        """Run the steps of the action, up to the first that fails."""
        action, path, text = read("action.yml"), os.environ["PATH"], ""
        values = {name: inputs.get(name, spec["default"]) for name, spec in action["inputs"].items()}
        added, output = self.folder / "added-path", self.folder / "output"
        for step in action["runs"]["steps"]:
            added.write_text("")
            output.touch()
            variables = {
                name: re.sub(r"\$\{\{ inputs\.(\w+) \}\}", lambda match: values[match[1]], value)
                for name, value in step.get("env", {}).items()
            }
            done = self.bash(
                step["run"],
                PATH=path,
                GITHUB_PATH=str(added),
                GITHUB_OUTPUT=str(output),
                GITHUB_ACTION_PATH=str(self.folder / "action"),
                RUNNER_TEMP=str(self.folder / "temporary files"),
                **variables,
            )
            text += done.text
            path = ":".join([*added.read_text().splitlines(), path])
            if done.status:
                break
        return Done(done.status, text, dict(line.split("=", 1) for line in output.read_text().splitlines()))

    def gitlab(self, **variables: str) -> Done:
        """Run the GitLab job with a pip that only links the program and an ssh that has the options of the test."""
        tools, settings = self.folder / "tools", read("docs/gitlab-ci.yml")["deploy"]["variables"]
        tools.mkdir()
        executable(tools / "pip", f"#!/bin/sh\necho \"$@\" && ln -s '{self.program}' '{tools}/git-scalingo-region'\n")
        ssh = os.environ["GIT_SSH_COMMAND"].replace("ssh", shutil.which("ssh") or "", 1)
        executable(tools / "ssh", f'#!/bin/sh\nexec {ssh} "$@"\n')
        path = f"{tools}:{os.environ['PATH']}"
        return self.bash(f"unset GIT_SSH_COMMAND\n{gitlab_script()}", **{**settings, "PATH": path, **variables})


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    """Make a runner in a folder with a space in its name."""
    return Runner(tmp_path / "a runner")


@pytest.mark.slow
@pytest.mark.parametrize("name", SCHEMAS)
def test_files_are_valid(name: str) -> None:
    """Each file is valid by the schema of GitHub or GitLab."""
    pytest.importorskip("check_jsonschema", reason="check-jsonschema is not installed")
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", *SCHEMAS[name], name]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stdout) == (0, "ok -- validation done\n"), done.stdout


def test_actions_are_pinned() -> None:
    """Each action is pinned to a full commit id with its version beside it, and to the same one everywhere."""
    text = "".join(path.read_text() for path in (ROOT / ".github/workflows").glob("*.yml"))
    used = re.findall(r"uses: (?!\./)(.*)", text)
    pinned = [re.fullmatch(r"([\w/-]+)@[0-9a-f]{40} # v\d+\.\d+\.\d+", line) for line in used]
    assert used
    assert [line for line, match in zip(used, pinned) if not match] == []
    assert len(set(used)) == len({match[1] for match in pinned if match})


def test_inputs_reach_the_shell_through_the_environment() -> None:
    """No step of the action or a workflow pastes an expression into its shell script."""
    jobs = [job for name in ("ci", "release") for job in read(f".github/workflows/{name}.yml")["jobs"].values()]
    steps = [*read("action.yml")["runs"]["steps"], *(step for job in jobs for step in job["steps"])]
    assert [step["run"] for step in steps if "${{" in step.get("run", "")] == []


def test_shellcheck_finds_nothing() -> None:
    """The shell steps of the action and of the GitLab job pass shellcheck without a finding."""
    checker = shutil.which("shellcheck", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if not checker:
        pytest.skip("shellcheck is not installed")
    for script in (gitlab_script(), *(step["run"] for step in read("action.yml")["runs"]["steps"])):
        done = subprocess.run([checker, "-s", "bash", "-"], input=script, check=False, capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.slow
@pytest.mark.parametrize("region", ["osc-fr1", ""], ids=["region", "no region"])
def test_the_action_makes_the_push_work(runner: Runner, repo: Repo, endpoint: Endpoint, region: str) -> None:
    """After the action, a push to its remote works with the host key checked; a second run changes nothing."""
    endpoint.publish("ed25519", "rsa")
    app = endpoint.app("myapp")
    url = f"ssh://git@{endpoint.ssh}/myapp.git"
    for said in ("Created remote", "is up to date"):
        done = runner.action(region=region, app="myapp", remote="live-site")
        assert (done.status, done.outputs) == (0, {"url": url, "remote": "live-site"}), done.text
        assert said in done.text
    repo.git("push", "--quiet", done.outputs["remote"], "HEAD^0:refs/heads/main")
    assert git("rev-parse", "refs/heads/main", cwd=app) == repo.git("rev-parse", "HEAD")


def test_the_action_refuses_a_shallow_clone(
    runner: Runner, repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The action refuses a shallow clone before it installs anything, and says which line fixes it."""
    repo.commit()
    git("clone", "--quiet", "--depth=1", f"file://{repo.path}", str(tmp_path / "shallow"))
    monkeypatch.chdir(tmp_path / "shallow")
    assert runner.action(region="osc-fr1", app="myapp") == Done(1, SHALLOW, {})


@pytest.mark.usefixtures("repo")
@pytest.mark.slow
def test_the_action_hands_inputs_over_as_they_are(runner: Runner, service: Service, home: Path) -> None:
    """Inputs are never run as code or read as options, the service gets the token, and trust is true or false."""
    service.regions = [region_json("osc-fr1", default=True)]
    for inputs in ({"region": "osc-fr1", "app": "$(touch pwned)"}, {"region": "--force", "app": "myapp"}):
        done = runner.action(**inputs, trust="false")
        assert (done.status, done.outputs) == (2, {})
    done = runner.action(region="osc-fr1", app="myapp", trust="perhaps", token="aaa.bbb.ccc")
    assert (done.status, done.text.splitlines()[-1]) == (
        1,
        "::error title=Invalid input::trust must be true or false, not 'perhaps'",
    )
    assert "Bearer aaa.bbb.ccc" in {headers.get("Authorization") for _, _, headers in service.requests}
    assert runner.action(region="osc-fr1", app="myapp", trust="false").status == 0
    assert not (home / ".ssh/known_hosts").exists()


@pytest.mark.slow
def test_the_gitlab_job_pushes(
    runner: Runner, repo: Repo, endpoint: Endpoint, client_key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The GitLab job deploys the commit, even on a detached HEAD and with an ssh key that everybody may read."""
    endpoint.publish("ed25519", "rsa")
    app = endpoint.app("myapp")
    repo.git("checkout", "--quiet", "--detach")
    client_key.chmod(0o644)
    ssh = os.environ["GIT_SSH_COMMAND"].partition(" -o IdentitiesOnly")[0] + " -o StrictHostKeyChecking=yes"
    monkeypatch.setenv("GIT_SSH_COMMAND", ssh)
    done = runner.gitlab(SCALINGO_SSH_KEY=str(client_key))
    assert done.status == 0, done.text
    assert done.text.startswith("install --quiet git+https://github.com/git-scalingo-region/git-scalingo-region@v")
    assert git("rev-parse", "refs/heads/main", cwd=app) == repo.git("rev-parse", "HEAD")
