/** A real browser, where the machine has one: Debian calls it chromium. */
import { existsSync } from "node:fs"
import { delimiter, join } from "node:path"
import { type Browser, chromium as playwright } from "playwright-core"
import type { Need } from "./needs.ts"

const NAMES = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"]

const path = NAMES.flatMap((name) =>
  (process.env["PATH"] ?? "").split(delimiter).map((folder) => join(folder, name)),
).find((file) => existsSync(file))

export const chromium: Need = {
  name: "chromium",
  missing: path === undefined ? "no chromium on the PATH; apt-get install chromium" : undefined,
}

/** Closed by whoever launches it. Chromium refuses its sandbox to root, as which containers run. */
export function launchChromium(): Promise<Browser> {
  if (path === undefined) throw new Error(chromium.missing)
  return playwright.launch({ executablePath: path, args: process.getuid?.() === 0 ? ["--no-sandbox"] : [] })
}
