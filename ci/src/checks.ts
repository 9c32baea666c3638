/** The project's own npm scripts in a container: what is installed is cached by the lock file alone. */
import { type Container, type Directory, dag } from "@dagger.io/dagger"

/** What `npm ci` reads, and the programs that it links. */
const MANIFESTS = ["package.json", "package-lock.json", ".npmrc", "*/package.json", "*/*/package.json", "*/bin/**"]
const REPORTS = "/perigee/reports"

export type Suite = "unit" | "integration"

/**
 * The repository with its dependencies installed.
 *
 * @param again another text than before runs the checks anew
 */
export function workspace(source: Directory, nodeImage: string, again: string): Container {
  return dag
    .container()
    .from(nodeImage)
    .withWorkdir("/perigee")
    .withMountedCache("/root/.npm", dag.cacheVolume("perigee-npm"))
    .withDirectory(".", source.filter({ include: MANIFESTS }))
    .withExec(["npm", "ci", "--no-audit", "--no-fund"])
    .withDirectory(".", source)
    .withEnvVariable("PERIGEE_AGAIN", again)
}

/** Fails with the script's own exit code and output. */
export async function script(base: Container, name: string): Promise<void> {
  await base.withExec(["npm", "run", "--silent", name]).sync()
}

/**
 * A suite that ran, whatever came of it, so that its verdict and its report are of one execution, passed or failed: its log,
 * exit code, JUnit file and raw coverage are below `reports/`.
 */
function suiteRun(base: Container, suite: Suite): Container {
  const run =
    'mkdir -p "$1/junit"; npm run --silent "test:$0" >"$1/$0.log" 2>&1; echo $? >"$1/$0.exit"; cat "$1/$0.log"'
  return base
    .withEnvVariable("PERIGEE_SUITE", suite)
    .withEnvVariable("PERIGEE_JUNIT", `${REPORTS}/junit/${suite}.xml`)
    .withEnvVariable("NODE_V8_COVERAGE", `${REPORTS}/coverage/raw`)
    .withExec(["sh", "-c", run, suite, REPORTS])
}

/** Fails where the suite failed, with its log. */
export async function suiteVerdict(base: Container, suite: Suite): Promise<void> {
  await suiteRun(base, suite)
    .withExec(["sh", "-c", 'cat "$1/$0.log" >&2; exit "$(cat "$1/$0.exit")"', suite, REPORTS])
    .sync()
}

/** JUnit files and one coverage report over the same runs that the verdicts are of. */
export function reportsOf(base: Container, suites: readonly Suite[]): Directory {
  const all = suites.reduce(
    (reports, suite) => reports.withDirectory(".", suiteRun(base, suite).directory(REPORTS)),
    dag.directory(),
  )
  return base
    .withDirectory(REPORTS, all)
    .withExec(["npm", "run", "--silent", "coverage"])
    .directory(REPORTS)
    .withoutDirectory("coverage/raw")
}
