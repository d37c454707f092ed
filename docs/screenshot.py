"""Makes guide/page.png, a picture of the page that --html writes, from the demo. Needs chromium:

python docs/screenshot.py
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SIZE = (1280, 900)


def take(picture: Path) -> None:
    """Runs the demo, opens its page with the first cause unfolded, and saves what the browser shows."""
    with tempfile.TemporaryDirectory() as directory:
        demo = Path(directory, "bookshop")
        shutil.copytree(ROOT / "tests" / "demo", demo)
        page = demo / "page.html"
        command = [sys.executable, "-m", "yagot", "run", "--html", page.name]
        subprocess.run(command, cwd=demo, capture_output=True, check=False)
        text = page.read_text(encoding="utf-8")
        page.write_text(text.replace('<details class="cause"', '<details open class="cause"', 1), encoding="utf-8")
        subprocess.run(
            ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
             f"--window-size={SIZE[0]},{SIZE[1]}", f"--user-data-dir={directory}/profile",
             f"--screenshot={picture}", f"file://{page}"],
            capture_output=True, check=True, timeout=120, env={**os.environ, "HOME": directory},
        )  # fmt: skip


if __name__ == "__main__":
    take(Path(__file__).with_name("guide") / "page.png")
