from __future__ import annotations

from typing import Any

CATALOGUE_WATCH: dict[str, Any] = {
    "key": "catalogue_watch_v1",
    "name": "Watch a supplier's catalogue",
    "description": "Ask for a catalogue again and again until the supplier opens it, then take "
    "over its prices. SUP-NORTH keeps its catalogue locked at first: unlock it on the page "
    "Partners while this waits. After ten tries a person is asked what to do.",
    "variables": {"tries": 0},
    "timeout_minutes": 60,
    "retry_policy": {"max_retries": 0},
    "input_schema": {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Supplier",
        "type": "object",
        "required": ["supplier_id"],
        "properties": {
            "supplier_id": {
                "type": "string",
                "title": "Supplier",
                "description": "SUP-NORTH is locked at first, SUP-SOUTH is open.",
                "enum": ["SUP-NORTH", "SUP-SOUTH"],
                "default": "SUP-NORTH",
            }
        },
    },
    "tasks": [
        {
            "key": "begin",
            "name": "Begin",
            "description": "Somebody wants the prices.",
            "kind": "start",
        },
        {
            "key": "fetch_catalogue",
            "name": "Fetch catalogue",
            "description": "Ask the supplier for the catalogue; a locked one is refused.",
            "capabilities": ["supplier_catalogue"],
            "dependencies": ["begin", "wait"],
            "join": "one",
            "output_mapping": {"catalogue": "output.body.items"},
        },
        {
            "key": "refused",
            "name": "Refused",
            "description": "The catalogue is locked, or the supplier cannot be reached.",
            "kind": "boundary",
            "attached_to": "fetch_catalogue",
            "event": {"type": "error"},
            "output_mapping": {"tries": "tries + 1"},
        },
        {
            "key": "enough",
            "name": "Tried enough?",
            "description": "Ten tries are enough.",
            "kind": "exclusive",
            "dependencies": ["refused"],
        },
        {
            "key": "wait",
            "name": "Wait",
            "description": "Fifteen seconds, without holding a worker.",
            "kind": "catch",
            "event": {"type": "timer", "duration": "PT15S"},
            "dependencies": [{"task": "enough", "when": "tries < 10"}],
        },
        {
            "key": "give_up",
            "name": "Give up?",
            "description": "A person notes what to do about a supplier that stays closed.",
            "kind": "human",
            "approval": {
                "title": "The supplier does not open its catalogue. Close this watch?",
                "groups": ["approver"],
                "not_requester": False,
            },
            "dependencies": [{"task": "enough", "default": True}],
        },
        {
            "key": "update_prices",
            "name": "Update prices",
            "description": "Write the new purchase prices and list what changed.",
            "capabilities": ["purchasing"],
            "dependencies": ["fetch_catalogue"],
            "output_mapping": {"changes": "output.changes"},
        },
        {
            "key": "done",
            "name": "Done",
            "description": "The prices are in, or the watch is closed.",
            "kind": "end",
            "dependencies": ["update_prices", "give_up"],
        },
    ],
}
