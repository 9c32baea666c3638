/** What a command ends with is one line, whatever words another program gave it, and says whose fault it is. */
import { readFileSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { expect } from "chai"
import { requireFunctionZip } from "../../../deploy/src/function-zip.ts"
import { Refusal, refusalOf } from "../../../deploy/src/refusal.ts"

describe("a refusal", () => {
  it("is one line, though what it repeats has several", () => {
    const { message } = new Refusal(73, "CloudFormation can't plan this: Validation failed:\n  - one\r\n  - two\n")
    expect(message).to.equal("CloudFormation can't plan this: Validation failed: - one - two")
  })

  const refused = (error: unknown) => {
    const refusal = refusalOf(error)
    if (!(refusal instanceof Refusal)) throw new TypeError(`no refusal: ${String(error)}`)
    return `${refusal.exitCode} ${refusal.message}`
  }
  const thrown = (work: () => unknown) => {
    try {
      return work()
    } catch (error) {
      return error
    }
  }

  it("of a file that is missing, or is a folder, says so, and never that AWS can't be reached", async () => {
    const missing = thrown(() => readFileSync("/nonexistent/file"))
    expect(refused(missing)).to.match(/^66 a file can't be read or written: ENOENT: .*'\/nonexistent\/file'$/)
    const denied = Object.assign(new Error("EACCES: permission denied, open '/x'"), { code: "EACCES", path: "/x" })
    expect(refused(denied)).to.equal("73 a file can't be read or written: EACCES: permission denied, open '/x'")
    expect(refused(await readFile("/nonexistent/file").catch((error: unknown) => error))).to.match(/^66 /)
    expect(refused(thrown(() => requireFunctionZip(tmpdir())))).to.match(/^66 \S+ is no file; npm run build/)
  })

  it("of a connection that nobody takes says that AWS can't be reached", async () => {
    const error = await new Promise((resolve) => connect(1, "127.0.0.1").once("error", resolve))
    expect(refused(error)).to.equal("69 AWS can't be reached (ECONNREFUSED); try again")
  })
})
