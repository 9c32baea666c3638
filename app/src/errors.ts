/** Every way in which getting a page can fail, as types: the program maps them to exit codes, the Lambda to its answers. */

/** Base of the errors below; `name` is stable and part of the interface, `message` is one line for a person. */
export abstract class NeoWsError extends Error {
  abstract override readonly name: string
}

/** The answer is not a NeoWs page: not JSON to the end, of another shape, another page, too big, or not to be cleaned of the key. */
export class UnexpectedAnswer extends NeoWsError {
  override readonly name: "UnexpectedAnswer" | "AnswerTooLarge" = "UnexpectedAnswer"
}

/** The answer is larger than what was to be read, or than what the caller can take. */
export class AnswerTooLarge extends UnexpectedAnswer {
  override readonly name = "AnswerTooLarge"
}

/** The page asked for is past the end of the catalogue. */
export class PageOutOfRange extends NeoWsError {
  override readonly name = "PageOutOfRange"
  /** Zero-based page that was asked for. */
  readonly page: number
  /** Zero-based last page, where the API told it. */
  readonly lastPage: number | undefined

  constructor(
    page: number,
    lastPage?: number,
    otherwise = "past the end: the API has no such page (is the base URL right?)",
  ) {
    super(`page ${page} is ${lastPage === undefined ? otherwise : `past the last page ${lastPage}`}`)
    this.page = page
    this.lastPage = lastPage
  }
}

/** The API can't be reached, fails after all attempts, refuses the request (a 4xx that has no type of its own), or redirects. */
export class UpstreamUnavailable extends NeoWsError {
  override readonly name = "UpstreamUnavailable"
}

/** The rate limit is used up and was not waited out. */
export class RateLimited extends NeoWsError {
  override readonly name = "RateLimited"
  /** Seconds until the API takes requests again, where it told; counted from the answer. */
  readonly retryAfterSeconds: number | undefined

  constructor(message: string, retryAfterSeconds?: number) {
    super(message)
    this.retryAfterSeconds = retryAfterSeconds
  }
}

/** The time that was given is used up, or what is left of it is too short for a further attempt. */
export class OutOfTime extends NeoWsError {
  override readonly name = "OutOfTime"
}

/** The gateway rejects the API key (401 or 403). */
export class KeyRejected extends NeoWsError {
  override readonly name = "KeyRejected"
}
