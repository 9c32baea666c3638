/** Text for a terminal: no control characters from outside, colour only where it is wanted. */

/** `text` on one line, with control and direction-changing characters as `�`: a server's words can't steer the terminal. */
export function printable(text: string): string {
  return text.replace(/[\r\n\t]+/g, " ").replace(/[\p{Cc}\p{Bidi_Control}]/gu, "�")
}

export interface Paint {
  bold(text: string): string
  dim(text: string): string
  red(text: string): string
  yellow(text: string): string
}

/** SGR sequences of ECMA-48 § 8.3.117, or none. */
export function paint(coloured: boolean): Paint {
  const sgr = (on: number, off: number) => (text: string) => (coloured ? `\u001b[${on}m${text}\u001b[${off}m` : text)
  return { bold: sgr(1, 22), dim: sgr(2, 22), red: sgr(31, 39), yellow: sgr(33, 39) }
}
