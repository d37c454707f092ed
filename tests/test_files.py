"""Where reports go: devices, FIFOs, links, odd paths; and what tests do to descriptors, directories and processes."""

import json
import os
import stat
import subprocess
import sys
import threading

import pytest
from lxml import etree

from yagot import files
from yagot.files import Output, UnusablePath, check_different, readable

LEAK = """
    import unittest

    class Test(unittest.TestCase):
        def test_leak(self):
            x = []
            x.append(x)

        def test_ok(self):
            pass
    """


def parse(name, data):
    """What a report of that name has: the number of its tests, or True for those that have none."""
    if name == "json":
        return len(json.loads(data)["tests"])
    if name == "junit-xml":
        return len(list(etree.fromstring(data).iter("testcase")))
    if name == "baseline":
        return len(json.loads(data)["leaks"]) == 1
    return {"markdown": b"### yagot: 1 test of 2 leaked", "html": b"</html>"}[name] in data


WANTED = {"json": 2, "junit-xml": 2, "baseline": True, "markdown": True, "html": True}
REPORTS = list(WANTED)


def options(name, path):
    return [f"--{name}", path, *(["--update-baseline"] if name == "baseline" else [])]


@pytest.fixture
def leaky(project):
    project.write("test_a.py", LEAK)
    return project


# -- what is no regular file --------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in REPORTS if name != "baseline"])
def test_a_fifo_gets_the_report_and_stays(leaky, name):
    path = leaky.path / "fifo"
    os.mkfifo(path)
    got = []
    reader = threading.Thread(target=lambda: got.append(path.read_bytes()), daemon=True)
    reader.start()
    leaky.yagot(*options(name, path), "test_a", check=1)
    reader.join(10)
    assert parse(name, got[0]) == WANTED[name]
    assert stat.S_ISFIFO(path.stat().st_mode)


def test_nobody_waits_for_ever_for_a_reader(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "fifo")
    monkeypatch.setattr(files, "_PATIENCE", 3)
    with pytest.raises(UnusablePath, match=r"cannot write .*fifo: nobody reads from it$"):
        Output(str(tmp_path / "fifo")).write("text")


@pytest.mark.parametrize("name", REPORTS)
def test_dev_full_is_told_in_one_line(leaky, name):
    if name == "baseline":  # it is read first, and that ends with an error of its own
        os.symlink("/dev/full", leaky.path / "b.json")
        with pytest.raises(UnusablePath, match="No space left on device"):
            Output(str(leaky.path / "b.json")).write("x")
        return
    result = leaky.yagot(*options(name, "/dev/full"), "--report-only", "test_a", check=2)
    assert result.stderr.count("cannot write") == 1
    assert "yagot: cannot write /dev/full: No space left on device\n" in result.stderr


def test_dev_null_swallows_all_reports(leaky):
    chosen = [word for name in REPORTS[:2] + REPORTS[3:] for word in options(name, "/dev/null")]
    leaky.yagot(*chosen, "test_a", check=1)
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


@pytest.mark.parametrize("name", ["json", "junit-xml", "markdown"])
def test_stdout_may_be_a_pipe(leaky, name):
    result = leaky.yagot(*options(name, "/dev/stdout"), "test_a", check=1)
    assert parse(name, result.stdout.encode()) == WANTED[name]


@pytest.mark.parametrize("name", ["json", "junit-xml"])
def test_stdout_may_be_a_file_that_has_more(leaky, name):
    leaky.write("test_a.py", LEAK + "\n    print('printed before')\n")
    command = [sys.executable, "-m", "yagot", "run", *options(name, "/dev/stdout"), "test_a"]
    with open(leaky.path / "out", "wb") as out:
        out.write(b"first\n")
        out.flush()
        subprocess.run(command, cwd=leaky.path, stdout=out, stderr=subprocess.DEVNULL)
        os.write(out.fileno(), b"last\n")
    first, printed, *report, last = (leaky.path / "out").read_bytes().splitlines()
    assert (first, printed, last) == (b"first", b"printed before", b"last")
    assert parse(name, b"\n".join(report)) == 2


