/** Repeatable chance: the same seed throws the same dice everywhere, so that a page is the same bytes each time. */

/** A small generator (splitmix32: a Weyl sequence through MurmurHash3's 32-bit finalizer). Not for secrets. */
export class Dice {
  #state: number

  /** @param seed any whole number; neighbouring seeds give unrelated sequences */
  constructor(seed: number) {
    this.#state = Math.imul(seed + 1, 0x85ebca6b) | 0
  }

  /** A number in [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x9e3779b9) | 0
    let mixed = this.#state ^ (this.#state >>> 16)
    mixed = Math.imul(mixed, 0x85ebca6b)
    mixed ^= mixed >>> 13
    mixed = Math.imul(mixed, 0xc2b2ae35)
    mixed ^= mixed >>> 16
    return (mixed >>> 0) / 2 ** 32
  }

  /** A number in [least, most). */
  between(least: number, most: number): number {
    return least + this.next() * (most - least)
  }

  /** A whole number in [least, most], both included. */
  whole(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1))
  }

  /** One of a list that is not empty. */
  pick<T>(list: readonly [T, ...T[]]): T {
    return list[this.whole(0, list.length - 1)] ?? list[0]
  }
}
