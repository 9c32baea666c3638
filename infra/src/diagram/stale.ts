/** Whether what is committed is what the templates give. PNG is not asked: its bytes depend on the renderer's version. */
import { readFileSync } from "node:fs"
import { join } from "node:path"

export interface Stale {
  readonly file: string
  readonly why: "is missing" | "differs from what the templates give"
}

/**
 * @param folder where the files were committed
 * @param texts what they should be, by name
 */
export function stale(folder: string, texts: Readonly<Record<string, string>>): Stale[] {
  return Object.entries(texts).flatMap(([file, text]): Stale[] => {
    let committed: string
    try {
      committed = readFileSync(join(folder, file), "utf8")
    } catch {
      return [{ file, why: "is missing" }]
    }
    return committed === text ? [] : [{ file, why: "differs from what the templates give" }]
  })
}
