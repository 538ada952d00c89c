import os

import keras
import pytest

from scripts import backend


@pytest.mark.parametrize("chosen, used", [(None, "1"), ("0", "0")])
def test_tensorflow_has_its_fast_kernels_unless_told(chosen, used, monkeypatch):
    environment = {} if chosen is None else {"TF_ENABLE_ONEDNN_OPTS": chosen}
    monkeypatch.setattr(os, "environ", environment)
    backend.set_up_keras(keras.config.backend())
    assert environment["TF_ENABLE_ONEDNN_OPTS"] == used


def test_backend_of_the_environment_comes_first(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    assert backend.installed_backend() == "torch"


def test_reports_need_matplotlib(monkeypatch):
    backend.check_plots()
    monkeypatch.setattr(backend.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit, match=r"pip install \"\.\[report\]\""):
        backend.check_plots()
