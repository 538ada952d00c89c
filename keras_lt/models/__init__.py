"""Models: a backbone, its features and a classifier."""

from keras_lt.models.backbone_cut import valid_exits
from keras_lt.models.classification_model import ClassificationModel
from keras_lt.models.device_layout import classifier_layout
from keras_lt.models.early_exit_model import EarlyExitModel
from keras_lt.models.exit_answer import ExitAnswer
from keras_lt.models.long_tail_model import LongTailModel
from keras_lt.models.resnet import resnet20
from keras_lt.models.resnet import resnet32
from keras_lt.models.resnet import resnet44
from keras_lt.models.resnet import resnet56
from keras_lt.models.transformer_backbone import TransformerBackbone
from keras_lt.models.weight_decay import add_weight_decay

__all__ = [
    "ClassificationModel",
    "EarlyExitModel",
    "ExitAnswer",
    "LongTailModel",
    "TransformerBackbone",
    "add_weight_decay",
    "classifier_layout",
    "resnet20",
    "resnet32",
    "resnet44",
    "resnet56",
    "valid_exits",
]
