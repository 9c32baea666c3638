/** `deploy`: the approved plan, applied: stacks, database, rollout, verification, record. */
import {
  NOTHING_ROLLED_OUT,
  ROLLED_OUT,
  type RolledOutName,
  type StackName,
  serviceConfigsTable,
} from "../../infra/src/names.ts"
import { type Approval, approvalOf, NON_DESTRUCTIVE, requireApproval } from "./apply/approval.ts"
import { executeStacks, forgetChangeSets } from "./apply/change-sets.ts"
import { type Changing, changing } from "./apply/changing.ts"
import { prepareDatabase } from "./apply/database.ts"
import { type Images, moved, writeImageParameters } from "./apply/image-parameters.ts"
import { recover } from "./apply/recovery.ts"
import { type Run, release } from "./apply/release.ts"
import { type ReleaseReport, requireFolder, tell } from "./apply/release-report.ts"
import { rollOut, undoParameters, verify } from "./apply/rollout.ts"
import { RELEASE_FLAGS, settingsOf } from "./apply/settings.ts"
import { functionVersionOf, standingUnits } from "./apply/units.ts"
import type { Command } from "./command.ts"
import { imageUri, runningImages } from "./images.ts"
import { type PlanOptions, type Prepared, preparePlan } from "./plan/command.ts"
import { revisionOf } from "./publish-revision.ts"
import { EXIT, Refusal } from "./refusal.ts"
import type { Session } from "./session.ts"
import { TASK_STACKS } from "./targets/ecs/task-definitions.ts"

/**
 * CloudFormation waits until the services that it makes pass their health checks, which they do with a database that is
 * prepared: a first deploy prepares it before this stack.
 */
const SERVICES_STACK: StackName = "platform"

export const deploy: Command = {
  name: "deploy",
  summary: "Applies the approved plan: stacks, migrations, rollout, smoke tests; takes back what does not last",
  flags: {
    "approved-plan": {
      type: "string",
      value: "FILE",
      help: "one of these three: the plan that was approved, as plan --out wrote it",
    },
    approve: { type: "string", value: "DIGEST", help: "its digest, all 64 digits of plan's last line" },
    "auto-approve": {
      type: "string",
      value: NON_DESTRUCTIVE,
      help: "on a stage without protection, whatever replaces, deletes and widens nothing",
    },
    images: {
      type: "string",
      value: "FILE",
      help: "digests.json of publish; without it the images that run stay",
    },
    assembly: { type: "string", value: "FOLDER", help: "what npm run synth wrote, in place of a synthesis" },
    parameters: { type: "string", value: "LIST", help: "stack parameters, Name=value,…; others keep their values" },
    commit: { type: "string", value: "SHA", help: "all 40 digits, where there is no git to tell" },
    ...RELEASE_FLAGS,
  },
  async run(session, values) {
    const settings = settingsOf(values)
    const approval = await approvalOf(values, session.stage)
    await requireFolder(settings.report)
    const text = (name: string) => (values[name] === "" ? undefined : (values[name] as string | undefined))
    const { commit } = await revisionOf(session.root, { commit: text("commit") }, session.signal)
    const options = { images: text("images"), assembly: text("assembly"), parameters: text("parameters") }
    await changing(session, settings, `deploy ${commit.slice(0, 12)}`, async (change) => {
      await recover(change)
      await deployed(change, { approval, commit, options }, async (report) => {
        change.display.end()
        await tell(session, report, { folder: settings.report, json: values["json"] === true })
      })
    })
    return 0
  },
}

interface Asked {
  readonly approval: Approval
  readonly commit: string
  readonly options: PlanOptions
}

