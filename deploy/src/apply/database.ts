/** The database, before a rollout: roles where a service is new, and migrations, as one-off tasks with the new images. */
import type { RolledOutName } from "../../../infra/src/names.ts"
import { SERVICES, type ServiceName } from "../../../infra/src/stage.ts"
import { EXIT, Refusal } from "../refusal.ts"
import { oneOffFamily, type RanOnce, runOnce } from "../targets/ecs/run-task.ts"
import type { Changing } from "./changing.ts"
import type { Images } from "./image-parameters.ts"

export interface TaskRan extends RanOnce {
  readonly family: string
}

/**
 * @param changed images that are not those that run
 * @param fresh those of them that never ran: their roles are made first
 * @throws Refusal a task failed: its exit code and last words
 */
export async function prepareDatabase(
  change: Changing,
  images: Images,
  { changed, fresh }: { readonly changed: readonly RolledOutName[]; readonly fresh: readonly RolledOutName[] },
  told: (ran: TaskRan) => void,
): Promise<void> {
  const of = (names: readonly RolledOutName[]) => SERVICES.filter((service) => names.includes(service))
  // One after the other: each makes the migrator where it is not there.
  for (const service of of(fresh)) await runTask(change, service, "roles", images, told)
  const migrated = await Promise.allSettled(
    of(changed).map((service) => runTask(change, service, "migrate", images, told)),
  )
  const failed = migrated.find((one) => one.status === "rejected")
  if (failed !== undefined) throw failed.reason
}

async function runTask(
  { session, display, settings }: Changing,
  service: ServiceName,
  task: "roles" | "migrate",
  images: Images,
  told: (ran: TaskRan) => void,
): Promise<void> {
  const family = oneOffFamily(session.stage, service, task)
  const image = images[service]
  const ran = await runOnce(
    session,
    { family, ...(image !== undefined && { image }) },
    { watch: display.watch, timeout: settings.timeout, signal: session.signal },
  )
  told({ family, ...ran })
  if (ran.exitCode === 0) return
  for (const line of ran.details) display.say(`  ${line}`)
  const last = ran.details.findLast((line) => line.startsWith("  log: "))
  const said = last === undefined ? "" : `; its last line: ${last.slice("  log: ".length)}`
  throw new Refusal(EXIT.failed, `${family} failed: ${ran.reason ?? "no reason is told"}${said}`)
}
