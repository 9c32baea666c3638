/** Colours of a terminal: whoever makes them knows whether there is one. */
export interface Colours {
  readonly bold: (text: string) => string
  readonly dim: (text: string) => string
  readonly red: (text: string) => string
  readonly yellow: (text: string) => string
  readonly green: (text: string) => string
}

const same = (text: string) => text
const sgr = (on: number, off: number) => (text: string) => `\u001b[${on}m${text}\u001b[${off}m`

export const PLAIN: Colours = { bold: same, dim: same, red: same, yellow: same, green: same }

/** Source: ECMA-48, “SGR – Select Graphic Rendition”. */
export const COLOURED: Colours = {
  bold: sgr(1, 22),
  dim: sgr(2, 22),
  red: sgr(31, 39),
  yellow: sgr(33, 39),
  green: sgr(32, 39),
}
