from keras_lt.plain_description import flat


def test_names_of_dicts_inside_of_dicts_are_joined():
    tree = {"a": 1, "b": {"c": [2], "d": {"e": None}}, "f": {}}
    assert flat(tree) == {"a": 1, "b.c": [2], "b.d.e": None}
