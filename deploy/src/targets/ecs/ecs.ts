/** Amazon ECS as a target: the three services, and the tasks that are run once or on schedule. */
import { type Check, failed, ok, unknown } from "../../check.ts"
import { identityOf } from "../../identity.ts"
import { readable, secretArnOf } from "../../secret-access.ts"
import { assumable } from "../../trust-policy.ts"
import type { Target } from "../target.ts"
import { differences } from "./differences.ts"
import { ecsRolling } from "./rolling.ts"
import { services, unitOf } from "./services.ts"
import { TASK_DEFINITION, taskDefinitionChanges } from "./task-definition-changes.ts"
import { registered, revisionOf, taskDefinition } from "./task-definitions.ts"

/** The service of AWS that starts tasks. */
const PRINCIPAL = "ecs-tasks.amazonaws.com"
const FIRST = "it comes with the first deployment of the stacks data, platform and neo"

const roles: Check = {
  name: "roles of the tasks",
  async findings(session, signal) {
    const [{ account }, definitions] = await Promise.all([identityOf(session, signal), registered(session, signal)])
    if (definitions.length === 0) return [unknown("roles of the tasks: no task definition is deployed yet", FIRST)]
    const found = await Promise.all(definitions.map(({ arn }) => taskDefinition(session, arn, signal)))
    const arns = [
      ...new Set(found.flatMap(({ taskRoleArn = "", executionRoleArn = "" }) => [taskRoleArn, executionRoleArn])),
    ]
    return await Promise.all(
      arns.filter((arn) => arn !== "").map((arn) => assumable(session, arn, PRINCIPAL, account, signal)),
    )
  },
}

const secrets: Check = {
  name: "secrets of the tasks",
  async findings(session, signal) {
    const definitions = await registered(session, signal)
    if (definitions.length === 0) return [unknown("secrets of the tasks: no task definition is deployed yet", FIRST)]
    const found = await Promise.all(definitions.map(({ arn }) => taskDefinition(session, arn, signal)))
    const uses = new Map<string, { readonly roleArn: string; readonly secretArn: string }>()
    for (const { executionRoleArn: roleArn = "", containerDefinitions = [] } of found) {
      for (const { valueFrom = "" } of containerDefinitions.flatMap((one) => one.secrets ?? [])) {
        const secretArn = secretArnOf(valueFrom)
        if (secretArn === undefined) {
          return [
            failed(`secrets of the tasks: ${JSON.stringify(valueFrom)} is no secret's ARN`, "deploy its stack again"),
          ]
        }
        uses.set(`${roleArn} ${secretArn}`, { roleArn, secretArn })
      }
    }
    return await Promise.all([...uses.values()].map((use) => readable(session, use, signal)))
  },
}

const deployments: Check = {
  name: "deployments of the services",
  async findings(session, signal) {
    const found = await services(session, signal)
    if (found.length === 0) return [ok("deployments of the services: none runs, there is no service yet")]
    return found.map(({ serviceName, deployments: all = [] }) => {
      const moving = all.filter(({ rolloutState, status }) => rolloutState === "IN_PROGRESS" || status !== "PRIMARY")
      const first = moving[0]
      return first === undefined
        ? ok(`service ${serviceName}: no deployment runs`)
        : failed(
            `service ${serviceName}: deployment ${first.id} to ${revisionOf(first.taskDefinition ?? "")} runs (${first.status} ${first.rolloutState ?? ""})`,
            "wait until it is over: npm run deploy -- status tells",
          )
    })
  },
}

export const ecs: Target = {
  name: "ecs",
  revised: [TASK_DEFINITION],
  revisions: taskDefinitionChanges,
  checks: [roles, secrets, deployments],
  async units(session, signal) {
    const found = await services(session, signal)
    return await Promise.all(found.map((service) => unitOf(session, service, signal)))
  },
  differences,
  rolling: ecsRolling(),
}
