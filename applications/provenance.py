"""Says where and with what a result was made."""

import datetime
import importlib
import os
import pathlib
import platform
import subprocess
from typing import Any

import keras

from keras_lt.package_version import package_version

PACKAGES = ("keras-lt", "keras", "numpy", "tensorflow", "jax", "torch")


def provenance() -> dict[str, Any]:
    """Returns date, commit, versions and hardware as plain values."""
    return {
        **software(),
        "dtype_policy": keras.config.dtype_policy().name,
        "hardware": hardware(),
    }


def software() -> dict[str, Any]:
    """Returns date, commit and versions, without a look at the devices."""
    now = datetime.datetime.now(datetime.UTC)
    return {
        "date": now.isoformat(timespec="seconds"),
        "commit": commit(),
        "backend": keras.config.backend(),
        "versions": {"python": platform.python_version(), **versions()},
    }


def commit() -> str | None:
    """Returns the commit of this repository, or None outside of git.

    A `+` at its end says that files of the project differed from it, other than
    kept results.
    """
    root = pathlib.Path(__file__).resolve().parents[1]
    head = _git(root, "rev-parse", "HEAD")
    if head is None:
        return None
    changed = _git(
        root,
        "status",
        "--porcelain",
        "--untracked-files=no",
        "--",
        "keras_lt",
        "applications",
        ":(exclude)applications/*/results/*",
    )
    return f"{head}+" if changed else head


def short_commit(commit: str | None) -> str:
    """Returns what pages call a commit."""
    if commit is None:
        return "unknown"
    return commit[:7] + ("+" if commit.endswith("+") else "")


def versions() -> dict[str, str]:
    """Returns the versions of the packages that are installed."""
    found = {}
    backend = keras.config.backend()
    for name in PACKAGES:
        if name in ("tensorflow", "jax", "torch") and name != backend:
            continue
        version = package_version(name)
        if version is not None:
            found[name] = version
    return found


def hardware() -> dict[str, Any]:
    """Returns the processor and the accelerators that the backend sees."""
    return {
        "platform": platform.platform(),
        "cpu": _cpu_model(),
        "cpu_count": os.cpu_count(),
        "threads": _threads(),
        "devices": _devices(),
    }


def _devices() -> list[str]:
    """Returns what accelerators are called; `cpu:0` where there is none."""
    backend = keras.config.backend()
    library = importlib.import_module(backend)
    if backend == "torch":
        cuda = library.cuda
        names = [cuda.get_device_name(i) for i in range(cuda.device_count())]
    elif backend == "jax":
        found = [one for one in library.devices() if one.platform != "cpu"]
        names = [one.device_kind for one in found]
    else:
        details = library.config.experimental.get_device_details
        found = library.config.list_physical_devices("GPU")
        names = [details(one).get("device_name", one.name) for one in found]
    return names or ["cpu:0"]


def _threads() -> int | None:
    """Returns to how many threads a run was limited, None if to none."""
    number = os.environ.get("OMP_NUM_THREADS", "")
    return int(number) if number.isdecimal() else None


def _cpu_model() -> str:
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    for line in lines:
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def _git(root: pathlib.Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
