/** A folder of templates for a test, gone with it. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** @param files texts as they are, everything else as JSON */
export function folderOf(files: Readonly<Record<string, unknown>>): { path: string; [Symbol.dispose](): void } {
  const path = mkdtempSync(join(tmpdir(), "templates-"))
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(path, name), typeof content === "string" ? content : JSON.stringify(content))
  }
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) }
}
