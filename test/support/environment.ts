/** Environment variables of the test's own process, for what reads them itself; they are put back afterwards. */

/** @returns puts back what was there */
export function setEnvironment(variables: Readonly<Record<string, string>>): () => void {
  const before = Object.keys(variables).map((name) => [name, process.env[name]] as const)
  Object.assign(process.env, variables)
  return () => {
    // One by one: an object in the place of process.env would leave the process' own environment as it is.
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
  }
}
