"""The pages build, show every public name, and hold code that runs."""

import inspect
import os
import re
import subprocess
import sys

import keras
import pytest

from tests.docs_blocks import BLOCK
from tests.docs_blocks import ROOT
from tests.public_names import public_objects

PAGES = [
    path
    for path in [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
    if "```python" in path.read_text(encoding="utf-8")
]

SHORTENED = {"index", "early_exits", "fix_a_trained_model"}
"""Pages that train for longer than their code needs to run: nothing that they
print or choose has to be good."""


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


def places(site):
    return {
        name
        for page in site.glob("api/*.html")
        for name in re.findall(r'id="(keras_lt[\w.]+)"', page.read_text())
    }


@once
@pytest.mark.slow
def test_every_public_name_has_its_place(site):
    assert set(public_objects()) - places(site) == set()


@once
@pytest.mark.slow
def test_methods_of_bases_without_a_place_have_one(site):
    """A base that is not public has no place of its own for its methods."""
    found = public_objects()
    wanted = {
        f"{name}.{method}"
        for name, kind in found.items()
        if isinstance(kind, type) and name.count(".") > 1
        for base in kind.__mro__[1:]
        if base.__module__.startswith("keras_lt") and base not in found.values()
        for method, value in vars(base).items()
        if not method.startswith("_")
        if inspect.isfunction(value) or isinstance(value, property)
        if value.__doc__
    }
    assert "keras_lt.models.EarlyExitModel.predict_with_exits" in wanted
    assert wanted - places(site) == set()


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
    keras.config.set_max_epochs(2 if page.stem in SHORTENED else None)
    try:
        for block in BLOCK.finditer(text):
            # Errors then name the line of the page.
            above = text[: block.start("code")].count("\n")
            code = compile("\n" * above + block["code"], str(page), "exec")
            if block["note"] is None:
                exec(code, names)
    finally:
        keras.config.set_max_epochs(None)
    if page.stem == "README":
        assert names["answer"].flops_saved > 0.1


def test_code_of_the_readme_is_found():
    """Keeps the pattern above from missing what it should run."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert text.count("```python") == len(BLOCK.findall(text)) >= 1
