"""Frameworks without a plugin of ours: the base class works under each. And Django, whose runner we extend."""

import json
import re
import textwrap

import pytest

SUITE = """
    import unittest
    import yagot

    class Node:
        def __init__(self):
            self.me = self

    class TestBase(yagot.TestCase):
        def test_leak(self):
            Node()

        def test_clean(self):
            self.assertEqual(1, 1)

        def test_fails(self):
            self.fail("no")

        @unittest.skip("not now")
        def test_skipped(self):
            pass
    """

COMMANDS = {
    "unittest": ["-m", "unittest", "test_base"],
    "pytest": ["-m", "pytest", "-q", "test_base.py"],
    "nose": ["-m", "nose", "test_base.py"],
    "nose2": ["-m", "nose2", "test_base"],
    "zope.testrunner": ["-m", "zope.testrunner", "--test-path", ".", "--tests-pattern", "test_base", "-vv"],
    "green": ["-m", "green", "-s", "1", "-v", "test_base"],
    "twisted": ["-m", "twisted.trial", "test_base"],
}


def leaks_in(text, name):
    """How often a leak of a type is told; before 3.11 an instance has a dict beside it."""
    short = re.escape(name.rpartition(".")[2])
    return len(re.findall(rf"LEAK: {short}\.\w+ → {short}: 1 object in a cycle", text))


@pytest.mark.parametrize("name", COMMANDS)
def test_the_base_class_works_under(project, name):
    pytest.importorskip(name)
    # green itself breaks on skipped tests under 3.12.1
    project.write("test_base.py", SUITE.partition("@unittest.skip")[0] if name == "green" else SUITE)
    result = project.python(*COMMANDS[name])
    out = result.stdout + result.stderr
    assert result.returncode != 0, out
    assert 1 <= leaks_in(out, "test_base.Node") <= 2  # some show a failure again in their summary
    assert "Node.me" in out


def test_the_base_class_works_under_stestr(project):
    pytest.importorskip("stestr")
    project.write("test_base.py", SUITE)
    project.write(".stestr.conf", "[DEFAULT]\ntest_path=.\ntop_dir=.\n")
    result = project.python("-m", "stestr.cli", "run", "--concurrency", "2")
    assert result.returncode == 1, result.stdout + result.stderr
    assert 1 <= leaks_in(result.stdout, "test_base.Node") <= 2
    assert " - Passed: 1" in result.stdout and " - Failed: 2" in result.stdout


def test_details_of_testtools_reach_the_result(project):
    pytest.importorskip("testtools")
    suite = """
        import testtools
        from testtools.content import Content, text_content
        from testtools.content_type import ContentType

        class TestDetails(CLASSES):
            def setUp(self):
                super().setUp()
                self.addDetail("log", text_content("written by " + self.id().rpartition(".")[2]))
                self.addDetail("blob", Content(ContentType("application", "octet-stream"), lambda: [b"\\xff"]))

            def test_passes(self):
                pass

            def test_fails(self):
                self.fail("no")

            def test_breaks(self):
                self.missing

            def test_skips(self):
                self.skipTest("not now")

            def test_fails_as_expected(self):
                self.expectFailure("known", self.assertEqual, 1, 2)

            def test_leaks(self):
                self.me = self
        """
    results = {}
    for name, classes in (("plain", "testtools.TestCase"), ("checked", "yagot.TestCase, testtools.TestCase")):
        project.write(f"{name}.py", "import yagot\n" + textwrap.dedent(suite).replace("CLASSES", classes))
        project.write(f"{name}_told.py", f"""
            import io
            import unittest

            import {name}
            from testtools.testresult.doubles import ExtendedTestResult

            result = ExtendedTestResult()
            unittest.defaultTestLoader.loadTestsFromModule({name}).run(result)
            for event in result._events:
                if event[0].startswith("add"):
                    print(event[0], event[1].id().rpartition(".")[2], sorted(event[2] if len(event) > 2 else ()))
        """)
        out = project.python(f"{name}_told.py")
        assert out.returncode == 0, out.stderr
        results[name] = out.stdout.splitlines()
    checked = [line for line in results["checked"] if "test_leaks" not in line]
    assert checked == [line for line in results["plain"] if "test_leaks" not in line]
    assert "addSuccess test_passes ['blob', 'log']" in checked
    assert "addFailure test_fails ['blob', 'log', 'traceback']" in checked


@pytest.fixture
def django_project(project):
    pytest.importorskip("django")
    project.write("settings.py", """
        SECRET_KEY = "x"
        DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
        INSTALLED_APPS = ["app"]
        USE_TZ = True
        ROOT_URLCONF = "app.urls"
        ALLOWED_HOSTS = ["testserver"]
        TEST_RUNNER = "yagot.plugins.django.LeakCheckRunner"
    """)
    project.write("app/__init__.py", "")
    project.write("app/urls.py", """
        from django.http import HttpResponse
        from django.urls import path

        urlpatterns = [path("", lambda request: HttpResponse("hello"))]
    """)
    project.write("app/tests.py", """
        from django.test import SimpleTestCase, TestCase

        class Node:
            def __init__(self):
                self.me = self

        class TestPages(TestCase):
            def test_leak(self):
                Node()

            def test_clean(self):
                self.assertEqual(self.client.get("/").status_code, 200)

        class TestPlain(SimpleTestCase):
            def test_leak_too(self):
                self.node = Node()

            def test_fails(self):
                self.fail("no")
    """)  # fmt: skip
    return project


@pytest.mark.parametrize("options", [[], ["--parallel", "2"]])
def test_django(django_project, options):
    # the test client's responses are in cycles of Django's own
    options = ["--settings", "settings", *options]
    result = django_project.python("-m", "django", "test", *options, env={"YAGOT_SOURCE": "app"})
    out = result.stdout + result.stderr
    assert result.returncode == 1, out
    assert "FAILED (failures=3)" in out, out
    assert leaks_in(out, "app.tests.Node") == 2


def test_djangos_reports(django_project, schema):
    django_project.python(
        "-m", "django", "test", "--settings", "settings",
        env={"YAGOT_JUNIT_XML": "out.xml", "YAGOT_JSON": "out.json", "YAGOT_SOURCE": "app"}, check=1,
    )  # fmt: skip
    tests = json.loads((django_project.path / "out.json").read_text())["tests"]
    leaking = [test["id"] for test in tests if any(f["verdict"] == "leak" for f in test["findings"])]
    assert leaking == ["app.tests.TestPages.test_leak", "app.tests.TestPlain.test_leak_too"]
    assert len(list(schema(django_project.path / "out.xml").iter("failure"))) == 3
    django_project.python("-m", "django", "test", "--settings", "settings", env={"YAGOT_TRACE": "x"}, check=2)


def test_nose2_in_several_processes(project):
    project.write("test_base.py", SUITE.replace("yagot.TestCase", "unittest.TestCase"))
    plugins = "[unittest]\nplugins = yagot.plugins.nose2\n    nose2.plugins.mp\n"
    project.write("unittest.cfg", f"{plugins}\n[yagot]\nalways-on = true\n")
    result = project.python("-m", "nose2", "-N", "2", "test_base")
    out = result.stdout + result.stderr
    assert result.returncode == 1, out
    assert "FAIL: test_leak (test_base.TestBase" in out and "FAIL: test_fails (test_base.TestBase" in out
    assert leaks_in(out, "test_base.Node") >= 1
    assert "FAIL: test_clean" not in out
