import contextlib
import csv
import errno
import json
import random
import types

import keras
import numpy as np
import pytest
from keras import ops

from keras_lt import data
from keras_lt import losses
from keras_lt import models
from keras_lt import samplers
from keras_lt.objectives import Objective
from keras_lt.objectives import Robustness
from keras_lt.training import Stage
from keras_lt.training import train

LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def make_batches(seed=0, batch_size=4, sampler=None, last_batch="keep"):
    labels = np.arange(12) % 3
    x = np.random.default_rng(0).normal(size=(12, 2)) + labels[:, None]
    return data.Batches(
        (x.astype("float32"), labels),
        batch_size,
        sampler,
        seed=seed,
        last_batch=last_batch,
    )


def make_plain():
    return keras.Sequential(
        [
            keras.Input((2,)),
            keras.layers.Dense(4, activation="relu", name="inner"),
            keras.layers.Dense(3, name="outer"),
        ]
    )


def make_long_tail():
    inputs = keras.Input((2,))
    x = keras.layers.Dense(4, activation="relu", name="inner")(inputs)
    return models.LongTailModel(keras.Model(inputs, x), num_classes=3)


def make_stage(name="one", **arguments):
    defaults = {
        "epochs": 2,
        "batches": make_batches(),
        "loss": LOSS,
        "optimizer": keras.optimizers.SGD(0.1, momentum=0.9),
    }
    return Stage(name=name, **{**defaults, **arguments})


def fit_by_hand(model, batches, epochs, optimizer):
    """What one stage should be, written out."""
    model.compile(optimizer, loss=LOSS)
    model.fit(
        batches,
        epochs=epochs,
        callbacks=[batches.callback()],
        shuffle=False,
        verbose=0,
    )


def assert_equal_weights(model, other):
    for one, two in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(one, two, 1e-5, 1e-6)


@pytest.mark.parametrize("make", [make_plain, make_long_tail])
def test_one_stage_is_fit(make):
    model, expected = make(), make()
    expected.set_weights(model.get_weights())
    train(model, [make_stage()], verbose=0)
    optimizer = keras.optimizers.SGD(0.1, momentum=0.9)
    fit_by_hand(expected, make_batches(), 2, optimizer)
    assert_equal_weights(model, expected)


def test_stage_two_trains_a_new_classifier_on_frozen_features():
    model = make_long_tail()
    inner = model.backbone.get_layer("inner")
    seen = []

    def note(logs):
        seen.append((inner.get_weights()[0], model.classifier.get_weights()[0]))

    look = keras.callbacks.LambdaCallback(
        on_train_begin=note, on_train_end=note
    )
    second = Stage(
        name="two",
        epochs=1,
        batches=make_batches(1),
        trainable="classifier",
        reset="classifier",
        callbacks=[look],
    )
    first = make_stage(callbacks=[look])
    train(model, [first, second], verbose=0)
    (features, head), (learned, old_head), (_, new_head), _ = seen
    assert not np.allclose(features, learned)
    assert not np.allclose(head, old_head)
    assert not np.allclose(old_head, new_head)
    np.testing.assert_array_equal(inner.get_weights()[0], learned)
    assert not np.allclose(model.classifier.get_weights()[0], new_head)
    assert int(model.optimizer.iterations) == 3


def test_objectives_are_those_of_the_stage():
    class Nothing(Objective):
        def call(self, features, labels, **others):
            return ops.zeros(())

    model = make_long_tail()
    seen = []
    look = keras.callbacks.LambdaCallback(
        on_train_begin=lambda logs: seen.append(
            [objective.name for objective in model.objectives]
        )
    )
    options = {"epochs": 1, "callbacks": [look]}
    stages = [
        make_stage("a", objectives=[Nothing(name="nothing")], **options),
        make_stage("b", **options),
        make_stage("c", objectives=(), **options),
    ]
    train(model, stages, verbose=0)
    assert seen == [["nothing"], ["nothing"], []]


