"""Damaged JUnit XML made readable: every complete test case of it, wherever the damage is.

The file is looked at tag by tag, as bytes. What is complete is written again as good XML, which the core then reads;
what is not is counted. Only places in the file are held in memory.
"""

from __future__ import annotations

import codecs
import contextlib
import mmap
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from typing import BinaryIO

from yagot import __builtins__ as __builtins__

_NAME = rb"[A-Za-z_][\w.-]*"
_ATTRIBUTE = re.compile(rb"\s+((?:%s:)?%s)\s*=\s*(\"[^\"]*\"|'[^']*')" % (_NAME, _NAME))
_OPENING = re.compile(rb"<(?:%s:)?(%s)" % (_NAME, _NAME))
_OPENING_END = re.compile(rb"\s*(/?)>")
_CLOSING = re.compile(rb"</(?:%s:)?(%s)\s*>" % (_NAME, _NAME))
_DECLARATION = re.compile(rb"<!DOCTYPE[^\[>]*(\[.*?\]\s*)?>", re.DOTALL | re.IGNORECASE)
_ENCODING = re.compile(rb"^\s*<\?xml[^>]*?encoding\s*=\s*[\"']([\w.:-]+)[\"']")
_BOUNDARY = re.compile(rb"<(/?)(?:%s:)?(testcase|testsuites?)\b[^<>]*>?" % _NAME)
_LIKE_A_TAG = re.compile(rb"<[^\s<>=&][^<>]*?(=\s*[\"'][^<>]*|/)>")
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"), (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"), (b"<\0", "utf-16-le"), (b"\0<", "utf-16-be"),
)  # fmt: skip
_SECTION, _SECTION_END = b"<![CDATA[", b"]]>"
_PIECE = 1 << 20

_KNOWN = {
    b"failure", b"error", b"skipped", b"system-out", b"system-err", b"properties", b"property", b"rerunFailure",
    b"rerunError", b"flakyFailure", b"flakyError", b"stackTrace",
}  # fmt: skip
_RESULTS = {b"failure", b"error", b"skipped", b"system-out", b"system-err", b"properties"}
_CONTAINERS = {b"testsuite", b"testsuites"}
_BOUNDARIES = {b"testcase", *_CONTAINERS}

_UNWRITABLE = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_AMPERSAND = re.compile(r"&(?:(?:amp|lt|gt|quot|apos);|#(?:(\d{1,7})|x([0-9a-fA-F]{1,6}));)?")


class _Damage(Exception):
    """An element is not complete. *at*: where the rest of the file may be looked at again; *inside*: a test case or a
    suite begins in it."""

    def __init__(self, at: int, inside: bool = False) -> None:
        self.at, self.inside = at, inside


# -- characters -------------------------------------------------------------------------------------


