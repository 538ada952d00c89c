"""The graph of a functional model: what is in it, and models of its parts."""

from keras_lt.graph.feature_extractor import check_backbone
from keras_lt.graph.feature_extractor import check_runs_its_graph
from keras_lt.graph.feature_extractor import feature_extractor
from keras_lt.graph.layer_names import LayerNames
from keras_lt.graph.layer_names import check_names
from keras_lt.graph.operations import Place
from keras_lt.graph.operations import activation_name
from keras_lt.graph.operations import gives_probabilities
from keras_lt.graph.operations import innermost_last
from keras_lt.graph.operations import is_graph
from keras_lt.graph.operations import last_operation
from keras_lt.graph.operations import places
from keras_lt.graph.operations import replay
from keras_lt.graph.operations import tensors_in
from keras_lt.graph.parts import new_input
from keras_lt.graph.parts import single_ends
from keras_lt.graph.parts import split

__all__ = [
    "LayerNames",
    "Place",
    "activation_name",
    "check_backbone",
    "check_names",
    "check_runs_its_graph",
    "feature_extractor",
    "gives_probabilities",
    "innermost_last",
    "is_graph",
    "last_operation",
    "new_input",
    "places",
    "replay",
    "single_ends",
    "split",
    "tensors_in",
]
