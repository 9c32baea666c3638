/** What `bootstrap` does, by the CDK toolkit: CDK's own stack, then the delivery stack. */
import {
  BootstrapEnvironments,
  BootstrapStackParameters,
  StackSelectionStrategy,
  type Toolkit,
} from "@aws-cdk/toolkit-lib"
import { stackName } from "../../infra/src/names.ts"
import { withAssembly } from "../../infra/src/stage-templates.ts"
import { BOOTSTRAP_STACK, bootstrapVersion, NEEDED_BOOTSTRAP_VERSION } from "./bootstrap-version.ts"
import { toolkitOf } from "./cdk-toolkit.ts"
import type { Values } from "./command.ts"
import { type Identity, identityOf, requireAccount } from "./identity.ts"
import { EXIT, Refusal, refusalOf } from "./refusal.ts"
import type { Session } from "./session.ts"
import { describe, resources } from "./stacks.ts"

interface Step {
  readonly what: string
  readonly did: "made" | "updated" | "nothing"
}

/** @returns the exit code */
export async function bootstrapAccount(session: Session, values: Values): Promise<number> {
  const identity = await identityOf(session, session.signal)
  requireAccount(session, identity)
  const steps = [await cdkBootstrap(session, identity), await delivery(session)]
  const { roles, repositories } = await made(session, identity)
  if (values["json"]) {
    session.print(
      JSON.stringify({ stage: session.stage.name, account: identity.account, steps, roles, repositories }, null, 2),
    )
  } else {
    const words = { made: "made", updated: "updated", nothing: "stands already, nothing to do" }
    session.print(
      [
        ...steps.map(({ what, did }) => `${what}: ${words[did]}`),
        "roles",
        ...roles.map((arn) => `  ${arn}`),
        "repositories",
        ...repositories.map((uri) => `  ${uri}`),
      ].join("\n"),
    )
  }
  return 0
}

async function cdkBootstrap(session: Session, { account, partition }: Identity): Promise<Step> {
  const version = await bootstrapVersion(session, session.signal)
  const what = `stack ${BOOTSTRAP_STACK}`
  if (version !== undefined && version >= NEEDED_BOOTSTRAP_VERSION) {
    return { what: `${what} (version ${version})`, did: "nothing" }
  }
  session.say(`${what}: ${version === undefined ? "making it" : `version ${version} is too old, updating it`}`)
  await byToolkit(session, what, async (toolkit) => {
    const environments = BootstrapEnvironments.fromList([`aws://${account}/${session.stage.region}`])
    // CloudFormation itself may do everything, as CDK suggests; what an older stack was made with stays.
    const cloudFormationExecutionPolicies = [`arn:${partition}:iam::aws:policy/AdministratorAccess`]
    await toolkit.bootstrap(environments, {
      parameters: BootstrapStackParameters.withExisting(
        version === undefined ? { cloudFormationExecutionPolicies } : {},
      ),
    })
  })
  const now = await bootstrapVersion(session, session.signal)
  return { what: `${what} (version ${now})`, did: version === undefined ? "made" : "updated" }
}

async function delivery(session: Session): Promise<Step> {
  const { stage, signal } = session
  const name = stackName(stage.name, "delivery")
  const what = `stack ${name}`
  const before = await describe(session, "delivery", signal)
  session.say(`${what}: ${before === undefined ? "making it" : "comparing it"}`)
  const did = await withAssembly(stage, (assembly) =>
    byToolkit(session, what, async (toolkit) => {
      const { stacks } = await toolkit.deploy(await toolkit.fromAssemblyDirectory(assembly), {
        stacks: { strategy: StackSelectionStrategy.PATTERN_MUST_MATCH_SINGLE, patterns: ["delivery"] },
        deploymentMethod: { method: "change-set" },
      })
      return stacks.length
    }),
  )
  if (did !== 1) throw new Refusal(EXIT.failed, `${what}: the toolkit deployed ${did} stacks`)
  const after = await describe(session, "delivery", signal)
  if (before === undefined) return { what, did: "made" }
  const stamp = (stack: typeof after) => (stack?.LastUpdatedTime ?? stack?.CreationTime)?.getTime()
  return { what, did: stamp(before) === stamp(after) ? "nothing" : "updated" }
}

/** @throws Refusal what AWS answered, or what the toolkit complained of */
async function byToolkit<T>(session: Session, what: string, work: (toolkit: Toolkit) => Promise<T>): Promise<T> {
  session.signal.throwIfAborted()
  const { toolkit, errors } = toolkitOf(session)
  try {
    return await work(toolkit)
  } catch (error) {
    session.signal.throwIfAborted()
    // The toolkit wraps what AWS answered: the innermost error says most.
    for (let at: unknown = error; at instanceof Error; at = at.cause) {
      const refusal = refusalOf(at)
      if (refusal instanceof Refusal)
        throw new Refusal(refusal.exitCode, `${what}: ${refusal.message}`, { cause: error })
    }
    if (!(error instanceof Error)) throw error
    throw new Refusal(EXIT.failed, `${what}: ${errors.at(-1) ?? error.message.split("\n")[0]}`, { cause: error })
  }
}

async function made(session: Session, { account, partition }: Identity) {
  const all = await resources(session, "delivery", session.signal)
  const named = (type: string) =>
    all.flatMap(({ ResourceType, PhysicalResourceId: id }) => (ResourceType === type && id !== undefined ? [id] : []))
  const suffix = partition === "aws-cn" ? "amazonaws.com.cn" : "amazonaws.com"
  return {
    roles: named("AWS::IAM::Role").map((name) => `arn:${partition}:iam::${account}:role/${name}`),
    repositories: named("AWS::ECR::Repository").map(
      (name) => `${account}.dkr.ecr.${session.stage.region}.${suffix}/${name}`,
    ),
  }
}
