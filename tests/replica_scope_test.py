"""Where the variables of a model are to be made."""

import contextlib
import types

from keras_lt.replicas import scope_of


def test_one_replica_has_a_scope_as_well():
    """Its variables know their strategy, and those of optimizers must."""
    entered = []

    @contextlib.contextmanager
    def scope():
        entered.append(True)
        yield

    one = types.SimpleNamespace(num_replicas_in_sync=1, scope=scope)
    with scope_of(types.SimpleNamespace(distribute_strategy=one)):
        assert entered
    with scope_of(types.SimpleNamespace()):
        assert len(entered) == 1
