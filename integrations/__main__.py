"""Converts histories of other tools into import lines, and sends them: `python -m integrations --help`."""

from integrations.command_line import application

if __name__ == "__main__":
    application()
