"""The whole state of a training in one file."""

import contextlib
import json
import os
import pathlib
import re
import warnings
import zipfile
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from keras_lt.file_writing import replacing
from keras_lt.graph.layer_tree import use_assigned_values
from keras_lt.models import ClassificationModel

_FORMAT = 1


class Checkpoint:
    """Saves and restores every variable of a model and of its optimizer.

    Unlike a `.keras` file it holds the state of the random generators of
    dropout and augmentation layers, without which a training does not go on as
    it would have. It is one `.npz` file that is written
    under another name and moved into place, so that there is a whole one at
    any time, and it holds plain arrays and JSON only. The one before is kept
    beside it, and read where the last one is damaged.

    Args:
        path: Where the file is, or will be.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = pathlib.Path(path)
        self.previous = self.path.with_name(
            f"{self.path.stem}_before{self.path.suffix}"
        )
        self._is_of_this_training = False

    def exists(self) -> bool:
        """Whether there is a checkpoint."""
        return self.path.exists() or self.previous.exists()

    def save(self, model: keras.Model, progress: Mapping[str, Any]) -> None:
        """Writes the state of a compiled model.

        Args:
            model: The model, with an optimizer that is built.
            progress: What else to keep, as JSON holds it.

        Raises:
            OSError: If the file cannot be written. The one from before is
                left as it is.
            FloatingPointError: If a variable of the model holds NaN or
                infinity. Nothing is written then.
        """
        arrays, described = {}, {}
        with contextlib.ExitStack() as stack:
            if isinstance(model, ClassificationModel):
                stack.enter_context(model.lasting_weights.in_place())
            for owner, variables in _state(model).items():
                described[owner] = [_description(one) for one in variables]
                for index, variable in enumerate(variables):
                    array = arrays[f"{owner}_{index}"] = _to_array(variable)
                    if owner == "model":
                        self._check_finite(variable, array)
        content = {
            "format": _FORMAT,
            "progress": dict(progress),
            "variables": described,
        }
        arrays["content"] = np.array(json.dumps(content))
        self._write(arrays)

    def read_progress(self) -> dict[str, Any]:
        """Returns what `save` got as `progress`.

        Raises:
            ValueError: If the file is not a whole checkpoint.
        """
        return self._read()[1]["progress"]

    def restore(self, model: keras.Model) -> None:
        """Sets every variable of a compiled model and its optimizer.

        Raises:
            ValueError: If the checkpoint is of another model or optimizer, or
                is damaged. Nothing is changed then.
        """
        path, content, arrays = self._read()
        state = _state(model)
        for owner, variables in state.items():
            saved = content["variables"][owner]
            self._compare(owner, saved, [_description(v) for v in variables])
        # A damaged file must not take the place of the whole one before it.
        self._is_of_this_training = path == self.path
        for owner, variables in state.items():
            for index, variable in enumerate(variables):
                variable.assign(arrays[f"{owner}_{index}"])
        use_assigned_values(model)

    def step_back(self) -> None:
        """Drops the last checkpoint for the one before.

        Raises:
            ValueError: If there is none.
        """
        if not self.previous.exists():
            raise ValueError(
                "Processes must go on from the same epoch. Received: "
                f"{str(self.path)!r}, of a later one than another process "
                "has, without the one before it. Pass `resume=False` to start "
                "anew."
            )
        os.replace(self.previous, self.path)

    def remove(self) -> None:
        """Removes what there is, so that nothing goes on from it."""
        for path in (self.previous, self.path):
            path.unlink(missing_ok=True)

    def remove_unfinished(self) -> None:
        """Removes what a process that was killed while it wrote has left."""
        for path in self.path.parent.glob(f".partial-*-{self.path.name}"):
            path.unlink(missing_ok=True)

    def _write(self, arrays: Mapping[str, Any]) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(self.path) as partial:
                with open(partial, "wb") as file:
                    np.savez(file, **arrays)
                    file.flush()
                    os.fsync(file.fileno())
                if self._is_of_this_training:
                    os.replace(self.path, self.previous)
            if not self._is_of_this_training:
                self.previous.unlink(missing_ok=True)
            self._is_of_this_training = True
        except OSError as error:
            raise OSError(
                error.errno,
                "The state of the training must be written to a disk with "
                f"room for it. Received: {error.strerror or error}. The "
                "checkpoint from before, if any, is whole: make room and "
                "start again to go on from there",
                str(self.path),
            ) from error

    def _check_finite(self, variable: keras.Variable, array: Any) -> None:
        if array.dtype.kind != "f" or np.isfinite(array).all():
            return
        raise FloatingPointError(
            "The weights of a model must be finite to be saved. Received: NaN "
            f"or infinity in {variable.path!r}. The checkpoint from before, if "
            f"any, is whole, {str(self.path)!r}: look for NaN in the images, "
            "or lower the learning rate by a `LearningRateScheduler`, and "
            "start again to go on from there."
        )

    def _read(
        self,
    ) -> tuple[pathlib.Path, dict[str, Any], dict[str, np.ndarray]]:
        """Reads the last checkpoint, or the one before if it is damaged."""
        if not self.path.exists():  # Stopped between two changes of names.
            return self.previous, *self._read_file(self.previous)
        try:
            return self.path, *self._read_file(self.path)
        except ValueError as error:
            if not self.previous.exists():
                raise
            found = self.previous, *self._read_file(self.previous)
            warnings.warn(
                f"{error} The one before it, {str(self.previous)!r}, is whole "
                "and is used.",
                stacklevel=3,
            )
            return found

    def _read_file(
        self, path: pathlib.Path
    ) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            content = json.loads(arrays.pop("content").item())
        except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise ValueError(
                "A checkpoint must be a whole file that `train` has written. "
                f"Received: {str(path)!r}, which cannot be read "
                f"({error}). Remove it, or pass `resume=False`."
            ) from error
        if content["format"] != _FORMAT:
            raise ValueError(
                f"A checkpoint must be of format {_FORMAT}. Received: format "
                f"{content['format']} in {str(path)!r}. Use the version "
                "of keras_lt that wrote it, or pass `resume=False`."
            )
        return content, arrays

    def _compare(
        self, owner: str, saved: list[list[Any]], here: list[list[Any]]
    ) -> None:
        differs = (
            (index, was, now)
            for index, (was, now) in enumerate(zip(saved, here, strict=False))
            if _unnumbered(was) != _unnumbered(now)
        )
        first = next(differs, None)
        if first is None and len(saved) == len(here):
            return
        detail = ""
        if first is not None:
            index, (old, shape, _), (new, expected, _) = first
            detail = (
                f" The first that differs is number {index}: {old!r} "
                f"{tuple(shape)} in the file, {new!r} {tuple(expected)} here."
            )
        raise ValueError(
            f"A checkpoint must be of the same {owner}. Received: "
            f"{str(self.path)!r} with {len(saved)} variables, for a {owner} "
            f"with {len(here)}.{detail} Use another folder, or pass "
            "`resume=False` to start anew."
        )


def _state(model: keras.Model) -> dict[str, list[keras.Variable]]:
    """Returns what a training changes, and so has to be kept."""
    constants = {id(one) for one in getattr(model, "constants", ())}
    own = [one for one in model.variables if id(one) not in constants]
    return {"model": own, "optimizer": model.optimizer.variables}


def _description(variable: keras.Variable) -> list[Any]:
    shape = [int(size) for size in variable.shape]
    return [variable.path, shape, str(variable.dtype)]


def _unnumbered(description: list[Any]) -> tuple[str, list[int]]:
    """Path and shape, without the numbers that Keras gives to names.

    The second "dense" of a process is "dense_1", though its model is the same.
    """
    path, shape, _ = description
    return re.sub(r"_\d+(?=/|_|$)", "", path), list(shape)


def _to_array(variable: keras.Variable) -> np.ndarray:
    array = keras.ops.convert_to_numpy(variable)
    # NumPy cannot store bfloat16, which float32 holds without loss.
    return array if array.dtype.kind in "biuf" else array.astype("float32")
