"""`make up` listens where it is told, prints addresses that work, and ends as a whole."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from deploy.local.processes import free_port, wait_for
from tests.chain.alone.test_demo import HEED_INTERRUPTS, ROOT, processes_of

pytestmark = pytest.mark.takes(16)

LISTENERS = ("WEB_PORT", "VARNISH_PORT", "NGINX_PORT", "FLOWER_PORT", "REDIS_PORT")


@pytest.mark.timeout(180)
def test_every_printed_address_answers_and_an_interrupt_ends_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ports = {name: str(free_port()) for name in LISTENERS}
    for name, value in {**ports, "STATE_DIR": str(tmp_path / "state"), "ADMIN_PASSWORD": "a password"}.items():
        monkeypatch.setenv(name, value)
    printed = tmp_path / "printed"
    with printed.open("wb") as output:
        command = [*HEED_INTERRUPTS, sys.executable, "-m", "deploy.local.up"]
        process = subprocess.Popen(command, cwd=ROOT, stdout=output)
    try:
        wait_for(lambda: "ctrl-C" in printed.read_text(), 90, "the addresses")
        addresses = re.findall(r"http://\S+", printed.read_text())[:3]
        assert addresses == [f"http://127.0.0.1:{ports['NGINX_PORT']}{path}" for path in ("", "/admin/")] + [
            f"http://127.0.0.1:{ports['FLOWER_PORT']}"
        ]
        answers = [requests.get(address, auth=("admin", "a password"), timeout=20) for address in addresses]
        assert [answer.status_code for answer in answers] == [200, 200, 200]
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 128 + signal.SIGINT
    finally:
        process.kill()
    assert not processes_of(tmp_path)
    assert (tmp_path / "state/blog.sqlite3").exists()
