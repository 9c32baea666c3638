/** The parameters that say which image runs: what a rollout writes, and what is put back where it did not last. */
import { PutParameterCommand, SSMClient } from "@aws-sdk/client-ssm"
import { imageParameter, NOTHING_ROLLED_OUT, ROLLED_OUT, type RolledOutName } from "../../../infra/src/names.ts"
import { refusalOf } from "../refusal.ts"
import type { Session } from "../session.ts"

/** By image; one that is absent ran nothing. */
export type Images = Readonly<Partial<Record<RolledOutName, string>>>
/** The same, of an account that may lack a parameter. */
type Held = Readonly<Partial<Record<RolledOutName, string | undefined>>>

/** Those of `wanted` that are another in `held`. */
export function moved(wanted: Held, held: Held): readonly RolledOutName[] {
  return ROLLED_OUT.filter((name) => wanted[name] !== undefined && wanted[name] !== held[name])
}

/** @param images what each of `names` gets; `none` where it has none */
export async function writeImageParameters(
  { aws, stage }: Pick<Session, "aws" | "stage">,
  images: Images,
  names: readonly RolledOutName[],
  signal: AbortSignal,
): Promise<void> {
  for (const name of names) {
    signal.throwIfAborted()
    const Value = images[name] ?? NOTHING_ROLLED_OUT
    await aws
      .client(SSMClient)
      // Not taken back by a stop: it may have been heard, and would come after what puts the former value back.
      .send(new PutParameterCommand({ Name: imageParameter(stage.name, name), Value, Overwrite: true }))
      .catch((error: unknown) => {
        throw signal.aborted ? signal.reason : refusalOf(error)
      })
  }
}
