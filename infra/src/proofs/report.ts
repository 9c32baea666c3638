/** What was proved and what was not: for a person, for a program, for the docs. */
import { permissionsTable } from "./claims/permissions.ts"
import { matrixMarkdown, matrixOf, matrixSummary } from "./matrix.ts"
import type { Failure } from "./proof.ts"
import type { Proved, Report } from "./prove.ts"

/** Failures told of one proof; the rest are counted. JSON has them all. */
const TOLD = 20

export function reportText(report: Report): string {
  const { subject, proved, skipped, milliseconds } = report
  const failed = proved.filter(({ failures }) => failures.length > 0)
  const failures = failed.reduce((sum, one) => sum + one.failures.length, 0)
  const width = Math.max(...proved.map(({ proof }) => proof.id.length))
  const line = ({ proof, checked, failures: wrong }: Proved) =>
    `${wrong.length === 0 ? "✔" : "✖"} ${proof.id.padEnd(width)} ${String(checked).padStart(5)}  ${proof.claim}`
  const about = `${subject.resolved.resources.length} resources of ${subject.templates.length} templates`
  const seconds = `${(milliseconds / 1000).toFixed(2)} s`
  return [
    ...proved.map(line),
    ...skipped.map(({ id, claim }) => `– ${id.padEnd(width)}        ${claim} (needs --stage)`),
    "",
    `Who reaches whom (of ${subject.network.things.length} things and the internet; every port, every address)`,
    matrixSummary(matrixOf(subject.reach)),
    "",
    ...failed.flatMap(failureLines),
    failed.length === 0
      ? `All ${proved.length} claims are proved of ${about}, in ${seconds}.`
      : `${failed.length} of ${proved.length} claims fail in ${failures} ${failures === 1 ? "place" : "places"}, of ${about}, in ${seconds}.`,
    "",
  ].join("\n")
}

function failureLines({ proof, failures }: Proved): string[] {
  const rest = failures.length - TOLD
  return [
    `✖ ${proof.id}: ${proof.claim}`,
    `  It holds: ${proof.holds}`,
    ...failures.slice(0, TOLD).flatMap(oneFailure),
    ...(rest > 0 ? [`    and ${rest} more: --json has them all`] : []),
    "",
  ]
}

function oneFailure({ resource, what, path }: Failure): string[] {
  return [
    `    ${resource}: ${what}`,
    ...(path ?? []).map(
      (hop, at) => `      ${String(at + 1).padStart(2)} ${hop.passes ? "→" : "⨯"} ${hop.resource} ${hop.what}`,
    ),
  ]
}

export function reportJson(report: Report): string {
  const { subject, proved, skipped, milliseconds } = report
  return `${JSON.stringify(
    {
      stage: subject.stage?.name ?? null,
      templates: subject.templates.map(({ name }) => name),
      resources: subject.resolved.resources.length,
      milliseconds: Math.round(milliseconds),
      holds: proved.every(({ failures }) => failures.length === 0),
      proofs: proved.map(({ proof: { id, claim, holds }, checked, failures }) => ({
        id,
        claim,
        holds,
        checked,
        failures,
      })),
      skipped: skipped.map(({ id }) => id),
      matrix: matrixOf(subject.reach),
      permissions: permissionsTable(subject),
    },
    null,
    2,
  )}\n`
}

/** Tables without times or paths of this machine: the same for the same templates, so that a stale copy shows. */
export function reportMarkdown({ subject, proved }: Report): string {
  const cell = (text: string) => text.replaceAll("|", "\\|").replaceAll("<", "&lt;")
  return [
    `### Who reaches whom`,
    "",
    "Rows open connections, columns take them. Numbers are TCP ports, open from every place of the one to every place of the",
    "other; – is nothing: no port, no protocol, from no place.",
    "",
    matrixMarkdown(matrixOf(subject.reach)),
    "",
    "### Who may do what",
    "",
    "<details><summary>Every role, what it may do, on what and under which condition</summary>",
    "",
    "| role | on | may | if |",
    "|---|---|---|---|",
    ...permissionsTable(subject).map(
      ({ who, resource, actions, condition }) =>
        `| ${cell(who)} | ${cell(resource)} | ${cell(actions)} | ${cell(condition)} |`,
    ),
    "",
    "</details>",
    "",
    "### What is proved",
    "",
    "| claim | holds | looked at | |",
    "|---|---|---|---|",
    ...proved.map(
      ({ proof, checked, failures }) =>
        `| \`${proof.id}\` ${cell(proof.claim)} | ${cell(proof.holds)} | ${checked} | ${failures.length === 0 ? "✔" : `✖ ${failures.length}`} |`,
    ),
    "",
  ].join("\n")
}
