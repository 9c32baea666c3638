/** Which of ECR's actions a request to its registry needs, and its refusal of one: the emulator's registry asks nobody. */
import type { Reply } from "../aws-proxy.ts"

/** Source: ECR user guide, “IAM permissions for pushing an image” and “Using Amazon ECR Images with Amazon ECS”. */
const ACTIONS: readonly [RegExp, readonly string[]][] = [
  [/^(GET|HEAD) \S+\/manifests\//, ["ecr:BatchGetImage"]],
  [/^PUT \S+\/manifests\//, ["ecr:PutImage"]],
  [/^HEAD \S+\/blobs\//, ["ecr:BatchCheckLayerAvailability"]],
  [/^GET \S+\/blobs\//, ["ecr:GetDownloadUrlForLayer"]],
  [/^POST \S+\/blobs\/uploads\//, ["ecr:InitiateLayerUpload"]],
  [/^PATCH \S+\/blobs\/uploads\//, ["ecr:UploadLayerPart"]],
  // In one piece: the bytes and the end of the upload.
  [/^PUT \S+\/blobs\/uploads\//, ["ecr:UploadLayerPart", "ecr:CompleteLayerUpload"]],
]

/** @returns none where it is no request to a registry */
export function registryActions({
  method,
  path,
}: {
  readonly method: string
  readonly path: string
}): readonly string[] {
  if (!path.startsWith("/v2/")) return []
  return ACTIONS.find(([request]) => request.test(`${method} ${path}`))?.[1] ?? []
}

/** As ECR's registry words it. A HEAD has no body to name the action in. */
export function registryDenied(action: string): Reply {
  const message = `User: arn:aws:iam::111111111111:user/caller is not authorized to perform: ${action} on resource: a repository because no identity-based policy allows the ${action} action`
  return { status: 403, type: "application/json", body: JSON.stringify({ errors: [{ code: "DENIED", message }] }) }
}
