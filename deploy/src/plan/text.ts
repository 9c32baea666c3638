/** A plan as a person reads it: what must not be missed first, the digest last. */
import type { Action, Change } from "./changes.ts"
import { destroys } from "./classification.ts"
import { type Colours, PLAIN } from "./colours.ts"
import type { CostChange } from "./cost-change.ts"
import type { DataLoss } from "./data-loss.ts"
import type { Field } from "./differences.ts"
import { shortDigest } from "./images.ts"
import { isEmpty, type Plan, type StackPlan } from "./plan.ts"
import type { Proofs } from "./proofs.ts"

/** Lines of one kind in one place; JSON has them all. */
const TOLD = 40
/** Of a first deploy all is new, and the table of costs is a page of its own. */
const COST_LINES = 20
/** Characters of a value. */
const WIDTH = 72

const MARKS: Readonly<Record<Action, string>> = {
  add: "+",
  change: "~",
  "may-replace": "±?",
  replace: "±",
  delete: "-",
}
const WORDS: Readonly<Record<Action, string>> = {
  add: "added",
  change: "changed",
  "may-replace": "perhaps replaced",
  replace: "REPLACED",
  delete: "deleted",
}
const ACTIONS: readonly Action[] = ["add", "change", "may-replace", "replace", "delete"]
/** What the replacement of a task definition is: the old one stays what it is. */
const REVISION = "new revision"

export function planText(plan: Plan, colours: Colours = PLAIN): string {
  const { bold, dim } = colours
  const head = bold(`Plan of ${plan.stage} in ${plan.region}, account ${plan.account}`)
  const sections = [
    ...(plan.dataLoss.length > 0 ? [dataLossText(plan.dataLoss, colours)] : []),
    isEmpty(plan) ? "Nothing changes: what is deployed is what is planned." : stacksText(plan, colours),
    ...(isEmpty(plan) && plan.widenings.length === 0 ? [] : [widenedText(plan, colours)]),
    ...(isEmpty(plan) ? [] : [rolloutText(plan, colours), reachableText(plan, colours), costText(plan, colours)]),
    proofsText(plan.proofs, colours),
    approvalText(plan, colours),
    `${dim("digest")} ${bold(plan.digest)}`,
  ]
  return [head, ...sections].join("\n\n")
}

function dataLossText(losses: readonly DataLoss[], { bold, red }: Colours): string {
  const lines = losses.flatMap(({ address, path, type, replaced, because, fate, whatToDo }) => {
    const what = { yes: "is REPLACED", perhaps: "may be REPLACED", "no, deleted": "is DELETED" }[replaced]
    const why = because.length === 0 ? "" : `, because of ${because.join(", ")}`
    return [
      `  ${bold(`${address.split("/")[0]}/${path}`)} (${type}) ${what}${why}`,
      `    ${fate}`,
      ...whatToDo.map((one) => `    → ${one}`),
    ]
  })
  return [bold(red("DATA LOSS")), ...lines].join("\n")
}

function stacksText({ stacks }: Plan, colours: Colours): string {
  const width = Math.max(...stacks.map(({ name }) => name.length))
  return [colours.bold("Stacks"), ...stacks.flatMap((stack) => stackText(stack, width, colours))].join("\n")
}

function stackText({ name, state, changes, notes }: StackPlan, width: number, colours: Colours): string[] {
  const words = Map.groupBy(changes, wordOf)
  const counts = [...ACTIONS.map((action) => WORDS[action]), REVISION].flatMap((word) => {
    const count = words.get(word)?.length ?? 0
    return count === 0 ? [] : [`${count} ${word}${word === REVISION && count > 1 ? "s" : ""}`]
  })
  const states = { new: "new", changed: "", unchanged: "unchanged", deleted: "DELETED" }
  const summary = [states[state], counts.join(", ")].filter((one) => one !== "").join(": ")
  const shown = state === "new" ? byType(changes) : changes.slice(0, TOLD).flatMap((one) => changeText(one, colours))
  const more =
    state !== "new" && changes.length > TOLD ? [`      and ${changes.length - TOLD} more; --json has them all`] : []
  const line = `  ${name.padEnd(width)}  ${summary}`.trimEnd()
  return [state === "deleted" ? colours.red(line) : line, ...notes.map((note) => `      ${note}`), ...shown, ...more]
}