def _visible(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def _readable(data: bytes) -> str:
    """As a str that XML can hold: what is no UTF-8 and what XML knows no character for is shown."""
    return _UNWRITABLE.sub(lambda found: _visible(found[0]), data.decode("utf-8", "backslashreplace"))


def _reference(found: re.Match[str]) -> str:
    """A reference as it is, if it means something; a lone & is one that was not escaped."""
    digits, hexadecimal = found[1], found[2]
    if digits is None and hexadecimal is None:
        return found[0] if len(found[0]) > 1 else "&amp;"
    code = int(digits) if digits else int(hexadecimal, 16)
    if code > 0x10FFFF:
        return "&amp;" + found[0][1:]
    return _visible(chr(code)) if _UNWRITABLE.match(chr(code)) else found[0]


def _text(data: bytes) -> str:
    text = _AMPERSAND.sub(_reference, _readable(data))
    return text.replace("<", "&lt;").replace("]]>", "]]&gt;")


def _section(data: bytes) -> str:
    return _SECTION.decode() + _readable(data).replace("]]>", "]]]]><![CDATA[>") + _SECTION_END.decode()


def _attribute(quoted: bytes) -> str:
    return quoted[:1].decode() + _text(quoted[1:-1]) + quoted[-1:].decode()


# -- the file ---------------------------------------------------------------------------------------


def _encoding_of(head: bytes) -> str | None:
    """The encoding of a file whose bytes are not nearly ASCII's; None for UTF-8 and what is taken for it."""
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    declared = _ENCODING.match(head.removeprefix(codecs.BOM_UTF8))
    try:
        name = codecs.lookup(declared[1].decode()).name if declared else "utf-8"
    except LookupError:
        return None
    return None if name in ("utf-8", "ascii") or name.startswith(("utf-16", "utf-32")) else name


@contextlib.contextmanager
def _as_utf8(path: str) -> Iterator[mmap.mmap | bytes]:
    """The file's bytes, in UTF-8 as far as they are good."""
    with contextlib.ExitStack() as stack:
        file: BinaryIO = stack.enter_context(open(path, "rb"))
        encoding = _encoding_of(file.read(200))
        file.seek(0)
        if encoding is not None:
            copy = stack.enter_context(tempfile.TemporaryFile())
            try:
                decoder = codecs.getincrementaldecoder(encoding)("backslashreplace")
                while data := file.read(_PIECE):
                    copy.write(decoder.decode(data).encode("utf-8", "backslashreplace"))
                copy.write(decoder.decode(b"", final=True).encode("utf-8", "backslashreplace"))
                file = copy
            except (LookupError, UnicodeError):
                file.seek(0)
        file.flush()
        if os.fstat(file.fileno()).st_size == 0:
            yield b""
        else:
            yield stack.enter_context(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


# -- elements ---------------------------------------------------------------------------------------

# A complete element is a list of pieces: markup that is ready, or a place in the file and what makes it readable.
_Piece = str | tuple[int, int, Callable[[bytes], str]]


class Mender:
    """Writes what is complete in a damaged file; then *left_out* test cases are known to be lost, and *dropped* other
    tags."""

    def __init__(self, data: mmap.mmap | bytes, out: BinaryIO, seems_good: bool = False) -> None:
        """*seems_good*: the file can be read as it is."""
        self._data, self._out, self._seems_good = data, out, seems_good
        self._size = len(data)
        self._prefixes: dict[bytes, bytes] = {}
        self._root, self._root_name = -1, b"testsuites"
        self._open: list[bytes] = []
        self._waiting: list[list[_Piece]] = []
        self.left_out = self.dropped = 0

    # markup

    def _tag(self, at: int, lenient: bool = False) -> tuple[bytes, str, int, bool]:
        """The start tag there: its name, its attributes as markup, where it ends, whether it is empty. Raises _Damage;
        *lenient*: takes what can be read of it."""
        name = _OPENING.match(self._data, at)
        if name is None:
            raise _Damage(at + 1)
        found: dict[bytes, bytes] = {}
        end = name.end()
        while attribute := _ATTRIBUTE.match(self._data, end):
            if re.search(rb"</?(?:\w+:)?test(case|suite)", attribute[2]):
                break
            found.setdefault(attribute[1], attribute[2])
            end = attribute.end()
        closing = _OPENING_END.match(self._data, end)
        if closing is None and lenient:
            stop = self._data.find(b"<", end)
            limit = self._data.find(b">", end, stop if stop >= 0 else self._size)
            # a value that lost its end has taken in what is before the next quote
            found = {key: value for key, value in found.items() if not value[:-1].endswith(b"=")}
            for attribute in _ATTRIBUTE.finditer(self._data, end, limit if limit >= 0 else end):
                found.setdefault(attribute[1], attribute[2])
            self.dropped += 1
            end = limit + 1 if limit >= 0 else end
            return name[1], self._attributes(found), end, limit > 0 and self._data[limit - 1 : limit] == b"/"
        if closing is None:
            raise _Damage(end)
        return name[1], self._attributes(found), closing.end(), bool(closing[1])

    def _attributes(self, found: dict[bytes, bytes]) -> str:
        """Attributes as markup, each prefix declared where it is used; elements need no namespaces."""
        markup, declared = "", {b"xml", b"xmlns"}
        for name, value in found.items():
            if name.startswith(b"xmlns:"):
                self._prefixes[name[6:]] = value
        for name, value in found.items():
            prefix, colon, _ = name.rpartition(b":")
            if name == b"xmlns" or prefix == b"xmlns":
                continue
            if colon and prefix not in declared:
                uri = self._prefixes.get(prefix, b'""')
                uri = uri if len(uri) > 2 else b'"urn:%s"' % prefix
                markup += f" xmlns:{prefix.decode()}={_attribute(uri)}"
                declared.add(prefix)
            markup += f" {name.decode()}={_attribute(value)}"
        return markup

    def _aside(self, at: int) -> tuple[int, bool] | None:
        """Where the comment, instruction or declaration there ends, and whether it may stand in an element."""
        for start, end in ((b"<!--", b"-->"), (b"<?", b"?>")):
            if self._data[at : at + len(start)] == start:
                stop = self._data.find(end, at + len(start))
                case = self._data.find(b"testcase", at, stop if stop >= 0 else self._size)
                # what lost its end takes in what comes behind it
                return (stop + len(end), True) if stop >= 0 and case < 0 else None
        return None

    def _section_end(self, at: int, element: bytes) -> int:
        """Where the text of a CDATA section in an element ends; -1 if that is torn: another begins, or the file ends,
        before. Of a file that seems to be good, the text must also close what is open here."""
        stop = self._data.find(_SECTION_END, at)
        if stop < 0:
            return -1
        torn = self._data.find(_SECTION, at, stop) >= 0 and self._data.find(b"testcase", at, stop) >= 0
        if torn and self._seems_good:
            closing = rb"</(?:%s:)?%s\s*>\s*</(?:%s:)?test(case|suite)\s*>" % (_NAME, re.escape(element), _NAME)
            torn = re.compile(closing).search(self._data, at, stop) is not None
        return -1 if torn else stop

    def _element(self, at: int, only_known: bool = False) -> tuple[list[_Piece], int]:
        """The complete element there, and where it ends. *only_known*: tags that JUnit has no names for are text.
        Raises _Damage."""
        name, attributes, at, empty = self._tag(at)
        pieces: list[_Piece] = [f"<{name.decode()}{attributes}{'/' if empty else ''}>"]
        path = [] if empty else [name]
        while path:
            following = self._data.find(b"<", at)
            if following < 0:
                raise _Damage(self._size)
            if following > at:
                pieces.append((at, following, _text))
            at = self._step(following, path, pieces, only_known)
        return pieces, at

    def _step(self, at: int, path: list[bytes], pieces: list[_Piece], only_known: bool) -> int:
        """Takes what begins with < inside an element; returns where it ends."""
        if self._data[at : at + len(_SECTION)] == _SECTION:
            start = at + len(_SECTION)
            end = self._section_end(start, path[-1])
            if end < 0:
                return start
            pieces.append((start, end, _section))
            return end + len(_SECTION_END)
        if aside := self._aside(at):
            return aside[0]
        if closing := _CLOSING.match(self._data, at):
            return self._close(closing, path, pieces, only_known)
        opening = _OPENING.match(self._data, at)
        if opening and opening[1] in _BOUNDARIES:
            raise _Damage(at, inside=True)
        if opening and (not only_known or opening[1] in _KNOWN):
            try:
                name, attributes, end, empty = self._tag(at)
            except _Damage:
                if only_known or self._data[at : at + 1] != b"<":
                    raise
            else:
                pieces.append(f"<{name.decode()}{attributes}{'/' if empty else ''}>")
                path += [] if empty else [name]
                return end
        elif not opening and _LIKE_A_TAG.match(self._data, at):
            raise _Damage(at + 1)
        pieces.append("&lt;")
        return at + 1

    @staticmethod
    def _close(closing: re.Match[bytes], path: list[bytes], pieces: list[_Piece], only_known: bool) -> int:
        name = closing[1]
        if name == path[-1]:
            path.pop()
            pieces.append(f"</{name.decode()}>")
        elif only_known and name not in _KNOWN | _BOUNDARIES:
            pieces.append(_text(closing[0]))
        else:
            raise _Damage(closing.start())
        return closing.end()

    def _complete(self, at: int) -> tuple[list[_Piece], int]:
        """The element there; text with < in it that was not escaped is no damage. Raises _Damage."""
        try:
            return self._element(at)
        except _Damage as damage:
            try:
                return self._element(at, only_known=True)
            except _Damage:
                raise damage from None

    # writing

    def _write(self, text: str) -> None:
        self._out.write(text.encode())

    def _write_pieces(self, pieces: list[_Piece]) -> None:
        for piece in pieces:
            if isinstance(piece, str):
                self._write(piece)
                continue
            start, end, convert = piece
            while start < end:
                stop = self._cut(start, end)
                self._write(convert(self._data[start:stop]))
                start = stop
        self._write("\n")

    def _cut(self, start: int, end: int) -> int:
        """An end for a piece of a text: between two characters, and not in a reference."""
        if end - start <= _PIECE:
            return end
        stop = start + _PIECE
        for space in range(stop, stop + 4096):
            if self._data[space : space + 1] in (b" ", b"\n"):
                return min(space, end)
        while self._data[stop] & 0xC0 == 0x80:
            stop -= 1
        return stop

    def _flush(self) -> None:
        """What waited belongs to the suite: no end of a test case came behind it."""
        for pieces in self._waiting:
            self._write_pieces(pieces)
        self._waiting.clear()

    # suites

    def _open_suite(self, at: int) -> int:
        self._flush()
        name, attributes, end, empty = self._tag(at, lenient=True)
        if name != b"testsuites":
            self._write(f"<testsuite{attributes}>\n" + ("</testsuite>\n" if empty else ""))
            self._open += [] if empty else [name]
        return end

    def _close_suite(self) -> None:
        self._flush()
        if self._open:
            self._open.pop()
            self._write("</testsuite>\n")

    def _close_suites(self) -> None:
        self._flush()
        while self._open:
            self._close_suite()

    def _take_closing(self, closing: re.Match[bytes]) -> int:
        name = closing[1]
        if name == b"testcase":
            # its beginning is lost, and what there was of it is no suite's
            self._waiting.clear()
            self.left_out += 1
        elif name in (b"testsuites", self._root_name):
            self._close_suites()
        elif name in self._open or name.startswith(b"test") or name.endswith(b"suite"):
            self._close_suite()
        else:
            self.dropped += 1
        return closing.end()

    def _behind_case(self, at: int) -> int:
        """Where to go on behind a test case that is damaged here: it ends where another begins, or the suite ends."""
        boundary = _BOUNDARY.search(self._data, at)
        if boundary is None:
            return self._size
        return boundary.end() if boundary[1] and boundary[2] == b"testcase" else boundary.start()

    def _take_element(self, at: int, name: bytes) -> int:
        """An element of a suite; returns where to go on."""
        try:
            pieces, end = self._complete(at)
        except _Damage as damage:
            if name == b"testcase":
                self._flush()
                self.left_out += 1
            elif damage.inside and name not in _KNOWN:
                return self._open_suite(at)
            else:
                self.dropped += 1
            return self._behind_case(max(damage.at, at + 1)) if name == b"testcase" else at + 1
        if name in _RESULTS:
            self._waiting.append(pieces)
        else:
            self._flush()
            self._write_pieces(pieces)
        return end

    def _take(self, at: int) -> int:
        """Takes what begins with < between elements; returns where to go on."""
        if aside := self._aside(at):
            return aside[0]
        if declaration := _DECLARATION.match(self._data, at):
            return declaration.end()
        if closing := _CLOSING.match(self._data, at):
            return self._take_closing(closing)
        opening = _OPENING.match(self._data, at)
        if opening is None:
            self.dropped += 1
            return at + 1
        if opening[1] in _CONTAINERS:
            return self._open_suite(at)
        return self._take_element(at, opening[1])

    def _find_root(self) -> str:
        """The attributes of the root, which is no suite; each of several files has one, and the first counts."""
        found = re.search(rb"<(?:%s:)?testsuites\b" % _NAME, self._data)
        if found is None:
            found = re.search(rb"<(?:%s:)?%s" % (_NAME, _NAME), self._data)
        opening = _OPENING.match(self._data, found.start()) if found else None
        if opening is None or opening[1] in (b"testsuite", b"testcase"):
            return ""
        self._root, self._root_name = opening.start(), opening[1]
        return self._tag(self._root, lenient=True)[1]

    def mend(self) -> None:
        """Writes the file anew."""
        self._write(f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites{self._find_root()}>\n')
        self.dropped = 0
        at = self._data.find(b"<")
        while at >= 0:
            at = self._data.find(b"<", self._tag(at, lenient=True)[2] if at == self._root else self._take(at))
        self._close_suites()
        self._write("</testsuites>\n")


def mend(path: str, out: BinaryIO, seems_good: bool = False) -> Mender:
    """Writes what is complete in a file to another. Raises OSError."""
    with _as_utf8(path) as data:
        mender = Mender(data, out, seems_good)
        mender.mend()
    out.flush()
    return mender
