"""What a training costs, by hand for networks of two convolutions."""

import dataclasses
import pathlib

import keras
import pytest

from applications import large_images
from keras_lt import models
from keras_lt.inference.flops import count_flops
from scripts.benchmarks import cost
from scripts.benchmarks import scaling
from scripts.benchmarks._page import page

IMAGENET_LT, INATURALIST, PLACES_LT = cost.BENCHMARKS
BACKBONE = 16 * 3 * 3 * 3 * 4 + 4 * 3 * 3 * 4 * 6 + 4 * 6 * 8
"""Of `network`, whose maps are 4 x 4 and then 2 x 2 pixels."""

PLAIN = BACKBONE + 8 * 1000
"""With a classifier of ImageNet-LT."""


ROOT = pathlib.Path(__file__).parents[2]
PAGE = ROOT / "docs" / "many_devices.md"


def network(name, image_size, pretrained):
    """Three layers, with the names of those that have exits."""
    first, second = large_images.EXITS[name]
    x = images = keras.Input((*image_size, 3))
    x = keras.layers.Conv2D(4, 3, 2, "same", name=first)(x)
    x = keras.layers.Conv2D(6, 3, 2, "same", name=second)(x)
    return keras.Model(images, keras.layers.Conv2D(8, 1)(x))


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr("applications.recipe.make_backbone", network)


def parts_of(name, benchmark=IMAGENET_LT):
    settings = dataclasses.replace(cost.METHODS[name], image_size=(8, 8))
    return cost.parts_of(benchmark, settings)


def test_plain_training():
    (part,), model = parts_of("crossentropy")
    assert count_flops(model.backbone) == BACKBONE
    assert cost.forward(model) == PLAIN
    weights = 112 + 222 + 56 + 9 * 1000
    assert part == cost.Part(
        images=90 * 115_846,
        batch_size=512,
        step=3 * PLAIN,
        passes=90 * 20_000 * PLAIN,
        gradients=4 * weights,
    )
    products = 90 * PLAIN * (3 * 115_846 + 20_000)
    assert part.operations == 2 * products


def test_schedules_are_those_of_the_applications():
    (part,), _ = parts_of("crossentropy", INATURALIST)
    assert (part.images, part.passes) == (90 * 437_513, 0)
    assert part.step == 3 * (BACKBONE + 8 * 8142)
    (part,), _ = parts_of("crossentropy", PLACES_LT)
    assert (part.images, part.batch_size) == (30 * 62_500, 256)
    assert part.passes == 30 * 7_300 * (BACKBONE + 8 * 365)


def test_exits_are_computed_for_all_images():
    (part,), model = parts_of("elf")
    assert isinstance(model, models.EarlyExitModel)
    shapes = [(None, 4, 4, 4), (None, 2, 2, 6), (None, 2, 2, 8)]
    branches = zip(model.branches, shapes, strict=True)
    exits = [count_flops(branch, shape) for branch, shape in branches]
    assert exits[-1] == 8 * 1000
    assert all(one > 6 * 1000 for one in exits[:-1])
    assert part.step == 3 * (BACKBONE + sum(exits))
    assert part.gradients > 4 * (112 + 222 + 56 + 9 * 1000)


def test_robust_features_take_a_pass_an_epoch_and_two_stages_more():
    parts, _ = parts_of("dro_lt")
    assert [part.images for part in parts] == [
        115_846 * epochs for epochs in (90, 36, 9)
    ]
    steps = [3 * PLAIN, 3 * PLAIN, PLAIN + 2 * 8 * 1000]
    assert [part.step for part in parts] == steps
    assert [part.passes for part in parts] == [
        90 * 20_000 * PLAIN,
        36 * (20_000 + 115_846) * PLAIN,
        9 * 20_000 * PLAIN,
    ]
    everything = 112 + 222 + 56 + 9000
    assert [part.gradients // 4 for part in parts] == [
        everything,
        everything - 9000,
        9000,
    ]


def test_teachers_are_trained_and_then_looked_at():
    *teachers, student = parts_of("cbd, 1 teacher")[0]
    (teacher,) = teachers
    assert teacher.step == 3 * PLAIN
    assert student.step == (3 + 1) * PLAIN
    *teachers, student = parts_of("cbd, 4 teachers")[0]
    assert teachers == 4 * [teacher]
    wide = BACKBONE + 8 * 32 + 32 * 1000
    assert student.step == 3 * wide + 4 * PLAIN
    assert student.passes == 90 * 20_000 * wide
    assert student.images == 90 * 115_846


