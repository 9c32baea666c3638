/** The picture as one HTML file that asks nobody for anything: pan, zoom, and what each resource is, by mouse or keyboard. */
import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import type { Address } from "./architecture.ts"
import type { Detail } from "./details.ts"
import { PALETTES } from "./palette.ts"
import type { Scene } from "./scene.ts"
import { escaped, FONTS, svg } from "./svg.ts"

const read = (file: string) => readFileSync(new URL(file, import.meta.url), "utf8")

export function page(scene: Scene, details: Readonly<Record<Address, Detail>>): string {
  const script = read("viewer.js")
  const hash = createHash("sha256").update(script).digest("base64")
  const variables = (theme: "light" | "dark") =>
    Object.entries(PALETTES[theme])
      .map(([name, value]) => `--${name}:${value}`)
      .join(";")
  const style = [
    `:root{color-scheme:light dark;--fonts:${FONTS};${variables("light")}}`,
    `@media (prefers-color-scheme:dark){:root{${variables("dark")}}}`,
    read("viewer.css"),
  ].join("\n")
  // A `<` within a JSON text would end the element that holds it.
  const data = JSON.stringify(details).replaceAll("<", "\\u003c")
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-${hash}'">
<title>${escaped(scene.title)} · architecture</title>
<style>
${style}
</style>
</head>
<body>
<header>
<h1>${escaped(scene.title)}</h1>
<p id="keys">Tab: next resource · Enter: open · Esc: close · arrows: move · + and −: zoom · 0: whole picture</p>
<div role="toolbar" aria-label="View">
<button type="button" id="out" aria-label="Zoom out">−</button>
<button type="button" id="in" aria-label="Zoom in">+</button>
<button type="button" id="whole" aria-label="Show the whole picture">Whole</button>
</div>
</header>
<main>
<div id="stage" aria-describedby="keys">
${svg(scene, { interactive: true })}</div>
<aside id="panel" aria-labelledby="panel-title" hidden>
<button type="button" id="close" aria-label="Close">×</button>
<h2 id="panel-title" tabindex="-1"></h2>
<p id="panel-about"></p>
<div id="panel-sections"></div>
</aside>
</main>
<script type="application/json" id="details">${data}</script>
<script>${script}</script>
</body>
</html>
`
}
