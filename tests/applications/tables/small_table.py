"""A table and results of it that need no training."""

import json

import numpy as np

from applications.predictions import pack
from applications.tables.cell import Cell
from applications.tables.kept_run import KeptRun
from applications.tables.row import Line
from applications.tables.row import Row
from applications.tables.row import Teacher
from applications.tables.table import Table

COUNTS = [200, 150, 50, 5]
LABELS = np.repeat(np.arange(4), 25)

TABLE = Table(
    rows=(
        Row(
            "plain",
            {"method": "crossentropy"},
            (
                Line("plain", published={"cifar10_lt 100": (70.4, "A, 2019")}),
                Line("plain, adjusted", "adjusted"),
            ),
        ),
        Row("second", {"method": "crt"}, (Line("second"),), initial="plain"),
        Row(
            "student",
            {"method": "cbd", "beta": "50"},
            (Line("student"), Line("student, deep", "full_depth")),
            teachers=(
                Teacher("plain"),
                Teacher("plain", "strong", seed=7),
            ),
            seed_offset=10,
        ),
        Row(
            "both",
            {"method": "ensemble"},
            (Line("both"), Line("both, adjusted", "adjusted")),
            teachers=(
                Teacher("plain"),
                Teacher("plain", "strong", seed=7),
            ),
        ),
    ),
    groups={"core": ("plain", "second")},
    baseline=("plain", "adjusted"),
    questions=(
        (("second", "as_trained"), ("plain", "as_trained")),
        (("student", "as_trained"), ("second", "as_trained")),
    ),
)


def answers(right, seed=0):
    """Answers of which so many of the 25 of each class are right."""
    rng = np.random.default_rng(seed)
    predictions = (LABELS + 1) % 4
    for label, hits in enumerate(right):
        own = rng.permutation(np.flatnonzero(LABELS == label))[:hits]
        predictions[own] = label
    return predictions


def record(row, seed, kinds, keep=True, application="cifar10_lt", **settings):
    """What the file of a run holds, as far as tables look at it."""
    scores = {}
    for kind, predictions in kinds.items():
        hits = [(predictions[LABELS == c] == c).mean() for c in range(4)]
        scores[kind] = {
            "accuracy": float(np.mean(hits)),
            "many": float(np.mean(hits[:2])),
            "medium": float(hits[2]),
            "few": float(hits[3]),
        }
    content = {
        "row": row,
        "application": application,
        "settings": {
            "imbalance_factor": 100.0,
            "schedule": "short",
            "epochs": None,
            **settings,
        },
        "seed": seed,
        "date": "2026-11-28T10:00:00+00:00",
        "commit": "0123456789",
        "backend": "jax",
        "dtype_policy": "float32",
        "versions": {"jax": "0.10"},
        "hardware": {
            "devices": ["cpu:0"],
            "cpu": "a processor",
            "threads": 2,
        },
        "seconds": 90.0,
        "tau": 1.0,
        "tau_is": "chosen on held-out images",
        "scores": scores,
        "class_counts": COUNTS,
        "class_supports": [25] * 4,
    }
    if keep:
        content["predictions"] = {
            kind: pack(predictions, LABELS)
            for kind, predictions in kinds.items()
        }
    return json.loads(json.dumps(content))


def kept(path, content):
    """Writes a file as the runner does, and reads it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return KeptRun.read(path)


CELL = Cell(application="cifar10_lt", imbalance_factor=100)