def test_continued_optimizer_makes_two_stages_one():
    model, expected = make_plain(), make_plain()
    expected.set_weights(model.get_weights())
    batches = make_batches()
    stages = [
        make_stage("a", epochs=1, batches=batches),
        make_stage("b", epochs=1, batches=batches, continue_optimizer=True),
    ]
    train(model, stages, verbose=0)
    # Each stage counts its epochs from 0, and so sees the same batches.
    optimizer = keras.optimizers.SGD(0.1, momentum=0.9)
    expected.compile(optimizer, loss=LOSS)
    for _ in range(2):
        expected.fit(
            batches,
            callbacks=[batches.callback()],
            shuffle=False,
            verbose=0,
        )
    assert_equal_weights(model, expected)
    assert int(model.optimizer.iterations) == 6


def test_history_has_a_row_per_epoch_and_is_the_table(tmp_path):
    stages = [
        make_stage("a", validation=make_batches()),
        make_stage("b", epochs=1, metrics=["accuracy"]),
    ]
    history = train(make_plain(), stages, tmp_path, verbose=0)
    assert [(row["stage"], row["epoch"]) for row in history] == [
        ("a", 0),
        ("a", 1),
        ("b", 0),
    ]
    assert set(history[0]) == {"stage", "epoch", "seconds", "loss", "val_loss"}
    with open(tmp_path / "history.csv", newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["loss"] for row in table] == [str(r["loss"]) for r in history]
    assert table[0]["accuracy"] == "" and table[2]["val_loss"] == ""
    assert float(table[2]["accuracy"]) == history[2]["accuracy"]


def test_seconds_hold_what_callbacks_do(monkeypatch):
    now = [0.0]
    clock = types.SimpleNamespace(perf_counter=lambda: now[0])
    monkeypatch.setattr("keras_lt.training.progress.time", clock)

    def passes(seconds):
        def call(*arguments, **logs):
            now[0] += seconds

        return call

    steps = keras.callbacks.LambdaCallback(
        on_train_begin=passes(1.0),
        on_epoch_begin=passes(2.0),
        on_epoch_end=passes(4.0),
        on_train_end=passes(8.0),
    )
    stages = [make_stage(name, callbacks=[steps]) for name in "ab"]
    history = train(make_plain(), stages, verbose=0)
    assert [row["seconds"] for row in history] == [7.0, 6.0, 7.0, 6.0]


def test_writes_nothing_that_is_not_asked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    train(make_plain(), [make_stage()], verbose=0)
    assert not list(tmp_path.iterdir())
    train(make_plain(), [make_stage()], tmp_path / "run", csv=False, verbose=0)
    names = sorted(path.name for path in (tmp_path / "run").iterdir())
    assert names == ["checkpoint.npz", "checkpoint_before.npz"]


def test_tensorboard(tmp_path):
    pytest.importorskip("tensorboard")
    pytest.importorskip("tensorflow")
    stages = [make_stage("a", epochs=1)]
    train(make_plain(), stages, tmp_path, tensorboard=True, verbose=0)
    assert list((tmp_path / "tensorboard" / "a").rglob("events*"))


def test_tensorboard_that_is_not_installed(monkeypatch, tmp_path):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImportError, match="tensorflow is not installed"):
        train(make_plain(), [make_stage()], tmp_path, tensorboard=True)


def test_stage_that_was_ended_early_stays_ended(tmp_path):
    stop = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: setattr(
            stop.model, "stop_training", True
        )
    )
    stages = [make_stage("a", epochs=5, callbacks=[stop]), make_stage("b")]
    expected = [("a", 0), ("b", 0), ("b", 1)]
    for _ in range(2):
        history = train(make_plain(), stages, tmp_path, verbose=0)
        assert [(row["stage"], row["epoch"]) for row in history] == expected


def test_resume_false_starts_anew(tmp_path):
    train(make_plain(), [make_stage()], tmp_path, verbose=0)
    stages = [make_stage("other", epochs=1)]
    history = train(make_plain(), stages, tmp_path, resume=False, verbose=0)
    assert len(history) == 1
    assert train(make_plain(), stages, tmp_path, verbose=0) == history


