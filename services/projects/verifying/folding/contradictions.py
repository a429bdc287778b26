"""Whether an event agrees with the log before it: what it says was so (`<name>_before`) must have been so.

A decision made on something stale shows here.
"""

from services.projects.verifying.folding.state import Row, State

FIRST = {
    "project": "project.proposed",
    "milestone": "milestone.planned",
    "issue": "issue.raised",
    "organization": "organization.founded",
    "member": "member.joined",
    "api_key": "api_key.issued",
}
SAID_BEFORE = {
    "methodology.adopted": ("methodology",),
    "phase.entered": ("state",),
    "project.put_on_hold": ("state",),
    "project.closed": ("state",),
    "project.cancelled": ("state",),
    "milestone.rebaselined": ("baseline_on",),
    "milestone.reforecast": ("forecast_on",),
    "milestone.achievement_corrected": ("achieved_on",),
    "milestone.achievement_withdrawn": ("achieved_on",),
    "milestone.cancelled": ("state",),
    "issue.triaged": ("kind", "priority"),
    "issue.assigned": ("assignee_id", "team"),
    "issue.transitioned": ("state", "category"),
    "issue.reopened": ("state", "category"),
    "issue.cancelled": ("state", "category"),
    "issue.moved_in": ("state", "category"),
    "member.role_granted": ("role",),
    "member.left": ("role",),
}
OF_MEMBERSHIP = ("project_member.role_granted", "project_member.left")


def contradiction(before: State | None, event: Row) -> str | None:
    """What is wrong with an event that follows this state; `None` where nothing is."""
    kind, event_type = event["stream"][:-37], event["type"]
    if before is None:
        return None if event_type == FIRST.get(kind, event_type) else f"the stream begins with {event_type}"
    if event_type == FIRST.get(kind) and (kind != "member" or before["role"] is not None):
        return f"{event_type} comes again"
    data = event["data"]
    if event_type in OF_MEMBERSHIP:
        role = before["project_roles"].get(data["project_id"])
        return _differs("role", data.get("role_before"), role)
    if event_type == "issue.moved_in" and data["from_project_id"] != before["project_id"]:
        return _differs("project_id", data["from_project_id"], before["project_id"])
    wrong = (
        _differs(name, data.get(f"{name}_before"), before.get(name))
        for name in SAID_BEFORE.get(event_type, ())
    )
    return next((each for each in wrong if each is not None), None)


def _differs(name: str, said: object, known: object) -> str | None:
    return None if said == known else f"{name} was {known!r}, not {said!r}"
