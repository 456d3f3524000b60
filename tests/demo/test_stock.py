from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import IntegrityError, connection

from agents.tools import ToolFailure
from config.demo import cancelling
from config.demo.models import Reservation, Shipment, StockItem
from config.demo.tools.inventory import inventory, release_stock, reserve_stock
from config.demo.tools.shipping import create_shipment

ORDER = {"order_id": "ORD-1", "items": [{"sku": "B", "quantity": 2}, {"sku": "A", "quantity": 1}]}


@pytest.fixture
def shelf(db):
    StockItem.objects.create(sku="A", name="Lamp", on_hand=5)
    StockItem.objects.create(sku="B", name="Bell", on_hand=3)


def stock() -> dict[str, tuple[int, int]]:
    return {item.sku: (item.on_hand, item.reserved) for item in StockItem.objects.all()}


def test_an_order_reserves_what_it_needs(shelf, call):
    answer = reserve_stock(ORDER, call())
    assert answer == {"reserved": [{"sku": "A", "quantity": 1}, {"sku": "B", "quantity": 2}]}
    assert stock() == {"A": (5, 1), "B": (3, 2)}


def test_a_repeated_reservation_reserves_nothing_more(shelf, call):
    assert reserve_stock(ORDER, call()) == reserve_stock(ORDER, call())
    assert stock() == {"A": (5, 1), "B": (3, 2)}
    assert Reservation.objects.count() == 2


def test_a_shortage_names_the_article_and_reserves_nothing(shelf, call):
    wanted = {"items": [{"sku": "A", "quantity": 1}, {"sku": "B", "quantity": 4}]}
    with pytest.raises(ToolFailure) as failure:
        reserve_stock(wanted, call())
    assert not failure.value.retryable
    assert failure.value.details["shortages"] == [{"sku": "B", "wanted": 4, "available": 3}]
    assert "B: 4 wanted, 3 there" in str(failure.value)
    assert stock() == {"A": (5, 0), "B": (3, 0)}


def test_what_is_reserved_is_not_available_to_others(shelf, call):
    reserve_stock(ORDER, call())
    with pytest.raises(ToolFailure, match="B: 2 wanted, 1 there"):
        reserve_stock(ORDER, call("8:step:0", 8))


def test_releasing_gives_back_once(shelf, call):
    reserve_stock(ORDER, call())
    first = inventory({"operation": "release"}, call("7:cancel:0"))
    assert len(first["released"]) == 2
    assert release_stock({}, call("7:cancel:0")) == {"released": []}
    assert stock() == {"A": (5, 0), "B": (3, 0)}


def test_a_shipment_takes_the_goods_off_the_shelf_once(shelf, call):
    reserve_stock(ORDER, call())
    ship = call("7:ship:0")
    first = create_shipment(ORDER | {"shipping_method": "express"}, ship)
    assert first == create_shipment(ORDER | {"shipping_method": "express"}, ship)
    assert first["carrier"] == "Northline Express"
    assert stock() == {"A": (4, 0), "B": (1, 0)}
    assert set(Reservation.objects.values_list("state", flat=True)) == {"shipped"}
    assert Shipment.objects.count() == 1


def test_nothing_held_means_nothing_to_ship(shelf, call):
    with pytest.raises(ToolFailure, match="No stock is held"):
        create_shipment(ORDER, call())
    reserve_stock(ORDER, call())
    release_stock({}, call())
    with pytest.raises(ToolFailure, match="No stock is held"):
        create_shipment(ORDER, call("7:ship:0"))


def test_an_unknown_operation_is_refused(shelf, call):
    with pytest.raises(ToolFailure, match="reserve or release"):
        inventory({"operation": "steal"}, call())


def test_a_cancelled_execution_gives_its_stock_back(shelf, call):
    reserve_stock(ORDER, call())
    cancelling.release_stock({"execution_id": 7, "new_state": "failed"})
    assert stock()["A"] == (5, 1)
    cancelling.release_stock({"execution_id": 7, "new_state": "cancelled"})
    assert stock() == {"A": (5, 0), "B": (3, 0)}


def test_the_database_refuses_to_promise_more_than_there_is(shelf):
    with pytest.raises(IntegrityError, match="no_more_is_reserved_than_is_on_hand"):
        StockItem.objects.filter(sku="A").update(reserved=6)


@pytest.mark.django_db(transaction=True)
def test_parallel_orders_never_promise_more_than_there_is(shelf, call):
    def order(number: int) -> bool:
        items = ORDER["items"] if number % 2 else list(reversed(ORDER["items"]))
        try:
            reserve_stock({"items": items}, call(f"{number}:step:0", number))
        except ToolFailure:
            return False
        finally:
            connection.close()
        return True

    StockItem.objects.filter(sku="B").update(on_hand=9)
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(order, range(1, 17))) == 4
    assert stock() == {"A": (5, 4), "B": (9, 8)}


@pytest.mark.django_db(transaction=True)
def test_parallel_attempts_of_one_step_reserve_once(shelf, call):
    def attempt(_: int) -> dict:
        try:
            return reserve_stock(ORDER, call())
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert len({str(answer) for answer in pool.map(attempt, range(16))}) == 1
    assert stock() == {"A": (5, 1), "B": (3, 2)}
