"""Places texts by what they mean: the small language model of the extra `semantic`."""

from newsletter.semantics.loading import SemanticsError, choose_vectors, load_vectors

__all__ = ["SemanticsError", "choose_vectors", "load_vectors"]
