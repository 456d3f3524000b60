from __future__ import annotations

from django.urls import path

from config.demo import views

urlpatterns = [
    path("outbox/", views.outbox, name="outbox"),
    path("outbox/<str:mail_id>/", views.mail, name="outbox_mail"),
    path("partners/", views.partners, name="partners"),
    path("partners/<str:supplier_id>/lock/", views.supplier_lock, name="supplier_lock"),
]
