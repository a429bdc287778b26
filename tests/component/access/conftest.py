"""What tests of access share."""

from tests.component.access.worlds import world as world
