/** `npm run platform`: PostgreSQL, DynamoDB, an issuer, the three services and their gateway, on one machine, until Ctrl-C. */
import { LocalPlatform } from "./platform.ts"
import { HELP, portsOf } from "./ports.ts"

const write = (line: string) => process.stdout.write(`${line}\n`)

async function main(): Promise<number> {
  const ports = portsOf(process.argv.slice(2))
  if (ports === "help") {
    write(HELP)
    return 0
  }
  const platform = new LocalPlatform(ports)
  const told = new Promise<undefined>((resolve) => {
    // SIGHUP: the terminal was closed.
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      process.on(signal, () => {
        platform.abort()
        resolve(undefined)
      })
    }
  })
  try {
    const started = await platform.start((line) => process.stderr.write(`${line}\n`))
    if (started !== undefined) {
      write(started)
      const fell = await Promise.race([told, platform.fell])
      if (fell !== undefined) throw new Error(fell)
      process.stderr.write("\nstopping …\n")
    }
    return 0
  } finally {
    await platform.stop()
  }
}

main().then(
  (code) => process.exit(code),
  (error: Error & { exitCode?: number }) => {
    process.stderr.write(`platform: ${error.message}\n`)
    process.exit(error.exitCode ?? 70)
  },
)
