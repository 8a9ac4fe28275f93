"""`newsletter sbom`: a bill of everything that is installed here for the newsletter, as CycloneDX."""

import re
from collections import deque
from collections.abc import Mapping
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from uuid import UUID, uuid5

from packaging.requirements import Requirement

from newsletter.cli.console import print_json

#: Our own distribution.
OURS = "beauty-newsletter"

#: The same bill has the same serial number: it is derived within this namespace.
_BILLS = UUID("0a6b8f5e-6c1e-4a57-8f0f-1f7d2c1b7f10")


def sbom() -> None:
    """Print a software bill of materials (CycloneDX 1.6, JSON): each package this product runs on, version, licence."""
    print_json(make_bill(OURS))


def make_bill(name: str) -> dict[str, object]:
    """Return the bill of the distribution `name` and of everything it needs that is installed. Twice is the same."""
    root, found = distribution(name), _closure(name)
    packages = [d for key, d in sorted(found.items()) if key != _normal(name)]
    serial = uuid5(_BILLS, "\n".join([_reference(root), *map(_reference, packages)]))
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {"component": _component(root, "application")},
        "components": [_component(package, "library") for package in packages],
        "dependencies": [
            {"ref": _reference(d), "dependsOn": sorted(_reference(found[n]) for n in _needs(d) if n in found)}
            for d in [root, *packages]
        ],
    }


def _closure(name: str) -> dict[str, Distribution]:
    found: dict[str, Distribution] = {}
    waiting = deque([_normal(name)])
    while waiting:
        key = waiting.popleft()
        if key in found:
            continue
        try:
            found[key] = distribution(key)
        except PackageNotFoundError:  # for another system, or an extra that nobody asked for
            continue
        waiting.extend(_needs(found[key]))
    return found


def _needs(package: Distribution) -> set[str]:
    """Return what a package needs here, without its extras."""
    needs = (Requirement(text) for text in package.requires or ())
    environment: Mapping[str, str] = {"extra": ""}
    return {_normal(r.name) for r in needs if r.marker is None or r.marker.evaluate(dict(environment))}


def _component(package: Distribution, kind: str) -> dict[str, object]:
    reference = _reference(package)
    component: dict[str, object] = {"type": kind, "bom-ref": reference, "name": package.name}
    component |= {"version": package.version, "purl": reference}
    licence = _licence(package)
    return component | ({"licenses": [licence]} if licence else {})


def _licence(package: Distribution) -> dict[str, object]:
    """Return the licence as its package states it: an SPDX expression, or the words of older metadata."""
    said = package.metadata
    if "License-Expression" in said:
        return {"expression": said["License-Expression"]}
    named = [c.rpartition(" :: ")[2] for c in said.get_all("Classifier") or () if c.startswith("License ::")]
    words = named[0] if named else "".join(said.get_all("License") or ()).partition("\n")[0][:100]
    return {"license": {"name": words}} if words else {}


def _reference(package: Distribution) -> str:
    return f"pkg:pypi/{_normal(package.name)}@{package.version}"


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
