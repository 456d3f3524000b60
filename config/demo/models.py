"""The demo shop's own tables. Nothing of the product knows them."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _


class Customer(models.Model):
    """Who orders: the address and the payment method that an order itself does not carry."""

    class PaymentMethod(models.TextChoices):
        CARD = "card", _("Card")
        INVOICE = "invoice", _("Invoice")
        NONE = "", _("None on file")

    customer_id = models.CharField(_("customer"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=100)
    email = models.EmailField(_("e-mail"))
    phone = models.CharField(_("phone"), max_length=20, blank=True)
    street = models.CharField(_("street"), max_length=100, blank=True)
    postal_code = models.CharField(_("postal code"), max_length=12, blank=True)
    city = models.CharField(_("city"), max_length=60, blank=True)
    country = models.CharField(_("country"), max_length=2, blank=True)
    payment_method = models.CharField(
        _("payment method"), max_length=10, choices=PaymentMethod.choices, blank=True
    )

    class Meta:
        verbose_name, verbose_name_plural = _("customer"), _("customers")
        ordering = ("customer_id",)

    def __str__(self) -> str:
        return f"{self.customer_id} {self.name}"


class StockItem(models.Model):
    """What lies on the shelf, and how much of it is promised to orders."""

    sku = models.CharField(_("article"), max_length=40, unique=True)
    name = models.CharField(_("name"), max_length=100)
    on_hand = models.PositiveIntegerField(_("on hand"), default=0)
    reserved = models.PositiveIntegerField(_("reserved"), default=0)

    class Meta:
        verbose_name, verbose_name_plural = _("stock item"), _("stock items")
        ordering = ("sku",)
        constraints = (
            models.CheckConstraint(
                condition=Q(reserved__gte=0, reserved__lte=F("on_hand")),
                name="no_more_is_reserved_than_is_on_hand",
            ),
        )

    def __str__(self) -> str:
        return f"{self.sku} {self.name}"

    @property
    def available(self) -> int:
        return self.on_hand - self.reserved


class Reservation(models.Model):
    """One article promised to one order; the key makes a repeated attempt find it again."""

    class State(models.TextChoices):
        HELD = "held", _("Held")
        RELEASED = "released", _("Released")
        SHIPPED = "shipped", _("Shipped")

    key = models.CharField(max_length=255, unique=True)
    execution_id = models.BigIntegerField(_("execution"), db_index=True)
    order_id = models.CharField(_("order"), max_length=60)
    sku = models.CharField(_("article"), max_length=40)
    quantity = models.PositiveIntegerField(_("quantity"))
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.HELD)

    class Meta:
        verbose_name, verbose_name_plural = _("reservation"), _("reservations")
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.quantity} × {self.sku} ({self.order_id})"


class Shipment(models.Model):
    """A parcel on its way."""

    key = models.CharField(max_length=255, unique=True)
    execution_id = models.BigIntegerField(_("execution"), db_index=True)
    order_id = models.CharField(_("order"), max_length=60)
    carrier = models.CharField(_("carrier"), max_length=60)
    tracking_code = models.CharField(_("tracking code"), max_length=30, unique=True)
    method = models.CharField(_("method"), max_length=20)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name, verbose_name_plural = _("shipment"), _("shipments")
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.carrier} {self.tracking_code}"


class Message(models.Model):
    """One message to one recipient; the key makes a repeated attempt see that it has been sent."""

    class Channel(models.TextChoices):
        EMAIL = "email", _("E-mail")
        SMS = "sms", _("SMS")

    key = models.CharField(max_length=255, unique=True)
    execution_id = models.BigIntegerField(_("execution"), db_index=True)
    channel = models.CharField(_("channel"), max_length=10, choices=Channel.choices)
    recipient = models.CharField(_("recipient"), max_length=254)
    subject = models.CharField(_("subject"), max_length=200)
    body = models.TextField(_("text"))
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("message"), _("messages")
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.subject} → {self.recipient}"


class PurchasePrice(models.Model):
    """What a supplier asks for an article, as of the last time that its catalogue was read."""

    supplier_id = models.CharField(_("supplier"), max_length=40)
    sku = models.CharField(_("article"), max_length=40)
    price = models.DecimalField(_("price"), max_digits=12, decimal_places=2)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        verbose_name, verbose_name_plural = _("purchase price"), _("purchase prices")
        ordering = ("supplier_id", "sku")
        constraints = (
            models.UniqueConstraint(
                fields=("supplier_id", "sku"), name="one_price_per_supplier_and_article"
            ),
        )

    def __str__(self) -> str:
        return f"{self.supplier_id} {self.sku}: {self.price}"


class Invoice(models.Model):
    """A supplier's invoice as it was booked, with everything that was found about it."""

    class Status(models.TextChoices):
        CLEAR = "clear", _("Clear for payment")
        DISPUTED = "disputed", _("Disputed")

    key = models.CharField(max_length=255, unique=True)
    execution_id = models.BigIntegerField(_("execution"), db_index=True)
    supplier_id = models.CharField(_("supplier"), max_length=40)
    number = models.CharField(_("number"), max_length=60)
    lines = models.JSONField(_("lines"), default=list)
    net = models.DecimalField(_("net"), max_digits=16, decimal_places=2)
    tax = models.DecimalField(_("tax"), max_digits=16, decimal_places=2)
    gross = models.DecimalField(_("gross"), max_digits=16, decimal_places=2)
    findings = models.JSONField(_("findings"), default=list, blank=True)
    status = models.CharField(_("status"), max_length=10, choices=Status.choices)
    booked_at = models.DateTimeField(_("booked"), auto_now_add=True)

    class Meta:
        verbose_name, verbose_name_plural = _("invoice"), _("invoices")
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.number} ({self.supplier_id})"
