/** The two roles that CircleCI's jobs take by OIDC, of one organisation, project and branch: one plans, one deploys. */
import { Duration, Stack } from "aws-cdk-lib"
import { Role, WebIdentityPrincipal } from "aws-cdk-lib/aws-iam"
import type { IKey } from "aws-cdk-lib/aws-kms"
import { Construct } from "constructs"
import { STACKS, stackName } from "../names.ts"
import { DEPLOY_COMMANDS, type PermittedCommand, PLAN_COMMANDS, unionOf } from "../permissions.ts"
import type { Stage } from "../stage.ts"
import { type ActionWithoutResource, allow, allowOnAnyResource } from "./allow.ts"

export interface PipelineRolesProps {
  /** The OIDC provider's address without its scheme, which its claims are named after. */
  readonly issuer: string
  readonly providerArn: string
  /** Encrypts images and releases. */
  readonly key: IKey
}

/** Why some names end in `*`: what they stand for is made, and numbered, by AWS or by a deploy. */
const PATTERNS =
  "Names end in * where AWS numbers what is made: change sets, task revisions, tasks, deployments, function versions, " +
  "certificates, secrets, or where this stage has several of a kind; all that can be named begin with its own prefix"

export class PipelineRoles extends Construct {
  readonly plan: Role
  readonly deploy: Role

  constructor(scope: Construct, id: string, stage: Stage, props: PipelineRolesProps) {
    super(scope, id)
    const role = (name: string, description: string) =>
      new Role(this, name, {
        roleName: `perigee-${stage.name}-pipeline-${name}`,
        description,
        maxSessionDuration: Duration.hours(1),
        assumedBy: new WebIdentityPrincipal(props.providerArn, trust(stage, props.issuer)),
      })
    this.plan = role("plan", "Pushes images, prepares change sets and reads what runs; executes nothing")
    this.deploy = role("deploy", "Executes approved change sets, rolls out, rolls back")
    this.#commands(this.plan, PLAN_COMMANDS, stage, props)
    this.#commands(this.deploy, DEPLOY_COMMANDS, stage, props)
    this.#mend(this.deploy, stage)
  }

  /** What the commands need, from the table that docs/permissions.md tells too. */
  #commands(
    role: Role,
    commands: readonly PermittedCommand[],
    stage: Stage,
    { key }: Pick<PipelineRolesProps, "key">,
  ): void {
    const { partition, region, account } = Stack.of(this)
    const place = { partition, region, account, stage: stage.name, deliveryKeyArn: key.keyArn }
    for (const { actions, resources, conditions } of unionOf(commands, place)) {
      if (resources.length === 1 && resources[0] === "*") {
        allowOnAnyResource(role, actions as ActionWithoutResource[])
      } else {
        allow(role, actions, resources, { ...(conditions && { conditions }), pattern: PATTERNS })
      }
    }
  }

  /** No command asks for it: a person who mends a stack that could not go back does. */
  #mend(role: Role, stage: Stage): void {
    const { partition, region, account } = Stack.of(this)
    const stacks = STACKS.map(
      (stack) => `arn:${partition}:cloudformation:${region}:${account}:stack/${stackName(stage.name, stack)}/*`,
    )
    allow(role, ["cloudformation:ContinueUpdateRollback"], stacks, { pattern: PATTERNS })
  }
}

/**
 * Organisation by issuer and audience, project by its own claim, branch by the subject of CircleCI's second token.
 * Source: circleci.com/docs/openid-connect-tokens, “Format of the OpenID Connect ID token”.
 */
function trust({ circleci: { organizationId, projectId, origin, branch } }: Stage, issuer: string) {
  return {
    StringEquals: { [`${issuer}:aud`]: organizationId, [`${issuer}:oidc.circleci.com/project-id`]: projectId },
    StringLike: {
      [`${issuer}:sub`]: `org/${organizationId}/project/${projectId}/user/*/vcs-origin/${origin}/vcs-ref/refs/heads/${branch}`,
    },
    // A * takes slashes in: without this a branch called x/vcs-origin/<origin>/vcs-ref/refs/heads/main would do.
    StringNotLike: { [`${issuer}:sub`]: "*/vcs-origin/*/vcs-origin/*" },
  }
}
