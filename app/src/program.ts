/** The program: settings → output checked → page fetched → page written → report. Its surroundings are handed in. */
import { Agent, type Dispatcher, EnvHttpProxyAgent } from "undici"
import manifest from "../package.json" with { type: "json" }
import { DEMO_KEY, isApiKey } from "./api-key.ts"
import type { Clock } from "./clock.ts"
import { EXIT_CODES, exitCodeOf, Interrupted } from "./exit-code.ts"
import { HELP } from "./help.ts"
import { type BrowsePage, browse, MAX_PAGE_SIZE } from "./neows.ts"
import { fileOutput, type Output, streamOutput } from "./output.ts"
import { isNearlyUsedUp, type RateLimit } from "./rate-limit.ts"
import { withoutKey } from "./redact.ts"
import { s3Output } from "./s3-output.ts"
import { type Environment, parseFlags, type Settings, settingsOf } from "./settings.ts"
import { summaryTable } from "./summary.ts"
import { paint, printable } from "./terminal.ts"

export interface Surroundings {
  /** Arguments after the program's name. */
  readonly argv: readonly string[]
  readonly env: Environment
  readonly stdout: NodeJS.WritableStream
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean }
  readonly clock: Clock
  /** Aborts with {@link Interrupted} when the process is told to stop. */
  readonly signal: AbortSignal
  /** From here on signals do what they do by default: a write to a pipe that nobody reads can't be aborted. */
  readonly letSignalsEndIt: () => Promise<void>
}

/** Runs the program to its exit code; never throws. */
export async function run({
  argv,
  env,
  stdout,
  stderr,
  clock,
  signal,
  letSignalsEndIt,
}: Surroundings): Promise<number> {
  const colours = paint(stderr.isTTY === true && !env["NO_COLOR"])
  const say = (line: string) => void stderr.write(`${line}\n`)
  // Until the settings stand, what the environment holds is what must not be said.
  let secret = isApiKey(env["NASA_API_KEY"]?.trim() ?? "") ? (env["NASA_API_KEY"]?.trim() ?? "") : ""
  const safe = (text: string) => (secret === "" ? text : withoutKey(text, secret))
  let verbose = false
  try {
    const flags = parseFlags(argv)
    if (flags.help) return await tell(stdout, HELP)
    if (flags.version) return await tell(stdout, `get-data ${manifest.version}\n`)
    verbose = flags.verbose === true
    const settings = settingsOf(flags, env)
    secret = settings.apiKey
    const notice = (line: string) => settings.quiet || say(`${colours.yellow("get-data:")} ${line}`)
    if (settings.apiKey === DEMO_KEY) {
      notice("using DEMO_KEY, 30 requests an hour and 50 a day; set NASA_API_KEY (free at https://api.nasa.gov)")
    }
    const output = await outputOf(settings, stdout, clock, signal)
    const started = clock.now()
    const page = await fetchPage(settings, clock, signal, notice)
    if (settings.output === "-") await letSignalsEndIt()
    await output.write(page.document, signal)
    if (!settings.quiet) say(safe(reportOf(page, settings, output, (clock.now() - started) / 1000)))
    if (isNearlyUsedUp(page.rateLimit))
      notice(`less than a tenth of the rate limit is left: ${rateText(page.rateLimit)}`)
    if (settings.summary) stderr.write(safe(summaryTable(page.objects, colours)))
    return EXIT_CODES.ok
  } catch (error) {
    const code = exitCodeOf(error)
    const message = error instanceof Error ? error.message : String(error)
    const prefix = code === EXIT_CODES.internal ? "defect in get-data, please report it: " : ""
    say(`${colours.red("get-data:")} ${prefix}${printable(safe(message))}`)
    if (verbose) for (const line of causesOf(error).split("\n")) say(printable(safe(line)))
    return code
  }
}

async function outputOf(
  settings: Settings,
  stdout: NodeJS.WritableStream,
  clock: Clock,
  signal: AbortSignal,
): Promise<Output> {
  if (settings.s3 !== undefined) return await s3Output(settings.s3, { ...settings, clock }, signal)
  return settings.output === "-" ? streamOutput(stdout) : fileOutput(settings.output)
}

async function fetchPage(
  settings: Settings,
  clock: Clock,
  signal: AbortSignal,
  notice: (line: string) => void,
): Promise<BrowsePage> {
  const dispatcher = dispatcherFor(settings)
  try {
    return await browse(settings, {
      ...settings,
      dispatcher,
      clock,
      signal,
      userAgent: `perigee-get-data/${manifest.version}`,
      onRetry: ({ attempt, attempts, what, waitMs }) =>
        notice(`attempt ${attempt} of ${attempts}: ${what}; again in ${(waitMs / 1000).toFixed(1)} s`),
    })
  } finally {
    // Not waited for: a connection still being made would hold it up.
    dispatcher.destroy().catch(() => {})
  }
}

/** Plain `http:` goes direct: through a proxy it would show the key to more than the host that was named. */
function dispatcherFor({ baseUrl, httpsProxy, noProxy, timeoutMs }: Settings): Dispatcher {
  // The attempt's own clock bounds headers and body.
  const options: Agent.Options = { connect: { timeout: timeoutMs }, headersTimeout: 0, bodyTimeout: 0, allowH2: false }
  if (baseUrl.protocol !== "https:" || httpsProxy === undefined) return new Agent(options)
  return new EnvHttpProxyAgent({ ...options, httpsProxy: httpsProxy.href, httpProxy: "", noProxy })
}

function reportOf(page: BrowsePage, settings: Settings, output: Output, seconds: number): string {
  const { number, total_pages: total } = page.page
  const facts = [
    total === undefined ? `page ${number}` : `page ${number} of ${total} (0–${total - 1})`,
    `${page.objects.length} objects${settings.size === MAX_PAGE_SIZE ? "" : ` (size ${settings.size})`}`,
    `${page.bytes} bytes`,
    `${page.attempts} ${page.attempts === 1 ? "attempt" : "attempts"}`,
    `rate limit ${rateText(page.rateLimit)}`,
    `${seconds.toFixed(2)} s`,
  ]
  return printable(`${facts.join(", ")} → ${output.label}`)
}

function rateText({ limit, remaining }: RateLimit): string {
  return limit === undefined || remaining === undefined ? "not told" : `${remaining} of ${limit} left`
}

/** The stack of the error and of each of its causes. */
function causesOf(error: unknown): string {
  const stacks: string[] = []
  for (let cause = error; cause instanceof Error; cause = cause.cause) stacks.push(cause.stack ?? String(cause))
  return stacks.join("\ncaused by: ")
}

async function tell(stdout: NodeJS.WritableStream, text: string): Promise<number> {
  await streamOutput(stdout).write(text, new AbortController().signal)
  return EXIT_CODES.ok
}

export { Interrupted }
