/** A request that is made again while AWS throttles it or is away, for longer than the SDK's own attempts. */
import type { Clock } from "./clock.ts"
import { isTransient } from "./transient.ts"

/** Seconds that AWS may be away in a row. */
export const PATIENCE = 120
/** Milliseconds between two attempts, half of it to one and a half: ECS registers one task definition a second. */
const PAUSE = 2_000

/** @throws what the request throws: at once where another attempt is of no use, else once {@link PATIENCE} is over */
export async function patiently<Answer>(
  request: () => Promise<Answer>,
  clock: Clock,
  signal: AbortSignal,
): Promise<Answer> {
  const started = clock.now()
  for (;;) {
    try {
      return await request()
    } catch (error) {
      signal.throwIfAborted()
      if (!isTransient(error) || clock.now() - started >= PATIENCE * 1000) throw error
    }
    await clock.sleep(PAUSE * (0.5 + clock.random()), signal)
  }
}
