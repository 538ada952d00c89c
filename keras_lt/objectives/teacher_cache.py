"""Outputs of teachers, computed once and kept in files."""

import contextlib
import os
import pathlib
import shutil
from typing import Any

from keras_lt.data import Batches
from keras_lt.image_shapes import shapes_agree
from keras_lt.objectives._cache.computation import compute_outputs
from keras_lt.objectives._cache.lock import only_writer
from keras_lt.objectives._cache.manifest import check_same_batches
from keras_lt.objectives._cache.manifest import check_same_teacher
from keras_lt.objectives._cache.manifest import describe_batches
from keras_lt.objectives._cache.manifest import describe_teacher
from keras_lt.objectives._cache.stored_outputs import StoredOutputs
from keras_lt.objectives._cache.stored_teacher import MANIFEST
from keras_lt.objectives._cache.stored_teacher import StoredTeacher
from keras_lt.objectives._cache.views import CacheViews
from keras_lt.objectives._cache.writer import PARTIAL
from keras_lt.objectives._cache.writer import CacheWriter
from keras_lt.objectives.teacher import Teacher
from keras_lt.validation import check_choice


class TeacherCache:
    """Keeps what teachers make of the images of a training.

    Teachers do not change while a student learns from them, so that their
    outputs can be computed before. The student then trains as fast as without
    teachers, and of teachers that do not fit into memory together, only one
    has to be there at a time.

    A teacher has to see the very images that the student gets. `data.Batches`
    gives the same ones for the same seed, epoch and index, so with a random
    transform the cache holds an entry per epoch and draw, and is good for
    batches of the same sampler, seed and size. Without a transform, or with
    one that is not random, it holds an entry per row, which does for all.

    All teachers in the folder are used, in the order in which they were added.
    What they were computed from is written beside them; whatever differs later
    is refused, and each batch is compared with the images that they saw.

    Args:
        folder: Where the outputs are kept; made if it is not there.
        dtype: `"float16"` or `"float32"`, what outputs are stored as. Students
            get float32.
        logits: Whether to keep logits, where teachers have them. Features alone
            do for `FeatureDistillation` with `logit_weight=0`, and of many
            classes the logits take most of the room.

    Raises:
        ValueError: If the folder holds teachers that cannot be read.

    Example:

    >>> import tempfile
    >>> images = np.random.default_rng(0).normal(size=(12, 8, 8, 1))
    >>> batches = keras_lt.data.Batches((images, np.arange(12) % 3), 4)
    >>> teacher = keras_lt.LongTailModel(
    ...     keras_lt.models.resnet20((8, 8, 1)), num_classes=3
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     cache = keras_lt.objectives.TeacherCache(folder)
    ...     cache.add(teacher, batches, verbose=0)
    ...     x, y = cache.batches(batches)[0]
    >>> {name: value.shape for name, value in sorted(y.items())}
    {'label': (4,), 'teacher_features': (4, 64), 'teacher_logits': (4, 3)}

    Reference:

    - [Iscen et al., 2021](https://arxiv.org/abs/2104.05279)
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        dtype: str = "float16",
        logits: bool = True,
    ) -> None:
        self.dtype = check_choice("dtype", dtype, ("float16", "float32"))
        self.logits = bool(logits)
        self.folder = pathlib.Path(folder)
        if self.folder.exists() and not self.folder.is_dir():
            raise ValueError(
                "`folder` must be a folder, or not be there yet. Received: a "
                f"file, {str(folder)!r}. Choose another name."
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        self._added: set[str] = set()
        self._teachers: list[StoredTeacher] = []
        self._read()

    def __len__(self) -> int:
        return len(self._teachers)

    def __repr__(self) -> str:
        return f"TeacherCache({str(self.folder)!r}, names={self.names})"

    @property
    def names(self) -> list[str]:
        """What the teachers are called, in their order."""
        return [one.name for one in self._teachers]

    @property
    def feature_dims(self) -> list[int]:
        """Size of the features of each teacher."""
        return [one.features.shape[-1] for one in self._teachers]

    @property
    def num_classes(self) -> int | None:
        """Number of logits; None if they are not kept, or differ."""
        found = {one.num_classes for one in self._teachers}
        return found.pop() if len(found) == 1 else None

    @property
    def image_shape(self) -> tuple[int, ...] | None:
        """Shape of the images that the teachers saw; None without any."""
        if not self._teachers:
            return None
        return tuple(self._teachers[0].manifest["image_shape"])

    @property
    def epochs(self) -> int | None:
        """Number of epochs; None if the outputs do for any, or are none."""
        found = [one.epochs for one in self._teachers]
        return min((one for one in found if one is not None), default=None)

    def add(
        self,
        teacher: Any,
        batches: Batches,
        epochs: int | None = None,
        name: str | None = None,
        verbose: int = 1,
    ) -> None:
        """Computes the outputs of a teacher, unless they are there already.

        What was stopped in the middle goes on where it was.

        Args:
            teacher: A model or a `Teacher`.
            batches: What the student will train on.
            epochs: For how many epochs; needed for a random transform only.
            name: What to call the teacher. By default, the calls of this
                method are numbered: `"teacher_1"` and so on.
            verbose: 0 for no progress bar.

        Raises:
            ValueError: If the teacher takes other images, the transform gives
                other images a second time, or the folder holds the outputs of
                other batches, or of another teacher of this name, or
                something else of this name.
            OSError: If the disk is full. What is there is not lost.
        """
        teacher = Teacher.of(teacher)
        views = CacheViews(batches, epochs)
        image_shape = views.images(0, 0).shape[1:]
        _check_images(teacher, image_shape)
        manifest = {
            **describe_batches(batches),
            "dtype": self.dtype,
            "logits": self.logits,
            "epochs": views.epochs,
            "entries": views.entries,
            "image_shape": list(image_shape),
            "teacher": describe_teacher(teacher),
        }
        with only_writer(self.folder):
            self._read()
            for other in self._teachers:
                check_same_batches(other.manifest, manifest, self.folder)
            name = self._name_for(manifest["teacher"], name)
            if name not in self.names:
                _check_free(self.folder / name)
                views.check_repeatable()
                number = max((t.number for t in self._teachers), default=0) + 1
                with CacheWriter(self.folder, manifest) as writer:
                    compute_outputs(
                        teacher, views, writer, self._teachers, verbose
                    )
                    writer.finish(name, number)
                self._read()
        self._added.add(name)

    def batches(self, batches: Batches) -> Batches:
        """Returns the same batches, with the outputs of all teachers.

        Args:
            batches: What the teachers were added for. With one entry per row,
                they may have any sampler, seed and size.

        Returns:
            Batches whose labels are a dict: `"label"`, as before;
            `"teacher_features"`, `(batch, sum of feature_dims)`; and, if
            logits are kept and all teachers have them, of the same classes,
            `"teacher_logits"`, `(batch, num_classes)`, their mean.

        Raises:
            ValueError: If the cache is empty, or not for these batches.
        """
        if not self._teachers:
            raise ValueError(
                "A cache must hold one teacher or more. Received: none in "
                f"{str(self.folder)!r}. Call `cache.add(teacher, batches)`."
            )
        current = describe_batches(batches)
        for one in self._teachers:
            check_same_batches(one.manifest, current, self.folder)
        features = [one.features for one in self._teachers]
        marks = self._teachers[0].marks
        extras = {"teacher_features": StoredOutputs(features, marks)}
        if self.num_classes is not None:
            logits = [
                one.logits for one in self._teachers if one.logits is not None
            ]
            extras["teacher_logits"] = StoredOutputs(logits, mean=True)
        taken = sorted(set(extras) & set(batches.extras))
        if taken:
            raise ValueError(
                "Batches must not bring outputs of teachers already. "
                f"Received: extras={taken}. Pass the batches without them."
            )
        return batches.with_extras({**batches.extras, **extras})

    def remove(self, name: str | None = None) -> None:
        """Deletes the outputs of a teacher, or all of them.

        It waits until no other process adds to the cache.

        Args:
            name: One of `names`; None for all, and what is there in part.
        """
        with only_writer(self.folder):
            self._remove(name)

    def _remove(self, name: str | None) -> None:
        folders = self._folders()
        if name is not None:
            check_choice("name", name, [one.name for one in folders])
            folders = [self.folder / name]
        else:
            folders.append(self.folder / PARTIAL)
        for folder in folders:
            # Without a manifest, nothing is read of what may be left.
            with contextlib.suppress(FileNotFoundError):
                os.unlink(folder / MANIFEST)
            shutil.rmtree(folder, ignore_errors=True)
        gone = {one.name for one in folders}
        self._teachers = [t for t in self._teachers if t.name not in gone]
        self._added -= gone

    def _folders(self) -> list[pathlib.Path]:
        found = (path.parent for path in self.folder.glob(f"*/{MANIFEST}"))
        return sorted(one for one in found if one.name != PARTIAL)

    def _read(self) -> None:
        teachers = [StoredTeacher(folder) for folder in self._folders()]
        self._teachers = sorted(teachers, key=lambda one: one.number)

    def _name_for(self, description: dict[str, Any], name: str | None) -> str:
        """Returns what a teacher is called, which may be there already."""
        known = {one.name: one.manifest["teacher"] for one in self._teachers}
        if name is None:
            same = [key for key, value in known.items() if value == description]
            if same:
                return same[0]
            number = 1
            while f"teacher_{number}" in self._added:
                number += 1
            name = f"teacher_{number}"
        _check_name(name)
        if name in known:
            check_same_teacher(known[name], description, name)
        return name


def _check_name(name: str) -> None:
    if not name or name.startswith(".") or pathlib.Path(name).name != name:
        raise ValueError(
            "`name` must be the name of a folder, without a dot at its "
            f"beginning. Received: name={name!r}. Pass `'seed_1'`, say."
        )


def _check_free(folder: pathlib.Path) -> None:
    """Raises before the work if the outputs could not be moved there."""
    if folder.exists():
        raise ValueError(
            "The folder of a teacher must not be there yet. Received: "
            f"{str(folder)!r}, which holds no teacher of this cache. Delete "
            "it, pass another `name`, or use another folder for the cache."
        )


def _check_images(teacher: Teacher, image_shape: tuple[int, ...]) -> None:
    if not shapes_agree(teacher.image_shape, image_shape):
        raise ValueError(
            "A teacher must take the images of the batches. Received: "
            f"{teacher.model.name!r}, which takes {teacher.image_shape}, and "
            f"images of shape {image_shape}. Begin the teacher with a "
            "`keras.layers.Resizing`, or use other batches."
        )
