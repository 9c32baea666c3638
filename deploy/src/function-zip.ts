/** The Lambda's package, which a synthesis of the stage takes in. */
import { existsSync } from "node:fs"
import { EXIT, Refusal } from "./refusal.ts"

/** Where the Lambda's own build puts it, below the repository's root. */
export const FUNCTION_ZIP = "lambda/dist/lambda.zip"

/**
 * @returns the path
 * @throws Refusal there is no such file
 */
export function requireFunctionZip(path: string): string {
  if (existsSync(path)) return path
  throw new Refusal(EXIT.noStack, `${path} is not there; npm run build -w lambda makes it`)
}
