/** `plan`: synthesizes, compares with what is deployed, proves, and tells; it changes nothing. */
import { randomBytes } from "node:crypto"
import { access, constants, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join, resolve } from "node:path"
import type { ResourceChange } from "@aws-sdk/client-cloudformation"
import { STAGES } from "../../../infra/config/stages.ts"
import { ROLLED_OUT } from "../../../infra/src/names.ts"
import type { Stage } from "../../../infra/src/stage.ts"
import { bootstrapVersion, NEEDED_BOOTSTRAP_VERSION } from "../bootstrap-version.ts"
import type { Command, Values } from "../command.ts"
import { FUNCTION_ZIP, requireFunctionZip } from "../function-zip.ts"
import { type Identity, identityOf, requireAccount } from "../identity.ts"
import { publishedImages, type RunningImages, runningImages } from "../images.ts"
import { EXIT, Refusal, refusalOf } from "../refusal.ts"
import type { Session } from "../session.ts"
import { publishAssets } from "./assets.ts"
import { type ChangeSet, changeSet, deleteChangeSet, deployedStack, stackNames } from "./cloudformation.ts"
import { COLOURED, PLAIN } from "./colours.ts"
import { type Digests, plannedImages, runningDigest } from "./images.ts"
import { givenParameters, type PlannedParameter, plannedParameters } from "./parameters.ts"
import { differs, missingExports, type Plan, planDigest, planOf } from "./plan.ts"
import { type DeployedStack, type PlannedStack, plannedStacks } from "./stacks.ts"
import { planText } from "./text.ts"

export const plan: Command = {
  name: "plan",
  summary: "Tells what a deploy would change, proves it, and changes nothing",
  flags: {
    images: {
      type: "string",
      value: "FILE",
      help: "digests.json of publish; without it the images that run stay",
    },
    out: { type: "string", value: "FILE", help: "the plan as JSON goes there, for deploy --approved-plan" },
    assembly: { type: "string", value: "FOLDER", help: "what npm run synth wrote, in place of a synthesis" },
    parameters: { type: "string", value: "LIST", help: "stack parameters, Name=value,…; others keep their values" },
    "keep-change-sets": { type: "boolean", help: "don't delete the change sets: the plan names them" },
  },
  async run(session, values) {
    const { colours = false } = session
    const out = values["out"] as string | undefined
    if (out !== undefined) await requireFolder(out)
    const made = await makePlan(session, optionsOf(values))
    const json = JSON.stringify(made, undefined, 2)
    if (out !== undefined) await written(out, json)
    session.print(values["json"] ? json : planText(made, colours ? COLOURED : PLAIN))
    if (made.proofs.failed.length === 0) return 0
    session.say(
      `plan: ${made.proofs.failed.map(({ id }) => id).join(", ")} can't be proved; nothing of it is fit to deploy`,
    )
    return EXIT.unfit
  },
}

export interface PlanOptions {
  /** A file of digests. */
  readonly images?: string | undefined
  /** A cloud assembly; synthesized otherwise. */
  readonly assembly?: string | undefined
  /** `Name=value,…` */
  readonly parameters?: string | undefined
  readonly keepChangeSets?: boolean | undefined
}

/** A plan with what it was made of, for whoever executes it. */
export interface Prepared {
  readonly plan: Plan
  readonly identity: Identity
  /** The cloud assembly's folder, until it is disposed of. */
  readonly assembly: string
  readonly planned: readonly PlannedStack[]
  readonly deployed: readonly DeployedStack[]
  /** Of each planned stack. */
  readonly parameters: ReadonlyMap<string, readonly PlannedParameter[]>
  readonly running: RunningImages
  readonly dispose: () => Promise<void>
}

function optionsOf(values: Values): PlanOptions {
  return {
    images: values["images"] as string | undefined,
    assembly: values["assembly"] as string | undefined,
    parameters: values["parameters"] as string | undefined,
    keepChangeSets: values["keep-change-sets"] as boolean | undefined,
  }
}

/**
 * Reads, makes change sets, deletes them; executes nothing.
 *
 * @throws Refusal it can't be told
 */
export async function makePlan(session: Session, options: PlanOptions): Promise<Plan> {
  const { plan, dispose } = await preparePlan(session, options)
  await dispose()
  return plan
}