def test_resume_false_that_is_stopped_leaves_nothing_to_go_on_from(tmp_path):
    old = train(make_plain(), [make_stage()], tmp_path, verbose=0)

    def stop(batch, logs):
        raise KeyboardInterrupt

    stage = make_stage(
        callbacks=[keras.callbacks.LambdaCallback(on_train_batch_end=stop)]
    )
    with pytest.raises(KeyboardInterrupt):
        train(make_plain(), [stage], tmp_path, resume=False, verbose=0)
    assert not list(tmp_path.glob("*.npz"))
    again = train(make_plain(), [make_stage()], tmp_path, verbose=0)
    assert len(again) == len(old)
    assert again[0]["loss"] != old[0]["loss"]


def test_compile_options_reach_compile():
    model = make_plain()
    stage = make_stage(epochs=1, compile_options={"jit_compile": False})
    train(model, [stage], verbose=0)
    assert model.jit_compile is False


def test_other_stages_are_refused(tmp_path):
    train(make_plain(), [make_stage()], tmp_path, verbose=0)
    with pytest.raises(
        ValueError,
        match="'one' of 3 epochs; the checkpoint .*has 'one' of 2 epochs",
    ):
        train(make_plain(), [make_stage(epochs=3)], tmp_path, verbose=0)


OTHER_SETTINGS = {
    "learning_rate": (
        lambda: {"optimizer": keras.optimizers.SGD(0.25, momentum=0.9)},
        r"optimizer.learning_rate=0.25 in stage 'one'; .* has 0.1000",
    ),
    "optimizer": (
        lambda: {"optimizer": "adam"},
        "optimizer.class='Adam' in stage 'one'; .* has 'SGD'",
    ),
    "loss": (
        lambda: {"loss": losses.BalancedSoftmax([4, 4, 4])},
        "loss.class='BalancedSoftmax' .* has 'SparseCategoricalCrossentropy'",
    ),
    "argument_of_the_loss": (
        lambda: {
            "loss": keras.losses.SparseCategoricalCrossentropy(
                from_logits=True, ignore_class=2
            )
        },
        "loss.ignore_class=2 in stage 'one'; .* has None",
    ),
    "sampler": (
        lambda: {"batches": make_batches(sampler=samplers.ClassAware(2))},
        "batches.sampler.class='ClassAware' .* has 'InstanceBalanced'",
    ),
    "batch_size": (
        lambda: {"batches": make_batches(batch_size=6)},
        "batches.batch_size=6 in stage 'one'; .* has 4",
    ),
    "last_batch": (
        lambda: {"batches": make_batches(last_batch="drop")},
        "batches.last_batch='drop' in stage 'one'; .* has 'keep'",
    ),
    "seed": (
        lambda: {"batches": make_batches(3)},
        "batches.seed=3 in stage 'one'; .* has 0.",
    ),
}


@pytest.mark.parametrize("what", sorted(OTHER_SETTINGS))
def test_other_settings_are_refused(what, tmp_path):
    changes, match = OTHER_SETTINGS[what]
    train(make_plain(), [make_stage()], tmp_path, verbose=0)
    with pytest.raises(ValueError, match=match):
        train(make_plain(), [make_stage(**changes())], tmp_path, verbose=0)


@pytest.mark.parametrize(
    ("terms", "match"),
    [
        (
            [(0.0, 1.0)],
            r"objectives\[0\].weight=0.0 in stage 'one'; .* has 1.0",
        ),
        ([(1.0, 0.5)], r"objectives\[0\].temperature=0.5 .* has 1.0"),
        ([(1.0, 1.0)] * 2, r"objectives=\[.*Robustness.* has \[.*Robustness"),
        ([], r"objectives=\[\] in stage 'one'"),
    ],
)
def test_other_objectives_are_refused(terms, match, tmp_path):
    def stage(*terms):
        own = [
            Robustness([4, 4, 4], weight=weight, temperature=temperature)
            for weight, temperature in terms
        ]
        return make_stage(epochs=1, objectives=own)

    train(make_long_tail(), [stage((1.0, 1.0))], tmp_path, verbose=0)
    train(make_long_tail(), [stage((1.0, 1.0))], tmp_path, verbose=0)
    with pytest.raises(ValueError, match=match):
        train(make_long_tail(), [stage(*terms)], tmp_path, verbose=0)


