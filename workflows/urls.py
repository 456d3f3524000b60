from __future__ import annotations

from django.urls import URLPattern, path

from workflows.views import (
    approvals,
    auditing,
    batches,
    choosing,
    comparing,
    creating,
    deciding,
    dry_running,
    editing,
    execution,
    executions,
    forking,
    home,
    importing,
    incidents,
    intake,
    modelling,
    moving,
    operating,
    overlaying,
    repairing,
    searching,
    streaming,
    triggering,
)
from workflows.views.verbs import VERBS

urlpatterns: list[URLPattern] = [
    path("", home.home, name="home"),
    path("search/", searching.search, name="search"),
    path("live/", streaming.live, name="live"),
    path("executions/", executions.executions, name="executions"),
    path("executions/rows/", executions.executions_rows, name="executions_rows"),
    path("executions/<int:execution_id>/", execution.execution, name="execution"),
    path("executions/<int:execution_id>/live/", execution.execution_live, name="execution_live"),
    path(
        "executions/<int:execution_id>/at/<int:seq>/", execution.execution_at, name="execution_at"
    ),
    path(
        "executions/<int:execution_id>/overlay/",
        overlaying.execution_overlay,
        name="execution_overlay",
    ),
    path(
        "executions/<int:execution_id>/overlay/<int:seq>/",
        overlaying.execution_overlay_at,
        name="execution_overlay_at",
    ),
    path(
        "executions/<int:execution_id>/verify/", auditing.execution_verify, name="execution_verify"
    ),
    path(
        "executions/<int:execution_id>/tasks/<int:task_id>/retry/",
        repairing.task_retry,
        name="task_retry",
    ),
    path(
        "executions/<int:execution_id>/tasks/<int:task_id>/complete/",
        operating.task_complete,
        name="task_complete",
    ),
    path(
        "executions/<int:execution_id>/tasks/<int:task_id>/skip/",
        repairing.task_skip,
        name="task_skip",
    ),
    path(
        "executions/<int:execution_id>/tasks/<int:task_id>/rerun/",
        forking.task_rerun,
        name="task_rerun",
    ),
    path(
        "executions/<int:execution_id>/tasks/<int:task_id>/decision/",
        deciding.task_decision,
        name="task_decision",
    ),
    path(
        "executions/<int:execution_id>/tasks/<int:task_id>/activate/",
        choosing.task_activate,
        name="task_activate",
    ),
    path("executions/<int:execution_id>/move/", moving.execution_move, name="execution_move"),
    path(
        "executions/<int:execution_id>/variables/",
        repairing.execution_variables,
        name="execution_variables",
    ),
    *(
        path(
            f"executions/<int:execution_id>/{verb}/",
            operating.operate,
            {"verb": verb},
            name=f"execution_{verb}",
        )
        for verb in VERBS
    ),
    path("batches/", batches.batches, name="batches"),
    path("batches/new/", batches.batch_new, name="batch_new"),
    path("batches/<int:batch_id>/", batches.batch, name="batch"),
    path("batches/<int:batch_id>/cancel/", batches.batch_cancel, name="batch_cancel"),
    path("incidents/", incidents.incidents, name="incidents"),
    path("inbox/", approvals.inbox, name="inbox"),
    path("approvals/<int:approval_id>/", approvals.approval, name="approval"),
    path("approvals/<int:approval_id>/decide/", approvals.approval_decide, name="approval_decide"),
    path("workflows/", modelling.workflows, name="workflows"),
    path("workflows/new/", creating.workflow_new, name="workflow_new"),
    path("workflows/import/", importing.workflow_import, name="workflow_import"),
    path("workflows/<str:key>/", modelling.workflow, name="workflow"),
    path(
        "workflows/<str:key>/versions/<int:number>/diagram/",
        overlaying.version_diagram,
        name="version_diagram",
    ),
    path("workflows/<str:key>/edit/", editing.workflow_edit, name="workflow_edit"),
    path(
        "workflows/<str:key>/edit/state/",
        editing.workflow_draft_state,
        name="workflow_draft_state",
    ),
    path("workflows/<str:key>/edit/save/", editing.workflow_save, name="workflow_save"),
    path("workflows/<str:key>/edit/problems/", editing.workflow_problems, name="workflow_problems"),
    path("workflows/<str:key>/edit/expression/", editing.expression_check, name="expression_check"),
    path("workflows/<str:key>/edit/publish/", editing.workflow_publish, name="workflow_publish"),
    path("workflows/<str:key>/bpmn/", importing.workflow_bpmn, name="workflow_bpmn"),
    path(
        "workflows/<str:key>/versions/<int:a>/compare/<str:b>/",
        comparing.versions_compared,
        name="versions_compared",
    ),
    path("workflows/<str:key>/start/", modelling.workflow_start, name="workflow_start"),
    path("workflows/<str:key>/dry-run/", dry_running.workflow_dry_run, name="workflow_dry_run"),
    path("workflows/<str:key>/intake/pause/", intake.intake_pause, name="intake_pause"),
    path("workflows/<str:key>/intake/resume/", intake.intake_resume, name="intake_resume"),
    path("decisions/", deciding.decisions, name="decisions"),
    path("decisions/import/", deciding.decision_import, name="decision_import"),
    path("decisions/<str:key>/", deciding.decision, name="decision"),
    path("decisions/<str:key>/file/", deciding.decision_file, name="decision_file"),
    path("triggers/", triggering.triggers, name="triggers"),
    path("triggers/events/", triggering.events, name="events"),
    path("triggers/events/<int:event_id>/", triggering.event, name="event"),
    path("triggers/<int:trigger_id>/", triggering.trigger, name="trigger"),
    *(
        path(
            f"triggers/<int:trigger_id>/{verb}/",
            triggering.operate,
            {"verb": verb},
            name=f"trigger_{verb}",
        )
        for verb in triggering.VERBS
    ),
    path("audit/", auditing.audit, name="audit"),
]
