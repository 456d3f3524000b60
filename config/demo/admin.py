from __future__ import annotations

from django.contrib import admin

from config.demo.models import (
    Customer,
    Invoice,
    Message,
    PurchasePrice,
    Reservation,
    Shipment,
    StockItem,
)


@admin.register(Customer)
class CustomerAdmin(admin.ModelAdmin):
    list_display = ("customer_id", "name", "email", "city", "country", "payment_method")
    search_fields = ("customer_id", "name", "email")


@admin.register(StockItem)
class StockItemAdmin(admin.ModelAdmin):
    list_display = ("sku", "name", "on_hand", "reserved", "available")
    search_fields = ("sku", "name")


@admin.register(Reservation)
class ReservationAdmin(admin.ModelAdmin):
    list_display = ("order_id", "sku", "quantity", "state", "execution_id")
    list_filter = ("state",)
    search_fields = ("order_id", "sku")


@admin.register(Shipment)
class ShipmentAdmin(admin.ModelAdmin):
    list_display = ("order_id", "carrier", "tracking_code", "method", "created_at")
    search_fields = ("order_id", "tracking_code")


@admin.register(Message)
class MessageAdmin(admin.ModelAdmin):
    list_display = ("subject", "channel", "recipient", "sent_at", "execution_id")
    list_filter = ("channel",)
    search_fields = ("subject", "recipient")


@admin.register(PurchasePrice)
class PurchasePriceAdmin(admin.ModelAdmin):
    list_display = ("supplier_id", "sku", "price", "updated_at")
    list_filter = ("supplier_id",)
    search_fields = ("sku",)


@admin.register(Invoice)
class InvoiceAdmin(admin.ModelAdmin):
    list_display = ("number", "supplier_id", "net", "tax", "gross", "status", "booked_at")
    list_filter = ("status", "supplier_id")
    search_fields = ("number",)
