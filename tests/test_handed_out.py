"""Bound methods that a class hands to what it is made of: whose cycle is it?"""

HANDED_OUT = """
    import argparse
    import json
    import threading
    import unittest

    class Worker(threading.Thread):
        def __init__(self):
            super().__init__(target=self.work)

        def work(self):
            pass

    class Base(json.JSONEncoder):
        def other(self, value):
            return str(value)

    class Encoder(Base):
        def __init__(self):
            def make():
                super(Encoder, self).__init__(default=self.other)
            make()

    class Parser(argparse.ArgumentParser):
        def __init__(self):
            super().__init__()
            self.set_defaults(run=self.run)

        def run(self):
            pass

    class Test(unittest.TestCase):
        def test_thread(self):
            Worker()

        def test_started(self):
            worker = Worker()
            worker.start()
            worker.join()

        def test_encoder(self):
            Encoder()

        def test_parser(self):
            Parser()
    """

FETCHED = """
    import unittest
    from library import Dispatcher

    class Named(Dispatcher):
        def on_open(self):
            pass

    class Called(Dispatcher):
        def on_open(self):
            pass

        def open(self, *arguments):
            self.on_open()
            return self.close

        def close(self):
            pass

    class Known(Dispatcher):
        def __init__(self):
            super().__init__()
            self.started = [Dispatcher.finish, self.finish]
            self.started.clear()

        def finish(self):
            pass

    class Others(Dispatcher):
        def on_open(self):
            return self.on_open.__name__

        def open(self, peer):
            self.on_open
            return [peer.on_open]

    class Test(unittest.TestCase):
        def test_named(self):
            Named()

        def test_others(self):
            Others()

        def test_called(self):
            Called().open()

        def test_known(self):
            Known()
    """


def verdicts(project, module, **keywords):
    tests = project.tests(module, **keywords)
    return {name: {(f["verdict"], f["reason"]) for f in test["findings"]} for name, test in tests.items()}


def test_what_a_class_hands_to_its_base_is_the_projects(project):
    project.write("test_handed.py", HANDED_OUT)
    found = verdicts(project, "test_handed", check=1)
    assert found.pop("test_started") == set()
    assert all(("leak", "") in each for each in found.values()), found


def test_a_method_that_a_library_fetches_by_its_name_is_not_the_projects(project):
    project.write("site-packages/library.py", """
        class Dispatcher:
            def __init__(self):
                self.handler = getattr(self, "on_" + "open", None) or self.finish

            def finish(self):
                pass
        """)
    project.write("test_fetched.py", FETCHED)
    env = {"PYTHONPATH": str(project.path / "site-packages")}
    found = verdicts(project, "test_fetched", env=env, check=0)
    assert found.keys() == {"test_named", "test_called", "test_known", "test_others"}
    assert all(each == {("note", "third-party")} for each in found.values()), found
