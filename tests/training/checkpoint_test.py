import errno
import json
import os

import keras
import numpy as np
import pytest

from keras_lt.training.checkpoint import Checkpoint


def make_model(units=3, layers=1, dtype="float32"):
    inputs = keras.Input((2,))
    x = inputs
    for _ in range(layers):
        x = keras.layers.Dense(units, dtype=dtype)(x)
    model = keras.Model(inputs, keras.layers.Dropout(0.5, seed=1)(x))
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), loss="mse")
    model.optimizer.build(model.trainable_variables)
    return model


def fill(model, seed):
    rng = np.random.default_rng(seed)
    for variable in [*model.variables, *model.optimizer.variables]:
        variable.assign(rng.integers(0, 100, variable.shape))


def state(model):
    return [
        np.asarray(keras.ops.convert_to_numpy(v), "float64")
        for v in [*model.variables, *model.optimizer.variables]
    ]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "mixed_bfloat16"])
def test_everything_comes_back(dtype, tmp_path):
    model = make_model(dtype=dtype)
    fill(model, seed=0)
    checkpoint = Checkpoint(tmp_path / "runs" / "checkpoint.npz")
    assert not checkpoint.exists()
    checkpoint.save(model, {"epochs_done": 3})
    assert checkpoint.exists()
    assert checkpoint.read_progress() == {"epochs_done": 3}
    # Kernel, bias, state of the dropout; steps, rate, two momenta.
    assert len(state(model)) == 7
    # Keras numbers the names of the second model in another way.
    other = make_model(dtype=dtype)
    checkpoint.restore(other)
    for value, expected in zip(state(other), state(model), strict=True):
        np.testing.assert_array_equal(value, expected)


def test_layers_compute_with_what_came_back(tmp_path):
    """Normalization keeps copies of its variables, which Keras forgets."""

    def make(rows):
        layer = keras.layers.Normalization()
        model = keras.Sequential([keras.Input((2,)), layer])
        layer.adapt(np.array(rows, "float32"))
        model.compile("sgd", loss="mse")
        return model

    model = make([[10.0, 20.0], [14.0, 28.0]])
    checkpoint = Checkpoint(tmp_path / "checkpoint.npz")
    checkpoint.save(model, {})
    other = make([[0.0, 0.0], [1.0, 1.0]])
    checkpoint.restore(other)
    x = np.array([[11.0, 25.0]], "float32")
    found = other.predict(x, verbose=0)
    np.testing.assert_allclose(found, model.predict(x, verbose=0), 1e-5)


def test_holds_no_pickle_and_says_what_is_in_it(tmp_path):
    model = make_model(dtype="bfloat16")
    Checkpoint(tmp_path / "c.npz").save(model, {})
    with np.load(tmp_path / "c.npz", allow_pickle=False) as file:
        content = json.loads(file["content"].item())
        assert file["model_0"].dtype == np.float32
    path, shape, dtype = content["variables"]["model"][0]
    assert (path.split("/")[-1], shape, dtype) == ("kernel", [2, 3], "bfloat16")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"units": 4},
            r"same model. Received: .* with 3 variables, for a model with 3. "
            r"The first that differs is number 0: 'dense.*/kernel' \(2, 3\) "
            r"in the file, 'dense.*/kernel' \(2, 4\) here",
        ),
        (
            {"layers": 2},
            "with 3 variables, for a model with 5. .* is number 2",
        ),
    ],
)
def test_other_model_is_refused_untouched(change, message, tmp_path):
    checkpoint = Checkpoint(tmp_path / "checkpoint.npz")
    checkpoint.save(make_model(), {})
    other = make_model(**change)
    before = state(other)
    with pytest.raises(ValueError, match=message):
        checkpoint.restore(other)
    for value, expected in zip(state(other), before, strict=True):
        np.testing.assert_array_equal(value, expected)


def test_other_optimizer_is_refused(tmp_path):
    model = make_model()
    checkpoint = Checkpoint(tmp_path / "checkpoint.npz")
    checkpoint.save(model, {})
    fill(model, seed=0)
    model.compile(keras.optimizers.Adam(), loss="mse")
    model.optimizer.build(model.trainable_variables)
    before = state(model)
    with pytest.raises(ValueError, match="must be of the same optimizer"):
        checkpoint.restore(model)
    for value, expected in zip(state(model), before, strict=True):
        np.testing.assert_array_equal(value, expected)


DAMAGES = ["cut", "empty", "text", "no content", "one bit"]


