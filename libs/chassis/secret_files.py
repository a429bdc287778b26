"""Secrets out of files: `MILEPOST_<NAME>_FILE` may name a file instead of a secret in `MILEPOST_<NAME>`."""

import os
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import PydanticBaseSettingsSource


class SecretFiles(PydanticBaseSettingsSource):
    """Reads the files at start. Both a value and a file, or a file that is not there, end the program."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """The content of the file, without white space around it; raises `ValueError` naming the variable."""
        variable = f"{self.config.get('env_prefix', '')}{field_name}".upper()
        path = os.environ.get(f"{variable}_FILE")
        if path is None or "SecretStr" not in str(field.annotation):
            return None, field_name, False
        if variable in os.environ:
            raise ValueError(f"{variable} and {variable}_FILE exclude each other")
        try:
            return SecretStr(Path(path).read_text(encoding="utf-8").strip()), field_name, False
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"{variable}_FILE cannot be read: {type(error).__name__}") from None

    def __call__(self) -> dict[str, Any]:
        found = {
            name: self.get_field_value(field, name)[0]
            for name, field in self.settings_cls.model_fields.items()
        }
        return {name: value for name, value in found.items() if value is not None}
