/** All that is made of a stage's templates: the picture as SVG and PNG, and the page. */
import type { Subject } from "../proofs/proof.ts"
import { connectionsOf } from "./connections.ts"
import { architectureOf } from "./derive.ts"
import { detailsOf } from "./details.ts"
import { layout } from "./layout.ts"
import { Names } from "./names.ts"
import { page } from "./page.ts"
import { png } from "./png.ts"
import { saidOf } from "./said.ts"
import type { Scene } from "./scene.ts"
import { svg } from "./svg.ts"

export const SVG_FILE = "architecture.svg"
export const PNG_FILE = "architecture.png"
export const PAGE_FILE = "architecture.html"

export interface Pictures {
  readonly scene: Scene
  /** By file; the same bytes for the same templates. */
  readonly texts: Readonly<Record<typeof SVG_FILE | typeof PAGE_FILE, string>>
  /** Takes longer than all the rest: made when asked for. */
  png(): Uint8Array
}

export function picturesOf(subject: Subject): Pictures {
  const { resolved, network, reach } = subject
  const connections = connectionsOf(network, reach)
  const names = new Names(resolved, network)
  const architecture = architectureOf({ resolved, network, connections })
  const scene = layout(architecture)
  const said = saidOf(subject)
  const details = detailsOf({ architecture, resolved, network, reach, connections, names, said, titles: scene.names })
  return {
    scene,
    texts: { [SVG_FILE]: svg(scene), [PAGE_FILE]: page(scene, details) },
    png: () => png(svg(scene, { theme: "light" })),
  }
}
