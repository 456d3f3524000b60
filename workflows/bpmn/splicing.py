"""A changed tree as bytes: what has not been touched keeps every byte that it came with."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias
from xml.sax.saxutils import escape

from lxml import etree

Element: TypeAlias = etree._Element
# Markup of a well-formed document without a document type. Quotes hide “>” in a start tag.
_MARKUP = re.compile(
    rb"<!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?.*?\?>|</[^>]*>"
    rb"|<[^!?/](?:[^>\"']|\"[^\"]*\"|'[^']*')*>",
    re.DOTALL,
)
_IN_ATTRIBUTE = {'"': "&quot;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}
_XML = "http://www.w3.org/XML/1998/namespace"


@dataclass(slots=True)
class Span:
    """Where an element, comment or instruction stands: its begin, the end of its start tag, the
    begin of its end tag and its end, as places in the bytes, and where the texts end that begin
    behind its start tag and its end; and what it said.
    """

    begin: int
    opened: int
    closing: int
    end: int
    text_end: int = 0
    tail_end: int = 0
    tag: object = None
    attributes: tuple[tuple[str, str], ...] = ()
    text: str | None = None
    tail: str | None = None
    children: tuple[Element, ...] = ()


class Splice:
    """A document's bytes and its tree, which may be changed before `written` is asked for.

    The bytes are well-formed XML without a document type, in an encoding whose first 128 bytes are
    ASCII; others are written anew as a whole.
    """

    def __init__(self, data: bytes) -> None:
        parser = etree.XMLParser(
            resolve_entities=False, load_dtd=False, no_network=True, strip_cdata=False
        )
        self.data, self.root = data, etree.fromstring(data, parser)
        self.encoding = self.root.getroottree().docinfo.encoding or "UTF-8"
        self._newline = "\r\n" if b"\r\n" in data else "\n"
        self._spans = dict(self._found()) if _is_ascii_compatible(data) else {}

    def written(self) -> bytes:
        """The document with its changes."""
        if self.root not in self._spans:
            return etree.tostring(
                self.root.getroottree(), encoding=self.encoding, xml_declaration=True
            )
        span, scope = self._spans[self.root], self._missing()
        middle = b"".join(self._node(self.root, scope))
        return self.data[: span.begin] + middle + self.data[span.end :]

    def _missing(self) -> dict[str, str]:
        """Namespaces of what is new that the root can declare once for all, by prefix."""
        known = self.root.nsmap
        found: dict[str, str] = {}
        for node in self.root.iter(etree.Element):
            span = self._spans.get(node)
            if span is None or not self._is_start_kept(node, span):
                for prefix, uri in node.nsmap.items():
                    if prefix and prefix not in known and uri not in known.values():
                        found.setdefault(prefix, uri)
        return found

    def _found(self) -> Iterator[tuple[Element, Span]]:
        """Each node of the tree with its place, in the order in which they begin."""
        nodes = self.root.iter()
        opened: list[Span] = []
        last: Span | None = None  # what has ended last, if nothing has begun since
        for found in _MARKUP.finditer(self.data):
            markup, (begin, end) = found[0], found.span()
            is_leaf = markup.startswith((b"<!--", b"<?"))
            if markup.startswith(b"<![CDATA[") or (is_leaf and not opened):
                continue
            if last is not None:
                last.tail_end = begin
            elif opened:
                opened[-1].text_end = opened[-1].text_end or begin
            if markup.startswith(b"</"):
                last = opened.pop()
                last.closing, last.end = begin, end
            else:
                node = next(nodes)
                span = _span(node, begin, end)
                yield node, span
                last = span if is_leaf or markup.endswith(b"/>") else None
                if last is None:
                    opened.append(span)
            if not opened:
                return

    def _node(self, node: Element, scope: Mapping[str, str]) -> Iterator[bytes]:
        span = self._spans.get(node)
        if not isinstance(node.tag, str):
            if span is not None:
                yield self.data[span.begin : span.end]
            else:
                yield self._encoded(etree.tostring(node, encoding="unicode", with_tail=False))
            return
        is_kept = span is not None and node is not self.root and not self._is_changed(node, span)
        if span is not None and is_kept and not any(map(self._is_changed_within, node)):
            yield self.data[span.begin : span.end]
            return
        yield from self._element(node, span, scope)

    def _element(
        self, node: Element, span: Span | None, scope: Mapping[str, str]
    ) -> Iterator[bytes]:
        was_open = span is not None and span.text_end > 0
        is_empty = not len(node) and not node.text and not was_open
        yield self._start(node, span, scope, is_empty=is_empty)
        if is_empty:
            return
        if span is not None and was_open and span.text == node.text:
            yield self.data[span.opened : span.text_end]
        else:
            yield self._text(node.text)
        for child in node:
            yield from self._node(child, scope)
            yield self._tail(child)
        if span is not None and was_open and span.tag == node.tag:
            yield self.data[span.closing : span.end]
        else:
            yield self._encoded(f"</{_name(node, node.tag)}>")

    def _start(
        self, node: Element, span: Span | None, scope: Mapping[str, str], *, is_empty: bool
    ) -> bytes:
        added = scope if node is self.root else {}
        if span is not None and self._is_start_kept(node, span):
            start = self.data[span.begin : span.opened]
            was_empty = start.endswith(b"/>")
            bare = start[:-2].rstrip() if was_empty else start[:-1]
            more = "".join(f' xmlns:{prefix}="{uri}"' for prefix, uri in added.items())
            if not more and (is_empty or not was_empty):
                return start
            return bare + self._encoded(f"{more}{'/>' if is_empty and was_empty else '>'}")
        parent = node.getparent()
        known = {} if parent is None else dict(parent.nsmap)
        spaces = {
            prefix: uri
            for prefix, uri in node.nsmap.items()
            if known.get(prefix) != uri and scope.get(prefix or "") != uri
        }
        given = [(f"xmlns:{prefix}" if prefix else "xmlns", uri) for prefix, uri in spaces.items()]
        given += [(f"xmlns:{prefix}", uri) for prefix, uri in added.items()]
        given += [(_name(node, name), value) for name, value in node.attrib.items()]
        inside = "".join(f' {name}="{escape(value, _IN_ATTRIBUTE)}"' for name, value in given)
        return self._encoded(f"<{_name(node, node.tag)}{inside}{'/>' if is_empty else '>'}")

    def _tail(self, node: Element) -> bytes:
        span = self._spans.get(node)
        if span is not None and span.tail_end and span.tail == node.tail:
            return self.data[span.end : span.tail_end]
        return self._text(node.tail)

    def _text(self, text: str | None) -> bytes:
        return self._encoded(escape(text or "", {"\r": "&#13;"}))

    def _encoded(self, text: str) -> bytes:
        if self._newline != "\n":
            text = text.replace("\n", self._newline)
        return text.encode(self.encoding, "xmlcharrefreplace")

    def _is_start_kept(self, node: Element, span: Span) -> bool:
        return span.tag == node.tag and span.attributes == tuple(node.attrib.items())

    def _is_changed(self, node: Element, span: Span) -> bool:
        return not (
            self._is_start_kept(node, span)
            and span.text == node.text
            and span.children == tuple(node)
        )

    def _is_changed_within(self, node: Element) -> bool:
        span = self._spans.get(node)
        return (
            span is None
            or span.tail != node.tail
            or (
                isinstance(node.tag, str)
                and (
                    self._is_changed(node, span)
                    or any(self._is_changed_within(one) for one in node)
                )
            )
        )


def _span(node: Element, begin: int, end: int) -> Span:
    span = Span(begin, end, end, end, tag=node.tag, text=node.text, tail=node.tail)
    if isinstance(node.tag, str):
        span.attributes, span.children = tuple(node.attrib.items()), tuple(node)
    return span


def _name(node: Element, name: object) -> str:
    """A name as it is written at a node, with the prefix that is in force there."""
    uri, _, bare = str(name)[1:].rpartition("}") if str(name).startswith("{") else ("", "", name)
    if not uri:
        return str(bare)
    if uri == _XML:
        return f"xml:{bare}"
    is_element = name == node.tag
    if is_element:
        return f"{node.prefix}:{bare}" if node.prefix else str(bare)
    prefix = next((p for p, one in node.nsmap.items() if one == uri and p), None)
    return f"{prefix}:{bare}" if prefix else str(bare)


def _is_ascii_compatible(data: bytes) -> bool:
    return not data.startswith((b"\xff\xfe", b"\xfe\xff", b"<\x00", b"\x00<"))
