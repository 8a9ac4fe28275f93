"""Reads what stands beside an article's text: front matter, or a sidecar file of the same form."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime

import yaml

try:  # the same reader in C, ten times as fast, where PyYAML was built with it
    from yaml import CSafeLoader as SafeLoader
except ImportError:
    from yaml import SafeLoader  # type: ignore[assignment]

from newsletter.sources.characters import NAME_CHARACTERS, clean_line
from newsletter.sources.links import absolute

#: Front matter is a dozen lines; more is a text that happens to begin with a rule.
FACTS_CHARACTERS = 16_384

#: Spellings people use, and ours.
_SPELLINGS = {"tags": "topics", "date": "published_at", "published": "published_at", "lang": "language"}

_FENCED = re.compile(r"\A---[ \t]*\r?\n(.*?)^(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}")
_TOPICS = 20
_TOPIC_CHARACTERS = 60


class _Plain(SafeLoader):
    """Reads every value as it is written: `language: no` is Norwegian, not False."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 - PyYAML's own attribute


class FactsError(Exception):
    """What stands beside the text cannot be understood; the message says what would do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What stands beside an article's text. Empty means: not said."""

    id: str = ""
    title: str = ""
    url: str = ""
    author: str = ""
    language: str = ""
    topics: tuple[str, ...] = ()
    published_at: datetime | None = None
    approved_by: str = ""
    approved_at: datetime | None = None

    def over(self, other: "Facts") -> "Facts":
        """Return these facts, completed by `other` where they say nothing."""
        return replace(other, **{f.name: value for f in fields(self) if (value := getattr(self, f.name))})


def split_front_matter(text: str) -> tuple[Facts, str]:
    """Return the facts between `---` lines at the top of `text`, and the rest.

    Raises:
        FactsError: There is front matter, but it cannot be understood.
    """
    if not text.startswith("---"):
        return Facts(), text
    fenced = _FENCED.match(text)
    if not fenced:
        if ":" in text.partition("\n")[2].partition("\n")[0]:
            raise FactsError("has front matter without a closing line: end it with a line of three hyphens")
        return Facts(), text
    return parse_facts(load_yaml(fenced[1])), text[fenced.end() :]


def load_yaml(text: str) -> Mapping[str, object]:
    """Return the names and values written in `text`.

    Raises:
        FactsError: It is not YAML, or not names with values.
    """
    if len(text) > FACTS_CHARACTERS:
        raise FactsError(f"has front matter longer than {FACTS_CHARACTERS:,} characters: shorten it")
    try:
        loaded = _Plain(text).get_single_data()
    except yaml.MarkedYAMLError as error:
        line = f" on line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise FactsError(f"has front matter that is not YAML{line}: write one `name: value` on each line") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise FactsError("has front matter that is not YAML: write one `name: value` on each line") from error
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        raise FactsError("has front matter without names and values: write one `name: value` on each line")
    return {str(name): value for name, value in loaded.items()}


def parse_facts(written: Mapping[str, object]) -> Facts:
    """Return the facts that `written` tells. Names we do not know are left alone.

    Raises:
        FactsError: A value is of a kind that its name cannot take.
    """
    told: dict[str, object] = {}
    for name, value in written.items():
        key = _SPELLINGS.get(name.casefold(), name.casefold())
        if key in _READERS and value:
            told[key] = _READERS[key](name, value)
    return Facts(**told)  # type: ignore[arg-type]


def parse_time(name: str, value: object) -> datetime:
    """Return the instant that `value` tells; without a zone it is UTC, without a time midnight.

    Raises:
        FactsError: It is no date.
    """
    try:
        told = datetime.fromisoformat(_line(name, value))
        return (told if told.tzinfo else told.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise FactsError(_wrong(name, value, "a date like 2026-11-23 or 2026-11-23T09:00:00Z")) from error


def topics_of(names: Iterable[str]) -> tuple[str, ...]:
    """Return `names` as topics: small letters, each once, in the order given."""
    clean = (clean_line(name, _TOPIC_CHARACTERS).casefold() for name in names)
    return tuple(dict.fromkeys(topic for topic in clean if topic))[:_TOPICS]


def language_of(written: str) -> str:
    """Return a language tag (BCP 47) in our spelling, or "" when `written` is none."""
    tag = written.strip().replace("_", "-")
    tag = tag[:3].lower() + tag[3:] if tag[2:3] != "-" else tag[:2].lower() + tag[2:]
    return tag if _LANGUAGE.fullmatch(tag) else ""


def _line(name: str, value: object) -> str:
    if isinstance(value, str):
        return clean_line(value)
    raise FactsError(_wrong(name, value, "one line of text"))


def _name(name: str, value: object) -> str:
    if isinstance(value, list):
        return clean_line(", ".join(_line(name, part) for part in value[:10]), NAME_CHARACTERS)
    return clean_line(_line(name, value), NAME_CHARACTERS)


def _topics(name: str, value: object) -> tuple[str, ...]:
    if isinstance(value, list):
        return topics_of(_line(name, part) for part in value)
    return topics_of(_line(name, value).split(","))


def _language(name: str, value: object) -> str:
    if language := language_of(_line(name, value)):
        return language
    raise FactsError(_wrong(name, value, "a language like en or pt-BR"))


def _url(name: str, value: object) -> str:
    url = absolute(_line(name, value))
    if url.startswith("http"):
        return url
    raise FactsError(_wrong(name, value, "an address like https://example.org/retinol"))


def _wrong(name: str, value: object, wanted: str) -> str:
    return f"says {name}: {clean_line(repr(value), 60)}, which takes {wanted}"


_READERS = {
    "id": _line,
    "title": _line,
    "url": _url,
    "author": _name,
    "language": _language,
    "topics": _topics,
    "published_at": parse_time,
    "approved_by": _name,
    "approved_at": parse_time,
}
