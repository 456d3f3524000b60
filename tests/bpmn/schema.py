"""The OMG's schema of BPMN 2.0, as it ships in the npm package bpmn-moddle, and that package."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

PROJECT = Path(__file__).resolve().parents[2]
MODDLE = PROJECT / "node_modules" / "bpmn-moddle"
SCHEMA = MODDLE / "resources" / "bpmn" / "xsd" / "BPMN20.xsd"
IS_CI = bool(os.environ.get("CI"))
_OPEN = """
import fs from 'node:fs';
import { BpmnModdle } from 'bpmn-moddle';
const files = JSON.parse(fs.readFileSync(0, 'utf8'));
(async () => {
  const found = [];
  for (const xml of files) {
    const { warnings, rootElement } = await new BpmnModdle().fromXML(xml);
    found.push([rootElement.$type, warnings.map((one) => one.message)]);
  }
  console.log(JSON.stringify(found));
})();
"""


def missing(what: str) -> None:
    """Fail where everything must be there, else skip and say what to do."""
    message = f"{what} is missing: run make install-test."
    if IS_CI:
        pytest.fail(message)
    pytest.skip(message)


@cache
def _schema() -> etree.XMLSchema | None:
    return etree.XMLSchema(etree.parse(str(SCHEMA))) if SCHEMA.exists() else None


def problems(data: bytes) -> list[str]:
    """What the schema has against a document."""
    schema = _schema()
    if schema is None:
        missing("The schema of BPMN in node_modules/bpmn-moddle")
        return []
    schema.validate(etree.fromstring(data))
    return [f"{one.line}: {one.message}" for one in schema.error_log]


def opened(documents: list[bytes]) -> list[Any]:
    """Per document the type of its root and the warnings of the library that bpmn-js reads with."""
    node = shutil.which("node")
    if node is None or not MODDLE.is_dir():
        missing("node or the npm package bpmn-moddle")
    done = subprocess.run(
        [str(node), "--input-type=module", "-e", _OPEN],
        input=json.dumps([document.decode() for document in documents]),
        capture_output=True,
        text=True,
        cwd=PROJECT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: list[Any] = json.loads(done.stdout)
    return found
