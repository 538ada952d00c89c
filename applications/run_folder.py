"""The folder in which a run keeps its files."""

import json
import pathlib
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras

from applications.files import write_arrays
from applications.files import write_json
from applications.files import write_model
from applications.provenance import provenance
from applications.result import Result
from applications.settings import Settings
from applications.split_check import changed_parts
from applications.split_check import check_sums
from keras_lt import data
from keras_lt.plain_description import flat

START = "settings.json"
"""What was asked for, and where and with what the run started."""


class RunFolder:
    """Keeps the files of one run apart from those of others.

    - `settings.json`: what was asked for, and where and with what it started
      and went on.
    - `checkpoints/`: the state of the training after each epoch.
    - `model.keras`: the trained model.
    - `logits.npz`: its answers to the test images, and their labels.
    - `exits/`: accuracy and work along the thresholds, if it has exits.
    - `result.json`: the numbers, and all that led to them.
    - `report/`: the report on them.

    Args:
        path: The folder, or None to keep nothing.
        provenance: Where and with what the run started and, in `"resumed"`,
            each time that it went on.
    """

    def __init__(
        self, path: pathlib.Path | None, provenance: dict[str, Any]
    ) -> None:
        self.path = path
        self.provenance = provenance

    @classmethod
    def open(
        cls,
        application: str,
        settings: Settings,
        split: data.Split,
        origins: Sequence[Mapping[str, Any]] = (),
    ) -> "RunFolder":
        """Starts a folder, or goes on with one.

        Args:
            application: Name of the folder of the recipe.
            settings: The choices of the run.
            split: Its data.
            origins: About the finished runs that it starts from or learns
                from, as `FinishedRun.origin` returns it.

        Raises:
            ValueError: If there is a run already and it is not to be resumed,
                or it is one of other settings, other images or other origins.
        """
        started_from = [[one["folder"], one["date"]] for one in origins]
        if settings.directory is None:
            return cls(None, provenance())
        saved = cls.check(application, settings)
        if saved is not None:
            _check_same_images(settings.directory, saved, split)
            # Folders from before do not say it.
            if saved.get("origins", started_from) != started_from:
                raise _other_origins(settings.directory, saved, started_from)
            resumed = [*saved.get("resumed", ()), provenance()]
            write_json(
                settings.directory / START, {**saved, "resumed": resumed}
            )
            return cls(
                settings.directory, {**saved["provenance"], "resumed": resumed}
            )
        content = {
            "application": application,
            "settings": _plain(settings),
            "data_dir": settings.data_dir,
            "images": check_sums(split),
            "origins": started_from,
            "provenance": provenance(),
        }
        write_json(settings.directory / START, content)
        return cls(settings.directory, content["provenance"])

    @classmethod
    def check(
        cls, application: str, settings: Settings
    ) -> dict[str, Any] | None:
        """Returns how the run in the folder started, None if there is none.

        Raises:
            ValueError: As `open`.
        """
        path = settings.directory
        if path is None or not (path / START).exists():
            return None
        saved = json.loads((path / START).read_text())
        started = saved["provenance"]
        _check_same_run(
            path,
            {
                "application": saved["application"],
                "backend": started["backend"],
                "dtype_policy": started["dtype_policy"],
                **_plain(Settings.from_json(saved["settings"])),
            },
            {
                "application": application,
                "backend": keras.config.backend(),
                "dtype_policy": keras.config.dtype_policy().name,
                **_plain(settings),
            },
            settings.resume,
        )
        return saved

    @property
    def checkpoints(self) -> pathlib.Path | None:
        """Where the state of the training goes."""
        return self.path / "checkpoints" if self.path else None

    def save(self, model: keras.Model, result: Result) -> None:
        """Writes what a finished run leaves behind."""
        if self.path is None:
            return
        write_model(self.path / "model.keras", model)
        arrays = {"logits": result.logits, "labels": result.split.test.y}
        if result.exits is not None:
            arrays["exit_logits"] = result.exits.exit_logits
            result.exits.outcomes.curve().save(self.path / "exits")
        write_arrays(self.path / "logits.npz", arrays)
        for name, card in result.cards.items():
            card.save(self.path / "report" / name)
        # Last, as a folder with a result is one of a finished run.
        write_json(self.path / "result.json", result.record())


def _check_same_run(
    path: pathlib.Path,
    saved: dict[str, Any],
    own: dict[str, Any],
    resume: bool,
) -> None:
    if not resume:
        raise ValueError(
            "The output folder must be new, or the run in it be resumed. "
            f"Received: {str(path)!r}, which holds a run. Add --resume to go "
            "on with it, or use another --output_dir."
        )
    own, saved = flat(own), flat(saved)
    changed = [
        name
        for name in own
        if own[name] != saved.get(name)
        # Runs from before had these also where the application decides.
        and not (name in ("backbone", "image_size") and own[name] is None)
    ]
    if changed:
        name = changed[0]
        raise ValueError(
            "A run must be resumed with the settings it was started with. "
            f"Received: {name}={own[name]!r}; the run in {str(path)!r} has "
            f"{saved.get(name)!r}. Use its settings, or another --output_dir."
        )


def _check_same_images(
    path: pathlib.Path, saved: dict[str, Any], split: data.Split
) -> None:
    changed = changed_parts(saved, split)
    if changed:
        raise ValueError(
            "A run must be resumed with the images it was started with, or it "
            "is tested on what it was trained on. Received: other "
            f"{changed[0]} images than the run in {str(path)!r} had. Put the "
            "files back as they were, or use another --output_dir."
        )


def _other_origins(
    path: pathlib.Path, saved: dict[str, Any], own: list[list[str]]
) -> ValueError:
    return ValueError(
        "A run must be resumed with the runs that it started from, as they "
        f"were. Received: {own}; the run in {str(path)!r} started from "
        f"{saved['origins']}, by folder and date. Put those back, or use "
        "another --output_dir."
    )


def _plain(settings: Settings) -> dict[str, Any]:
    """Returns the settings as JSON gives them back."""
    return json.loads(json.dumps(settings.what_is_trained()))
