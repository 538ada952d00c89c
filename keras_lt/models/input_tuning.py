"""How TensorFlow reads what `fit` is given."""

from typing import Any


def stop_tuning(epochs: Any) -> None:
    """Lets TensorFlow read arrays and `PyDataset`s as they come.

    Otherwise a thread tunes the reading, at first after 10 ms, then after
    twice as long each time. At the end of an epoch it is told to stop, and in
    TensorFlow 2.21 it may ask too early whether it was told; if so, the epoch
    ends with its next turn. One of 21 s may take 41 s, of 42 s 82 s.

    Here it has nothing to tune. Data sets of `tf.data` are left as they are.

    Args:
        epochs: What `fit` or `evaluate` of Keras draws batches from.
    """
    import tensorflow as tf

    dataset = getattr(epochs, "_distributed_dataset", None)
    is_users = type(epochs.data_adapter).__name__ == "TFDatasetAdapter"
    if is_users or not isinstance(dataset, tf.data.Dataset):
        return
    if dataset.options().autotune.enabled is not False:
        options = tf.data.Options()
        options.autotune.enabled = False
        epochs._distributed_dataset = dataset.with_options(options)
