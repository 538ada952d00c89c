import dataclasses
import json

import keras
import pytest

from applications.digits_lt import demo


@pytest.fixture(autouse=True)
def small_network(monkeypatch):
    """Compiles in a second, unlike what the demo trains."""

    def make():
        images = x = keras.Input((8, 8, 1))
        for name in ("stage_1", "stage_2", "stage_3"):
            x = keras.layers.Conv2D(4, 3, strides=2, name=name)(x)
            x = keras.layers.ZeroPadding2D(1)(x)
        return keras.Model(images, x)

    small = dataclasses.replace(demo.RECIPE, backbone=make)
    monkeypatch.setattr(demo, "RECIPE", small)


def test_demo_writes_a_table_and_reports(tmp_path):
    pytest.importorskip("sklearn")
    lines = []
    runs = demo.run(
        tmp_path,
        seeds=(0, 1),
        methods=("crossentropy",),
        epochs=1,
        plots=False,
        say=lines.append,
    )
    adjusted = "crossentropy, adjusted afterwards"
    assert list(runs.cards) == ["crossentropy", adjusted]
    assert "work saved" not in runs.table()
    assert [line.split("]")[0] for line in lines] == ["[1/2", "[2/2"]
    page = (tmp_path / "README.md").read_text()
    assert "399 training images of 10 digits, from 144" in page
    for name in ("crossentropy", "comparison"):
        assert (tmp_path / name).is_dir()
        assert f"]({name}/" in page
    result = json.loads((tmp_path / "result.json").read_text())
    assert [len(found) for found in result["scores"].values()] == [2, 2]
    assert result["groups"] == {"many": 1, "medium": 4, "few": 5}


def test_demo_shows_the_work_that_exits_save(tmp_path):
    pytest.importorskip("sklearn")
    method = "logit_adjusted + elf"
    assert method in demo.METHODS
    runs = demo.run(
        tmp_path,
        seeds=(3,),
        methods=(method,),
        epochs=1,
        plots=False,
        say=lambda line: None,
    )
    assert list(runs.cards) == [method, f"{method}, at full depth"]
    head, _, early, full = runs.table().splitlines()
    assert "work saved %" in head
    result = json.loads((tmp_path / "result.json").read_text())
    (saved,) = result["work_saved"][method]
    assert early.endswith(f" {100 * saved:.1f} |")
    assert full.endswith("- |")
    assert result["split"]["validation_per_class"] == demo.HELD_OUT
    assert sum(result["class_counts"]) == 399
    page = (tmp_path / "README.md").read_text()
    assert "](logit_adjusted_elf/" in page
    assert "is chosen on 20\nimages of each class" in page
