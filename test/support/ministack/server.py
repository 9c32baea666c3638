"""Starts ministack with the resource types of cloudformation_types.py, and with what stands beside it; settings by its own environment variables."""

import cloudformation_types  # noqa: F401  registers them
import enforced_actions  # noqa: F401  registers itself
import function_errors  # noqa: F401  registers itself
import policy_simulation  # noqa: F401  registers itself
import task_definitions  # noqa: F401  registers itself
from ministack.app import main

main()
