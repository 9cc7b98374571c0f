"""What is signed here is verified by the `standardwebhooks` and `svix` libraries under Node.js."""

import json
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from orchestrator.delivery import signing

LIBRARIES = ("standardwebhooks", "svix")
VERIFY = """
const { Webhook } = require(process.argv[2]);
const { secret, body, headers } = JSON.parse(require("fs").readFileSync(0, "utf8"));
try {
  process.stdout.write(JSON.stringify({ verified: new Webhook(secret).verify(body, headers) }));
} catch (error) {
  process.stdout.write(JSON.stringify({ refused: error.name }));
}
"""
BODY = '{"type":"call.ended","timestamp":"2026-11-24T07:00:00.123Z","data":{"clientReference":"ü"}}'


@pytest.fixture(scope="session")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which both libraries are installed; skips where they cannot be."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("Node.js and npm are not here")
    folder = tmp_path_factory.mktemp("npm")
    (folder / "verify.js").write_text(VERIFY)
    command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--no-save"]
    try:
        install = subprocess.run(
            [*command, "--prefix", str(folder), *LIBRARIES],
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
    except subprocess.TimeoutExpired:
        pytest.skip("npm install took too long: is the npm registry reachable?")
    if install.returncode != 0:
        pytest.skip("npm install failed: is the npm registry reachable?")
    return folder


def verified(folder: Path, library: str, secret: str, body: str, headers: dict[str, str]) -> Any:
    """What a library makes of a message."""
    run = subprocess.run(
        ["node", "verify.js", library],
        cwd=folder,
        input=json.dumps({"secret": secret, "body": body, "headers": headers}),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(run.stdout)


@pytest.mark.parametrize("library", LIBRARIES)
def test_another_languages_library_verifies_what_is_signed_here(
    modules: Path, library: str
) -> None:
    old, new = signing.new_secret(), signing.new_secret()
    now = time.time_ns() // 1_000_000
    headers = dict(signing.headers([new, old], "1764000000000-0", now, BODY))
    for secret in (old, new):
        assert verified(modules, library, secret, BODY, headers) == {"verified": json.loads(BODY)}
    refused = {"refused": "WebhookVerificationError"}
    stranger = signing.new_secret()
    assert verified(modules, library, stranger, BODY, headers) in (refused, {"refused": "Error"})
    assert "refused" in verified(modules, library, new, BODY + " ", headers)
    stale = dict(signing.headers([new], "1764000000000-0", now - 600_000, BODY))
    assert "refused" in verified(modules, library, new, BODY, stale)
