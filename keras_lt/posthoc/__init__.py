"""What helps after training, without training again."""

from keras_lt.posthoc.logit_adjustment import adjust_logits
from keras_lt.posthoc.prior_estimation import estimate_prior
from keras_lt.posthoc.tau_normalization import tau_normalized

__all__ = ["adjust_logits", "estimate_prior", "tau_normalized"]
