/** Writes an assembly's assets, templates among them, to the bootstrap bucket, by the CDK's toolkit library. */
import type { IIoHost, IoMessage } from "@aws-cdk/toolkit-lib"
import { EXIT, Refusal, refusalOf } from "../refusal.ts"
import type { Session } from "../session.ts"

/**
 * What is there already is not written again: an asset's name is its content.
 *
 * @param stacks short names
 * @throws Refusal it can't be written
 */
export async function publishAssets(session: Session, assembly: string, stacks: readonly string[]): Promise<void> {
  // A second to load, which a plan that changes nothing need not wait for.
  const { BaseCredentials, StackSelectionStrategy, Toolkit } = await import("@aws-cdk/toolkit-lib")
  const { credentials, region } = session.aws.settings
  const toolkit = new Toolkit({
    ioHost: hostOf(session),
    emojis: false,
    color: false,
    // The rules were looked at when it was synthesized.
    assemblyFailureAt: "none",
    sdkConfig: { baseCredentials: BaseCredentials.custom({ provider: credentials, region }) },
    unstableFeatures: ["publish-assets"],
  })
  try {
    const source = await toolkit.fromAssemblyDirectory(assembly)
    await toolkit.publishAssets(source, {
      stacks: { strategy: StackSelectionStrategy.PATTERN_MUST_MATCH, patterns: [...stacks] },
    })
  } catch (error) {
    throw refusalOfToolkit(error)
  }
}

/** The toolkit speaks of what a person need not hear; of trouble it is asked for the error instead. */
function hostOf({ say }: Session): IIoHost {
  return {
    async notify({ level, message }: IoMessage<unknown>) {
      if (level === "warn") say(message.replaceAll(/\s+/g, " ").trim())
    },
    async requestResponse(request) {
      return request.defaultResponse
    },
  }
}

/** The AWS SDK's error is a cause of the toolkit's. */
export function refusalOfToolkit(error: unknown): unknown {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const refusal = refusalOf(cause)
    if (refusal instanceof Refusal) return refusal
  }
  if (!(error instanceof Error)) return error
  const message = error.message.replaceAll(/\s+/g, " ").trim()
  if (/AuthenticationError|credentials|assume/i.test(`${error.name} ${message}`)) {
    return new Refusal(EXIT.credentials, `the assets can't be written: ${message}`, { cause: error })
  }
  return new Refusal(EXIT.failed, `the assets can't be written: ${message}`, { cause: error })
}
