"""The code blocks of the README and of the documentation run, and the commands they name exist."""

import re
import sys
import textwrap
import types
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [
    *ROOT.glob("README.md"),
    *sorted((ROOT / "docs").glob("*.rst")),
    *sorted((ROOT / "docs" / "guide").glob("*.rst")),
]

MARKDOWN_BLOCK = re.compile(r"^```(?P<language>\w+)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
RST_BLOCK = re.compile(
    r"^\.\. code-block:: (?P<language>\w+)\n(?:   :.*\n)*\n(?P<code>(?:(?:   .*)?\n)+)",
    re.MULTILINE,
)
SHELL = {"bash", "console", "sh", "shell"}


def code_blocks(text: str, suffix: str) -> list[tuple[str, int, str]]:
    """Return language, first line (from 1) and code of every block of a page."""
    pattern = MARKDOWN_BLOCK if suffix == ".md" else RST_BLOCK
    return [
        (
            match["language"],
            text.count("\n", 0, match.start("code")) + 1,
            textwrap.dedent(match["code"]),
        )
        for match in pattern.finditer(text)
    ]


def python_blocks(page: Path) -> list[tuple[int, str]]:
    """Return first line and code of the Python blocks of a page."""
    blocks = code_blocks(page.read_text("utf-8"), page.suffix)
    return [(line, code) for language, line, code in blocks if language == "python"]


def make_targets() -> set[str]:
    """Return the names of the targets of the Makefile."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    return set(re.findall(r"^([a-z][\w-]*):", makefile, re.MULTILINE))


@pytest.mark.parametrize(
    "page", [page for page in PAGES if python_blocks(page)], ids=lambda page: page.name
)
def test_python_blocks_run_in_order(page, tmp_path, monkeypatch):
    if page.stem == "text":
        pytest.importorskip("transformers")
    if "Display" in page.read_text("utf-8"):  # an installation without extras cannot draw
        pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    # As in a script, whose classes pickle finds by their names.
    script = types.ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", script)
    namespace = vars(script)
    before = len(namespace)
    for line, code in python_blocks(page):
        # Blank lines in front let a traceback point at the line of the page.
        exec(compile("\n" * (line - 1) + code, str(page), "exec"), namespace)
    # The builtins come by themselves.
    assert len(namespace) > before + 1, f"{page.name} defines nothing"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_of_shell_blocks_exist(page):
    named = {
        target
        for language, _, code in code_blocks(page.read_text("utf-8"), page.suffix)
        if language in SHELL
        for target in re.findall(r"(?:^|&& |\$ )make ([a-z][\w-]*)", code, re.MULTILINE)
    }
    assert named <= make_targets()


def test_readme_shows_code_and_commands():
    readme = (ROOT / "README.md").read_text("utf-8")
    languages = [language for language, _, _ in code_blocks(readme, ".md")]
    assert "python" in languages
    assert SHELL.intersection(languages)
    assert {"demo", "test"} <= set(re.findall(r"make ([a-z]+)", readme))


def test_blocks_are_found_with_their_lines():
    markdown = "text\n\n```python\na = 1\n\nb = 2\n```\n\n```bash\nmake test\n```\n"
    assert code_blocks(markdown, ".md") == [
        ("python", 4, "a = 1\n\nb = 2\n"),
        ("bash", 10, "make test\n"),
    ]
    rst = "text\n\n.. code-block:: python\n\n   a = 1\n\n   if a:\n       b = 2\n\nmore text\n"
    [(language, line, code)] = code_blocks(rst, ".rst")
    assert (language, line, code.strip()) == ("python", 5, "a = 1\n\nif a:\n    b = 2")
