from __future__ import annotations

import pytest

from agents.tools import ToolFailure
from config.demo import outbox
from config.demo.models import Customer, Message
from config.demo.tools.messages import notify, send_confirmation

pytestmark = pytest.mark.django_db

ORDER = {
    "order_id": "ORD-1",
    "customer_id": "CUST-123",
    "items": [{"sku": "SKU-001", "quantity": 2}],
    "total_amount": 299.99,
    "currency": "USD",
    "carrier": "Northline Express",
    "tracking_code": "NL42",
    "channels": ["email", "sms"],
}


@pytest.fixture(autouse=True)
def customer():
    return Customer.objects.create(
        customer_id="CUST-123", name="Mary Jackson", email="mary@example.com", phone="+4930901820"
    )


def test_the_customer_is_told_on_every_channel(call):
    sent = notify(ORDER | {"message": "order_confirmation"}, call())["sent"]
    assert [message["channel"] for message in sent] == ["email", "sms"]
    sms, email = sorted(outbox.newest(), key=lambda mail: mail.recipient)
    assert email.recipient == "mary@example.com"
    assert email.subject == "Your order ORD-1"
    assert "2 × SKU-001" in email.text
    assert "NL42" in email.text
    assert sms.recipient == "+4930901820@sms.signalbox.example"
    assert sms.is_sms
    assert sms.text.strip() == "Order ORD-1 is on its way: Northline Express NL42."


def test_a_repeated_attempt_sends_nothing_twice(call):
    send_confirmation(ORDER, call())
    send_confirmation(ORDER, call())
    assert len(outbox.newest()) == 2
    assert Message.objects.filter(sent_at__isnull=False).count() == 2


def test_a_mail_that_was_not_noted_as_sent_is_sent_with_the_same_id(call, outbox_folder):
    send_confirmation(ORDER | {"channels": ["email"]}, call())
    Message.objects.update(sent_at=None)
    send_confirmation(ORDER | {"channels": ["email"]}, call())
    files = [path.read_text() for path in outbox_folder.iterdir()]
    ids = [line for text in files for line in text.splitlines() if line.startswith("Message-ID")]
    assert len(ids) == 2
    assert len(set(ids)) == 1


def test_a_newline_in_a_name_adds_no_header(call):
    send_confirmation(ORDER | {"order_id": "X\r\nBcc: all@example.com"}, call())
    assert all("Bcc" not in mail.recipient for mail in outbox.newest())
    assert any("X Bcc: all@example.com" in mail.subject for mail in outbox.newest())


def test_an_unknown_channel_or_customer_is_told(call, customer):
    with pytest.raises(ToolFailure, match="no channel pigeon"):
        send_confirmation(ORDER | {"channels": ["pigeon"]}, call())
    with pytest.raises(ToolFailure, match="NOBODY is not a customer"):
        send_confirmation(ORDER | {"customer_id": "NOBODY"}, call())
    Customer.objects.update(phone="")
    with pytest.raises(ToolFailure, match="no phone number"):
        send_confirmation(ORDER | {"channels": ["sms"]}, call())


def test_the_outbox_reads_only_its_own_files(call, outbox_folder):
    send_confirmation(ORDER, call())
    (outbox_folder / "secret.txt").write_text("Subject: secret\n\nx")
    assert {mail.subject for mail in outbox.newest()} == {"Your order ORD-1"}
    assert outbox.get(outbox.newest()[0].id) == outbox.newest()[0]
    for name in ("../../etc/passwd-0", "secret.txt-0", "20260101-000000-1.log-0", "", "x"):
        assert outbox.get(name) is None
