"""The repository keeps its own promises: documented commands, findings, samples, links and layers are really there."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from vrrpwatch import __version__
from vrrpwatch.core.findings import RULES

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(ROOT.glob("*/**/*.md"))]
DOCUMENTS = [path for path in DOCUMENTS if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)]
MODULES = sorted(
    path for folder in ("vrrpwatch", "tests") for path in ROOT.glob(f"{folder}/**/*.py") if path.stat().st_size
)
LONGEST = 500  # lines; few should come near
# Cython inlines within a module only: the compiled scan is one file.
LONG = {"vrrpwatch/capture/scan.py"}


def texts() -> Iterator[tuple[str, str]]:
    """Path and text of every file of ours that is text."""
    folders = (".ci", "captures", "docs", "rules", "tests", "vrrpwatch")
    for path in [*ROOT.glob("*.*"), *(path for folder in folders for path in (ROOT / folder).rglob("*"))]:
        if path.is_file() and "__pycache__" not in path.parts:
            data = path.read_bytes()
            if b"\0" not in data:
                yield path.relative_to(ROOT).as_posix(), data.decode()


def commands() -> list[str]:
    return re.findall(r"^python3 -m venv .*$", (ROOT / "README.md").read_text(), re.MULTILINE)


def table(document: Path, heading: str) -> list[list[str]]:
    """The cells of the first table under a heading, without its head."""
    section = document.read_text().split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def exists(path: Path, name: str) -> bool:
    """Whether a file holds a test: a function, one of its cases in brackets, or a case of a data file."""
    text = path.read_text() if path.is_file() else ""
    if path.suffix == ".toml":
        return f'name = "{name}"' in text
    function, _, case = name.removesuffix("]").partition("[")
    return f"def {function}(" in text and f'"{case}"' in text if case else f"def {function}(" in text


def test_the_readme_gives_two_commands_and_all_they_name_exists() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    analyze, check = commands()
    assert analyze.endswith(".venv/bin/vrrpwatch analyze captures/keepalived-crash.pcap")
    assert "vrrpwatch" in project["scripts"]
    assert (ROOT / "captures/keepalived-crash.pcap").is_file()
    assert check.endswith("pip install --quiet -e '.[dev]' && .venv/bin/python -m pytest -q")
    assert "dev" in project["optional-dependencies"]


def test_the_readme_lists_every_finding_with_its_severity_and_no_other() -> None:
    listed = {rule.strip("`"): severity for rule, severity, _ in table(ROOT / "README.md", "What it finds")}
    assert listed == {rule: severity.value for rule, severity in RULES.items()}


def test_the_changelog_knows_this_version() -> None:
    assert f"\n## [{__version__}]" in (ROOT / "CHANGELOG.md").read_text()


def test_the_licence_is_the_one_that_the_package_declares() -> None:
    assert (ROOT / "LICENSE").read_text().startswith("MIT License\n")
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["license"] == "MIT"


def test_every_sample_has_its_line_and_every_line_its_sample() -> None:
    samples = {path.name for path in (ROOT / "captures").glob("*.pcap*")}
    described = set(re.findall(r"`([\w.-]+\.pcap[\w.]*)`", (ROOT / "captures/README.md").read_text()))
    assert samples
    assert described == samples


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", document.read_text())
    missing = [target for target in targets if "://" not in target and not (document.parent / target).exists()]
    assert missing == []


def test_every_test_named_in_the_rfc_coverage_exists() -> None:
    named = re.findall(r"`(tests/[\w/.]+)::([^`]+)`", (ROOT / "docs/rfc-coverage.md").read_text())
    assert named
    assert [f"{path}::{name}" for path, name in named if not exists(ROOT / path, name)] == []


def test_no_file_names_a_place_outside_the_repository() -> None:
    # The corpus beside the repository is optional, and one script alone looks for it.
    places = re.compile("/work" + "/|" + r"\.\." + "/shared|/root" + "/")
    naming = {path for path, text in texts() if places.search(text)}
    assert naming <= {".ci/run"}


def test_nothing_is_left_for_later() -> None:
    marks = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X")) + r")\b")
    assert [path for path, text in texts() if marks.search(text)] == []


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_module_says_what_lives_in_it_and_stays_small(module: Path) -> None:
    source = module.read_text()
    purpose = ast.get_docstring(ast.parse(source))
    assert purpose
    assert purpose.split("\n\n")[0].rstrip().endswith((".", ":", "?"))
    assert source.count("\n") <= LONGEST or module.relative_to(ROOT).as_posix() in LONG


SKIPPING = """
import pytest

@pytest.mark.skipif(True, reason="no daemon")
def test_marked(): ...

def test_called():
    pytest.skip("no root")

def test_without_captures(corpus): ...
"""


@pytest.mark.parametrize(("promised", "counts"), [("", "3 skipped"), ("1", "1 failed, 1 skipped, 1 error")])
def test_a_skip_fails_where_everything_is_promised(tmp_path: Path, promised: str, counts: str) -> None:
    (tmp_path / "conftest.py").write_text((ROOT / "tests/conftest.py").read_text())
    (tmp_path / "test_skipping.py").write_text(SKIPPING)
    environment = {**os.environ, "VRRPWATCH_CI": promised, "VRRPWATCH_CORPUS": "", "PYTEST_ADDOPTS": ""}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(tmp_path),
        str(tmp_path),
    ]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1].startswith(counts), done.stdout


def test_imports_point_inwards() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout
