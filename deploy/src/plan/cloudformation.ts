/** CloudFormation as a plan needs it: what is deployed, and change sets that are made, described and deleted. */

import { setTimeout as pause } from "node:timers/promises"
import {
  type Capability,
  CloudFormationClient,
  CreateChangeSetCommand,
  DeleteChangeSetCommand,
  DescribeChangeSetCommand,
  type DescribeChangeSetCommandOutput,
  DescribeStacksCommand,
  GetTemplateCommand,
  ListStacksCommand,
  type ResourceChange,
  type Stack,
  type StackStatus,
} from "@aws-sdk/client-cloudformation"
import type { TemplateBody } from "../../../infra/src/templates/read.ts"
import { EXIT, Refusal, refusalOf } from "../refusal.ts"
import type { Session } from "../session.ts"
import { isAbsent } from "../stacks.ts"
import type { PlannedParameter } from "./parameters.ts"
import type { DeployedStack, PlannedStack } from "./stacks.ts"

/** Of the templates' roles with names. Source: API reference, CreateChangeSet, "Capabilities". */
const CAPABILITIES: Capability[] = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"]

/** All but DELETE_COMPLETE, which are history. */
const THERE: StackStatus[] = [
  "CREATE_COMPLETE",
  "CREATE_FAILED",
  "CREATE_IN_PROGRESS",
  "DELETE_FAILED",
  "DELETE_IN_PROGRESS",
  "IMPORT_COMPLETE",
  "IMPORT_IN_PROGRESS",
  "IMPORT_ROLLBACK_COMPLETE",
  "IMPORT_ROLLBACK_FAILED",
  "IMPORT_ROLLBACK_IN_PROGRESS",
  "ROLLBACK_COMPLETE",
  "ROLLBACK_FAILED",
  "ROLLBACK_IN_PROGRESS",
  "UPDATE_COMPLETE",
  "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
  "UPDATE_FAILED",
  "UPDATE_IN_PROGRESS",
  "UPDATE_ROLLBACK_COMPLETE",
  "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
  "UPDATE_ROLLBACK_FAILED",
  "UPDATE_ROLLBACK_IN_PROGRESS",
]

/** Milliseconds between two looks at a change set that is being made. */
const POLL_MS = 1000

type Aws = Pick<Session, "aws" | "signal">

/**
 * @param prefix of the stage's stacks
 * @param notOurs prefixes of other stages that begin like it
 * @returns names of stacks that are there; undefined where this role may not list
 */
export async function stackNames(
  { aws, signal }: Aws,
  prefix: string,
  notOurs: readonly string[],
): Promise<string[] | undefined> {
  const names: string[] = []
  let page: string | undefined
  do {
    try {
      const { StackSummaries = [], NextToken } = await aws
        .client(CloudFormationClient)
        .send(new ListStacksCommand({ StackStatusFilter: THERE, ...(page !== undefined && { NextToken: page }) }), {
          abortSignal: signal,
        })
      names.push(...StackSummaries.flatMap(({ StackName }) => StackName ?? []))
      page = NextToken
    } catch (error) {
      if (isDenied(error)) return undefined
      throw refusalOf(error)
    }
  } while (page !== undefined)
  return names.filter((name) => name.startsWith(prefix) && !notOurs.some((other) => name.startsWith(other)))
}

/**
 * @param optional where a stack that this role may not read is told without its template
 * @returns undefined where there is none, or only the husk of one that was never made
 * @throws Refusal an update is under way, or none can be made
 */
