/** Writes an assembly's assets, templates among them, to the bootstrap bucket, by the CDK's toolkit library. */
import { randomBytes } from "node:crypto"
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { AssumeRoleCommand, STSClient } from "@aws-sdk/client-sts"
import { EXIT, Refusal, refusalOf } from "../refusal.ts"
import type { Session } from "../session.ts"
import { placed } from "./cloudformation.ts"

/** The toolkit's clients wait for an answer for as long as it takes; a stage's assets are a few megabytes. */
const LONGEST_MS = 10 * 60_000

/**
 * What is there already is not written again: an asset's name is its content.
 *
 * @param account 12 digits
 * @param stacks short names
 * @throws Refusal it can't be written
 */
export async function publishAssets(
  session: Session,
  assembly: string,
  account: string,
  stacks: readonly string[],
): Promise<void> {
  // A second to load, which a plan that changes nothing need not wait for.
  const [{ StackSelectionStrategy }, { toolkitOf }] = await Promise.all([
    import("@aws-cdk/toolkit-lib"),
    import("../cdk-toolkit.ts"),
  ])
  const { toolkit, errors } = toolkitOf(session, {
    // The rules were looked at when it was synthesized.
    assemblyFailureAt: "none",
    unstableFeatures: ["publish-assets"],
  })
  try {
    const source = await toolkit.fromAssemblyDirectory(assembly)
    const stop = AbortSignal.any([session.signal, AbortSignal.timeout(LONGEST_MS)])
    const stopped = new Promise<never>((_, reject) => {
      stop.addEventListener("abort", () => reject(new Error(`the bucket was silent for ${LONGEST_MS / 60_000} min`)))
      if (stop.aborted) reject(stop.reason)
    })
    await Promise.race([
      toolkit.publishAssets(source, {
        stacks: { strategy: StackSelectionStrategy.PATTERN_MUST_MATCH, patterns: [...stacks] },
      }),
      stopped,
    ])
  } catch (error) {
    session.signal.throwIfAborted()
    const refusal = (await deniedRole(session, assembly, account, stacks)) ?? refusalIn(error)
    const why = refusal?.message ?? errors.at(-1) ?? firstLine(error)
    // The bucket's answer comes as the toolkit's text alone.
    const expired = refusal === undefined && /\bexpired\b/i.test(why)
    const todo = refusal !== undefined ? "" : expired ? "; take fresh credentials" : "; try again"
    const code = refusal?.exitCode ?? (expired ? EXIT.credentials : EXIT.failed)
    throw new Refusal(code, `the assets can't be written: ${why}${todo}`, { cause: error })
  }
}

/** The toolkit goes on without the role that writes assets where it may not take it, and is then refused by the bucket. */
async function deniedRole(
  { aws, signal, stage }: Session,
  assembly: string,
  account: string,
  stacks: readonly string[],
): Promise<Refusal | undefined> {
  const role = await assetsRole(assembly, stacks)
  if (role === undefined) return undefined
  try {
    const RoleSessionName = `perigee-${randomBytes(4).toString("hex")}`
    const RoleArn = placed(role, account, stage.region)
    await aws.client(STSClient).send(new AssumeRoleCommand({ RoleArn, RoleSessionName }), { abortSignal: signal })
    return undefined
  } catch (error) {
    const refusal = refusalOf(error)
    return refusal instanceof Refusal && refusal.exitCode === EXIT.credentials ? refusal : undefined
  }
}

interface AssetManifest {
  readonly files?: Readonly<
    Record<string, { readonly destinations: Readonly<Record<string, { readonly assumeRoleArn?: string }>> }>
  >
}

/** One for all stacks of an account and region. */
async function assetsRole(assembly: string, [stack]: readonly string[]): Promise<string | undefined> {
  const { files = {} } = JSON.parse(await readFile(join(assembly, `${stack}.assets.json`), "utf8")) as AssetManifest
  const destinations = Object.values(files).flatMap((file) => Object.values(file.destinations))
  return destinations.find(({ assumeRoleArn }) => assumeRoleArn !== undefined)?.assumeRoleArn
}

/** The AWS SDK's error is a cause of the toolkit's, where the toolkit keeps it. */
function refusalIn(error: unknown): Refusal | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const refusal = refusalOf(cause)
    if (refusal instanceof Refusal) return refusal
  }
  return undefined
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0] ?? ""
}
