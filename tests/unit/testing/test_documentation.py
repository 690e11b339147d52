"""The how-to's tests are run as they stand there, on the reference blog, while every server is away."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.adoption.documentation.commands import ROOT

GUIDE = ROOT / "docs/how-to/test.md"


def test_the_tests_of_the_how_to_pass(tmp_path: Path) -> None:
    *blocks, settings = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    for number, block in enumerate(blocks):
        code = block.replace("from blog.", "from project.blog.")
        (tmp_path / f"test_block_{number}.py").write_text(code)
    (tmp_path / "shown.py").write_text(f"from project.settings.test import *\n{settings}")
    options = ["-q", "-n0", "-p", "no:cacheprovider", "-c", str(ROOT / "pyproject.toml"), "--ds", "shown"]
    command = [sys.executable, "-m", "pytest", *options, str(tmp_path)]
    away = {"REDIS_URL": "redis://127.0.0.1:1", "SITE_URLS": "http://testserver"}
    environment = {"PYTHONPATH": f"{tmp_path}:{ROOT}", "PATH": "/usr/bin:/bin", **away}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 passed" in done.stdout
