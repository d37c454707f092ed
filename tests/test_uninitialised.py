"""Objects that were never initialised: their C code may follow pointers that only __init__ sets, so nothing of it may
be called. Every type of the standard library and of NumPy that __new__ alone makes an object of."""

MAKE = """
    import gc, importlib, os, sys, unittest, warnings

    LEFT_OUT = {"antigravity", "this", "idlelib", "test", "turtledemo", "lib2to3", "__main__", "__phello__", "tkinter"}

    def load():
        for name in sorted(sys.stdlib_module_names - LEFT_OUT) + ["numpy"]:
            try:
                importlib.import_module(name)
            except Exception:
                pass

    def all_types():
        seen, todo = {object}, [object]
        while todo:
            for cls in type.__subclasses__(todo.pop()):
                if cls not in seen:
                    seen.add(cls)
                    todo.append(cls)
        return sorted(seen, key=lambda cls: (cls.__module__, cls.__qualname__))

    def make_one(cls):
        objects = []
        try:
            derived = type(cls)("Derived", (cls,), {})
        except Exception:
            derived = None
        for kind in (cls, derived):
            try:
                objects.append(kind.__new__(kind))
            except Exception:
                pass
        return objects

    def survives(classes):
        # Python itself crashes when it collects an uninitialised object of some types
        child = os.fork()
        if child == 0:
            for item in [item for cls in classes for item in make_one(cls)]:
                holder = [item]
                holder.append(holder)
            del holder, item
            gc.collect()
            os._exit(0)
        return os.waitpid(child, 0)[1] == 0

    def sound(classes):
        if survives(classes):
            return classes
        half = len(classes) // 2
        return sound(classes[:half]) + sound(classes[half:]) if half else []

    def make():
        return [item for cls in CLASSES for item in make_one(cls)]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        load()
    CLASSES = [cls for cls in all_types() if not cls.__module__.startswith(("yagot", "unittest", "_pytest", "test_"))]
    if os.path.exists("sound"):
        names = set(open("sound").read().split())
        CLASSES = [cls for cls in CLASSES if f"{cls.__module__}.{cls.__qualname__}" in names]
    else:
        sys.stderr = open(os.devnull, "w")
        CLASSES = sound(CLASSES)
        sys.stderr = sys.__stderr__
        open("sound", "w").write(" ".join(f"{cls.__module__}.{cls.__qualname__}" for cls in CLASSES))
    CLASSES = CLASSES[:: int(os.environ.get("EACH", "1"))]
    KEPT = []
    sys.unraisablehook = lambda args: None      # finalizers of such objects may well fail

    class TestAll(unittest.TestCase):
        def test_garbage(self):
            objects = make()
            self.assertGreater(len(objects), 200)
            for item in objects:
                holder = [item]
                holder.append(holder)

        def test_survivors(self):
            KEPT.append(make())

        def test_across_a_collection(self):
            objects = make()
            KEPT.append(objects)
            gc.collect(0)
            gc.collect()
            for item in objects:
                holder = {"item": item}
                holder["me"] = holder

        def test_later(self):
            for objects in KEPT:
                objects.append(objects)
            KEPT.clear()
    """


def test_no_crash(project):
    project.write("test_types.py", MAKE)
    plain = project.python("-m", "unittest", "test_types", check=0)
    assert "Ran 4 tests" in plain.stderr
    repeated = "--repeat", "0:2", "--repeat-seconds", "1"
    for options, each in ((), "1"), (("--repr", "--trace", "1"), "1"), (repeated, "8"):
        result = project.yagot("--report-only", *options, "test_types", env={"EACH": each}, check=0)
        assert "Ran 4 tests" in result.stderr, result.stderr[-2000:]
