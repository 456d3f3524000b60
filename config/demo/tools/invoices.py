"""Reading, checking and booking suppliers' invoices."""

from __future__ import annotations

import csv
import io
from decimal import Decimal, InvalidOperation
from typing import Any

from agents.executors.contract import Call
from agents.tools import ToolFailure, tool
from config.demo.models import Invoice, PurchasePrice

CENT = Decimal("0.01")
COLUMNS = ("sku", "quantity", "unit_price")
MOST_LINES = 1_000


@tool("demo.invoices")
def invoices(input: dict[str, Any], call: Call) -> dict[str, Any]:
    """One agent, several steps: `input["operation"]` names the step."""
    step = STEPS.get(str(input.get("operation")))
    if step is None:
        raise ToolFailure(f"operation must be one of {', '.join(STEPS)}.")
    return step(input, call)


def read(input: dict[str, Any], call: Call) -> dict[str, Any]:
    """The lines of the CSV text `input["csv"]`; every unreadable line is told."""
    reader = csv.DictReader(io.StringIO(str(input.get("csv", "")).strip()), skipinitialspace=True)
    missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
    if missing:
        raise ToolFailure(f"The invoice lacks the columns {', '.join(missing)}.")
    problems: list[str] = []
    lines = [line for row in reader if (line := _line(reader.line_num, row, problems))]
    if not lines and not problems:
        problems.append("The invoice has no lines.")
    if problems or len(lines) > MOST_LINES:
        problems = problems or [f"The invoice has more than {MOST_LINES} lines."]
        raise ToolFailure(" ".join(problems[:10]), details={"problems": problems[:100]})
    return {"lines": lines, "count": len(lines)}


def total(input: dict[str, Any], call: Call) -> dict[str, Any]:
    """Net, tax and gross from the lines, against what the invoice itself says."""
    net, tax, gross = _sums(input)
    stated = _money(input.get("stated_total", 0))
    wrong = [] if stated == gross else [f"The invoice says {stated}, its lines say {gross}."]
    return {"net": float(net), "tax": float(tax), "gross": float(gross), "findings": wrong}


def check_prices(input: dict[str, Any], call: Call) -> dict[str, Any]:
    """Each line's price against the last known purchase price of this supplier."""
    known = dict(
        PurchasePrice.objects.filter(supplier_id=input.get("supplier_id")).values_list(
            "sku", "price"
        )
    )
    findings = []
    for line in input["lines"]:
        agreed, asked = known.get(line["sku"]), _money(line["unit_price"])
        if agreed is None:
            findings.append(f"{line['sku']}: no purchase price is known.")
        elif asked > agreed:
            findings.append(f"{line['sku']}: {asked} is asked, {agreed} was agreed.")
    return {"compared": len(input["lines"]), "findings": findings}


def check_number(input: dict[str, Any], call: Call) -> dict[str, Any]:
    """Whether this supplier has sent an invoice with this number before."""
    earlier = Invoice.objects.filter(
        supplier_id=input.get("supplier_id"), number=input.get("invoice_number")
    ).exclude(execution_id=call.execution_id)
    count = earlier.count()
    told = f"The number {input.get('invoice_number')} was booked before ({count})."
    return {"earlier": count, "findings": [told] if count else []}


def book(input: dict[str, Any], call: Call) -> dict[str, Any]:
    """One row per key, with the findings of all branches."""
    parts = (input.get(name) or [] for name in ("sum_findings", "price_findings", "seen_findings"))
    findings = [finding for part in parts for finding in part]
    net, tax, gross = _sums(input)
    status = Invoice.Status.DISPUTED if findings else Invoice.Status.CLEAR
    invoice, _ = Invoice.objects.get_or_create(
        key=call.idempotency_key,
        defaults={
            "execution_id": call.execution_id,
            "supplier_id": str(input.get("supplier_id", "")),
            "number": str(input.get("invoice_number", "")),
            "lines": input["lines"],
            "net": net,
            "tax": tax,
            "gross": gross,
            "findings": findings,
            "status": status,
        },
    )
    return {"invoice": invoice.pk, "status": invoice.status, "findings": invoice.findings}


STEPS = {
    "read": read,
    "total": total,
    "check_prices": check_prices,
    "check_number": check_number,
    "book": book,
}


@tool("demo.quality_check")
def quality_check(input: dict[str, Any], call: Call) -> dict[str, Any]:
    """The supervisor looks at the row that was booked and adds it up once more."""
    invoice = Invoice.objects.filter(pk=input.get("invoice") or 0).first()
    if invoice is None:
        raise ToolFailure("No booked invoice to check.")
    sums = _sums({"lines": invoice.lines, "tax_rate": input.get("tax_rate")})
    if sums != (invoice.net, invoice.tax, invoice.gross):
        raise ToolFailure(f"Invoice {invoice.number} was booked with other sums than {sums}.")
    if bool(invoice.findings) != (invoice.status == Invoice.Status.DISPUTED):
        raise ToolFailure(f"The status of invoice {invoice.number} belies its findings.")
    return {"checked": invoice.number, "lines": len(invoice.lines)}


def _line(number: int, row: dict[str, Any], problems: list[str]) -> dict[str, Any] | None:
    try:
        quantity, price = int(row["quantity"] or ""), _money(row["unit_price"])
    except ValueError:
        problems.append(f"Line {number}: quantity and unit_price must be numbers.")
        return None
    sku = (row["sku"] or "").strip()
    if not (0 < len(sku) <= 40 and 0 < quantity <= 10_000 and 0 <= price <= 1_000_000):
        problems.append(f"Line {number}: needs an article, a quantity above 0 and a price.")
        return None
    return {"sku": sku, "quantity": quantity, "unit_price": float(price)}


def _sums(input: dict[str, Any]) -> tuple[Decimal, Decimal, Decimal]:
    lines = input["lines"]
    net = sum((_money(line["unit_price"]) * line["quantity"] for line in lines), Decimal(0))
    tax = (net * Decimal(str(input.get("tax_rate") or 0))).quantize(CENT)
    return net, tax, net + tax


def _money(value: Any) -> Decimal:
    """Raises ValueError for what is no amount of money."""
    try:
        amount = Decimal(str(value).strip()).quantize(CENT)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        raise ValueError(f"{value!r} is not an amount of money")
    return amount
