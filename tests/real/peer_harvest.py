"""Harvests with NexusLIMS and does nothing else.

Calls the function that `nexuslims build-records` calls first; settings come from the environment.
"""

from nexusLIMS.harvesters.nemo import utils

utils.add_all_usage_events_to_db()
