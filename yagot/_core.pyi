from collections.abc import Callable, Iterable
from typing import Any, Literal, TypedDict, TypeVar, final

_T = TypeVar("_T")

GENERATIONS: bool
LIBXML2_VERSION: str
__version__: str

class _Step(TypedDict):
    object: str
    path: str
    contents: str
    general: str
    maker: str
    defined: str
    made: str
    kind: str
    module: str
    qualname: str
    line: int
    edges: list[tuple[str, str]]

class _Hop(TypedDict):
    kind: str
    what: str
    module: str
    name: str
    defined: str
    state: str
    edge: str
    cut: str
    line: int
    weak: bool
    breaks: bool
    apart: bool
    others: bool
    rest: list[_Hop]

class _Description(TypedDict, total=False):
    parts: list[str]
    makers: list[str]
    left_out: list[str]
    hops: list[_Hop]
    steps: list[_Step]

class _Finding(_Description):
    kind: str
    concrete: str
    cause: str
    known: bool
    subject: str
    objects: int
    count: int
    cyclic: int
    cycles: int
    held_bytes: int
    cycle_length: int
    why: str
    references: int
    untracked: bool
    window: int
    origin: Literal["test", "before", "import"]
    types: dict[str, int]

class _Observation(TypedDict):
    born: int
    survivors: int
    candidates: int
    recurring: dict[str, tuple[int, int, int, int]]
    alive: list[object]
    garbage: int
    incomplete: str | None
    findings: list[_Finding]

_Left = tuple[object, int, int, int, tuple[str, int] | None, tuple[str, str | None, int] | None]

def path_to(object: object, around: list[object] = ..., /) -> tuple[str, list[object]]: ...
def type_name(object: object, /) -> str: ...
def count_types() -> dict[str, int]: ...
def heap_bytes() -> int | None: ...
def mapped_bytes() -> int: ...
def untrack(root: object, type: type, /) -> None: ...
def parts(object: object, type: type[_T], others: tuple[type, ...], /) -> list[_T]: ...
def copied(object: _T, /) -> _T: ...
def holds(dict: dict[Any, object], items: dict[Any, object], /) -> bool: ...
def clear_type_cache() -> None: ...
def waited() -> float: ...
def describe(object: object, /) -> tuple[str, str, str]: ...
def note_references() -> object: ...
def risen_references(before: object, runs: int, /) -> list[object]: ...
def unseen_references(objects: list[object], /) -> list[int]: ...
def watch_allocations() -> bool: ...
def next_run(stacks: bool, /) -> None: ...
def unwatch_allocations() -> None: ...
def left_blocks(types: list[type], /) -> list[_Left]: ...
def released_objects(type: type, /) -> int: ...
def has_in_body(object: object, size: int, other: object, /) -> bool: ...
def words_in_blocks(object: object, /) -> int: ...
def explain(objects: Iterable[object], /) -> list[_Finding]: ...
@final
class Ledger:
    @property
    def stacks(self) -> bool: ...
    @property
    def suspects(self) -> int: ...
    @property
    def waiting(self) -> int: ...
    @property
    def recognised(self) -> int: ...
    @property
    def tracked(self) -> int: ...
    @property
    def looked_at(self) -> int: ...
    def __new__(
        cls,
        describe: Callable[[object], str] | None = None,
        native: bool = False,
        modules: dict[str, int] = {},
        once: bool = False,
    ) -> Ledger: ...
    def start(self) -> None: ...
    def begin(self, dropped: tuple[object, ...] = ..., number: int = 0, /) -> None: ...
    def pause(self) -> None: ...
    def end(
        self,
        look: bool = True,
        references: bool = False,
        alive: bool = False,
        keep: bool = False,
        releaser: Callable[[Callable[[], None]], object] | None = None,
    ) -> _Observation | None: ...
    def check(self, references: bool = False, report: bool = True) -> list[_Finding]: ...
    def references(self) -> list[_Finding]: ...
    def forget(self, reported: bool = False, /) -> None: ...
    def put_off(self) -> None: ...
    def close(self) -> None: ...
    def _release(self) -> None: ...
    def _on_collection(self, phase: str, info: dict[str, Any], /) -> None: ...
    def _on_import(self, function: Any, /, *args: Any, **kwargs: Any) -> Any: ...

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
        path: bytes | None = None,
        ending: tuple[object, ...] | None = None,
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
    @property
    def reopened(self) -> bool: ...

@final
class JUnitMerger:
    def __new__(cls, spool: int, table: int, duplicates: str = "worst") -> JUnitMerger: ...
    def read(self, file: int, prefix: str = "", /) -> None: ...
    def write(self, file: int, name: str, cases: int = 0, bytes: int = 0, /) -> bool: ...
    @property
    def cases(self) -> int: ...
    @property
    def duplicates(self) -> tuple[int, list[str]]: ...
    @property
    def missing(self) -> tuple[int, list[str]]: ...
    @property
    def times(self) -> tuple[int, list[str]]: ...