/** All of a new stack is new: what it has, not each by name. */
function byType(changes: readonly Change[]): string[] {
  const groups = [...Map.groupBy(changes, ({ type }) => type.replace(/^AWS::/, ""))]
    .map(([type, of]) => (of.length === 1 ? type : `${of.length} ${type}`))
    .sort((one, other) => (one.replace(/^\d+ /, "") < other.replace(/^\d+ /, "") ? -1 : 1))
  return wrapped(groups, 100).map((line) => `      ${line}`)
}

function wordOf(change: Change): string {
  const replaced = change.action === "replace" || change.action === "may-replace"
  return replaced && !destroys(change) ? REVISION : WORDS[change.action]
}

function changeText(change: Change, { red, yellow, green }: Colours): string[] {
  const { path, type, action, because, fields } = change
  const word = wordOf(change)
  const revised = word === REVISION
  const colour = revised
    ? yellow
    : { add: green, change: yellow, "may-replace": red, replace: red, delete: red }[action]
  const why = because.length === 0 ? "" : `, because of ${because.join(", ")}`
  const what = revised ? ` ${REVISION}` : action === "replace" || action === "may-replace" ? ` ${word}${why}` : ""
  return [
    `    ${colour(`${(revised ? MARKS.change : MARKS[action]).padEnd(2)} ${path}`)}  ${type}${what}`,
    ...(action === "delete" ? [] : fieldsText(fields, "         ")),
  ]
}

function fieldsText(fields: readonly Field[], indent: string): string[] {
  const told = fields.slice(0, TOLD)
  const width = Math.min(48, Math.max(0, ...told.map(({ path }) => path.length)))
  const lines = told.map(({ path, before, after }) => {
    const change =
      before === undefined
        ? `+ ${cut(after)}`
        : after === undefined
          ? `- ${cut(before)}`
          : `${cut(before)} → ${cut(after)}`
    return `${indent}${path.padEnd(width)}  ${change}`
  })
  return fields.length > TOLD ? [...lines, `${indent}and ${fields.length - TOLD} more; --json has them all`] : lines
}

function widenedText({ widenings, stacks }: Plan, { bold, yellow }: Colours): string {
  const newStacks = stacks.filter(({ state }) => state === "new").length
  const news = newStacks === 0 ? "" : "; new stacks are not compared with anything: see who reaches whom"
  if (widenings.length === 0) return `${bold("Widened")}\n  nothing${news}`
  const kinds = [...Map.groupBy(widenings, ({ kind }) => kind)]
  const lines = kinds.flatMap(([kind, of]) => [
    `  ${kind}`,
    ...of.slice(0, TOLD).map(({ subject, what }) => yellow(`    ! ${subject}: ${what}`)),
    ...(of.length > TOLD ? [`      and ${of.length - TOLD} more; --json has them all`] : []),
  ])
  return [bold(yellow("WIDENED: not allowed now, and then it would be")), ...lines].join("\n")
}

function rolloutText({ images, taskDefinitions }: Plan, { bold, green }: Colours): string {
  const changed = images.filter(({ before, after }) => before !== after)
  const width = Math.max(0, ...changed.map(({ name }) => name.length))
  const families = Math.max(0, ...taskDefinitions.map(({ family }) => family.length))
  const lines = [
    ...changed.map(
      ({ name, before, after }) => `  ${name.padEnd(width)}  ${shortDigest(before)} → ${shortDigest(after)}`,
    ),
    ...taskDefinitions.flatMap(({ family, action, fields }) =>
      action === "add"
        ? [`  ${green(`+ ${family.padEnd(families)}`)}  ${fields.map(({ after }) => after).join(", ")}`]
        : [`  ${MARKS[action]} ${family}`, ...fieldsText(fields, "      ")],
    ),
  ]
  return [bold("Rollout: images and task definitions"), ...(lines.length === 0 ? ["  nothing"] : lines)].join("\n")
}

