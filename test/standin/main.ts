/** The stand-in as a program, `node test/standin/main.ts`. Exits 0 stopped, 64 bad flag or value, 69 cannot listen. */
import { parseArgs } from "node:util"
import { describeFaults } from "./faults.ts"
import { type StandinOptions, startStandin } from "./server.ts"

const HELP = `A stand-in for NASA's NeoWs API, with 40 680 near-Earth objects that do not exist.

usage: node test/standin/main.ts [--host ADDRESS] [--port N]

  --host ADDRESS  NEOWS_STANDIN_HOST  where to listen, 127.0.0.1 by default; 0.0.0.0 in a container
  --port N        NEOWS_STANDIN_PORT  0–65535, 0 by default: any free port
                  NEOWS_STANDIN_KEYS  the only keys accepted, separated by commas;
                                      by default DEMO_KEY and all of 40 letters and digits
  --help

A flag beats its variable; an empty variable counts as unset. Pages are at /neo/rest/v1/neo/browse?page=&size=,
the key in the header X-Api-Key or the query's api_key.

Faults: put /fault/NAME[;PARAMETER=VALUE]… before that path; with ;times=N only the first N requests get it.

${describeFaults()
  .map((line) => `  ${line}`)
  .join("\n")}
`

/** A flag or value that cannot be used. */
class UsageError extends Error {}

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2), process.env)
  if (options === "help") {
    process.stdout.write(HELP)
    return
  }
  const standin = await startStandin({ ...options, log: (line) => process.stderr.write(`${line}\n`) })
  const stop = () => void standin.close()
  process.once("SIGINT", stop).once("SIGTERM", stop)
  process.stdout.write(`NeoWs stand-in at ${standin.url} (synthetic data: none of these objects exists)\n`)
}

function readOptions(args: string[], environment: NodeJS.ProcessEnv): StandinOptions | "help" {
  const { host, port, help } = parse(args)
  if (help) return "help"
  const keys = environment["NEOWS_STANDIN_KEYS"]
  const address = host ?? (environment["NEOWS_STANDIN_HOST"] || "127.0.0.1")
  if (address === "") throw new UsageError("--host wants an address")
  return {
    host: address,
    port: readPort(port ?? (environment["NEOWS_STANDIN_PORT"] || "0")),
    ...(keys ? { keys: keys.split(",").filter((key) => key !== "") } : {}),
  }
}

function parse(args: string[]) {
  const options = { host: { type: "string" }, port: { type: "string" }, help: { type: "boolean" } } as const
  try {
    return parseArgs({ args, options, strict: true, allowPositionals: false }).values
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

function readPort(text: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535)
    throw new UsageError("the port must be a number from 0 to 65535")
  return Number(text)
}

main().catch((error: unknown) => {
  const message = error instanceof Error ? error.message : String(error)
  process.stderr.write(
    `neows stand-in: ${message.split("\n")[0]}${error instanceof UsageError ? " (see --help)" : ""}\n`,
  )
  process.exitCode = error instanceof UsageError ? 64 : 69
})
