"""The page in a real browser: rules of accessibility (axe-core), and ten thousand findings."""

import json
import os
import re
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from lxml import html

from yagot.model import Finding, Step, TestInfo, TestReport
from yagot.report.about import About
from yagot.report.html import HTMLReport

pytestmark = pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium")


def in_browser(path, directory, *options):
    """The page's document after its scripts have run, and what the browser said."""
    result = subprocess.run(
        ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--dump-dom",
         "--virtual-time-budget=60000", f"--user-data-dir={directory}/profile", *options, f"file://{path}"],
        capture_output=True, text=True, timeout=300,
        env={name: value for name, value in os.environ.items() if name != "LD_PRELOAD"} | {"HOME": str(directory)},
    )  # fmt: skip
    assert "CONSOLE" not in result.stderr, result.stderr
    return html.fromstring(result.stdout)


def findings(count):
    for number in range(count):
        steps = (
            Step(f"app.part{number % 50}.Node{number}", ".parent", "parent=app.Node", f"app/part.py:{number}"),
            Step("list", "[0]"),
        )
        cause = " → ".join(str(step) for step in steps)
        types = {f"app.part{number % 50}.Node{number}": 3, "list": 1}
        verdict = ("leak", "leak", "known", "note")[number % 4]
        kind = "uncollectable" if number % 7 == 0 else "collected"
        yield Finding(
            kind, cause, 4, types, 1000 + number, steps=steps, cycle_length=2, verdict=verdict,
            owner="the project", advice="keep `.parent` as weakref.ref",
        )  # fmt: skip


def write_page(path, count):
    report = HTMLReport(str(path), About(yagot="1", python="3", date="today", command="yagot run", project="app"))
    for number, finding in enumerate(findings(count)):
        name = f"test_{number}"
        test = TestInfo(f"test_app.Test.{name}", "test_app", "test_app.Test", name, "test_app.py", number)
        report.finished(TestReport(test, "passed", 0.1, checked=True, findings=[finding]), False)
    report.close()


def axe_script():
    """axe-core, from a package that brings it along."""
    package = pytest.importorskip("axe_playwright_python")
    (script,) = Path(package.__file__).parent.rglob("axe.min.js")
    return script.read_text(encoding="utf-8")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 380])
def test_accessible(tmp_path, scheme, width):
    write_page(tmp_path / "page.html", 60)
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    if scheme == "dark":
        text = text.replace("@media (prefers-color-scheme: dark)", "@media all")
    probe = """
        document.querySelectorAll("details").forEach((each, number) => { each.open = number < 5; });
        axe.run(document).then(results => {
            const told = results.violations.map(v => [v.impact, v.id, v.nodes.map(n => n.html).slice(0, 3)]);
            document.documentElement.dataset.axe = JSON.stringify({told: told, passes: results.passes.length});
        });"""
    policy = re.sub(r'<meta http-equiv="Content-Security-Policy".*?>', "", text)
    page = tmp_path / "probed.html"
    page.write_text(policy.replace("</body>", f"<script>{axe_script()}</script><script>{probe}</script></body>"))
    found = json.loads(in_browser(page, tmp_path, f"--window-size={width},900").get("data-axe"))
    assert found["passes"] > 10
    assert [item for item in found["told"] if item[0] in ("serious", "critical")] == []


def test_ten_thousand_findings_can_be_filtered(tmp_path):
    write_page(tmp_path / "page.html", 10_000)
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    probe = """<script>
        const loaded = performance.now();
        document.getElementById("text").value = "node77.";
        filter();
        const filtered = performance.now();
        document.title = `${document.getElementById("count").textContent}|${loaded}|${filtered - loaded}`;
        </script></body>"""
    page = tmp_path / "probed.html"
    page.write_text(text.replace("</body>", probe), encoding="utf-8")
    shown, loaded, filtered = in_browser(page, tmp_path).findtext(".//title").split("|")
    size = page.stat().st_size / 1e6
    print(f"{size:.1f} MB, open after {float(loaded):.0f} ms, filtered in {float(filtered):.0f} ms")
    assert shown.replace(",", "") == "1 of 10000 causes"


def test_the_picture_in_the_docs(tmp_path, monkeypatch):
    """It is made anew, and is a picture of the same size that shows as much: fonts differ from machine to machine."""
    docs = Path(__file__).parents[1] / "docs"
    monkeypatch.syspath_prepend(docs)
    import screenshot

    screenshot.take(tmp_path / "page.png")
    made, shown = (tmp_path / "page.png").read_bytes(), (docs / "guide" / "page.png").read_bytes()
    sizes = [struct.unpack(">II", data[16:24]) for data in (made, shown)]
    assert sizes == [screenshot.SIZE] * 2
    assert len(shown) / 2 < len(made) < len(shown) * 2
