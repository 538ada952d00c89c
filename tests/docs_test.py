"""The pages build, show every public name, and hold code that runs."""

import os
import pathlib
import re
import subprocess
import sys

import keras
import pytest

from tests.public_names import public_objects

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGES = [
    path
    for path in [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
    if "```python" in path.read_text(encoding="utf-8")
]
BLOCK = re.compile(
    r"(?P<note><!-- not run: [^>]+ -->\n)?^```python\n(?P<code>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)

once = pytest.mark.skipif(
    keras.config.backend() != "jax",
    reason="the pages are the same for each backend, and built once",
)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    pytest.importorskip("mkdocs", reason="mkdocs builds the pages")
    folder = tmp_path_factory.mktemp("site")
    command = ["mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@once
@pytest.mark.slow
def test_every_public_name_has_its_place(site):
    places = {
        name
        for page in site.glob("api/*.html")
        for name in re.findall(r'id="(keras_lt[\w.]+)"', page.read_text())
    }
    assert set(public_objects()) - places == set()


@once
@pytest.mark.slow
def test_pages_load_nothing_from_the_network(site):
    loaded = [
        f"{page.name}: {address}"
        for page in site.rglob("*.html")
        for address in re.findall(
            r'<(?:script|img|link|iframe)\b[^>]*(?:src|href)="(https?://[^"]+)"',
            page.read_text(),
        )
    ]
    assert loaded == []


@once
@pytest.mark.slow
def test_examples_are_shown_as_code(site):
    """Outside a block of code, Markdown turns `>>>` into quotations."""
    quoted = [
        page.name
        for page in site.glob("api/*.html")
        if "<blockquote>" in page.read_text()
    ]
    assert quoted == []


def test_links_in_the_readme_lead_somewhere():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", text)
    assert [name for name in targets if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_code_runs(page, tmp_path, monkeypatch):
    """The blocks of a page run one after the other, as a reader would."""
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "__main__"}
    text = page.read_text(encoding="utf-8")
    for block in BLOCK.finditer(text):
        # Errors then name the line of the page.
        above = text[: block.start("code")].count("\n")
        code = compile("\n" * above + block["code"], str(page), "exec")
        if block["note"] is None:
            exec(code, names)


def test_code_of_the_readme_is_found():
    """Keeps the pattern above from missing what it should run."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert text.count("```python") == len(BLOCK.findall(text)) >= 1
