/** Checking of JSON against schemas: bodies as they stand, query strings and paths with text read as the schema's type. */
import { Ajv, type ErrorObject, type Options } from "ajv"
// A CommonJS module whose types say `default` of the default.
import ajvFormats from "ajv-formats"
import type { TSchema } from "typebox"
import type { Misfit } from "./problem.ts"

const addFormats = ajvFormats.default

/** Errors stop at the first: a body of a thousand misfits is not worth the time. */
const STRICT: Options = {
  coerceTypes: false,
  removeAdditional: false,
  useDefaults: true,
  allErrors: false,
  strict: false,
}

/** JSON bodies and settings: `"1"` is no number, and a field that the schema does not know is an error, not dust to sweep. */
export function strictAjv(): Ajv {
  const ajv = new Ajv(STRICT)
  addFormats(ajv)
  return ajv
}

/** Query strings, paths and headers hold text only; a field that may be repeated may also stand once. */
export function coercingAjv(): Ajv {
  const ajv = new Ajv({ ...STRICT, coerceTypes: "array" })
  addFormats(ajv)
  return ajv
}

/** @returns a check that gives the first misfit as a sentence, or undefined */
export function compileStrict(schema: TSchema): (value: unknown) => string | undefined {
  const validate = strictAjv().compile(schema)
  return (value) => {
    if (validate(value)) return undefined
    const [error] = validate.errors ?? []
    return error === undefined ? "does not fit its schema" : `${error.instancePath || "body"} ${sentenceOf(error)}`
  }
}

/** @param part `body`, `querystring`, `params` or `headers`, as Fastify calls them */
export function misfitsOf(errors: readonly ErrorObject[], part: string): readonly Misfit[] {
  const names: Record<string, string> = { querystring: "query", params: "path" }
  return errors.map((error) => ({ at: `/${names[part] ?? part}${error.instancePath}`, detail: sentenceOf(error) }))
}

function sentenceOf({ keyword, message = "does not fit", params }: ErrorObject): string {
  if (keyword === "additionalProperties") {
    return `must not have the property ${JSON.stringify(String(params["additionalProperty"]).slice(0, 64))}`
  }
  if (keyword === "enum") return `must be one of ${(params["allowedValues"] as unknown[]).join(", ")}`
  return message
}
