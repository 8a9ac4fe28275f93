"""Reads the articles in a file or a folder: Markdown, HTML, Word and plain text."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from newsletter.ports import Pull, SourceError
from newsletter.sources import docx, html, markdown, text
from newsletter.sources.collecting import Collector, merged
from newsletter.sources.documents import Document, DocumentError, decode
from newsletter.sources.facts import Facts, FactsError, load_yaml, parse_facts

#: How each kind of file is read, by the end of its name.
FORMATS: Mapping[str, Callable[[bytes], tuple[Document, ...]]] = {
    ".md": markdown.read,
    ".markdown": markdown.read,
    ".html": html.read,
    ".htm": html.read,
    ".docx": docx.read,
    ".txt": text.read,
}

#: A Word document may carry large pictures; nothing that is an article is larger.
FILE_BYTES = 20_000_000

#: What stands beside a file that cannot hold it: `retinol.docx` has `retinol.docx.meta.yaml`.
SIDECAR = ".meta.yaml"

#: What articles may have beside them: pictures, and what pages are made of. Everything else we name.
_COMPANIONS = frozenset({".png", ".jpg", ".jpeg", ".gif", ".webp", ".avif", ".svg", ".css", ".js", ".ico"})


@dataclass(frozen=True, slots=True)
class FolderSource:
    """A file or a folder of articles. Ids begin with the source's name, so that two folders never mix."""

    name: str
    path: Path

    def pull(self, memory: dict[str, str]) -> Pull:
        """Return the same as `pulls`, as one."""
        return merged(self.pulls(memory))

    def pulls(self, memory: dict[str, str]) -> Iterator[Pull]:
        """Yield what the folder holds now, in parts, so that a large one takes no more room than a small one.

        Raises:
            SourceError: There is no such file or folder.
        """
        return _read(self.path, self.name)


def read(path: Path, source: str = "") -> Pull:
    """Return the articles in the file or folder `path`, in the order of their names.

    An article's id is the one it carries, else its address, else its file's path below `path`; articles that
    share a file are counted (`tips.txt#2`).

    Raises:
        SourceError: There is no such file or folder.
    """
    return merged(_read(path, source))


def _read(path: Path, source: str) -> Iterator[Pull]:
    collector = Collector(source)
    root = path if path.is_dir() else path.resolve().parent
    for file, name in _files(path):
        _add(collector, file, name, root)
        yield from collector.full_batches()
    yield collector.result()


def _add(collector: Collector, file: Path, name: str, root: Path) -> None:
    """Read one file; what is wrong with it concerns no other."""
    try:
        documents = _read_file(file, root)
    except DocumentError as error:
        collector.leave_out(name, str(error))
        return
    for number, document in enumerate(documents, start=1):
        counted = f"#{number}" if len(documents) > 1 else ""
        own = document.facts.id or document.facts.url or name
        collector.keep(document, f"{own}{counted}", f"{name}{counted}")


def _files(path: Path) -> Iterator[tuple[Path, str]]:
    """Yield each file with its name below `path`: with slashes, the same on every machine."""
    if path.is_file():
        yield path, path.name
        return
    if not path.is_dir():
        raise SourceError(f"There is no file or folder {str(path)!r}: check the path, or create it")
    for file in sorted(path.rglob("*"), key=lambda f: f.relative_to(path).as_posix()):
        relative = file.relative_to(path)
        if any(part.startswith((".", "~$")) for part in relative.parts) or file.is_dir():
            continue
        if file.name.endswith(SIDECAR) or file.suffix.lower() in _COMPANIONS:
            continue
        yield file, PurePosixPath(relative).as_posix()


def _read_file(file: Path, root: Path) -> tuple[Document, ...]:
    if file.is_symlink() and file.exists() and not file.resolve().is_relative_to(root.resolve()):
        raise DocumentError("leads out of the folder: put the file itself there")
    reader = FORMATS.get(file.suffix.lower())
    if reader is None:
        raise DocumentError(f"is not a kind of file we read: save it as {', '.join(sorted(FORMATS))}")
    documents = reader(_content(file))
    return _completed(documents, file.with_name(file.name + SIDECAR))


def _content(file: Path) -> bytes:
    try:
        size = file.stat().st_size
        if size > FILE_BYTES:
            limit = FILE_BYTES // 1_000_000
            raise DocumentError(f"has {size / 1_000_000:.0f} MB, and an article at most {limit}: split it")
        return file.read_bytes()
    except OSError as error:
        raise DocumentError(f"cannot be read ({error.strerror}): check its permissions") from error


def _completed(documents: tuple[Document, ...], sidecar: Path) -> tuple[Document, ...]:
    """Return `documents` with what stands in the file beside them; what that says goes before."""
    if not sidecar.is_file():
        return documents
    try:
        written = load_yaml(decode(_content(sidecar)))
        common = parse_facts(written)
        each = [parse_facts(item) for item in _items(written)]
    except (FactsError, DocumentError) as error:
        raise DocumentError(f"has a companion, {sidecar.name}, that {error}") from error
    each += [Facts()] * (len(documents) - len(each))
    return tuple(_with(document, own.over(common)) for document, own in zip(documents, each, strict=False))


def _items(written: Mapping[str, object]) -> list[Mapping[str, object]]:
    items = written.get("articles", [])
    if isinstance(items, list) and all(isinstance(item, dict) for item in items):
        return items
    raise FactsError("says articles:, which takes a list with the facts of each article in turn")


def _with(document: Document, facts: Facts) -> Document:
    return replace(document, title=facts.title or document.title, facts=facts.over(document.facts))