/** The same; the assembly stays there until it is disposed of. */
export async function preparePlan(session: Session, options: PlanOptions): Promise<Prepared> {
  const { stage, say, signal } = session
  const asked = options.images === undefined ? {} : await publishedImages(options.images, stage.name)
  const identity = await identityOf(session, session.signal)
  requireAccount(session, identity)
  const { account } = identity
  await requireBootstrap(session, account)
  const temporary = options.assembly === undefined ? await mkdtemp(join(tmpdir(), "perigee-plan-")) : undefined
  const dispose = async () => {
    if (temporary !== undefined) await rm(temporary, { recursive: true, force: true })
  }
  try {
    const assembly = temporary ?? resolve(options.assembly ?? "")
    if (temporary !== undefined) await synthesize(session, temporary)
    const planned = plannedStacks(assembly)
    checkAssembly(stage, planned, account)
    const given = givenParameters(
      options.parameters,
      planned.map(({ template }) => template),
    )
    say("plan: reading what is deployed")
    const deployed = await deployedStacks(session, planned)
    const parameters = new Map(
      planned.map(({ name, template }) => {
        const there = deployed.find((one) => one.name === name)
        return [name, plannedParameters(name, template, there?.parameters, given)] as const
      }),
    )
    const running = await runningImages(session, signal).catch((error: unknown) => {
      throw refusalOf(error)
    })
    const images = plannedImages(
      Object.fromEntries(ROLLED_OUT.map((name) => [name, runningDigest(running[name])])) as Digests,
      asked,
    )
    const basis = { stage, account, planned, deployed, parameters, images }
    const updates = planned.filter((stack) => {
      const there = deployed.find(({ name }) => name === stack.name)
      return there !== undefined && differs(stack, there, parameters.get(stack.name) ?? [])
    })
    const made = { identity, assembly, planned, deployed, parameters, running, dispose }
    if (updates.length === 0) return { ...made, plan: planOf(basis) }

    // The others are planned by their templates alone.
    const askable = updates.filter((stack) => missingExports(stack, deployed).length === 0)
    say(`plan: asking CloudFormation about ${askable.map(({ name }) => name).join(", ") || "nothing"}`)
    await publishAssets(
      session,
      assembly,
      account,
      updates.map(({ name }) => name),
    )
    const changeSetName = `perigee-plan-${planDigest(basis).slice(0, 12)}-${randomBytes(4).toString("hex")}`
    const sets: ChangeSet[] = []
    let keep = false
    try {
      for (const stack of askable) {
        const one = await changeSet(session, stack, {
          account,
          changeSetName,
          parameters: parameters.get(stack.name) ?? [],
        })
        sets.push(one)
      }
      // A stop that came with the last answer, when no request was left to be broken off.
      session.signal.throwIfAborted()
      const told = new Map(sets.map(({ stack, changes }) => [stack, changes] as [string, readonly ResourceChange[]]))
      const keepable = sets.filter(({ executable }) => executable)
      const kept = new Map(options.keepChangeSets ? keepable.map(({ stack }) => [stack, changeSetName]) : [])
      const plan = planOf({ ...basis, told, kept })
      keep = options.keepChangeSets ?? false
      return { ...made, plan }
    } finally {
      if (!keep) {
        for (const one of sets.filter(({ executable }) => executable)) {
          await deleteChangeSet(session, one)
        }
      }
    }
  } catch (error) {
    await dispose()
    throw error
  }
}

async function requireBootstrap(session: Session, account: string): Promise<void> {
  const { signal, stage } = session
  const where = `account ${account} in ${stage.region}`
  const mend = `npm run deploy -- bootstrap --stage=${stage.name}`
  const version = await bootstrapVersion(session, signal).catch((error: unknown) => {
    throw refusalOf(error)
  })
  if (version === undefined) throw new Refusal(EXIT.noStack, `${where} is not bootstrapped for the CDK: ${mend}`)
  if (version >= NEEDED_BOOTSTRAP_VERSION) return
  const what = `${where} has version ${version} of the CDK's bootstrap; ${NEEDED_BOOTSTRAP_VERSION} or later is needed`
  throw new Refusal(EXIT.noStack, `${what}: ${mend}`)
}

/** With every rule: what breaks one is not planned. */
async function synthesize({ stage, root, say }: Session, outdir: string): Promise<void> {
  const functionZip = requireFunctionZip(join(root, FUNCTION_ZIP))
  say("plan: synthesizing")
  const { stageApp } = await import("../../../infra/src/app.ts")
  try {
    stageApp(stage, { outdir, functionZip }).app.synth()
  } catch (error) {
    // What is wrong is on stderr already, construct by construct.
    if (error instanceof Error && /^Validation failed/.test(error.message)) {
      const what = "the stage breaks the rules above; nothing of it is fit to deploy"
      throw new Refusal(EXIT.unfit, what, { cause: error })
    }
    throw error
  }
}

function checkAssembly(stage: Stage, planned: readonly PlannedStack[], account: string): void {
  const prefix = `perigee-${stage.name}-`
  for (const { stackName, region, account: own } of planned) {
    if (!stackName.startsWith(prefix)) {
      throw new Refusal(
        EXIT.usage,
        `--assembly has ${stackName}, which is no stack of ${stage.name}; synthesize it anew`,
      )
    }
    if ((region ?? stage.region) !== stage.region || (own ?? account) !== account) {
      const what = `${stackName} is synthesized for ${own ?? "any account"} in ${region}`
      throw new Refusal(EXIT.configuration, `${what}; here it is ${account} in ${stage.region}`)
    }
  }
}

async function deployedStacks(session: Session, planned: readonly PlannedStack[]): Promise<DeployedStack[]> {
  const { stage, say } = session
  const prefix = `perigee-${stage.name}-`
  const notOurs = STAGES.filter((one) => one.name.startsWith(`${stage.name}-`)).map(({ name }) => `perigee-${name}-`)
  const names = await stackNames(session, prefix, notOurs)
  if (names === undefined)
    say("plan: cloudformation:ListStacks is not allowed: a stack that is no longer in the stage would not be told")
  const known = planned.map(({ name, stackName }) => ({ name, stackName, optional: false }))
  const others = (names ?? [])
    .filter((stackName) => !planned.some((one) => one.stackName === stackName))
    .map((stackName) => ({ name: stackName.slice(prefix.length), stackName, optional: true }))
  const found = await Promise.all(
    [...known, ...others].map(({ name, stackName, optional }) => deployedStack(session, name, stackName, optional)),
  )
  return found.filter((one) => one !== undefined)
}

/** Before a minute's work, and before change sets that only the plan would name. */
async function requireFolder(path: string): Promise<void> {
  await access(dirname(path), constants.W_OK).catch((cause: unknown) => {
    throw notWritten(path, cause)
  })
}

async function written(path: string, json: string): Promise<void> {
  await writeFile(path, `${json}\n`).catch((cause: unknown) => {
    throw notWritten(path, cause)
  })
}

function notWritten(path: string, cause: unknown): Refusal {
  return new Refusal(EXIT.usage, `--out: ${path} can't be written; give a file in a folder that is there`, { cause })
}
