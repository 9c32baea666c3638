/** An object in Amazon S3 as the place for the document. The AWS SDK is loaded here, and only when there is such a place. */
import { whenAborted } from "./aborted.ts"
import { type Output, OutputUnwritable } from "./output.ts"
import type { S3Failure } from "./s3-failure.ts"
import type { PutOptions } from "./s3-object.ts"
import type { S3Place } from "./s3-place.ts"

/**
 * Gets credentials, so that what can't be put for want of them is known before a request is spent.
 *
 * One PutObject writes the document: a reader meets the old object or the new one, whatever happens meanwhile.
 *
 * @throws OutputUnwritable, or the signal's reason
 */
export async function s3Output(place: S3Place, options: PutOptions, signal: AbortSignal): Promise<Output> {
  const label = `s3://${place.bucket}/${place.key}`
  const unless = async <T>(step: Promise<T | S3Failure>): Promise<T> => {
    step.catch(() => {})
    // The SDK looks at its signal between steps, and a step can take its time.
    const outcome = await Promise.race([step, whenAborted(signal)])
    if (!isFailure(outcome)) return outcome
    signal.throwIfAborted()
    throw new OutputUnwritable(`cannot write ${label}: ${outcome.what}`, { cause: outcome.cause })
  }
  const { openObject } = await import("./s3-object.ts")
  const put = await unless(openObject(place, options))
  return { label, write: (document) => unless(put(document, signal)) }
}

// The SDK's file is a bundle of its own: a class of errors would be another class there.
function isFailure(outcome: unknown): outcome is S3Failure {
  return (outcome as S3Failure | undefined)?.kind === "failure"
}
