/**
 * Suites that need something beyond Node. Where it is absent the suite is one skipped test that says so, or one failed
 * test where `PERIGEE_REQUIRE` (names, comma-separated; `.ci/run` sets it) says that it must be there.
 */
import { existsSync, readFileSync } from "node:fs"
import { delimiter, join, resolve } from "node:path"

export interface Need {
  /** For PERIGEE_REQUIRE. */
  readonly name: string
  /** Why it can't run, or undefined where it can. */
  readonly missing: string | undefined
}

/** A `describe` that runs only where everything it needs is there. */
export function describeWith(needs: readonly Need[], title: string, suite: (this: Mocha.Suite) => void): void {
  const absent = needs.find(({ missing }) => missing !== undefined)
  if (absent === undefined) {
    describe(title, suite)
    return
  }
  const required = (process.env["PERIGEE_REQUIRE"] ?? "").split(",").includes(absent.name)
  describe(title, () => {
    it(`${required ? "needs" : "skipped:"} ${absent.missing}`, function () {
      if (required) throw new Error(`PERIGEE_REQUIRE names ${absent.name}, and ${absent.missing}`)
      this.skip()
    })
  })
}

/** A program on the PATH. */
export function program(name: string): Need {
  const found = (process.env["PATH"] ?? "").split(delimiter).some((folder) => existsSync(join(folder, name)))
  return { name, missing: found ? undefined : `no ${name} on the PATH` }
}

const RECORDED = resolve(import.meta.dirname, "../../../shared/neows")

/** The recorded answers of NeoWs, which stand beside the checkout and are not part of it. */
export const recordedAnswers: Need = {
  name: "recorded-answers",
  missing: existsSync(RECORDED) ? undefined : "no recorded answers at ../shared/neows",
}

export function recordedAnswer(file: string): Buffer {
  return readFileSync(join(RECORDED, file))
}
