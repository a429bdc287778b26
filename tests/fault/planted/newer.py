"""The program of tomorrow: an event gets a field that everybody must read, and another one is called something else."""

from tests.fault.planted.bugs import Edit

VOCABULARY = "libs/events/schedule.py"
OUTCOME = "services/projects/schedule/milestone/outcome.py"
SENTENCES = "services/notifications/sentences.py"

NEWER = (
    # Of the second version; what was said in the first one meant an even chance.
    Edit(
        VOCABULARY,
        '@published("milestone.reforecast")\n',
        '@published("milestone.reforecast", 2, {1: lambda data: {**data, "confidence": 50}})\n',
    ),
    Edit(
        VOCABULARY,
        '    forecast_on: date = Field(description="The date expected now.")\n',
        '    forecast_on: date = Field(description="The date expected now.")\n    confidence: int\n',
    ),
    Edit(
        "services/projects/schedule/milestone/promise.py",
        "            forecast_on=forecast_on,\n            reason=reason,\n",
        "            forecast_on=forecast_on,\n            confidence=80,\n            reason=reason,\n",
    ),
    # A type of its own, which is all that its predecessor was.
    Edit(
        VOCABULARY,
        '@published("milestone.cancelled")\n',
        '@published("milestone.achievement_revoked")\n'
        "class MilestoneAchievementRevoked(MilestoneAchievementWithdrawn):\n"
        '    """What had been called achieved was not, as it is said now."""\n\n\n'
        '@published("milestone.cancelled")\n',
    ),
    Edit(
        OUTCOME,
        "        MilestoneAchievementWithdrawn(\n",
        "        MilestoneAchievementRevoked(\n",
    ),
    Edit(
        OUTCOME,
        "    MilestoneAchievementCorrected,\n    MilestoneAchievementWithdrawn,\n",
        "    MilestoneAchievementCorrected,\n    MilestoneAchievementRevoked,\n    MilestoneAchievementWithdrawn,\n",
    ),
    Edit(
        SENTENCES,
        "    MilestoneAchievementWithdrawn: _withdrawn,\n",
        "    MilestoneAchievementWithdrawn: _withdrawn,\n    MilestoneAchievementRevoked: _withdrawn,\n",
    ),
    Edit(
        SENTENCES,
        "    MilestoneAchievementCorrected,\n    MilestoneAchievementWithdrawn,\n",
        "    MilestoneAchievementCorrected,\n    MilestoneAchievementRevoked,\n    MilestoneAchievementWithdrawn,\n",
    ),
    Edit(
        "services/projects/verifying/folding/milestone.py",
        '        case "milestone.achievement_withdrawn":\n',
        '        case "milestone.achievement_withdrawn" | "milestone.achievement_revoked":\n',
    ),
)
