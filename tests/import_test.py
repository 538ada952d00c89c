"""What `import keras_lt` loads, and how long it takes, in a fresh process."""

import json
import subprocess
import sys

import pytest

CODE = """
import gc, json, sys, time
start = time.thread_time()  # Of this thread alone: others may be busy.
import keras
of_keras = time.thread_time() - start
before = set(sys.modules)
gc.collect()
gc.freeze()  # Or the objects of the backend are looked through in between.
start = time.thread_time()
import keras_lt
share = (time.thread_time() - start) / of_keras
loaded = sorted({name.split(".")[0] for name in set(sys.modules) - before})
print(json.dumps([share, loaded]))
"""


def import_once():
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def first_import():
    return import_once()


def test_nothing_but_keras_and_numpy_is_loaded(first_import):
    own = {"keras", "keras_lt", "numpy"}
    assert set(first_import[1]) - own - sys.stdlib_module_names == set()


def test_import_adds_less_than_a_fifth_to_that_of_keras(first_import):
    # A busy machine may make one measurement slower, and none faster.
    share = first_import[0]
    for _ in range(3):
        if share >= 0.2:
            share = min(share, import_once()[0])
    assert share < 0.2
