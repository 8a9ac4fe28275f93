"""Reads a Word document."""

import io
import struct
import zipfile
import zlib
from xml.parsers.expat import ExpatError

import mammoth
from lxml import etree

from newsletter.sources.characters import clean_line
from newsletter.sources.documents import Document, DocumentError, lift_title
from newsletter.sources.facts import Facts, language_of, topics_of
from newsletter.sources.markup import read_markup
from newsletter.sources.sanitising import MarkupError

#: A document unpacks to no more than this; a bomb of 1 MB unpacks to a gigabyte.
UNPACKED_BYTES = 50_000_000

_PROPERTIES = "docProps/core.xml"
_NAMES = {
    "cp": "http://schemas.openxmlformats.org/package/2006/metadata/core-properties",
    "dc": "http://purl.org/dc/elements/1.1/",
}
#: Word's own styles beyond the headings that mammoth knows.
_STYLES = """
p[style-name='Title'] => h1:fresh
p[style-name='Subtitle'] => p:fresh
p[style-name='Quote'] => blockquote:fresh
p[style-name='Intense Quote'] => blockquote:fresh
"""
_DAMAGED = "is not a Word document: open it in Word and save it as .docx again"


def read(content: bytes) -> tuple[Document, ...]:
    """Return the one article in `content`. Title, author, language and keywords come from its properties.

    Pictures inside the document have no address that a mail could show, and are left out.

    Raises:
        DocumentError: It cannot be read.
    """
    if not content:
        raise DocumentError("is empty: write the article or remove the file")
    try:
        facts = _properties(content)
        converted = mammoth.convert_to_html(
            io.BytesIO(content), style_map=_STYLES, convert_image=mammoth.images.img_element(_no_picture)
        )
        markup = read_markup(converted.value)
    except MarkupError as error:
        raise DocumentError(str(error)) from error
    except (zipfile.BadZipFile, ExpatError, etree.XMLSyntaxError) as error:
        raise DocumentError(_DAMAGED) from error
    except (zlib.error, EOFError, RuntimeError, struct.error) as error:
        # A package that is cut, or locked with a password.
        raise DocumentError(_DAMAGED) from error
    except (LookupError, ValueError, AttributeError, TypeError, OSError, OverflowError, AssertionError) as error:
        # What mammoth raises over a document whose parts do not fit together; it has no error of its own.
        raise DocumentError(_DAMAGED) from error
    if not markup.blocks:
        raise DocumentError("is empty: write the article or remove the file")
    title, body = lift_title(markup.blocks)
    return (Document(title=title or facts.title, blocks=body, facts=facts, removed=markup.removed),)


def _no_picture(_: object) -> dict[str, str]:
    return {"src": ""}


def _properties(content: bytes) -> Facts:
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        if sum(part.file_size for part in package.infolist()) > UNPACKED_BYTES:
            raise DocumentError(f"unpacks to more than {UNPACKED_BYTES // 1_000_000} MB: take pictures out of it")
        if _PROPERTIES not in package.namelist():
            return Facts()
        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
        core = etree.fromstring(package.read(_PROPERTIES), parser)

    def told(name: str) -> str:
        return clean_line(core.findtext(name, "", _NAMES) or "")

    return Facts(
        title=told("dc:title"),
        author=told("dc:creator"),
        language=language_of(told("dc:language")),
        topics=topics_of(told("cp:keywords").replace(";", ",").split(",")),
    )
