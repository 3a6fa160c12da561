"""The server of the local cloud: MiniStack, with what it lacks of AWS's services.

It is served in MiniStack's place, so that what is tested on the local cloud holds on AWS.
"""

from local_cloud import events, functions, states
from ministack.app import app

__all__ = ["app"]

states.install()
events.install()
functions.install()
