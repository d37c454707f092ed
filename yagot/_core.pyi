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
    references: int
    untracked: bool
    label: int
    steps: list[tuple[str, str, str, str, str]]
    types: dict[str, int]

class _Observation(TypedDict):
    born: int
    survivors: int
    held: int
    recurring: dict[str, tuple[int, int, int, int]]
    alive: list[object]
    garbage: int
    incomplete: str | None
    findings: list[_Finding]

def path_to(object: object, /) -> str: ...
def type_name(object: object, /) -> str: ...
def count_types() -> dict[str, int]: ...
def heap_bytes() -> int | None: ...
def explain(objects: Iterable[object], /) -> list[_Finding]: ...
@final
class Ledger:
    @property
    def stacks(self) -> bool: ...
    @property
    def suspects(self) -> int: ...
    @property
    def waiting(self) -> int: ...
    def __new__(cls, describe: Callable[[object], str] | None = None, native: bool = False) -> Ledger: ...
    def begin(self, owners: tuple[object, ...] = ..., number: int = 0, /) -> None: ...
    def end(
        self, look: bool = True, references: bool = False, alive: bool = False, keep: bool = False
    ) -> _Observation | None: ...
    def check(self, references: bool = False, tell: bool = True) -> list[_Finding]: ...
    def references(self) -> list[_Finding]: ...
    def forget(self, told: bool = False, /) -> None: ...
    def put_off(self) -> None: ...
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
        family: Literal["xunit2", "xunit1", "ant"] = "xunit2",
    ) -> JUnitWriter: ...
    def write(
        self,
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
        line: int,
        /,
    ) -> None: ...
    def close(self) -> None: ...

@final
class JUnitMerger:
    def __new__(cls, spool: int) -> JUnitMerger: ...
    def read(self, file: int, prefix: str = "", /) -> None: ...
    def write(self, file: int, name: str, cases: int = 0, bytes: int = 0, /) -> bool: ...
    @property
    def cases(self) -> int: ...
    @property
    def duplicates(self) -> int: ...
