"""Functions as they were when yagot was loaded: a test may replace those of the modules, and leave it at that."""

from __future__ import annotations

import atexit
import gc
import io
import json
import os
import sys
import threading
import time
from types import ModuleType


class originals:
    """Kept in a class: what looks for the clock's functions in modules, as freezegun does, must not find them."""

    collect = staticmethod(gc.collect)
    get_debug = staticmethod(gc.get_debug)
    set_debug = staticmethod(gc.set_debug)
    get_threshold = staticmethod(gc.get_threshold)
    set_threshold = staticmethod(gc.set_threshold)
    garbage = gc.garbage

    monotonic = staticmethod(time.monotonic)
    perf_counter = staticmethod(time.perf_counter)
    process_time = staticmethod(time.process_time)
    thread_time = staticmethod(time.thread_time)

    listdir = staticmethod(os.listdir)
    active_count = staticmethod(threading.active_count)
    registered_at_exit = staticmethod(atexit._ncallbacks)

    current_frames = staticmethod(sys._current_frames)
    getallocatedblocks = staticmethod(sys.getallocatedblocks)
    gettrace = staticmethod(sys.gettrace)
    settrace = staticmethod(sys.settrace)


def _copied(module: ModuleType) -> ModuleType:
    """A module with the functions that another one has now."""
    copy = ModuleType(module.__name__)
    vars(copy).update(vars(module))
    return copy


os, io, json = map(_copied, (os, io, json))
