"""The names of functions in extension modules that the dynamic linker does not know: those that are static."""

from __future__ import annotations

import struct

from yagot import __builtins__ as __builtins__
from yagot.originals import os

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_SYMTAB, _FUNCTION = 2, 2
_LARGEST = 1 << 28


def _sections(data: bytes) -> list[tuple[int, ...]]:
    header = _HEADER.unpack_from(data)
    offset, size, count = header[6], header[11], header[12]
    if header[0][:6] != b"\x7fELF\x02\x01" or size != _SECTION.size:
        return []
    return [_SECTION.unpack_from(data, offset + i * size) for i in range(count)]


def _symbol_at(data: bytes, offset: int) -> str | None:
    sections = _sections(data)
    for _, kind, _, _, start, length, link, _, _, _ in sections:
        if kind != _SYMTAB:
            continue
        names = sections[link][4]
        for name, info, _, _, value, size in _SYMBOL.iter_unpack(data[start : start + length]):
            if info & 15 == _FUNCTION and value <= offset < value + size:
                end = data.index(b"\0", names + name)
                return data[names + name : end].decode("ascii", "replace")
    return None


def function_at(library: str, symbol: str | None, offset: int) -> str:
    """``function (library)``, or just the library if its table of symbols was stripped."""
    if symbol is None:
        try:
            if os.path.getsize(library) <= _LARGEST:
                with open(library, "rb") as file:
                    symbol = _symbol_at(file.read(), offset)
        except (OSError, struct.error, ValueError, IndexError):
            symbol = None
    name = os.path.basename(library)
    return f"{symbol} ({name})" if symbol else name
