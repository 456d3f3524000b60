"""Reads files that mean harm, within limits of time and memory; run as a program of its own.

Writes a line of JSON for each: its name, what came of it, processor seconds, peak memory in MiB.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Iterator

from workflows.bpmn.reader import BpmnError, read

BPMN = 'xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"'
ENTITY = "<!DOCTYPE d [{0}]><definitions {1}><process id='p' name='{2}'/></definitions>"


def ring_after(number: int) -> int:
    return (number + 1) % 9_000


def process(inner: str, more: str = "") -> bytes:
    text = f"<definitions {BPMN}><process id='p' isExecutable='true'>{inner}</process>{more}"
    return (text + "</definitions>").encode()


def files(secret: str, address: str) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each. `secret` is the path of a file, `address` of a server, that nobody
    may ask.
    """
    laughs = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    yield "laughs", ENTITY.format(f'<!ENTITY a0 "ha">{laughs}', BPMN, "&a9;").encode()
    quadratic = f'<!ENTITY a "{"x" * 50_000}">'
    yield "quadratic", ENTITY.format(quadratic, BPMN, "&a;" * 50_000).encode()
    for kind, at in (("file", f"file://{secret}"), ("http", address)):
        outside = f'<!ENTITY a SYSTEM "{at}">'
        yield f"xxe_{kind}", ENTITY.format(outside, BPMN, "&a;").encode()
        parameter = f'<!ENTITY % a SYSTEM "{at}"> %a;'
        yield f"parameter_{kind}", ENTITY.format(parameter, BPMN, "x").encode()
        yield f"dtd_{kind}", f'<!DOCTYPE d SYSTEM "{at}"><definitions {BPMN}/>'.encode()
        include = f'<x:include xmlns:x="http://www.w3.org/2001/XInclude" href="{at}" parse="text"/>'
        yield f"xinclude_{kind}", process(f"<task id='a'>{include}</task>")
    yield "bare_doctype", f"<!DOCTYPE d><definitions {BPMN}/>".encode()
    yield "utf16_doctype", f"<!DOCTYPE d><definitions {BPMN}/>".encode("utf-16")
    yield "elements", process("<task/>" * 100_000)
    yield "deep", process("<subProcess>" * 100_000 + "</subProcess>" * 100_000)
    yield "attributes", process("<task " + " ".join(f"a{n}='1'" for n in range(200_000)) + "/>")
    yield "duplicate_ids", process("<task id='a'/>" * 49_000)
    yield "dangling", process("<task id='a'/><sequenceFlow id='f' sourceRef='a' targetRef='b'/>")
    ring = (
        f"<process id='p{n}'><callActivity id='c{n}' calledElement='p{ring_after(n)}'/></process>"
        for n in range(9_000)
    )
    yield "calls_in_a_circle", process("", "".join(ring))
    yield "nul", process("<task id='a' name='\0'/>")
    yield "half", process("<task id='a'/>")[:-40]
    yield "not_xml", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 1000
    yield "unknown_encoding", b'<?xml version="1.0" encoding="utf-7"?><a/>'
    yield "fifty_megabytes", f"<definitions {BPMN} id='".encode() + b"x" * 50_000_000


def main(secret: str, address: str) -> None:
    for name, data in files(secret, address):
        begun = time.process_time()
        try:
            outcome = f"read: {read(data)}"
        except BpmnError as error:
            outcome = str(error)
        spent = time.process_time() - begun
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps([name, outcome, spent, peak, len(data)]))


if __name__ == "__main__":
    main(*sys.argv[1:])
