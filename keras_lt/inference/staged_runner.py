"""Answers with exported stages; needs onnxruntime and NumPy, and no Keras.

python run_stages.py images.npy --output answers.npz
"""

import argparse
import hashlib
import json
import os
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np


class StagedRunner:
    """Runs exported stages, and stops for each image at its exit.

    Images that stay wait between the stages until there are enough of them,
    so that each stage runs on full batches, and memory stays bounded.

    Args:
        folder: What `export_stages` wrote.
        providers: Where onnxruntime computes, in order of preference.

    Raises:
        ImportError: If onnxruntime is not installed.
        ValueError: If the folder holds no ONNX stages, or other files than
            were exported.

    Example:

    ```python
    runner = StagedRunner("exported")
    logits, exits = runner.predict(np.load("images.npy"))
    ```
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        providers: Sequence[str] = ("CPUExecutionProvider",),
    ) -> None:
        import onnxruntime  # Here, so that this file can be read without it.

        self.folder = pathlib.Path(folder)
        text = (self.folder / "manifest.json").read_text(encoding="utf-8")
        self.manifest: dict[str, Any] = json.loads(text)
        kind = (self.manifest["format"], self.manifest["format_version"])
        if kind != ("onnx", 1):
            raise ValueError(
                "`folder` must hold stages of format 'onnx', version 1. "
                f"Received: {kind}. Export them with `format='onnx'`."
            )
        self._sessions = [
            onnxruntime.InferenceSession(
                self._content(stage["file"]), providers=list(providers)
            )
            for stage in self.manifest["stages"]
        ]

    def predict(
        self, images: np.ndarray, batch_size: int = 128
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns the logits of each image, and the exit that gave them.

        Args:
            images: `(n, height, width, channels)`, in order; raw ones if the
                manifest has a `preprocessing`, which is then applied.
            batch_size: Number of images that a stage takes at a time.

        Returns:
            Logits `(n, classes)` in float32 and exits `(n,)` in int32, from 1.
        """
        images = self._checked(np.asarray(images), batch_size)
        logits = np.empty((len(images), self.manifest["num_classes"]), "f4")
        exits = np.empty(len(images), "int32")
        waiting: list[list[Any]] = [[] for _ in self._sessions]
        for start in range(0, len(images), batch_size):
            part = self._prepared(images[start : start + batch_size])
            end = start + len(part)
            waiting[0].extend(zip(range(start, end), part, strict=True))
            enough = 1 if end == len(images) else batch_size
            for k, room in enumerate(waiting):
                while len(room) >= enough:
                    rows, inputs = zip(*room[:batch_size], strict=True)
                    del room[:batch_size]
                    at = np.array(rows)
                    out, features, leaves = self._run(k, np.stack(inputs))
                    logits[at[leaves]], exits[at[leaves]] = out[leaves], k + 1
                    if not leaves.all():
                        # A copy of those that stay lets the others go.
                        left = zip(at[~leaves], features[~leaves], strict=True)
                        waiting[k + 1].extend(left)
        return logits, exits

    def _content(self, name: str) -> bytes:
        content = (self.folder / name).read_bytes()
        if hashlib.sha256(content).hexdigest() != self.manifest["sha256"][name]:
            raise ValueError(
                f"{name!r} must be the file that the manifest describes. "
                "Received: another check sum. Copy or export the folder anew."
            )
        return content

    def _checked(self, images: np.ndarray, batch_size: int) -> np.ndarray:
        shape = self.manifest["input"]["shape"]
        fits = len(shape) == images.ndim and all(
            want in (None, got)
            for want, got in zip(shape, images.shape, strict=True)
        )
        if not fits or images.dtype.kind not in "fiu" or batch_size < 1:
            raise ValueError(
                f"`images` must be numbers of shape {('n', *shape[1:])}, and "
                "`batch_size` 1 or greater. Received: "
                f"shape {images.shape}, dtype={images.dtype}, batch_size="
                f"{batch_size}. Put one image into `images[None]`."
            )
        return images

    def _prepared(self, images: np.ndarray) -> np.ndarray:
        steps = self.manifest["preprocessing"]
        if steps is not None:
            std = np.asarray(steps["std"])
            factor = (steps["scale"] / std).astype("float32")
            shift = (-np.asarray(steps["mean"]) / std).astype("float32")
            images = np.multiply(images, factor, dtype="float32") + shift
        return images.astype(self.manifest["input"]["dtype"], copy=False)

    def _run(
        self, k: int, inputs: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        names = self.manifest["stages"][k]["outputs"]
        values = self._sessions[k].run(list(names), {"inputs": inputs})
        found = dict(zip(names, values, strict=True))
        logits = found["logits"]
        if k + 1 == len(self._sessions):
            return logits, logits, np.ones(len(logits), "bool")
        threshold = np.float32(self.manifest["thresholds"][k])
        return logits, found["features"], self._scores(logits) > threshold

    def _scores(self, logits: np.ndarray) -> np.ndarray:
        shifted = logits - logits.max(axis=-1, keepdims=True)
        log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
        if self.manifest["measure"] == "confidence":
            return np.exp(log_p.max(axis=-1))
        entropy = -(np.exp(log_p) * log_p).sum(axis=-1)
        return 1 - entropy / np.float32(np.log(logits.shape[-1]))


def main(arguments: Sequence[str] | None = None) -> None:
    """Reads images from an .npy file and writes logits and exits to .npz."""
    parser = argparse.ArgumentParser(description="Runs exported stages.")
    parser.add_argument("images", help="an .npy file of images")
    parser.add_argument("--output", default="answers.npz")
    parser.add_argument("--folder", default=pathlib.Path(__file__).parent)
    parser.add_argument("--batch_size", type=int, default=128)
    given = parser.parse_args(arguments)
    images = np.load(given.images, mmap_mode="r", allow_pickle=False)
    logits, exits = StagedRunner(given.folder).predict(images, given.batch_size)
    partial = pathlib.Path(f"{given.output}.partial.npz")
    try:
        np.savez(partial, logits=logits, exits=exits)
        partial.replace(given.output)
    finally:
        partial.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