@pytest.mark.parametrize("lacks", ["settings", "objectives"])
def test_checkpoint_from_before_settings_were_kept_goes_on(lacks, tmp_path):
    history = train(make_plain(), [make_stage()], tmp_path, verbose=0)
    path = tmp_path / "checkpoint.npz"
    with np.load(path) as file:
        arrays = dict(file)
    content = json.loads(arrays["content"].item())
    progress = content["progress"]
    (of_stage,) = progress["settings"]
    del {"settings": progress, "objectives": of_stage}[lacks][lacks]
    np.savez(path, **{**arrays, "content": np.array(json.dumps(content))})
    other = make_stage(batches=make_batches(3 if lacks == "settings" else 0))
    assert train(make_plain(), [other], tmp_path, verbose=0) == history


def test_equal_settings_go_on_whatever_they_are_made_of(tmp_path):
    """Names that Keras numbers, schedules, own samplers and functions."""

    def stages():
        class Backwards(samplers.Sampler):
            def draw(self, index, generator, epoch):
                return np.arange(len(index), dtype="int32")[::-1]

        schedule = keras.optimizers.schedules.CosineDecay(0.1, 10)
        scaled = keras.optimizers.LossScaleOptimizer(
            keras.optimizers.Adam(schedule), initial_scale=1.0
        )
        deferred = samplers.Deferred(Backwards(), samplers.ClassAware(), 1)
        return [
            make_stage("a", optimizer=scaled),
            make_stage("b", batches=make_batches(sampler=deferred)),
            make_stage("c", loss=mean_of_squares, optimizer="sgd"),
            make_stage("d", loss=losses.LDAM(np.arange(100, 97, -1))),
        ]

    def mean_of_squares(y, logits):
        return ops.mean(logits**2, axis=-1)

    history = train(make_plain(), stages(), tmp_path, verbose=0)
    assert len(history) == 8
    assert train(make_plain(), stages(), tmp_path, verbose=0) == history


def test_other_model_is_refused(tmp_path):
    train(make_plain(), [make_stage()], tmp_path, verbose=0)
    other = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    with pytest.raises(ValueError, match="must be of the same model"):
        train(other, [make_stage()], tmp_path, verbose=0)


def test_model_without_variables_is_refused():
    model = keras.Sequential([keras.layers.Dense(3)], name="later")
    with pytest.raises(ValueError, match="model 'later', which is not built"):
        train(model, [make_stage()], verbose=0)


def draw_numbers(folder, stop=None):
    """Returns a random number of each epoch and of the start of stage b."""
    drawn = {}

    def draws(name):
        def draw(epoch, logs=None):
            drawn[name, epoch] = random.random()
            if (name, epoch) == stop:
                raise InterruptedError

        return keras.callbacks.LambdaCallback(on_epoch_begin=draw)

    start = keras.callbacks.LambdaCallback(
        on_train_begin=lambda logs: drawn.update(b=random.random())
    )
    stages = [
        make_stage("a", callbacks=[draws("a")]),
        make_stage("b", callbacks=[start, draws("b")]),
    ]
    with contextlib.suppress(InterruptedError):
        train(make_plain(), stages, folder, verbose=0)
    return drawn


@pytest.mark.parametrize("stop", [("a", 1), ("b", 0)])
def test_random_numbers_go_on_after_a_stop(stop, tmp_path):
    random.seed(0)
    whole = draw_numbers(None)
    assert len(set(whole.values())) == 5
    random.seed(0)
    before = draw_numbers(tmp_path, stop)
    random.seed(1)
    after = draw_numbers(tmp_path)
    assert 0 < len(before) < 5
    assert before | after == whole


def test_goes_on_after_a_full_disk(tmp_path, monkeypatch):
    expected = make_plain()
    start = expected.get_weights()
    train(expected, [make_stage(epochs=3)], verbose=0)
    save, calls = np.savez, []

    def full_once(file, **arrays):
        calls.append(len(arrays))
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        save(file, **arrays)

    monkeypatch.setattr(np, "savez", full_once)
    model = make_plain()
    model.set_weights(start)
    with pytest.raises(OSError, match="No space left on device"):
        train(model, [make_stage(epochs=3)], tmp_path, verbose=0)
    model = make_plain()
    history = train(model, [make_stage(epochs=3)], tmp_path, verbose=0)
    assert [row["epoch"] for row in history] == [0, 1, 2]
    assert_equal_weights(model, expected)
