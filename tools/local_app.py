"""The server of the local cloud: MiniStack, with what it lacks of AWS's services.

It is served in MiniStack's place, so that what is tested on the local cloud holds on AWS.
"""

import local_events
import local_functions
import local_states
from ministack.app import app

__all__ = ["app"]

local_states.install()
local_events.install()
local_functions.install()
