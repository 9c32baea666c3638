/** The actions for which AWS knows no resource finer than `*`, each with its reason; nothing else may have one. */
import { Stack } from "aws-cdk-lib"
import { PolicyStatement, type Role } from "aws-cdk-lib/aws-iam"
import { acknowledge } from "./acknowledge.ts"

/** Source of each: Service Authorization Reference, column “Resource types” empty. */
export const WITHOUT_RESOURCE = {
  "ecr:GetAuthorizationToken": "the token is the registry's, not a repository's",
  "ecs:DescribeTaskDefinition": "task definitions are read without a resource",
  "ecs:DeregisterTaskDefinition": "task definitions are retired without a resource",
  "ecs:ListTaskDefinitions": "families are listed without a resource",
  "ec2:DescribeNetworkInterfaces": "interfaces are described without a resource",
  "ec2:DescribeSubnets": "subnets are described without a resource",
  "ec2:DescribeAddresses": "addresses are described without a resource",
  "ec2:DescribeAvailabilityZones": "zones are the region's",
  "servicequotas:GetServiceQuota": "quotas are read without a resource",
  "servicequotas:GetAWSDefaultServiceQuota": "quotas are read without a resource",
  "ec2:CreateNetworkInterface": "Lambda itself makes its interfaces, and checks the role for them without a resource",
  "ec2:DeleteNetworkInterface": "Lambda itself removes its interfaces, and checks the role for them without a resource",
  "ec2:AssignPrivateIpAddresses": "Lambda itself numbers its interfaces, and checks the role for it without a resource",
  "ec2:UnassignPrivateIpAddresses":
    "Lambda itself numbers its interfaces, and checks the role for it without a resource",
  "cloudformation:ListStacks": "stacks are listed without a resource",
} as const

export type ActionWithoutResource = keyof typeof WITHOUT_RESOURCE

/** Allows actions on `*`, and says why there is nothing finer. */
export function allowOnAnyResource(role: Role, actions: readonly ActionWithoutResource[]): void {
  role.addToPolicy(new PolicyStatement({ actions: [...actions], resources: ["*"] }))
  const reasons = [...new Set(actions.map((action) => WITHOUT_RESOURCE[action]))]
  acknowledge(role, "AwsSolutions-IAM5[Resource::*]", reasons.join("; "))
}

export interface AllowOptions {
  readonly conditions?: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  /** Why a resource's name has a `*` in it; needed where one has. */
  readonly pattern?: string
}

/** Allows actions on what is named. */
export function allow(
  role: Role,
  actions: readonly string[],
  resources: readonly string[],
  { conditions, pattern }: AllowOptions = {},
): void {
  role.addToPolicy(
    new PolicyStatement({ actions: [...actions], resources: [...resources], ...(conditions && { conditions }) }),
  )
  for (const resource of resources) {
    const text = flat(Stack.of(role).resolve(resource))
    if (!text.includes("*")) continue
    if (pattern === undefined) throw new TypeError(`${text} is allowed without a reason for its *`)
    acknowledge(role, `AwsSolutions-IAM5[Resource::${text}]`, pattern)
  }
}

/** An ARN as cdk-nag's findings write it: `<AWS::AccountId>` for a reference. */
function flat(resolved: unknown): string {
  if (typeof resolved === "string") return resolved
  const [[kind, value] = []] = Object.entries(resolved as Record<string, unknown>)
  if (kind === "Ref") return `<${value}>`
  if (kind === "Fn::GetAtt") return `<${(value as string[]).join(".")}>`
  if (kind === "Fn::Join") return (value as [string, unknown[]])[1].map(flat).join("")
  throw new TypeError(`${kind} in a resource's name`)
}
