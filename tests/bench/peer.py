"""How PyPI's `eventsourcing` is told of a database."""

from urllib.parse import urlsplit


def settings_of(dsn: str, *, has_functions: bool = True) -> dict[str, str]:
    """Its environment, with its database functions unless told otherwise."""
    parts = urlsplit(dsn)
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": parts.path.lstrip("/"),
        "POSTGRES_HOST": parts.hostname or "",
        "POSTGRES_PORT": str(parts.port),
        "POSTGRES_USER": parts.username or "",
        "POSTGRES_PASSWORD": parts.password or "",
        "POSTGRES_ENABLE_DB_FUNCTIONS": "yes" if has_functions else "no",
    }
