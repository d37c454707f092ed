from collections.abc import Callable, Iterable
from typing import Any, Literal, TypedDict, final

GENERATIONS: bool
LIBXML2_VERSION: str
__version__: str

class _Finding(TypedDict):
    kind: str
    signature: str
    objects: int
    count: int
    held_bytes: int
    cycle_length: int
    advice: str
    why: str
    steps: list[tuple[str, str, str, str, str]]
    types: dict[str, int]

class _Observation(TypedDict):
    born: int
    survivors: int
    garbage: int
    incomplete: str | None
    findings: list[_Finding]

def explain(objects: Iterable[object], /) -> list[_Finding]: ...
@final
class Ledger:
    def __new__(cls, describe: Callable[[object], str] | None = None) -> Ledger: ...
    def begin(self, owners: tuple[object, ...] = ..., /) -> None: ...
    def end(self, look: bool = True) -> _Observation | None: ...
    def close(self) -> None: ...
    def _on_collection(self, phase: str, info: dict[str, Any], /) -> None: ...

@final
class JUnitWriter:
    def __new__(
        cls,
        file: int,
        name: str,
        timestamp: str,
        hostname: str,
        properties: tuple[tuple[str, str], ...],
    ) -> JUnitWriter: ...
    def write(
        self,
        *,
        suite: str,
        file: str | None,
        classname: str,
        name: str,
        kind: Literal["failure", "error", "skipped"] | None,
        type: str | None,
        message: str | None,
        text: str | None,
        output: str | None,
        milliseconds: int,
        pending: bool,
    ) -> None: ...
    def close(self) -> None: ...
