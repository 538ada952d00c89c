"""Prepares docstrings for the pages: examples become blocks of code.

Markdown would read `>>>` as a quotation. MkDocs loads this as an extension of
griffe, which reads the sources.
"""

import re
from typing import Any

import griffe

TITLES = re.compile(r"^(Example|Reference):$", re.MULTILINE)
EXAMPLE = re.compile(r"^>>> .*(?:\n(?!\n).+)*", re.MULTILINE)


class DocstringPages(griffe.Extension):
    """Puts examples into fenced blocks, and titles into bold type."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        if obj.docstring:
            obj.docstring.value = as_markdown(obj.docstring.value)


def as_markdown(docstring: str) -> str:
    """Returns a docstring that Markdown shows as it was meant.

    >>> print(as_markdown("Adds.\\n\\nExample:\\n\\n>>> 1 + 1\\n2"))
    Adds.
    <BLANKLINE>
    **Example**
    <BLANKLINE>
    ```pycon
    >>> 1 + 1
    2
    ```
    """
    text = TITLES.sub(r"**\1**", docstring)
    return EXAMPLE.sub(lambda match: f"```pycon\n{match[0]}\n```", text)
