/** The document that carries the picture: what is between its two marks is made of the proofs, the rest is written by hand. */

const BEGIN = "<!-- made by npm run diagram: begin -->"
const END = "<!-- made by npm run diagram: end -->"

/** The document can't take the tables; the message is one line: what, where, what to do. */
export class DocumentError extends RangeError {
  override readonly name = "DocumentError"
}

/**
 * @param document as it stands
 * @param tables Markdown that goes between the marks
 * @throws DocumentError the document has not one of each mark, in that order
 */
export function withTables(document: string, tables: string): string {
  const begin = document.indexOf(BEGIN)
  const end = document.indexOf(END)
  if (
    begin === -1 ||
    end < begin ||
    document.indexOf(BEGIN, begin + 1) !== -1 ||
    document.indexOf(END, end + 1) !== -1
  ) {
    throw new DocumentError(`the lines “${BEGIN}” and “${END}” must be there once each, in that order`)
  }
  return `${document.slice(0, begin + BEGIN.length)}\n\n${tables.trim()}\n\n${document.slice(end)}`
}
