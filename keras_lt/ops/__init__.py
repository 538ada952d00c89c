"""Pure tensor mathematics, as the papers write it."""
