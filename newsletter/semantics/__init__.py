"""Places texts by what they mean: the small language model of the extra `semantic`."""