async function deployed(
  change: Changing,
  { approval, commit, options }: Asked,
  told: (report: ReleaseReport) => Promise<void>,
): Promise<void> {
  const { session } = change
  const prepared = await preparePlan(session, { ...options, keepChangeSets: true })
  const begun = new Set<string>()
  try {
    requireApproval(approval, prepared.plan)
    const [images, previousImages] = [imagesAfter(session, prepared), imagesBefore(prepared)]
    const before = functionVersionOf(await standingUnits(session, session.signal))
    await release(
      change,
      {
        command: "deploy",
        commit,
        planDigest: prepared.plan.digest,
        images: images as Record<string, string>,
        previousImages: previousImages as Record<string, string>,
        ...(before !== undefined && { previousFunctionVersion: before }),
      },
      async (run) => {
        const fresh = ROLLED_OUT.filter((name) => previousImages[name] === undefined)
        await stacks(run, prepared, { fresh, begun })
        if (fresh.length === 0) await database(run, fresh)
        await rollOut(run, { images })
        const ending = await verify(run)
        run.report.changed = hasChanged(run.report)
        return ending
      },
      told,
    )
  } finally {
    await forgetChangeSets(prepared, begun, session)
    await prepared.dispose()
  }
}

async function stacks(
  run: Run,
  prepared: Prepared,
  { fresh, begun }: { readonly fresh: readonly RolledOutName[]; readonly begun: Set<string> },
): Promise<void> {
  const { change, record, report } = run
  const { session, display, settings, releases } = change
  await releases.step(record.id, "stacks", undefined, session.signal)
  if (fresh.length > 0) undoParameters(run, fresh)
  await executeStacks(
    prepared,
    { session, display, pollMs: settings.pollMs },
    {
      imagesMoved: fresh.length > 0,
      // The stacks from here on read which images run.
      before: async ({ name }) => {
        if (name === TASK_STACKS[0]) await tellImages(run)
        if (name !== SERVICES_STACK || fresh.length === 0) return
        await database(run, fresh)
        const table = serviceConfigsTable(session.stage.name)
        display.say(
          `no service gets ready before its record "authentication" is in the table ${table}: write it now (docs/services.md, Settings)`,
        )
        await releases.step(record.id, "stacks", undefined, session.signal)
      },
      begun,
      told: (outcome) => void report.stacks.push(outcome),
    },
  )
}

/**
 * Where nothing ran, stacks are made with the images that will: nothing else could start. Where an update of the
 * parameters' own stack took their values back, they are told again.
 */
async function tellImages({ change: { session }, record }: Run): Promise<void> {
  const wanted = { ...record.images, ...record.previousImages }
  const names = moved(wanted, await runningImages(session, session.signal))
  await writeImageParameters(session, wanted, names, session.signal)
}

async function database({ change, record, report }: Run, fresh: readonly RolledOutName[]): Promise<void> {
  const { session, releases } = change
  const changed = moved(record.images, record.previousImages)
  await releases.step(record.id, "database", undefined, session.signal)
  await prepareDatabase(change, record.images, { changed, fresh }, (ran) => void report.tasks.push(ran))
}

/** @throws Refusal an image never ran, and none is given */
function imagesAfter({ stage }: Session, { plan, running, identity }: Prepared): Images {
  const missing = plan.images.filter(({ after }) => after === NOTHING_ROLLED_OUT).map(({ name }) => name)
  if (missing.length > 0) {
    const what = `there is no image of ${missing.join(", ")}: nothing was rolled out yet`
    throw new Refusal(EXIT.usage, `${what}; give --images=<digests.json of publish>`)
  }
  return Object.fromEntries(
    plan.images.map(({ name, before, after }) => [
      name,
      before === after ? running[name] : imageUri(identity, stage, name, after),
    ]),
  )
}

function imagesBefore({ running }: Prepared): Images {
  return Object.fromEntries(
    ROLLED_OUT.flatMap((name) => {
      const image = running[name]
      return image === undefined || image === NOTHING_ROLLED_OUT ? [] : [[name, image]]
    }),
  )
}

function hasChanged({ stacks: all, tasks, units, images, previousImages }: ReleaseReport): boolean {
  return (
    all.some(({ did }) => did !== "unchanged") ||
    tasks.length > 0 ||
    units.some(({ outcome }) => outcome !== "unchanged") ||
    moved(images, previousImages).length > 0
  )
}
