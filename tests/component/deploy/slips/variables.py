"""Variables misspelt, forgotten, or saying aloud what only a Secret may say."""

from deploy.k8s.rules import variables
from tests.component.deploy.spoiling import Slip, in_container, in_data, no_variable, variable

SLIPS = [
    Slip(
        "a misspelt setting",
        variables.variables_are_settings,
        in_container("projects", variable("MILEPOST_DATABSE_URL", "x")),
        "MILEPOST_DATABSE_URL is no setting of projects",
    ),
    Slip(
        "a setting forgotten",
        variables.variables_are_settings,
        in_container("timeline", no_variable("MILEPOST_DATABASE_URL")),
        "MILEPOST_DATABASE_URL is missing",
    ),
    Slip(
        "a migration without an administrator",
        variables.variables_are_settings,
        in_container("migrate-projects", no_variable("MILEPOST_ADMIN_DATABASE_URL"), "Job"),
        "MILEPOST_ADMIN_DATABASE_URL is missing",
    ),
    Slip(
        "a common setting misspelt",
        variables.variables_are_settings,
        in_data("milepost", lambda data: data.update(MILEPOST_PROT="1")),
        "MILEPOST_PROT is no setting",
    ),
    Slip(
        "a broker without a password",
        variables.nats_finds_its_variables,
        in_container("nats", no_variable("MILEPOST_NATS_KEEPER_PASSWORD"), "StatefulSet"),
        "reads MILEPOST_NATS_KEEPER_PASSWORD",
    ),
    Slip(
        "a broker told too much",
        variables.nats_finds_its_variables,
        in_container("nats", variable("MILEPOST_NATS_STORE_DIR", "/"), "StatefulSet"),
        "does not read MILEPOST_NATS_STORE_DIR",
    ),
    Slip(
        "a password in a ConfigMap",
        variables.secrets_stay_secret,
        in_data("milepost", lambda data: data.update(MILEPOST_DATABASE_URL="postgresql://a:b@c/d")),
        "MILEPOST_DATABASE_URL looks like a secret",
    ),
    Slip(
        "a password in nats.conf",
        variables.secrets_stay_secret,
        in_data(
            "nats", lambda data: data.update({"nats.conf": "users: [{user: relay, password: swordfish}]"})
        ),
        "nats.conf looks like a secret",
    ),
    Slip(
        "a key by its name",
        variables.secrets_stay_secret,
        in_data("milepost", lambda data: data.update(MILEPOST_SERVICE_TOKEN="x")),
        "MILEPOST_SERVICE_TOKEN looks like a secret",
    ),
    Slip(
        "a password as a value",
        variables.secrets_stay_secret,
        in_container("projects", variable("MILEPOST_NATS_URL", "nats://relay:swordfish@nats")),
        "must come from a Secret",
    ),
]