export async function deployedStack(
  { aws, signal }: Aws,
  name: string,
  stackName: string,
  optional = false,
): Promise<DeployedStack | undefined> {
  const client = aws.client(CloudFormationClient)
  let stack: Stack | undefined
  try {
    const { Stacks } = await client.send(new DescribeStacksCommand({ StackName: stackName }), { abortSignal: signal })
    stack = Stacks?.[0]
  } catch (error) {
    if (isAbsent(error)) return undefined
    if (optional && isDenied(error)) return unread(name, stackName)
    throw refusalOf(error)
  }
  const status = stack?.StackStatus ?? ""
  if (stack === undefined || status === "REVIEW_IN_PROGRESS" || status === "DELETE_COMPLETE") return undefined
  if (status.endsWith("_IN_PROGRESS")) {
    throw new Refusal(EXIT.busy, `${stackName} is in ${status}: an update is under way; plan again after it`)
  }
  if (status.endsWith("_FAILED")) {
    throw new Refusal(EXIT.stuck, `${stackName} is in ${status} and can't be updated; mend that first`)
  }
  let body: string | undefined
  try {
    const answer = await client.send(new GetTemplateCommand({ StackName: stackName, TemplateStage: "Original" }), {
      abortSignal: signal,
    })
    body = answer.TemplateBody
  } catch (error) {
    if (!(optional && isDenied(error))) throw refusalOf(error)
  }
  return {
    name,
    stackName,
    status,
    template: body === undefined ? undefined : templateIn(body, stackName),
    parameters: Object.fromEntries(
      (stack.Parameters ?? []).map(({ ParameterKey = "", ParameterValue = "", ResolvedValue }) => [
        ParameterKey,
        { value: ParameterValue, ...(ResolvedValue !== undefined && { resolved: ResolvedValue }) },
      ]),
    ),
    tags: Object.fromEntries((stack.Tags ?? []).map(({ Key = "", Value = "" }) => [Key, Value])),
    terminationProtection: stack.EnableTerminationProtection ?? false,
  }
}

function unread(name: string, stackName: string): DeployedStack {
  return { name, stackName, status: "", template: undefined, parameters: {}, tags: {}, terminationProtection: false }
}

function templateIn(body: string, stackName: string): TemplateBody {
  try {
    // The CDK writes JSON; YAML is somebody's by hand.
    const read: TemplateBody = JSON.parse(body)
    if (typeof read?.Resources === "object") return read
  } catch {
    // Told below, as what is no template.
  }
  throw new Refusal(EXIT.unfit, `${stackName}: what is deployed is no template that can be read; was it made by hand?`)
}

/** A change set of an update, which nobody executes. */
export interface ChangeSet {
  readonly stack: string
  readonly stackName: string
  readonly changeSetName: string
  readonly changes: readonly ResourceChange[]
  /** Not where CloudFormation finds nothing to do; a change of outputs alone is something, with no changes. */
  readonly executable: boolean
}

export interface ChangeSetOptions {
  readonly account: string
  /** Letters, digits and hyphens, a letter first, 128 at most. */
  readonly changeSetName: string
  readonly parameters: readonly PlannedParameter[]
}

/**
 * Makes one and waits for it.
 *
 * @returns with no changes where CloudFormation finds nothing to do; it is deleted then
 * @throws Refusal CloudFormation can't make it, and why; it is deleted
 */
export async function changeSet(
  session: Aws & Pick<Session, "say">,
  { name: stack, stackName, templateUrl, executionRole, tags, region = "" }: PlannedStack,
  { account, changeSetName, parameters }: ChangeSetOptions,
): Promise<ChangeSet> {
  const client = session.aws.client(CloudFormationClient)
  const named = { StackName: stackName, ChangeSetName: changeSetName }
  const place = (text: string) => placed(text, account, region)
  try {
    await client.send(
      new CreateChangeSetCommand({
        ...named,
        ChangeSetType: "UPDATE",
        TemplateURL: httpsOf(place(templateUrl), region),
        ...(executionRole !== undefined && { RoleARN: place(executionRole) }),
        Parameters: parameters.map(({ name, value, from }) =>
          from === "kept"
            ? { ParameterKey: name, UsePreviousValue: true }
            : { ParameterKey: name, ParameterValue: value },
        ),
        Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })),
        Capabilities: CAPABILITIES,
        Description: "Made by a plan; nothing executes it before the plan is approved",
      }),
      { abortSignal: session.signal },
    )
    for (;;) {
      const { Status, StatusReason = "", Changes } = await described(session, named)
      if (Status === "CREATE_COMPLETE") return { stack, stackName, changeSetName, changes: Changes, executable: true }
      if (Status === "FAILED") {
        await deleteChangeSet(session, { stackName, changeSetName })
        if (isNothing(StatusReason)) return { stack, stackName, changeSetName, changes: [], executable: false }
        throw new Refusal(EXIT.failed, `${stackName}: CloudFormation can't plan this: ${StatusReason}`)
      }
      await pause(POLL_MS, undefined, { signal: session.signal })
    }
  } catch (error) {
    // It may be there: the request may have been heard although its answer was not.
    await deleteChangeSet(session, { stackName, changeSetName })
    if (session.signal.aborted) throw session.signal.reason
    if (error instanceof Error && /_IN_PROGRESS state/.test(error.message)) {
      const what = `${stackName}: an update began meanwhile; plan again after it`
      throw new Refusal(EXIT.busy, what, { cause: error })
    }
    throw refusalOf(error)
  }
}

