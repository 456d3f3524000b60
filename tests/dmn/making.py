"""DMN documents made of rows: `dmn(table(...))` is the text of a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

DISH = (Path(__file__).parent / "files" / "dish.dmn").read_bytes()
LATEST = "https://www.omg.org/spec/DMN/20191111/MODEL/"


def dmn(*decisions: str, namespace: str = LATEST, more: str = "") -> bytes:
    """A file of decisions."""
    inside = "".join(decisions)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<dmn:definitions xmlns:dmn="{namespace}" '
        f'id="file" name="A file" namespace="urn:test" {more}>{inside}</dmn:definitions>'
    ).encode()


def decision(key: str, inside: str, *needs: str, name: str = "") -> str:
    """One decision, which needs others."""
    requirements = "".join(
        f'<dmn:informationRequirement><dmn:requiredDecision href="#{one}"/>'
        "</dmn:informationRequirement>"
        for one in needs
    )
    return (
        f'<dmn:decision id="{key}" name={quoteattr(name or key.title())}>{requirements}{inside}'
        "</dmn:decision>"
    )


def expression(text: str) -> str:
    """A literal expression."""
    return f"<dmn:literalExpression>{_text(text)}</dmn:literalExpression>"


def table(
    rows: Sequence[Sequence[str]],
    *,
    inputs: Sequence[str] = ("x",),
    types: Sequence[str] = (),
    outputs: Sequence[str] = ("y",),
    policy: str = "UNIQUE",
    aggregation: str = "",
    values: str = "",
    default: str = "",
    allowed: str = "",
    output_type: str = "",
) -> str:
    """A table whose rows are the texts of their cells, inputs first."""
    columns = "".join(
        f"<dmn:input label={quoteattr(text.title())}>"
        f"<dmn:inputExpression{_type(types[at] if at < len(types) else '')}>{_text(text)}"
        f"</dmn:inputExpression>{_values('inputValues', allowed)}</dmn:input>"
        for at, text in enumerate(inputs)
    ) + "".join(
        f'<dmn:output name="{name}"{_type(output_type)}>{_values("outputValues", values)}'
        f"{_values('defaultOutputEntry', default)}</dmn:output>"
        for name in outputs
    )
    rules = "".join(
        "<dmn:rule>"
        + "".join(f"<dmn:inputEntry>{_text(cell)}</dmn:inputEntry>" for cell in row[: len(inputs)])
        + "".join(
            f"<dmn:outputEntry>{_text(cell)}</dmn:outputEntry>" for cell in row[len(inputs) :]
        )
        + "</dmn:rule>\n"
        for row in rows
    )
    aggregating = f' aggregation="{aggregation}"' if aggregation else ""
    return (
        f'<dmn:decisionTable hitPolicy="{policy}"{aggregating}>{columns}{rules}</dmn:decisionTable>'
    )


def _type(name: str) -> str:
    return f' typeRef="{name}"' if name else ""


def _values(tag: str, text: str) -> str:
    return f"<dmn:{tag}>{_text(text)}</dmn:{tag}>" if text else ""


def _text(text: str) -> str:
    return f"<dmn:text>{escape(text)}</dmn:text>"