def test_stdout_is_the_one_of_the_beginning(leaky):
    leaky.write("test_a.py", LEAK + "\n        @classmethod\n        def tearDownClass(cls):\n"
                "            import os\n"
                "            os.dup2(os.open('other', os.O_WRONLY | os.O_CREAT), 1)\n")  # fmt: skip
    result = leaky.yagot("--json", "/dev/stdout", "test_a", check=1)
    assert parse("json", result.stdout.encode()) == 2
    assert (leaky.path / "other").read_bytes() == b""


def test_stdout_under_pytest(leaky):
    result = leaky.python("-m", "pytest", "-q", "--yagot", "--yagot-json", "/dev/stdout", "test_a.py")
    assert '{"version": ' in result.stdout and "1 error" in result.stdout


# -- links --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("exists", [True, False])
@pytest.mark.parametrize("name", REPORTS)
def test_a_link_is_followed_and_stays(leaky, name, exists):
    target, link = leaky.path / "there" / "target", leaky.path / "link"
    target.parent.mkdir()
    if exists and name != "baseline":
        target.write_text("old")
        target.chmod(0o640)
    (leaky.path / "second").symlink_to("there/target")
    link.symlink_to("second")
    leaky.yagot(*options(name, "link"), "test_a", check=0 if name == "baseline" else 1)
    assert parse(name, target.read_bytes()) == WANTED[name]
    assert link.is_symlink() and os.readlink(link) == "second"
    assert os.listdir(target.parent) == ["target"]
    if exists and name != "baseline":
        assert stat.S_IMODE(target.stat().st_mode) == 0o640


def test_links_that_lead_nowhere(leaky):
    (leaky.path / "loop").symlink_to("loop")
    (leaky.path / "far").symlink_to("no/such/file")
    for path, why in (("loop", "Too many levels of symbolic links"), ("far", "there is no directory no")):
        for name in REPORTS:
            result = leaky.yagot(*options(name, path), "test_a", check=2)
            assert result.stderr.count("\n") == 1
            assert name == "baseline" or result.stderr == f"yagot: cannot write {path}: {why}\n"


