/** Runs named steps side by side and tells each one's outcome in a table. */

export type Step = readonly [name: string, run: () => Promise<unknown>]

/**
 * Runs all steps to their end, then gives the table, or prints it and throws what the first failed step threw, as it is:
 * a program's own error keeps its exit code and output that way.
 */
export async function summaryOf(steps: readonly Step[]): Promise<string> {
  const rows = await Promise.all(
    steps.map(async ([name, run]) => {
      const started = performance.now()
      const failure = await run().then(
        () => undefined,
        (error: unknown) => ({ error }),
      )
      const seconds = ((performance.now() - started) / 1000).toFixed(1)
      return { line: `${failure ? "✗" : "✓"} ${name.padEnd(20)} ${seconds.padStart(7)} s`, failure }
    }),
  )
  const table = `${rows.map(({ line }) => line).join("\n")}\n`
  const failed = rows.find(({ failure }) => failure !== undefined)
  if (!failed?.failure) return table
  console.error(table)
  throw failed.failure.error
}
