import errno

import keras
import numpy as np
import pytest

from applications import files


def full_disk_of_model(model, file):
    with open(file, "wb") as half:
        half.write(b"half of it")
    raise OSError(errno.ENOSPC, "No space left on device")


def full_array_disk(file, **arrays):
    file.write(b"half of it")
    raise OSError(errno.ENOSPC, "No space left on device")


def test_full_disk_leaves_the_files_from_before(tmp_path, monkeypatch):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    files.write_model(tmp_path / "model.keras", model)
    files.write_arrays(tmp_path / "logits.npz", {"logits": np.ones(3)})
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert set(before) == {"model.keras", "logits.npz"}
    keras.models.load_model(tmp_path / "model.keras")
    monkeypatch.setattr(keras.Model, "save", full_disk_of_model)
    monkeypatch.setattr(np, "savez_compressed", full_array_disk)
    with pytest.raises(OSError, match="No space left"):
        files.write_model(tmp_path / "model.keras", model)
    with pytest.raises(OSError, match="No space left"):
        files.write_arrays(tmp_path / "logits.npz", {"logits": np.ones(3)})
    after = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert after == before
