"""What ministack takes some requests' action and resource for under AUTH, where AWS' Service Authorization Reference
says otherwise: GetAlias is no ListAliases, a service is no cluster, parameters and repositories have names, and a simulation is about its role.
"""

import json
from urllib.parse import parse_qs

from ministack.core import iam_actions

lambda_action = iam_actions._lambda_action
extract_resource_arn = iam_actions.extract_resource_arn


def action_of_lambda(method, path):
    parts = [part for part in path.split("/") if part]
    if method == "GET" and parts[-2:-1] == ["aliases"]:
        return "GetAlias"
    return lambda_action(method, path)


def resource_of(service, method, path, headers, body, query_params, region, account_id, *more, **named):
    if service == "ecs" and headers.get("x-amz-target", "").endswith(".DescribeServices"):
        asked = json.loads(body)
        return f"arn:aws:ecs:{region}:{account_id}:service/{asked['cluster']}/{asked['services'][0]}"
    if service == "ssm" and headers.get("x-amz-target", "").endswith(".GetParameters"):
        return f"arn:aws:ssm:{region}:{account_id}:parameter/{json.loads(body)['Names'][0].lstrip('/')}"
    if service == "ecr" and headers.get("x-amz-target", "").endswith(".DescribeRepositories"):
        return f"arn:aws:ecr:{region}:{account_id}:repository/{json.loads(body)['repositoryNames'][0]}"
    if service == "iam":
        source = parse_qs(body.decode()).get("PolicySourceArn")
        if source:
            return source[0]
    return extract_resource_arn(service, method, path, headers, body, query_params, region, account_id, *more, **named)


iam_actions._lambda_action = action_of_lambda
iam_actions.extract_resource_arn = resource_of