async function described(
  { aws, signal }: Aws,
  named: { StackName: string; ChangeSetName: string },
): Promise<Pick<DescribeChangeSetCommandOutput, "Status" | "StatusReason"> & { Changes: ResourceChange[] }> {
  const changes: ResourceChange[] = []
  let page: string | undefined
  for (;;) {
    const { Status, StatusReason, Changes, NextToken } = await aws
      .client(CloudFormationClient)
      .send(new DescribeChangeSetCommand({ ...named, ...(page !== undefined && { NextToken: page }) }), {
        abortSignal: signal,
      })
    changes.push(...(Changes ?? []).flatMap(({ ResourceChange: one }) => one ?? []))
    page = NextToken
    if (page === undefined) {
      return { Changes: changes, ...(Status && { Status }), ...(StatusReason !== undefined && { StatusReason }) }
    }
  }
}

/** Also when the run was stopped: a plan leaves nothing behind. What can't be deleted is told, the run's own end stays. */
export async function deleteChangeSet(
  { aws, say }: Pick<Session, "aws" | "say">,
  { stackName, changeSetName }: Pick<ChangeSet, "stackName" | "changeSetName">,
): Promise<void> {
  try {
    await aws
      .client(CloudFormationClient)
      .send(new DeleteChangeSetCommand({ StackName: stackName, ChangeSetName: changeSetName }))
  } catch (error) {
    if (error instanceof Error && /ChangeSetNotFound/.test(error.name)) return
    const refusal = refusalOf(error)
    const why = refusal instanceof Error ? refusal.message : String(refusal)
    say(`plan: the change set ${changeSetName} of ${stackName} may be left behind, delete it: ${why}`)
  }
}

/** Source: API reference, DescribeChangeSet, "StatusReason", as CloudFormation has worded it over time. */
function isNothing(reason: string): boolean {
  return /didn't contain changes|No updates are to be performed/.test(reason)
}

function isDenied(error: unknown): boolean {
  return error instanceof Error && /^AccessDenied/.test(error.name)
}

/** The CDK leaves partition, account and region to whoever deploys. Every region of a stage is in one partition. */
export function placed(text: string, account: string, region: string): string {
  const partition = region.startsWith("cn-") ? "aws-cn" : region.startsWith("us-gov-") ? "aws-us-gov" : "aws"
  const values: Readonly<Record<string, string>> = { Partition: partition, AccountId: account, Region: region }
  return text.replaceAll(/\$\{AWS::(Partition|AccountId|Region)\}/g, (all, name: string) => values[name] ?? all)
}

/** CloudFormation takes no `s3://`. By path, as the CDK's own toolkit writes it. */
export function httpsOf(url: string, region: string): string {
  const [, bucket, key] = /^s3:\/\/([^/]+)\/(.+)$/.exec(url) ?? []
  if (bucket === undefined) return url
  const suffix = region.startsWith("cn-") ? "amazonaws.com.cn" : "amazonaws.com"
  return `https://s3.${region}.${suffix}/${bucket}/${key}`
}