def damage_file(path, damage):
    whole = path.read_bytes()
    if damage == "no content":
        np.savez(path, x=np.zeros(2))
    else:
        place = whole.index(b"NUMPY") + 128  # Within the first variable.
        flipped = bytes([whole[place] ^ 1])
        content = {
            "cut": whole[: len(whole) // 2],
            "empty": b"",
            "text": b"a",
            "one bit": whole[:place] + flipped + whole[place + 1 :],
        }
        path.write_bytes(content[damage])


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_file(damage, tmp_path):
    path = tmp_path / "checkpoint.npz"
    Checkpoint(path).save(make_model(), {})
    damage_file(path, damage)
    with pytest.raises(ValueError, match="must be a whole file that `train`"):
        Checkpoint(path).read_progress()


@pytest.mark.parametrize("damage", DAMAGES)
def test_the_one_before_is_used_instead(damage, tmp_path):
    model, path = make_model(), tmp_path / "checkpoint.npz"
    checkpoint = Checkpoint(path)
    for epoch in (1, 2, 3):
        fill(model, seed=epoch)
        checkpoint.save(model, {"epochs_done": epoch})
    names = {file.name for file in tmp_path.iterdir()}
    assert names == {"checkpoint.npz", "checkpoint_before.npz"}
    damage_file(path, damage)
    fill(model, seed=2)
    other, again = make_model(), Checkpoint(path)
    with pytest.warns(UserWarning, match="cannot be read .* before.* is used"):
        assert again.read_progress() == {"epochs_done": 2}
    with pytest.warns(UserWarning, match="is whole and is used"):
        again.restore(other)
    for value, expected in zip(state(other), state(model), strict=True):
        np.testing.assert_array_equal(value, expected)


def test_damaged_file_never_replaces_the_one_before(tmp_path, monkeypatch):
    model, path = make_model(), tmp_path / "checkpoint.npz"
    checkpoint = Checkpoint(path)
    for epoch in (1, 2):
        checkpoint.save(model, {"epochs_done": epoch})
    path.write_bytes(b"damaged")
    again = Checkpoint(path)
    with pytest.warns(UserWarning, match="is whole and is used"):
        again.restore(model)

    def killed(source, target):
        replace(source, target)
        raise RuntimeError

    replace = os.replace
    with monkeypatch.context() as patch, pytest.raises(RuntimeError):
        patch.setattr(os, "replace", killed)
        again.save(model, {"epochs_done": 2})
    assert Checkpoint(path).read_progress() == {"epochs_done": 2}
    before = Checkpoint(again.previous)
    assert before.read_progress() == {"epochs_done": 1}


def test_stopped_between_two_changes_of_names(tmp_path):
    model, checkpoint = make_model(), Checkpoint(tmp_path / "checkpoint.npz")
    for epoch in (1, 2):
        checkpoint.save(model, {"epochs_done": epoch})
    checkpoint.path.unlink()
    again = Checkpoint(tmp_path / "checkpoint.npz")
    assert again.exists()
    assert again.read_progress() == {"epochs_done": 1}
    again.restore(model)
    again.save(model, {"epochs_done": 2})
    assert again.read_progress() == {"epochs_done": 2}


def test_none_of_another_training_is_kept(tmp_path):
    model, path = make_model(), tmp_path / "checkpoint.npz"
    old = Checkpoint(path)
    for epoch in (1, 2):
        old.save(model, {"epochs_done": epoch})
    Checkpoint(path).save(model, {"epochs_done": 9})
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.npz"]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_not_saved(value, tmp_path):
    model, checkpoint = make_model(), Checkpoint(tmp_path / "checkpoint.npz")
    checkpoint.save(model, {"epochs_done": 1})
    model.trainable_variables[0].assign(np.full((2, 3), value))
    with pytest.raises(
        FloatingPointError, match="NaN or infinity in '.*/kernel'. The check"
    ):
        checkpoint.save(model, {"epochs_done": 2})
    assert checkpoint.read_progress() == {"epochs_done": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.npz"]


def test_is_on_the_disk_before_it_replaces_the_file(tmp_path, monkeypatch):
    calls = []
    for name, original in {"fsync": os.fsync, "replace": os.replace}.items():

        def call(*arguments, name=name, original=original):
            calls.append(name)
            original(*arguments)

        monkeypatch.setattr(os, name, call)
    Checkpoint(tmp_path / "checkpoint.npz").save(make_model(), {})
    assert calls == ["fsync", "replace"]


def test_full_disk_leaves_the_file_from_before(tmp_path, monkeypatch):
    model = make_model()
    checkpoint = Checkpoint(tmp_path / "checkpoint.npz")
    checkpoint.save(model, {"epochs_done": 1})

    def full(file, **arrays):
        file.write(b"half of it")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(
        OSError, match="No space left on device. The checkpoint"
    ):
        checkpoint.save(model, {"epochs_done": 2})
    assert checkpoint.read_progress() == {"epochs_done": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.npz"]
