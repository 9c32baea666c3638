"""An error that a function of Node throws, by its own name, as Lambda's runtime tells it: ministack calls each
Runtime.HandlerError. Source: Lambda developer guide, "Lambda function errors in Node.js".
"""

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

SEPARATOR = "\x1f"
TOLD = "error: String(err.message || err)"
NAMED = f'error: `${{err.name || "Error"}}{SEPARATOR}${{err.message || err}}`'

if TOLD not in lambda_runtime._NODEJS_WORKER_SCRIPT:
    raise SystemExit("ministack tells a function's errors in another way than this extension knows")
lambda_runtime._NODEJS_WORKER_SCRIPT = lambda_runtime._NODEJS_WORKER_SCRIPT.replace(TOLD, NAMED)
execute = lambda_svc._execute_function_warm


def execute_named(func, event, request_id):
    answer = execute(func, event, request_id)
    body = answer.get("body")
    if answer.get("error") and isinstance(body, dict):
        name, separator, message = str(body.get("errorMessage", "")).partition(SEPARATOR)
        if separator:
            answer["body"] = {**body, "errorType": name, "errorMessage": message}
    return answer


lambda_svc._execute_function_warm = execute_named
