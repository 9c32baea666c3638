"""Task definitions as CloudFormation registers them with ECS: with every property, which ministack's own handler drops.

Written from AWS' resource and API references alone.
"""

import json

from ministack.services import ecs
from ministack.services.cloudformation.provisioners import _RESOURCE_HANDLERS

TASK_DEFINITION = "AWS::ECS::TaskDefinition"
plain = dict(_RESOURCE_HANDLERS[TASK_DEFINITION])

# Objects whose keys are the user's own.
MAPS = ("options", "dockerLabels")


def lower_cased(value, key=""):
    """Properties by the names of the API: ContainerDefinitions is containerDefinitions."""
    if isinstance(value, list):
        return [lower_cased(one, key) for one in value]
    if not isinstance(value, dict):
        return value
    names = {name: name if key in MAPS else name[0].lower() + name[1:] for name in value}
    return {names[name]: lower_cased(inner, names[name]) for name, inner in value.items()}


def create(logical_id, properties, stack_name):
    status, _, body = ecs._register_task_definition(lower_cased(properties))
    answer = json.loads(body)
    if status >= 400:
        raise ValueError(answer.get("message", body))
    arn = answer["taskDefinition"]["taskDefinitionArn"]
    return arn, {"TaskDefinitionArn": arn}


def update(physical_id, old, new, stack_name, logical_id=None):
    if {**old, "Tags": None} != {**new, "Tags": None}:
        return create(logical_id, new, stack_name)
    return plain["update"](physical_id, old, new, stack_name, logical_id)


_RESOURCE_HANDLERS[TASK_DEFINITION] = {**plain, "create": create, "update": update, "update_with_logical_id": True}
