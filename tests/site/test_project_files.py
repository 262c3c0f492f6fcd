"""What lies in the repository: locks without addresses, no path of anybody's machine."""

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINES_OF_A_FILE, LINES_OF_A_FUNCTION = 400, 60  # at most
LOCKS = ("requirements.txt", "requirements-demo.txt", "requirements-dev.txt")


@pytest.mark.parametrize("name", LOCKS)
def test_lock_file_pins_by_hash_and_holds_no_address(name: str) -> None:
    text = (ROOT / name).read_text()
    pins = re.findall(r"^[a-z0-9][^\n]*==[^\n]*", text, flags=re.MULTILINE)
    assert "://" not in text
    assert len(pins) > 20
    assert text.count("--hash=sha256:") >= len(pins)


def test_what_is_tested_is_what_runs() -> None:
    """A version in production that no test has met is none of ours."""
    pins = re.compile(r"^([a-z0-9][a-z0-9._-]*)==([^ ;\\]+)", flags=re.MULTILINE)
    tested, *others = [dict(pins.findall((ROOT / name).read_text())) for name in reversed(LOCKS)]
    for pinned in others:
        assert len(pinned) > 20
        assert pinned.items() - tested.items() == set()


@pytest.mark.parametrize("name", LOCKS)
def test_lock_file_holds_every_dependency(name: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = {"requirements.txt": [], "requirements-demo.txt": ["demo"], "requirements-dev.txt": ["demo", "dev"]}[name]
    wanted = [*project["dependencies"], *(d for extra in extras for d in project["optional-dependencies"][extra])]
    names = {re.split(r"[\[~>=<;]", line)[0].strip().lower() for line in wanted} - {"pact-site"}
    locked = set(re.findall(r"^([a-z0-9][a-z0-9._-]*)==", (ROOT / name).read_text(), flags=re.MULTILINE))
    assert names - locked == set()


def test_security_rules_hold_for_all_code_that_serves() -> None:
    """Ruff's S rules are bandit's; three are off, with their reasons, and all of them in tests and benches."""
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    lint = tools["ruff"]["lint"]
    assert tools["bandit"]["skips"] == ["B311", "B404", "B603", "B606", "B607", "B608"]
    assert "S" in lint["select"]
    assert sorted(rule for rule in lint["ignore"] if rule.startswith("S")) == ["S311", "S603", "S607"]
    exempt = [where for where, rules in lint["per-file-ignores"].items() if any(rule[0] == "S" for rule in rules)]
    assert sorted(exempt) == ["bench/**", "tests/**"]


def test_every_dependency_says_why_it_is_there() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    project = tomllib.loads(text)["project"]
    obvious = {"pytest", "pytest-django"}
    for line in [
        *project["dependencies"],
        *project["optional-dependencies"]["demo"],
        *project["optional-dependencies"]["dev"],
    ]:
        if line not in obvious and not line.startswith("pact-site"):
            assert re.search(re.escape(f'"{line}",') + r"\s*# \S", text), line


def test_tracked_files_name_no_machine_and_no_registry() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    pattern = re.compile(r"(?<![\w.-])/(?:work|root|home/\w+)/|pythonhosted|registry\.npmjs|deb\.debian")
    found = []
    for name in filter(None, listed.split("\0")):
        path = ROOT / name
        if name == "tests/site/test_project_files.py" or not path.is_file():
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{name}: {match[0]}" for match in pattern.finditer(text)]
    assert found == []


def test_files_and_functions_stay_short() -> None:
    """Hold all code to it but migrations, which are as Django makes them."""
    listed = subprocess.run(["git", "ls-files", "-z", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True)
    names = [name for name in listed.stdout.split("\0") if name and "/migrations/" not in name]
    texts = {name: (ROOT / name).read_text() for name in names if (ROOT / name).exists()}
    assert len(texts) > 100
    assert [name for name, text in texts.items() if text.count("\n") > LINES_OF_A_FILE] == []
    assert [
        f"{name}: {node.name}"
        for name, text in texts.items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= LINES_OF_A_FUNCTION
    ] == []
