"""Frames are named by their functions' qualified names, on 3.10, too, whose code does not know them."""

WORK = """
    import functools

    def wrapped(function):
        @functools.wraps(function)
        def wrapper(*arguments):
            return function(*arguments)
        return wrapper

    class First:
        def loop(self):
            try:
                raise KeyError(1)
            except KeyError as error:
                kept = error

        class Inner:
            @classmethod
            def loop(cls):
                try:
                    raise KeyError(1)
                except KeyError as error:
                    kept = error

    class Second:
        @wrapped
        def loop(self):
            self = None
            try:
                raise KeyError(2)
            except KeyError as error:
                kept = error

    def outer():
        class Local:
            @property
            def loop(self):
                def loop():
                    try:
                        raise KeyError(3)
                    except KeyError as error:
                        kept = error
                return loop()
        Local().loop

    def loop():
        try:
            raise KeyError(4)
        except KeyError as error:
            kept = error
    """


def test_methods_of_one_name_are_causes_of_their_own(project):
    project.write("work.py", WORK)
    project.write("test_work.py", """
        import unittest, work

        class Test(unittest.TestCase):
            def test_first(self):
                work.First().loop()

            def test_inner(self):
                work.First.Inner.loop()

            def test_second(self):
                work.Second().loop()

            def test_outer(self):
                work.outer()

            def test_plain(self):
                work.loop()
        """)
    tests = project.tests("test_work", check=1)
    findings = {name: [f for f in test["findings"] if "→ frame " in f["cause"]] for name, test in tests.items()}
    frames = {name: [f["cause"].partition("→ frame ")[2].partition(" ")[0] for f in found]
              for name, found in findings.items()}  # fmt: skip
    assert frames == {
        "test_first": ["work.First.loop"],
        "test_inner": ["work.First.Inner.loop"],
        "test_second": ["work.Second.loop"],
        "test_outer": ["work.outer.<locals>.Local.loop.<locals>.loop"],
        "test_plain": ["work.loop"],
    }
    lines = {found["cut"]["line"] for (found,) in findings.values()}
    assert len(lines) == 5
