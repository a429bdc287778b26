"""The same event for every contestant: a reforecast of a milestone, made anew and turned into JSON for each append."""

from datetime import date, timedelta

from libs.events.schedule import Cause, CauseClass, MilestoneReforecast

FIRST_DAY = date(2030, 1, 1)
REASON = "The supplier moved the delivery of the housing by two weeks"


def reforecast(number: int) -> MilestoneReforecast:
    day = FIRST_DAY + timedelta(days=number % 1_000)
    cause = Cause(cause_class=CauseClass.EXTERNAL, note="The supplier's own supplier is late")
    return MilestoneReforecast(
        forecast_on_before=day, forecast_on=day + timedelta(days=1), reason=REASON, caused_by=(cause,)
    )
