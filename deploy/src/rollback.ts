/** `rollback`: the services, the function and the image parameters go back to an earlier good release, watched as a deploy is. */
import { NOTHING_ROLLED_OUT, ROLLED_OUT } from "../../infra/src/names.ts"
import { type Changing, changing } from "./apply/changing.ts"
import { type Images, moved } from "./apply/image-parameters.ts"
import { type Recovered, recover } from "./apply/recovery.ts"
import { release } from "./apply/release.ts"
import { type ReleaseReport, requireFolder, tell } from "./apply/release-report.ts"
import { rollOut, verify } from "./apply/rollout.ts"
import { RELEASE_FLAGS, settingsOf } from "./apply/settings.ts"
import { functionVersionOf, standingUnits } from "./apply/units.ts"
import type { Command } from "./command.ts"
import { runningImages } from "./images.ts"
import { answered, EXIT, Refusal } from "./refusal.ts"
import type { Release } from "./releases.ts"
import { TARGETS } from "./targets/targets.ts"

/** Records that are looked through, the newest first. */
const LOOKED_AT = 200

export const rollback: Command = {
  name: "rollback",
  summary: "Back to the last good release, or to that of a commit: services, function, image parameters",
  flags: {
    to: {
      type: "string",
      value: "SHA",
      help: "commit of a release that succeeded, 7 digits or more; without it the last good one before",
    },
    ...RELEASE_FLAGS,
  },
  async run(session, values) {
    const settings = settingsOf(values)
    const to = values["to"] as string | undefined
    if (to !== undefined && !/^[0-9a-f]{7,64}$/.test(to))
      throw new Refusal(EXIT.usage, `--to=${to} is no commit: give 7 digits of it or more, 0-9 and a-f`)
    await requireFolder(settings.report)
    await changing(
      session,
      settings,
      to === undefined ? "rollback" : `rollback to ${to.slice(0, 12)}`,
      async (change) => {
        const told = async (report: ReleaseReport) => {
          change.display.end()
          await tell(session, report, { folder: settings.report, json: values["json"] === true })
        }
        const recovered = await recover(change)
        if (recovered !== undefined && to === undefined && isWayBack(recovered)) {
          const how = recovered.report.command === "rollback" ? "that was the rollback" : "what ran before it runs"
          change.display.say(`${how}; --to=SHA leads further back`)
          return await told(recovered.report)
        }
        await rolledBack(change, to, told)
      },
    )
    return 0
  },
}

async function rolledBack(
  change: Changing,
  to: string | undefined,
  told: (report: ReleaseReport) => Promise<void>,
): Promise<void> {
  const { session, display, releases } = change
  const [running, units, standing, records] = await answered(
    Promise.all([
      runningImages(session, session.signal),
      Promise.all(TARGETS.map((target) => target.units(session, session.signal))).then((all) => all.flat()),
      standingUnits(session, session.signal),
      releases.newest(LOOKED_AT, session.signal),
    ]),
    session.signal,
  )
  const previousImages: Images = Object.fromEntries(
    ROLLED_OUT.flatMap((name) => {
      const image = running[name]
      return image === undefined || image === NOTHING_ROLLED_OUT ? [] : [[name, image]]
    }),
  )
  const before = functionVersionOf(standing)
  const services = Object.fromEntries(units.flatMap(({ name, image }) => (image === undefined ? [] : [[name, image]])))
  const target = targetOf(records, {
    images: previousImages,
    services,
    functionVersion: before,
    to,
    stage: session.stage.name,
  })
  const images = { ...previousImages, ...target.images }
  // Of a release that did not tell its version the function stays as it is.
  const functionVersion = target.functionVersion ?? before
  const version = functionVersion === undefined ? {} : { functionVersion }
  display.say(
    `back to ${target.commit.slice(0, 12)}, released ${target.startedAt}; migrations are forward only and not taken back`,
  )
  await release(
    change,
    {
      command: "rollback",
      commit: target.commit,
      images: images as Record<string, string>,
      previousImages: previousImages as Record<string, string>,
      ...version,
      ...(before !== undefined && { previousFunctionVersion: before }),
    },
    async (run) => {
      await rollOut(run, { images, ...version })
      const ending = await verify(run)
      const { units } = run.report
      run.report.changed =
        units.some(({ outcome }) => outcome !== "unchanged") || moved(images, previousImages).length > 0
      return ending
    },
    told,
  )
}

/** Whether what was left unfinished, now that it is over, has led to where somebody wants to be who asks for the way back. */
function isWayBack({ report: { command, outcome }, stuck }: Recovered): boolean {
  return !stuck && command === (outcome === "succeeded" ? "rollback" : "deploy")
}

export interface Runs {
  /** As the parameters say. */
  readonly images: Images
  /** What the services run indeed; nothing of one that is not there. */
  readonly services: Images
  readonly functionVersion: string | undefined
  /** Digits of a commit. */
  readonly to: string | undefined
  readonly stage: string
}

/**
 * Without a commit: the last good deploy that was before the one which runs, and is another; a rollback is none, so that
 * one after the other goes further back. Where services run something else than the parameters say, which a good release
 * wrote, that release is the last good one.
 *
 * @param records the newest first
 * @throws Refusal there is none
 */
export function targetOf(records: readonly Release[], { images, services, functionVersion, to, stage }: Runs): Release {
  const good = records.filter(({ outcome, command }) => outcome === "succeeded" && command === "deploy")
  const history = `npm run deploy -- history --stage=${stage} tells what there is`
  if (to !== undefined) {
    const [found, ...others] = good.filter(({ commit }) => commit.startsWith(to))
    const other = others.find(({ commit }) => commit !== found?.commit)
    if (other !== undefined) {
      const what = `--to=${to} is ${found?.commit} as well as ${other.commit}`
      throw new Refusal(EXIT.usage, `${what}; give more of its digits`)
    }
    if (found !== undefined) return found
    throw new Refusal(EXIT.noStack, `there is no release of ${to} that succeeded; ${history}`)
  }
  const isToldOf = (one: Release) => moved(one.images, images).length === 0
  if (moved(services, images).length > 0) {
    const left = good.find(isToldOf)
    if (left !== undefined) return left
  }
  const runs = (one: Release) =>
    isToldOf(one) && (one.functionVersion === undefined || one.functionVersion === functionVersion)
  const found = good.slice(good.findIndex(runs) + 1).find((one) => !runs(one))
  if (found !== undefined) return found
  throw new Refusal(EXIT.noStack, `there is no good release before the one that runs; ${history}`)
}
