"""IAM's SimulatePrincipalPolicy with its ContextEntries, which ministack leaves out of the evaluation.

Written from AWS' API reference alone.
"""

from xml.sax.saxutils import escape

from ministack.core.iam_evaluator import EvalContext, _gather_role_policies, evaluate
from ministack.core.responses import get_account_id, get_region
from ministack.services import iam

DECISIONS = {"Allow": "allowed", "Deny": "explicitDeny"}


def members(parameters, name):
    """Values of `<name>.member.1` and on."""
    found = []
    while (value := parameters.get(f"{name}.member.{len(found) + 1}")) is not None:
        found.append(value[0] if isinstance(value, list) else value)
    return found


def simulate(parameters):
    first = lambda name: (parameters.get(name) or [""])[0]
    source, account = first("PolicySourceArn"), get_account_id()
    context = {}
    at = 1
    while key := first(f"ContextEntries.member.{at}.ContextKeyName"):
        context[key.lower()] = first(f"ContextEntries.member.{at}.ContextKeyValues.member.1")
        at += 1
    policies = _gather_role_policies(source.rpartition("/")[2], account)
    results = ""
    for action in members(parameters, "ActionNames"):
        for resource in members(parameters, "ResourceArns") or ["*"]:
            asked = EvalContext(
                principal_arn=source,
                principal_type="AssumedRole",
                principal_account=account,
                action=action,
                resource_arn=resource,
                region=get_region(),
                service_context=context,
            )
            decision = DECISIONS.get(evaluate(asked, policies).decision, "implicitDeny")
            results += (
                f"<member><EvalActionName>{escape(action)}</EvalActionName>"
                f"<EvalResourceName>{escape(resource)}</EvalResourceName><EvalDecision>{decision}</EvalDecision></member>"
            )
    body = f"<EvaluationResults>{results}</EvaluationResults><IsTruncated>false</IsTruncated>"
    return iam._xml(
        200,
        "SimulatePrincipalPolicyResponse",
        f"<SimulatePrincipalPolicyResult>{body}</SimulatePrincipalPolicyResult>",
        ns="iam",
    )


iam._IAM_HANDLERS["SimulatePrincipalPolicy"] = simulate
