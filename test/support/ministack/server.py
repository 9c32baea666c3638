"""Starts ministack with the resource types of cloudformation_types.py; settings by its own environment variables."""

import cloudformation_types  # noqa: F401  registers them
from ministack.app import main

main()
