"""How comparing is handed on: to this process, to several, or to other machines."""

from collections.abc import Iterable
from typing import Protocol, TypeVar

In = TypeVar("In")
Out = TypeVar("Out")


class Mapper(Protocol):
    """Applies a function to each of some parts, in order: `map`, or that of a pool of processes."""

    def __call__(self, work: "Work[In, Out]", parts: Iterable[In], /) -> Iterable[Out]:
        """Return what `work` makes of each of `parts`."""


_In_contra = TypeVar("_In_contra", contravariant=True)
_Out_co = TypeVar("_Out_co", covariant=True)


class Work(Protocol[_In_contra, _Out_co]):
    """A function of one part."""

    def __call__(self, part: _In_contra, /) -> _Out_co:
        """Return what becomes of `part`."""