function reachableText({ reachable: { open, changes } }: Plan, { bold }: Colours): string {
  const head = `${bold("Who reaches whom")}: ${open[0]} pairs before, ${open[1]} after`
  const groups = [...Map.groupBy(changes, ({ from, before, after }) => JSON.stringify([from, before, after])).values()]
  const lines = groups.flatMap((of) => {
    const [{ from, before, after } = { from: "", before: "", after: "" }] = of
    const [first = "", ...rest] = wrapped(
      of.map(({ to }) => to),
      WIDTH,
    )
    const told = [`  ${from} → ${first}`, ...rest.map((line) => `      ${line}`)]
    return [...told.slice(0, -1), `${told.at(-1)}: ${after} (before: ${before})`]
  })
  return [head, ...lines].join("\n")
}

function costText({ cost }: Plan, { bold }: Colours): string {
  const head = bold("Cost a month")
  if (typeof cost === "string") return `${head}: ${cost}`
  const lines =
    cost.lines.length > COST_LINES ? [`  ${cost.lines.length} things; npm run cost tells each`] : costLines(cost)
  return [`${head}: ${costSummary(cost)}`, ...lines].join("\n")
}

function costSummary({ before, after, difference: { monthly, elsewhere, missing }, lines }: CostChange): string {
  if (lines.length === 0) return "unchanged"
  if (monthly !== undefined) {
    const unpriced = after.missing === 0 ? "" : `, and ${after.missing} lines without a price`
    return `${signed(monthly)} US dollars, ${before.monthly.toFixed(2)} → ${after.monthly.toFixed(2)}${unpriced}`
  }
  const there =
    elsewhere === undefined ? "" : `; ${signed(elsewhere.monthly)} US dollars at the prices of ${elsewhere.region}`
  return `${missing.length} of what changes has no price of this region (npm run prices)${there}`
}

function costLines({ lines }: CostChange): string[] {
  const told = lines.slice(0, TOLD)
  const [what, amount] = [
    Math.max(0, ...told.map((one) => `${one.stack}: ${one.what}`.length)),
    Math.max(0, ...told.map((one) => number(one.before).length)),
  ]
  return told.map(
    (one) =>
      `  ${`${one.stack}: ${one.what}`.padEnd(what)}  ${number(one.before).padStart(amount)} → ${number(one.after)} ${one.unit}`,
  )
}

function proofsText({ proved, failed }: Proofs, { green, red, bold }: Colours): string {
  if (failed.length === 0) return green(`✓ all ${proved} proofs hold of the planned templates`)
  const lines = failed.flatMap(({ id, claim, failures }) => [
    `  ✗ ${id}: ${claim}`,
    ...failures.slice(0, TOLD).map(({ resource, what }) => `      ${resource}: ${what}`),
    ...(failures.length > TOLD ? [`      and ${failures.length - TOLD} more; --json has them all`] : []),
  ])
  return [
    bold(red(`PROOFS FAIL: ${failed.length} of ${proved + failed.length}; this must not be deployed`)),
    ...lines,
  ].join("\n")
}

function approvalText(
  { classification: { destructive, widening, reasons } }: Plan,
  { green, yellow }: Colours,
): string {
  if (!destructive && !widening) return green("✓ replaces, deletes and widens nothing")
  const kinds = [destructive ? "replaces or deletes" : "", widening ? "widens" : ""].filter((one) => one !== "")
  return yellow(
    `! ${kinds.join(" and ")}: ${reasons.length} ${reasons.length === 1 ? "reason" : "reasons"} to be asked`,
  )
}

function cut(text = ""): string {
  return text.length > WIDTH ? `${text.slice(0, WIDTH - 1)}…` : text === "" ? '""' : text
}

function signed(value: number): string {
  return `${value >= 0 ? "+" : "−"}${Math.abs(value).toFixed(2)}`
}

function number(value: number): string {
  return value.toLocaleString("en-US", { maximumFractionDigits: 2 })
}

/** Words with commas between, in lines of at most so many characters. */
function wrapped(words: readonly string[], width: number): string[] {
  const lines: string[] = []
  for (const [at, word] of words.entries()) {
    const text = at === words.length - 1 ? word : `${word},`
    const last = lines.at(-1)
    if (last !== undefined && last.length + text.length + 1 <= width) lines[lines.length - 1] = `${last} ${text}`
    else lines.push(text)
  }
  return lines
}
