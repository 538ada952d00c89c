"""What helps after training, without training again."""

from keras_lt.posthoc.logit_adjustment import adjust_logits

__all__ = ["adjust_logits"]
