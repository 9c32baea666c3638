/** What becomes of a container of an image, or of a one-off task of a family, once it is told to run: said by tests. */

/** Times are in seconds of AWS. */
interface Slow {
  /** More than the usual before the container runs, with the task in PENDING; Infinity is for ever. */
  readonly slow?: number
  /** The task stays in PENDING until then, to stop the time where a test wants it. */
  readonly until?: Promise<unknown>
}

export type Behaviour = Slow &
  (
    | { readonly kind: "healthy" }
    /** The registry does not have it, or does not give it. */
    | { readonly kind: "not pullable"; readonly reason?: string }
    /** `manifest`: an image index without the platform, which the pull finds; else the kernel can't execute what is in it. */
    | { readonly kind: "wrong platform"; readonly manifest?: boolean; readonly log?: readonly string[] }
    | {
        readonly kind: "exits"
        readonly code: number
        /** After it began to run. */
        readonly after?: number
        readonly log?: readonly string[]
        /** Of the container, such as `OutOfMemoryError: Container killed due to memory usage`. */
        readonly reason?: string
      }
    /** The load balancer's or, without one, the container's own. */
    | { readonly kind: "fails its health check"; readonly reason?: string; readonly log?: readonly string[] }
    /** No task is placed at all; circuit breakers don't see it unless `counted`. */
    | { readonly kind: "no capacity"; readonly counted?: boolean }
    /** Secrets or the registry's authorization can't be had before the container is made. */
    | { readonly kind: "not initialized"; readonly reason?: string }
  )

export const HEALTHY: Behaviour = { kind: "healthy" }
/** What a one-off task does that nobody said anything of. */
export const DONE: Behaviour = { kind: "exits", code: 0 }

export class Behaviours {
  readonly #images = new Map<string, Behaviour>()
  readonly #families = new Map<string, Behaviour>()

  /** @param image a digest (`sha256:…`) or a whole reference */
  ofImage(image: string, behaviour: Behaviour): void {
    this.#images.set(image, behaviour)
  }

  ofFamily(family: string, behaviour: Behaviour): void {
    this.#families.set(family, behaviour)
  }

  forget(): void {
    this.#images.clear()
    this.#families.clear()
  }

  image(image: string): Behaviour {
    return this.#images.get(image) ?? this.#images.get(image.split("@")[1] ?? "") ?? HEALTHY
  }

  /** What a one-off task does: as its family, else what keeps its image from running, else it ends well. */
  oneOff(family: string, image: string): Behaviour {
    const said = this.#families.get(family)
    if (said !== undefined) return said
    const { kind, ...how } = this.image(image)
    if (kind === "healthy") return { ...DONE, ...how } as Behaviour
    return kind === "exits" || kind === "fails its health check" ? DONE : this.image(image)
  }
}
