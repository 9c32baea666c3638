/** What a release did, as it did it: for a person in Markdown, for a program in JSON. */
import { access, constants, mkdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { EXIT, Refusal } from "../refusal.ts"
import type { Outcome } from "../releases.ts"
import type { Session } from "../session.ts"
import type { RolledOut } from "../targets/rolling.ts"
import type { StackOutcome } from "./change-sets.ts"
import type { TaskRan } from "./database.ts"
import { plain } from "./display.ts"
import type { Smoke } from "./smoke.ts"

export interface ReleaseReport {
  readonly stage: string
  /** 12 digits. */
  readonly account: string
  readonly region: string
  readonly command: string
  /** In full. */
  readonly commit: string
  readonly who: string
  /** Of the record. */
  release: string
  readonly planDigest?: string
  readonly startedAt: string
  endedAt: string
  /** `running` where the record was left so. */
  outcome: Outcome
  /** Nothing differed from what ran. */
  changed: boolean
  reason?: string
  readonly stacks: StackOutcome[]
  readonly tasks: TaskRan[]
  readonly units: RolledOut[]
  readonly takenBack: RolledOut[]
  readonly smoke: Smoke[]
  readonly images: Readonly<Record<string, string>>
  readonly previousImages: Readonly<Record<string, string>>
  /** Revisions that were deregistered. */
  readonly pruned: string[]
}

export function markdownOf(report: ReleaseReport): string {
  const { stage, command, commit, outcome, reason, who, account, region, release, planDigest, changed } = report
  const seconds = Math.round((Date.parse(report.endedAt) - Date.parse(report.startedAt)) / 1000)
  const nothing = outcome === "succeeded" && !changed ? ": nothing changed" : ""
  return [
    `# ${command} of ${stage}: ${outcome}${nothing}`,
    "",
    ...(reason === undefined ? [] : [`**${literal(reason)}**`, ""]),
    `Commit \`${commit}\`, by ${who}, in account ${account}, ${region}. ${seconds} s, from ${report.startedAt}.`,
    `Release \`${release}\`${planDigest === undefined ? "" : `, plan \`${planDigest}\``}.`,
    ...table(
      "Stacks",
      ["stack", "", "s"],
      report.stacks.filter(({ did }) => did !== "unchanged").map(({ name, did, seconds: s }) => [name, did, s]),
    ),
    ...table(
      "Database",
      ["task", "exit code", "s", ""],
      report.tasks.map(({ family, exitCode, seconds: s, reason: why }) => [family, exitCode ?? "–", s, why ?? ""]),
    ),
    ...table("Rollout", ["unit", "", "from", "to", "s", ""], report.units.map(unitRow)),
    ...table("Taken back", ["unit", "", "to", "from", "s", ""], report.takenBack.map(unitRow)),
    ...details([...report.units, ...report.takenBack, ...report.tasks.map((one) => ({ ...one, unit: one.family }))]),
    ...table(
      "Smoke tests",
      ["service", "path", "attempts", "ms"],
      report.smoke.map(({ service, path, attempts, milliseconds }) => [service, path, attempts, milliseconds]),
    ),
    ...table(
      "Images",
      ["image", "digest"],
      outcome === "succeeded"
        ? Object.entries(report.images).map(([name, uri]) => [name, uri.split("@")[1] ?? uri])
        : [],
    ),
    ...(report.pruned.length === 0 ? [] : ["", `Deregistered: ${report.pruned.join(", ")}.`]),
  ].join("\n")
}

function unitRow({ target, unit, outcome, from, to, seconds, reason }: RolledOut): (string | number)[] {
  return [`${target} ${unit}`, outcome, from ?? "nothing", to, seconds, reason ?? ""]
}

function table(title: string, head: readonly string[], rows: readonly (readonly (string | number)[])[]): string[] {
  if (rows.length === 0) return []
  const line = (cells: readonly (string | number)[]) => `| ${cells.map((cell) => literal(String(cell))).join(" | ")} |`
  return ["", `## ${title}`, "", line(head), line(head.map(() => "---")), ...rows.map(line)]
}

/** What others wrote, such as a log's last line, as it is: no link, no image, no HTML, no cell of a table. */
function literal(text: string): string {
  return plain(text).replaceAll(/[\\`*[\]<|]/g, "\\$&")
}

function details(
  of: readonly { readonly unit: string; readonly reason?: string | undefined; readonly details?: readonly string[] }[],
): string[] {
  return of
    .filter(({ reason, details: lines = [] }) => reason !== undefined && lines.length > 0)
    .flatMap(({ unit, details: lines = [] }) => ["", `### ${unit}`, "", ...lines.map((line) => `    ${plain(line)}`)])
}

/**
 * Makes the folder of a report, before there is anything to report.
 *
 * @throws Refusal it can't be made, or nobody may write in it
 */
export async function requireFolder(folder: string | undefined): Promise<void> {
  if (folder === undefined) return
  try {
    await mkdir(folder, { recursive: true })
    await access(folder, constants.W_OK)
  } catch (cause) {
    throw new Refusal(EXIT.usage, `--report: ${folder} can't be written; give a folder of yours`, { cause })
  }
}

/**
 * @param folder for `report.md` and `report.json`; on stdout as well
 * @throws Refusal it can't be written
 */
export async function tell(
  { print, mask = (text) => text }: Pick<Session, "print" | "mask">,
  report: ReleaseReport,
  { folder, json }: { readonly folder?: string | undefined; readonly json: boolean },
): Promise<void> {
  const [markdown, text] = [markdownOf(report), JSON.stringify(report, undefined, 2)]
  print(json ? text : markdown)
  if (folder === undefined) return
  try {
    await writeFile(join(folder, "report.md"), `${mask(markdown)}\n`)
    await writeFile(join(folder, "report.json"), `${mask(text)}\n`)
  } catch (cause) {
    throw new Refusal(EXIT.usage, `--report: ${folder} can't be written; the release itself is over`, { cause })
  }
}
