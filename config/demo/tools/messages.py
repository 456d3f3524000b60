"""Mail, and SMS by way of a mail-to-SMS gateway: the number is the mailbox."""

from __future__ import annotations

import hashlib
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models.functions import Now

from agents.executors.contract import Call
from agents.tools import ToolFailure, tool
from config.demo.models import Customer, Message

SMS_DOMAIN = "sms.signalbox.example"
Channel = Message.Channel


@tool("demo.notify")
def notify(input: dict[str, Any], call: Call) -> dict[str, Any]:
    """One agent, two letters: `input["message"]` is `order_confirmation` or `invoice_report`."""
    match input.get("message", "order_confirmation"):
        case "order_confirmation":
            return send_confirmation(input, call)
        case "invoice_report":
            return send_invoice_report(input, call)
        case other:
            raise ToolFailure(f"There is no message {other!r}.")


@tool("demo.send_confirmation")
def send_confirmation(input: dict[str, Any], call: Call) -> dict[str, Any]:
    """Tells the customer on every channel of `input["channels"]` that the order is on its way."""
    customer = Customer.objects.filter(customer_id=input.get("customer_id")).first()
    if customer is None:
        raise ToolFailure(f"{input.get('customer_id')} is not a customer.")
    order_id = input.get("order_id", "")
    short = f"Order {order_id} is on its way: {input.get('carrier')} {input.get('tracking_code')}"
    texts = {Channel.EMAIL: _letter(customer, input), Channel.SMS: f"{short}."}
    sent = []
    for channel in map(_known_channel, input.get("channels", ["email"])):
        recipient = _recipient(customer, channel)
        sent.append(_send(call, channel, recipient, f"Your order {order_id}", texts[channel]))
    return {"sent": sent}


def send_invoice_report(input: dict[str, Any], call: Call) -> dict[str, Any]:
    """Tells accounting what was found about an invoice."""
    findings = input.get("findings") or ["Nothing to complain about."]
    subject = f"Invoice {input.get('invoice_number')}: {input.get('invoice_status')}"
    text = "\n".join(
        [
            f"Invoice {input.get('invoice_number')} of {input.get('supplier_id')} has been booked.",
            f"Net {input.get('net')}, tax {input.get('tax')}, gross {input.get('gross')}.",
            "",
            *(f"- {finding}" for finding in findings),
        ]
    )
    recipient = str(input.get("accounting_email", ""))
    return {"sent": [_send(call, Channel.EMAIL, recipient, subject, text)]}


def _letter(customer: Customer, input: dict[str, Any]) -> str:
    lines = "\n".join(f"  {item['quantity']} × {item['sku']}" for item in input.get("items", []))
    return (
        f"Dear {customer.name},\n\n"
        f"thank you for your order {input.get('order_id')}. We have sent you:\n\n{lines}\n\n"
        f"Total: {input.get('total_amount')} {input.get('currency')}\n"
        f"Carrier: {input.get('carrier')}, tracking code {input.get('tracking_code')}\n"
        f"To: {customer.street}, {customer.postal_code} {customer.city}, {customer.country}\n"
    )


def _known_channel(name: str) -> Channel:
    if name not in Channel.values:
        raise ToolFailure(f"There is no channel {name}; known are {', '.join(Channel.values)}.")
    return Channel(name)


def _recipient(customer: Customer, channel: Channel) -> str:
    if channel is Channel.EMAIL:
        return customer.email
    if not customer.phone:
        raise ToolFailure(f"{customer.customer_id} has no phone number for an SMS.")
    return f"{customer.phone}@{SMS_DOMAIN}"


def _send(call: Call, channel: Channel, recipient: str, subject: str, text: str) -> dict[str, str]:
    """At least once: a crash between sending and noting it sends the same Message-ID again."""
    message, _ = Message.objects.get_or_create(
        key=f"{call.idempotency_key}:{channel}",
        defaults={
            "execution_id": call.execution_id,
            "channel": channel,
            "recipient": recipient,
            "subject": " ".join(subject.split())[:200],
            "body": text,
        },
    )
    if message.sent_at is None:
        _mail(message).send()
        Message.objects.filter(pk=message.pk).update(sent_at=Now())
    return {"channel": channel.value, "recipient": message.recipient}


def _mail(message: Message) -> EmailMessage:
    digest = hashlib.sha256(message.key.encode()).hexdigest()[:32]
    return EmailMessage(
        subject=message.subject,
        body=message.body,
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=[message.recipient],
        headers={"Message-ID": f"<{digest}@signalbox.example>"},
    )
