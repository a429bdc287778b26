"""The access log of a service, in one line: what the guard tells it, its loop, and its export."""

from libs.access.access_log.reading import routes
from libs.access.access_log.recording import AccessLog
from libs.chassis.application import Application
from libs.chassis.organizations import Organizations


def mount(app: Application, organizations: Organizations, prefix: str) -> None:
    """Record in that database who is denied what, and serve it at `<prefix>/access-log`."""
    access_log = AccessLog(organizations, kept_days=app.state.settings.access_log_kept_days)
    app.state.access_log = access_log
    app.loops["access log"] = access_log.run
    app.tell_of_access(access_log)
    app.include_router(routes(prefix))
