/** The Lambda's package, which a synthesis of the stage takes in. */
import { statSync } from "node:fs"
import { EXIT, Refusal } from "./refusal.ts"

/** Where the Lambda's own build puts it, below the repository's root. */
export const FUNCTION_ZIP = "lambda/dist/lambda.zip"

/**
 * @returns the path
 * @throws Refusal there is no such file, or it is a folder
 */
export function requireFunctionZip(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found?.isFile()) return path
  throw new Refusal(
    EXIT.noStack,
    `${path} is ${found === undefined ? "not there" : "no file"}; npm run build -w lambda makes it`,
  )
}