def test_another_users_link_in_a_shared_directory_is_not_followed(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root can make another user's link")
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    (shared / "link").symlink_to(tmp_path / "mine")
    Output(str(shared / "link")).write("mine")
    os.lchown(shared / "link", 65534, 65534)
    with pytest.raises(UnusablePath, match="it is another user's link"):
        Output(str(shared / "link"))
    shared.chmod(0o755)
    Output(str(shared / "link")).write("again")
    assert (tmp_path / "mine").read_text() == "again"


# -- directories and names ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", REPORTS)
def test_one_directory_is_made_but_not_two(leaky, name):
    leaky.yagot(*options(name, "new/report"), "test_a")
    assert parse(name, (leaky.path / "new/report").read_bytes()) == WANTED[name]
    result = leaky.yagot(*options(name, "not/there/report"), "test_a", check=2)
    assert result.stderr == "yagot: cannot write not/there/report: there is no directory not\n"
    assert not (leaky.path / "not").exists()


@pytest.mark.parametrize("path", ["a\nb", "\udcff", "tab\there", "x" * 250])
def test_odd_names(leaky, path):
    leaky.yagot("--json", path, "--junit-xml", f"{path}.xml", "test_a", check=1)
    assert parse("json", (leaky.path / path).read_bytes()) == 2
    assert parse("junit-xml", (leaky.path / f"{path}.xml").read_bytes()) == 2
    (leaky.path / path).unlink()
    (leaky.path / path).mkdir()
    result = leaky.yagot("--json", path, "test_a", check=2)
    assert result.stderr == f"yagot: cannot write {readable(path)}: Is a directory\n"
    result = leaky.python("-m", "pytest", "--yagot", "--yagot-json", path, check=4)
    assert f"ERROR: yagot: cannot write {readable(path)}: Is a directory\n" in result.stderr


def test_names_that_cannot_be(leaky):
    leaky.write("pyproject.toml", '[tool.yagot]\njson = "a\\u0000b"\n')
    assert leaky.yagot("test_a", check=2).stderr == "yagot: cannot write 'a\\x00b': the path is not a valid one\n"
    leaky.write("pyproject.toml", "")
    for path in (".", "..", "new/", "x" * 300):
        result = leaky.yagot("--json", path, "test_a", check=2)
        assert result.stderr.startswith(f"yagot: cannot write {path}: ") and result.stderr.count("\n") == 1


@pytest.mark.parametrize("other", ["r", "./r", "link", "hard"])
def test_two_reports_at_one_path_are_refused(leaky, other):
    (leaky.path / "r").write_text("old")
    (leaky.path / "link").symlink_to("r")
    os.link(leaky.path / "r", leaky.path / "hard")
    result = leaky.yagot("--json", "r", "--junit-xml", other, "test_a", check=2)
    assert result.stderr == f"yagot: cannot write {other}: it is given for json and for junit-xml\n"
    assert (leaky.path / "r").read_text() == "old"


def test_two_reports_at_one_path_to_come(tmp_path):
    path = str(tmp_path / "r")
    check_different({"json": path, "html": f"{path}2", "markdown": None})
    check_different({"json": "/dev/null", "html": "/dev/null"})
    with pytest.raises(UnusablePath, match="given for json and for html"):
        check_different({"json": path, "html": f"{tmp_path}/./r"})


def as_nobody(directory, code):
    """Runs Python as a user who may do little; returns what it prints."""
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    script = f"import os\nos.setgid(65534)\nos.setuid(65534)\n{code}"
    # what it needs is loaded before: nobody may not read the checkout
    loaded = f"from yagot.files import Output, UnusablePath\nimport encodings.unicode_escape\n{script}"
    return subprocess.run([sys.executable, "-c", loaded], cwd=directory, capture_output=True, text=True)


def test_a_directory_where_nothing_can_be_made(tmp_path):
    for directory in (tmp_path, *tmp_path.parents):
        if directory.name.startswith(("pytest-", "popen-", tmp_path.name)):
            directory.chmod(0o755)
    (tmp_path / "mine").write_text("old")
    os.chown(tmp_path / "mine", 65534, 65534)
    (tmp_path / "roots").write_text("old")
    inode = (tmp_path / "mine").stat().st_ino
    result = as_nobody(tmp_path, """
for name in ("mine", "roots", "new", "a/b"):
    try:
        Output(name).write("text")
    except UnusablePath as error:
        print(error)
""")
    assert result.stdout.splitlines() == [
        "cannot write roots: Permission denied",
        "cannot write new: Permission denied",
        "cannot write a/b: Permission denied",
    ], result.stderr
    assert (tmp_path / "mine").read_text() == "text" and (tmp_path / "mine").stat().st_ino == inode
    assert (tmp_path / "roots").read_text() == "old"


def test_mode_and_owner_are_kept(tmp_path):
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_text("x")
    old.chmod(0o604)
    if os.geteuid() == 0:
        os.chown(old, 65534, 65534)
    outputs = [Output(str(old)), Output(str(new))]
    expected = 0o666 & ~os.umask(0o077)
    try:
        for output in outputs:
            output.write("text")
    finally:
        os.umask(0o666 & ~expected)
    assert stat.S_IMODE(old.stat().st_mode) == 0o604
    assert stat.S_IMODE(new.stat().st_mode) == expected
    assert os.geteuid() != 0 or old.stat().st_uid == 65534
    assert sorted(os.listdir(tmp_path)) == ["new", "old"]


@pytest.mark.parametrize("raised", [KeyboardInterrupt, MemoryError, OSError])
def test_nothing_is_left_of_a_write_that_fails(tmp_path, raised):
    path = tmp_path / "r"
    path.write_text("old")

    def write(file):
        os.write(file, b"half")
        raise raised

    with pytest.raises(UnusablePath if raised is OSError else raised):
        Output(str(path)).fill(write)
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["r"]


# -- what tests do ------------------------------------------------------------------------------------

CLOSING = """
    import os, unittest

    class Test(unittest.TestCase):
        def test_a(self):
            pass

        def test_b(self):
            own = [os.open(f"user{{n}}.db", os.O_RDWR | os.O_CREAT) for n in range(3)]
            {how}
            own = [os.open(f"user{{n}}.db", os.O_RDWR | os.O_CREAT) for n in range(3, 40)]
            for file in own:
                os.write(file, b"the user's data")

        def test_c(self):
            pass
    """
HOW = {
    "closes those of today": "os.closerange(3, 256)",
    "closes all": "os.closerange(3, 4096)",
    "takes the numbers": "[os.dup2(own[0], n) for n in range(own[-1] + 1, 1024)]",
}
FOR_READING = """
            os.closerange(3, 4096)
            same = [os.open("r.xml", os.O_RDONLY) for n in range(1020)]"""


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("adapter", ["run", "pytest"])
def test_descriptors_may_be_closed(project, how, adapter, schema):
    project.write("test_c.py", CLOSING.format(how=HOW[how]))
    if adapter == "run":
        result = project.yagot("--junit-xml", "r.xml", "--json", "r.json", "test_c", check=0)
        output = result.stderr
    else:  # without fd capture, which would lose its own files
        arguments = ["--yagot", "--yagot-junit-xml", "r.xml", "--yagot-json", "r.json", "-s", "test_c.py"]
        output = project.python("-m", "pytest", *arguments, check=0).stdout
    names = [case.get("name") for case in schema(project.path / "r.xml").iter("testcase")]
    assert names == ["test_a", "test_b", "test_c"]
    assert len(json.loads((project.path / "r.json").read_text())["tests"]) == 3
    for n in range(3, 40):
        assert (project.path / f"user{n}.db").read_bytes() in (b"the user's data", b"")
    assert ("r.xml: a test closed its descriptor" in output) == (how != "closes those of today")


def test_a_descriptor_for_reading_in_the_place_of_ours(project, schema):
    project.write("test_c.py", CLOSING.format(how=FOR_READING.strip()))
    project.yagot("--junit-xml", "r.xml", "test_c")
    assert len(list(schema(project.path / "r.xml").iter("testcase"))) == 3


TAKES = {
    "removes": "os.unlink('d/r.xml')",
    "removes the directory": "shutil.rmtree('d')",
    "moves the directory": "os.rename('d', 'e')",
    "replaces": "open('d/new', 'w').write('mine'); os.rename('d/new', 'd/r.xml')",
    "writes over": "open('d/r.xml', 'w').write('mine')",
}


@pytest.mark.parametrize("closes", ["", "os.closerange(3, 4096); "])
@pytest.mark.parametrize("how", TAKES)
def test_the_report_is_taken_away(project, how, closes):
    code = f"{closes}{TAKES[how]}"
    project.write("test_c.py", f"""
        import os, shutil, unittest

        class Test(unittest.TestCase):
            def test_a(self):
                {code}

            def test_b(self):
                pass
        """)
    result = project.yagot("--junit-xml", "d/r.xml", "test_c", check=2)
    assert result.stderr.count("cannot write d/r.xml: it was closed, removed or changed during the run\n") == 1
    if "mine" in TAKES[how]:
        assert (project.path / "d/r.xml").read_text() == "mine"


def test_the_directory_goes_before_reports_are_written(leaky):
    leaky.write("test_a.py", LEAK + "\n        @classmethod\n        def tearDownClass(cls):\n"
                "            import shutil\n            shutil.rmtree('d')\n")  # fmt: skip
    chosen = [word for name in ("json", "html", "markdown") for word in options(name, f"d/{name}")]
    result = leaky.yagot(*chosen, "--report-only", "test_a", check=2)
    lines = [line for line in result.stderr.splitlines() if "cannot write" in line]
    reasons = [f"cannot write d/{name}: No such file or directory" for name in ("json", "markdown", "html")]
    assert lines == [f"yagot: {'; '.join(reasons)}"]


def test_a_test_may_go_elsewhere(leaky):
    leaky.write("test_a.py", LEAK + "\n        @classmethod\n        def setUpClass(cls):\n"
                "            import os, tempfile\n"
                "            os.chdir(tempfile.mkdtemp(dir='.'))\n            os.rmdir(os.getcwd())\n")  # fmt: skip
    names = [name for name in REPORTS if name != "baseline"]
    chosen = [word for name in names for word in options(name, name)]
    leaky.yagot(*chosen, "--junit-attachments", "attached", "test_a", check=1)
    leaky.yagot(*options("baseline", "baseline"), "test_a", check=0)
    for name in REPORTS:
        assert parse(name, (leaky.path / name).read_bytes()) == WANTED[name]
    assert "leak-00001.json" in os.listdir(leaky.path / "attached")  # and a picture, where dot is
    assert json.loads((leaky.path / "json").read_text())["tests"][0]["file"] == "test_a.py"


FORKING = """
    import os, sys, unittest

    class Test(unittest.TestCase):
        def test_child(self):
            x = []
            x.append(x)
            pid = os.fork()
            if pid == 0:
                {how}
                return
            os.waitpid(pid, 0)

        def test_then(self):
            with open("ran", "a") as file:
                file.write("ran\\n")
    """


@pytest.mark.parametrize("how", ["pass", "sys.exit(3)", "os._exit(0)", "raise ValueError"])
@pytest.mark.parametrize("adapter", ["run", "pytest"])
def test_a_forked_child_reports_nothing(project, how, adapter, schema):
    project.write("test_f.py", FORKING.format(how=how))
    paths = {name: project.path / name for name in REPORTS}
    prefix = "" if adapter == "run" else "yagot-"
    chosen = [f"--{prefix}{word[2:]}" if str(word).startswith("--") else word
              for name in REPORTS for word in options(name, paths[name])]  # fmt: skip
    env = {"GITHUB_ACTIONS": "true"}
    if adapter == "run":
        result = project.yagot(*chosen, "test_f", env=env)
    else:
        result = project.python("-m", "pytest", "-s", "--yagot", *chosen, "test_f.py", env=env)
    output = result.stdout + result.stderr
    data = json.loads(paths["json"].read_text())
    assert [test["outcome"] for test in data["tests"]] == ["passed", "passed"]
    assert [case.get("name").removesuffix(" [leak]") for case in schema(paths["junit-xml"]).iter("testcase")] == [
        "test_child", "test_then",
    ]  # fmt: skip
    assert output.count("yagot: baseline ") == 1
    assert output.count("yagot: reports: ") == 1
    assert (project.path / "ran").read_text().count("ran") == (1 if "_exit" in how else 2)


def test_a_child_that_ends_after_the_run_writes_nothing(project):
    project.write("test_f.py", FORKING.format(how="import time; time.sleep(1)").replace("os.waitpid(pid, 0)", "pass"))
    project.yagot("--json", "r.json", "--junit-xml", "r.xml", "--report-only", "test_f", check=0)
    before = {name: (project.path / name).stat() for name in ("r.json", "r.xml")}
    threading.Event().wait(2)
    for name, status in before.items():
        now = (project.path / name).stat()
        assert (now.st_ino, now.st_mtime_ns) == (status.st_ino, status.st_mtime_ns)


LIMITS = """
    import resource, signal, unittest

    class Test(unittest.TestCase):
        def test_a(self):
            pass

        def test_b(self):
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
            resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, resource.RLIM_INFINITY))

        def test_c(self):
            self.fail("x" * 50_000)
    """


@pytest.mark.parametrize("limit", [10, 3000, 8000])
def test_a_limit_on_sizes(project, limit, schema):
    project.write("test_l.py", LIMITS.format(limit=limit))
    result = project.yagot("--junit-xml", "r.xml", "--json", "r.json", "test_l", check=2)
    json_too = "cannot write r.json: File too large; " if limit < 3000 else ""
    assert f"\nyagot: {json_too}cannot write r.xml: File too large\n" in result.stderr
    assert (project.path / "r.json").exists() == (not json_too)
    cases = list(schema(project.path / "r.xml").iter("testcase"))
    assert [case.get("name") for case in cases] == ["test_a", "test_b"][: len(cases)]
    assert not any(case.find("error") is not None for case in cases)
    assert sorted(name for name in os.listdir(project.path) if ".tmp" in name) == []


def test_a_disk_that_is_full(project, schema):
    """For real, where a file system can be mounted."""
    disk = project.path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs the right to mount")
    try:
        project.write("test_l.py", LIMITS.format(limit="resource.RLIM_INFINITY") + "\n\n    for n in range(9):\n"
                      "        setattr(Test, f'test_d{n}', Test.test_c)\n")  # fmt: skip
        result = project.yagot("--junit-xml", "disk/r.xml", "--json", "disk/r.json", "test_l", check=2)
        assert "cannot write disk/r.xml: No space left on device" in result.stderr
        names = [case.get("name") for case in schema(disk / "r.xml").iter("testcase")]
        assert names[:2] == ["test_a", "test_b"]
        assert {case.tag for case in schema(disk / "r.xml").iter("error")} == set()
        assert [name for name in os.listdir(disk) if ".tmp" in name] == []
    finally:
        subprocess.run(["umount", disk], check=True)
