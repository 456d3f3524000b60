from __future__ import annotations

from django.urls import URLPattern, path

from agents.views import workforce

urlpatterns: list[URLPattern] = [
    path("agents/", workforce.agents, name="agents"),
    path(
        "agents/assignments/<int:task_id>/", workforce.agent_assignments, name="agent_assignments"
    ),
    path("agents/choices.json", workforce.agent_choices, name="agent_choices"),
    path("agents/<str:key>/", workforce.agent, name="agent"),
    path("agents/<str:key>/breaker/close/", workforce.breaker_close, name="breaker_close"),
]
