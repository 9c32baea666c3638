/** One change of a stage, from taking its lock to giving it back. */
import { type Identity, identityOf, requireAccount } from "../identity.ts"
import { acquire, type Lock } from "../lock.ts"
import { Refusal, refusalOf } from "../refusal.ts"
import { Releases } from "../releases.ts"
import type { Session } from "../session.ts"
import { type Display, displayOf } from "./display.ts"
import type { Settings } from "./settings.ts"

export interface Changing {
  /** Its signal is aborted by a signal of the process, and with the lock. */
  readonly session: Session
  readonly identity: Identity
  readonly lock: Lock
  readonly releases: Releases
  readonly display: Display
  readonly settings: Settings
}

/**
 * @param command as the lock tells others, such as `deploy 1a2b3c4d5e6f`
 * @throws Refusal another holds the lock; and what `work` throws
 */
export async function changing<Result>(
  session: Session,
  settings: Settings,
  command: string,
  work: (change: Changing) => Promise<Result>,
): Promise<Result> {
  const identity = await identityOf(session, session.signal)
  requireAccount(session, identity)
  const claim = { who: identity.arn, command }
  const lock = await acquire(session, claim, settings.patience, settings.lease).catch((error: unknown) => {
    throw session.signal.aborted ? session.signal.reason : refusalOf(error)
  })
  const display = displayOf(session)
  const signal = AbortSignal.any([session.signal, lock.lost])
  try {
    if (lock.overtaken !== undefined) {
      const { who, command: former, since, leaseUntil } = lock.overtaken
      display.say(`the lock was ${who}'s (${former}, since ${since}), whose lease ran out ${leaseUntil}: taken over`)
    }
    const changed: Session = { ...session, signal, say: (line) => display.say(line) }
    return await work({
      session: changed,
      identity,
      lock,
      releases: new Releases(session),
      display,
      settings,
    })
  } catch (error) {
    throw signal.aborted && !(error instanceof Refusal) ? signal.reason : refusalOf(error)
  } finally {
    display.end()
    if (lock.lost.aborted) lock.abandon()
    else {
      await lock.release().catch(() => {
        lock.abandon()
        session.say("the lock could not be given back; its lease runs out by itself")
      })
    }
  }
}
