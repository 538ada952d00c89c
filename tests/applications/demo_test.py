import json

import pytest

from applications.digits_lt import demo


def test_demo_writes_a_table_and_reports(tmp_path):
    pytest.importorskip("sklearn")
    lines = []
    cards = demo.run(
        tmp_path,
        seeds=(0, 1),
        methods=("crossentropy",),
        epochs=1,
        plots=False,
        say=lines.append,
    )
    adjusted = "crossentropy, adjusted afterwards"
    assert list(cards) == ["crossentropy", adjusted]
    assert [line.split("]")[0] for line in lines] == ["[1/2", "[2/2"]
    page = (tmp_path / "README.md").read_text()
    assert "399 training images of 10 digits, from 144" in page
    for name in ("crossentropy", "comparison"):
        assert (tmp_path / name).is_dir()
        assert f"]({name}/" in page
    result = json.loads((tmp_path / "result.json").read_text())
    assert [len(found) for found in result["scores"].values()] == [2, 2]
    assert result["groups"] == {"many": 1, "medium": 4, "few": 5}