def test_all_three_together():
    (teacher, student), model = parts_of("elf,dro_lt,cbd, 1 teacher")
    whole = cost.forward(model)
    assert whole > PLAIN + 4 * 1000 + 6 * 1000
    assert student.step == 3 * whole + PLAIN
    assert student.passes == 90 * (20_000 + 115_846) * whole
    assert (teacher.images, student.images) == (90 * 115_846, 90 * 115_846)


def test_devices_wait_for_sums_of_gradients():
    part = cost.Part(
        images=1000, batch_size=16, step=500, passes=30_000, gradients=8000
    )
    assert part.operations == 2 * (1000 * 500 + 30_000)
    assert part.seconds(1e6) == pytest.approx(1.06)
    step = 16 / 8 * 1000 / 1e6
    waited = scaling.sum_seconds(8000, 8)
    expected = 1.0 * (step + waited) / step + 0.06
    assert part.seconds(1e6, devices=8) == pytest.approx(expected)


def test_rows_are_of_every_application_and_method():
    rows = cost.run(repeats=1, size=2, image_size=(8, 8))
    assert [(row["application"], row["method"]) for row in rows] == [
        (benchmark.name, name)
        for benchmark in cost.BENCHMARKS
        for name in cost.METHODS
    ]
    for row in rows:
        assert list(row) == list(rows[0])
        operations = 1e18 * row["EFLOP"]
        hours = operations / (1e9 * row["here, GFLOP/s"]) / 3600
        assert row["here, h"] == pytest.approx(hours)
        one, *more = [row[name] for name in row if name.startswith("GPU-h")]
        assert one == pytest.approx(operations / 40e12 / 3600)
        assert one < more[0] < more[1]
    plain = rows[0]
    assert plain["trained on, M images"] == pytest.approx(10.42614)
    assert plain["backbone, GMAC"] == pytest.approx(BACKBONE / 1e9)
    assert plain["head, GMAC"] == pytest.approx(8e-6)
    speed = 6 * PLAIN * plain["here, images/s"]
    assert 1e9 * plain["here, GFLOP/s"] == pytest.approx(speed)
    assert "40 TFLOP/s (assumed)" in page(rows)


def tables_of_the_page():
    """The tables of costs, counted and measured, as mappings."""
    for part in PAGE.read_text().split("\n\n"):
        if part.startswith("| application"):
            head, _, *rows = [
                [cell.strip() for cell in line.strip("|").split("|")]
                for line in part.splitlines()
            ]
            yield [dict(zip(head, row, strict=True)) for row in rows]


def test_the_tables_of_the_page_agree():
    counted, measured = tables_of_the_page()
    assert [(row["application"], row["method"]) for row in counted] == [
        (benchmark.name, name)
        for benchmark in cost.BENCHMARKS
        for name in cost.METHODS
    ]
    work = {}
    for row in counted:
        operations = 1e18 * number(row["EFLOP"])
        alone = operations / (1e12 * cost.GPU_TFLOPS) / 3600
        name = f"GPU-h, 1 of {cost.GPU_TFLOPS:g} TFLOP/s (assumed)"
        assert number(row[name]) == pytest.approx(alone, rel=0.02)
        work[row["application"], row["method"]] = operations
    assert len(measured) == 2 * len(cost.BENCHMARKS)
    for row in measured:
        speed = 1e9 * number(row["GFLOP/s"])
        for name in ("crossentropy", "elf", "dro_lt", "cbd, 4 teachers"):
            hours = work[row["application"], name] / speed / 3600
            assert number(row[f"{name}, h"]) == pytest.approx(hours, rel=0.02)


def number(text):
    return float(text.replace(",", ""))


@pytest.mark.parametrize("benchmark", cost.BENCHMARKS, ids=lambda b: b.name)
def test_numbers_of_images_are_those_of_the_readme(benchmark):
    page = ROOT / "applications" / benchmark.name / "README.md"
    text = " ".join(page.read_text().split())
    images = cost.IMAGES[benchmark.name]
    assert f"{images['train']:,} training images" in text
    if "validation" in images:
        assert f"{images['validation']:,}" in text
