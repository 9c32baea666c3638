/**
 * How wide a text will be, whoever shows it. A viewer takes the font that it has, so this bounds them: the advances are of
 * DejaVu Sans, the widest of the fonts that the picture asks for, or of Inter where that is wider. Helvetica and Arial need
 * a tenth less.
 */

export type Weight = "regular" | "bold"

/** Advances of U+0020 to U+007E in thousandths of the size. Source: DejaVu Sans 2.37 and Inter 4, tables hmtx. */
const ADVANCES: Readonly<Record<Weight, readonly number[]>> = {
  regular:
    "318 401 466 838 642 982 780 300 391 391 501 838 318 460 318 361 637 637 637 637 646 637 637 637 637 637 337 337 838 838 838 531 1000 690 687 731 771 632 591 775 752 295 571 672 566 904 754 788 639 788 695 642 646 745 690 989 686 679 686 391 361 391 838 500 500 613 635 572 635 616 371 635 634 278 278 580 278 975 634 612 635 635 412 528 393 634 592 819 592 592 553 637 337 637 838"
      .split(" ")
      .map(Number),
  bold: "349 457 523 838 696 1005 873 326 458 458 540 838 380 466 380 379 696 696 696 696 696 696 696 696 696 696 400 400 838 838 838 581 1000 774 763 737 831 684 684 821 837 373 580 775 638 996 837 851 733 851 771 721 683 813 774 1104 771 725 726 458 379 458 838 500 500 675 716 593 716 679 436 716 712 343 343 666 343 1042 712 688 716 716 494 596 479 712 652 924 646 652 583 712 366 712 838"
    .split(" ")
    .map(Number),
}

/** Beyond ASCII; what is not here is taken for an em. */
const OTHERS: Readonly<Record<string, number>> = {
  "·": 380,
  "–": 500,
  "→": 955,
  "←": 955,
  "▸": 502,
  "…": 1000,
  "×": 838,
}
const EM = 1000

/** @param size in px */
export function textWidth(text: string, size: number, weight: Weight = "regular"): number {
  let thousandths = 0
  for (const letter of text) {
    thousandths += ADVANCES[weight][(letter.codePointAt(0) ?? 0) - 32] ?? OTHERS[letter] ?? EM
  }
  return (thousandths * size) / 1000
}

/** The text, or as much of its beginning as there is room for, and an ellipsis. */
export function fitted(text: string, width: number, size: number, weight: Weight = "regular"): string {
  if (textWidth(text, size, weight) <= width) return text
  let kept = text
  while (kept !== "" && textWidth(`${kept}…`, size, weight) > width) kept = kept.slice(0, -1)
  return `${kept.trimEnd()}…`
}

/** Facts in a row, on as few lines as they need; a fact that is too long for a line is broken at its spaces. */
export function flowed(
  facts: readonly string[],
  width: number,
  size: number,
  { separator = " · ", weight = "regular" as Weight } = {},
): string[] {
  const lines: string[] = []
  let line = ""
  const put = (piece: string, between: string) => {
    const longer = line === "" ? piece : `${line}${between}${piece}`
    if (textWidth(longer, size, weight) <= width) {
      line = longer
      return
    }
    if (line !== "") lines.push(line)
    line = ""
    if (textWidth(piece, size, weight) <= width) {
      line = piece
      return
    }
    const words = piece.split(" ")
    if (words.length === 1) {
      line = fitted(piece, width, size, weight)
      return
    }
    for (const word of words) put(word, " ")
  }
  for (const fact of facts) put(fact, separator)
  if (line !== "") lines.push(line)
  return lines
}
