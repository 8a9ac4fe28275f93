"""Writes the smallest Word document that has headings, a list, a link and marks."""

import io
import zipfile
from collections.abc import Mapping
from xml.sax.saxutils import escape

_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_PARTS = {
    "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/><Override PartName="/word/document.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>',
    "_rels/.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship '
    'Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" '
    'Target="word/document.xml"/></Relationships>',
}
_STYLES = {"Title": "Title", "Heading1": "heading 1", "Heading2": "heading 2", "Quote": "Quote"}
_PROPERTIES = (
    '<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/">{}</cp:coreProperties>'
)


def make_docx(*paragraphs: tuple[str, str], properties: Mapping[str, str] | None = None, **parts: str | bytes) -> bytes:
    """Return a document of (style id, text) paragraphs; "" is the plain style."""
    body = "".join(
        f'<w:p><w:pPr><w:pStyle w:val="{style}"/></w:pPr><w:r><w:t>{escape(text)}</w:t></w:r></w:p>'
        for style, text in paragraphs
    )
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as package:
        for name, part in _PARTS.items():
            package.writestr(name, part)
        package.writestr("word/document.xml", f'<w:document xmlns:w="{_WORD}"><w:body>{body}</w:body></w:document>')
        styles = "".join(
            f'<w:style w:type="paragraph" w:styleId="{id}"><w:name w:val="{name}"/></w:style>'
            for id, name in _STYLES.items()
        )
        package.writestr("word/styles.xml", f'<w:styles xmlns:w="{_WORD}">{styles}</w:styles>')
        if properties:
            told = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in properties.items())
            package.writestr("docProps/core.xml", _PROPERTIES.format(told))
        for name, part in parts.items():
            package.writestr(name, part)
    return written.getvalue()
