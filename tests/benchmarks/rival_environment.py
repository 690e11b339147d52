"""Other libraries in an environment of their own, beside the packages of this one; nothing depends on them."""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig
import venv
from pathlib import Path
from typing import Any

RIVALS = ("cacheops", "cachalot")
PACKAGES = ("django-cacheops", "django-cachalot")
ROOT = Path(__file__).resolve().parents[2]
SCRIPT = Path(__file__).resolve().parent / "rivals.py"


class RivalEnvironment:
    """Installs them below a folder, which the caller removes. Django, redis-py and hiredis are ours, hence equal."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = folder / "venv" / "bin" / "python"
        venv.create(folder / "venv", with_pip=True)
        (packages,) = (folder / "venv").glob("lib/python*/site-packages")
        (packages / "beside.pth").write_text(sysconfig.get_path("purelib"))
        subprocess.run([str(self.python), "-m", "pip", "install", "-q", *PACKAGES], check=True)

    def asked(self, task: str, name: str, redis_url: str, rounds: int) -> Any:
        """What `rivals.py` answers."""
        command = [str(self.python), str(SCRIPT), task, name, redis_url, str(rounds)]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, check=True, cwd=self.folder, env=environment, stdout=subprocess.PIPE)
        return json.loads(done.stdout)
