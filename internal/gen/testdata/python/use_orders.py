"""What a user of the generated package of the example writes."""

from __future__ import annotations

from typing import assert_never

from orders import (
    ContractError,
    Event,
    EventType,
    OrderPaidPayload,
    OrderPaidV1,
    OrderPlacedV1,
    parse_event,
)
from orders import (
    OrderCancelledPayloadReason,
    OrderCancelledV1,
    OrderRefundedV1,
    OrderShippedPayload,
    OrderShippedV1,
    OrderSnapshotTakenV1,
)


def handle(event: Event) -> str:
    match event:
        case OrderPaidV1():
            return f"{event.data.order_id} paid: {event.data.total_minor + 1}"
        case OrderCancelledV1():
            return f"{event.data.order_id}: {event.data.reason}"
        case (
            OrderPlacedV1()
            | OrderShippedV1()
            | OrderRefundedV1()
            | OrderSnapshotTakenV1()
        ):
            return event.type
        case _:
            assert_never(event)


paid = OrderPaidV1(
    subject="ord_1",
    data=OrderPaidPayload(
        order_id="ord_1",
        customer_id="c_9",
        total_minor=4599,
        currency="USD",
        paid_at="2026-04-10T15:19:58Z",
    ),
)
text = paid.to_json()
read = parse_event(text)
assert read == paid, (read, paid)
assert read is not None and handle(read) == "ord_1 paid: 4600"
assert read.type == EventType.ORDER_PAID_V1 and read.source == "orders-service"
assert OrderPaidV1.from_json(text) == paid

# A field that is not declared is ignored, and an unknown value of an enum is taken:
# the contract says so of its readers. What is sent is held to what is declared.
more = parse_event(text.replace('"data":{', '"data":{"new":1,'))
assert more == paid, more
cancelled = OrderCancelledV1.from_json(
    '{"specversion":"1.0","id":"1","source":"orders-service","type":"orders.cancelled.v1","subject":"ord_1",'
    '"time":"2026-04-10T15:19:58Z","data":{"order_id":"ord_1","customer_id":"c_9","reason":"customer_request",'
    '"cancelled_at":"2026-04-10T16:01:00Z"}}'
)
assert cancelled.data.reason is OrderCancelledPayloadReason.CUSTOMER_REQUEST
cancelled.data.reason = "weather"
assert handle(cancelled) == "ord_1: weather"
try:
    cancelled.to_json()
except ContractError as error:
    assert [(p.pointer, p.keyword) for p in error.problems] == [
        ("/data/reason", "enum")
    ], error.problems
else:
    raise AssertionError("an unknown reason was sent")

# Unknown types are skipped, and near misses refused at their place.
assert parse_event(text.replace("orders.paid.v1", "orders.lost.v1")) is None
for old, new, pointer, keyword in [
    ("4599", "true", "/data/total_minor", "type"),
    ("4599", "-1", "/data/total_minor", "minimum"),
    ("4599", "1.5", "/data/total_minor", "type"),
    ('"USD"', '"usd"', "/data/currency", "pattern"),
    ('"USD"', '"USD\\n"', "/data/currency", "pattern"),
    ("2026-04-10T15:19:58Z", "2026-02-30T15:19:58Z", "/data/paid_at", "format"),
    ('"subject":"ord_1",', "", "", "required"),
    ('"subject":"ord_1"', '"subject":7', "/subject", "type"),
    ('"orders-service"', '"others"', "/source", "const"),
    ('"1.0"', '"0.3"', "/specversion", ""),
    ('{"specversion"', '{"id":"x","specversion"', "", ""),
    ('"customer_id":"c_9",', "", "/data", "required"),
    ("4599", "NaN", "", ""),
    ("c_9", "\\ud800", "", ""),
]:
    wrong = text.replace(old, new)
    assert wrong != text, old
    try:
        parse_event(wrong)
    except ContractError as error:
        assert (error.problems[0].pointer, error.problems[0].keyword) == (
            pointer,
            keyword,
        ), (new, error.problems)
    else:
        raise AssertionError(f"{new} was taken")
assert OrderPaidV1.from_json(text.replace("4599", "4599.0")).data.total_minor == 4599

# What is not there, and what nobody set, is not written.
shipped = OrderShippedPayload(
    order_id="o", carrier="dhl", tracking_code=None, shipped_at="2026-04-11T08:02:10Z"
)
event = OrderShippedV1(subject="o", data=shipped)
assert "tracking_code" not in event.to_json()
print("ok")
