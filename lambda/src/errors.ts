/** What can go wrong in the Lambda beside the fetch itself; `name` is what Step Functions match as `errorType`. */

/** The event asks for no page that there can be. */
export class InvalidPage extends Error {
  override readonly name = "InvalidPage"
}

/** The event asks for no number of objects that there can be. */
export class InvalidSize extends Error {
  override readonly name = "InvalidSize"
}

/** Secrets Manager or Parameter Store does not give the API key, or what it gives is none. */
export class KeyUnavailable extends Error {
  override readonly name = "KeyUnavailable"
}

/** An environment variable of the function can't be used. */
export class Misconfigured extends Error {
  override readonly name = "Misconfigured"
}

/** A defect of the handler itself; its log has the stack. */
export class InternalError extends Error {
  override readonly name = "InternalError"
}
