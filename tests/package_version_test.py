import keras

from keras_lt.package_version import package_version


def test_version_of_what_is_installed():
    assert package_version("keras") == keras.__version__


def test_there_is_none_of_what_is_not_installed():
    assert package_version("keras-lt-that-nobody-has") is None
