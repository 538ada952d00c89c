import contextlib
import csv
import errno
import random
import types

import keras
import numpy as np
import pytest
from keras import ops

from keras_lt.objectives import Objective
from keras_lt.training import Stage
from keras_lt.training import train
from tests.checks import EAGER
from tests.training.small_stages import LOSS
from tests.training.small_stages import make_batches
from tests.training.small_stages import make_long_tail
from tests.training.small_stages import make_plain
from tests.training.small_stages import make_stage


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


def counted_stage(*name, **arguments):
    """Returns a stage whose epochs, rows and files count, not its weights."""
    return make_stage(*name, compile_options=EAGER, **arguments)


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
        counted_stage("a", validation=make_batches()),
        counted_stage("b", epochs=1, metrics=["accuracy"]),
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
    stages = [counted_stage(name, callbacks=[steps]) for name in "ab"]
    history = train(make_plain(), stages, verbose=0)
    assert [row["seconds"] for row in history] == [7.0, 6.0, 7.0, 6.0]


def test_writes_nothing_that_is_not_asked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    train(make_plain(), [counted_stage()], verbose=0)
    assert not list(tmp_path.iterdir())
    train(
        make_plain(), [counted_stage()], tmp_path / "run", csv=False, verbose=0
    )
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
    stages = [
        counted_stage("a", epochs=5, callbacks=[stop]),
        counted_stage("b"),
    ]
    expected = [("a", 0), ("b", 0), ("b", 1)]
    for _ in range(2):
        history = train(make_plain(), stages, tmp_path, verbose=0)
        assert [(row["stage"], row["epoch"]) for row in history] == expected


@pytest.mark.parametrize("make", [make_plain, make_long_tail])
def test_epochs_before_a_restored_one_are_not_left_out(make):
    """Keras would begin every later `fit` at the epoch of a restored one."""
    model = make()
    model._initial_epoch = 1  # As `BackupAndRestore` leaves it.
    history = train(model, [counted_stage()], verbose=0)
    assert [row["epoch"] for row in history] == [0, 1]
    if make is make_long_tail:
        model._initial_epoch = 1
        for epochs in ([1, 2], [0, 1, 2]):
            fitted = model.fit(make_batches(), epochs=3, verbose=0)
            assert fitted.epoch == epochs


def test_resume_false_starts_anew(tmp_path):
    train(make_plain(), [counted_stage()], tmp_path, verbose=0)
    stages = [counted_stage("other", epochs=1)]
    history = train(make_plain(), stages, tmp_path, resume=False, verbose=0)
    assert len(history) == 1
    assert train(make_plain(), stages, tmp_path, verbose=0) == history


def test_resume_false_that_is_stopped_leaves_nothing_to_go_on_from(tmp_path):
    old = train(make_plain(), [counted_stage()], tmp_path, verbose=0)

    def stop(batch, logs):
        raise KeyboardInterrupt

    stage = counted_stage(
        callbacks=[keras.callbacks.LambdaCallback(on_train_batch_end=stop)]
    )
    with pytest.raises(KeyboardInterrupt):
        train(make_plain(), [stage], tmp_path, resume=False, verbose=0)
    assert not list(tmp_path.glob("*.npz"))
    again = train(make_plain(), [counted_stage()], tmp_path, verbose=0)
    assert len(again) == len(old)
    assert again[0]["loss"] != old[0]["loss"]


def test_compile_options_reach_compile():
    model = make_plain()
    stage = make_stage(epochs=1, compile_options={"jit_compile": False})
    train(model, [stage], verbose=0)
    assert model.jit_compile is False


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
        counted_stage("a", callbacks=[draws("a")]),
        counted_stage("b", callbacks=[start, draws("b")]),
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
