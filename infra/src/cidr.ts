/** IPv4 blocks as intervals of whole numbers: what the stage's check, the stacks and the proofs reckon with. */

/** Addresses `first` to `last`, both included, each from 0 to 2³² − 1. */
export interface Block {
  readonly first: number
  readonly last: number
}

export const ANYWHERE = "0.0.0.0/0"

/** RFC 1918: the addresses that a VPC should be made of. */
export const PRIVATE_BLOCKS = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"] as const

/**
 * @param text four octets, `/`, a prefix from 0 to 32; the bits after the prefix must be 0
 * @throws RangeError what is wrong with it
 */
export function blockOf(text: string): Block {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(text)?.slice(1).map(Number)
  if (parts === undefined) throw new RangeError(`${text} is no IPv4 block; one looks like 10.20.0.0/16`)
  const [a = 0, b = 0, c = 0, d = 0, prefix = 0] = parts
  if (prefix > 32 || [a, b, c, d].some((octet) => octet > 255)) {
    throw new RangeError(`${text} is no IPv4 block: octets go to 255, the prefix to 32`)
  }
  const first = ((a * 256 + b) * 256 + c) * 256 + d
  const size = 2 ** (32 - prefix)
  if (first % size !== 0)
    throw new RangeError(`${text} starts within its block; ${cidrOf(first - (first % size), prefix)} was meant`)
  return { first, last: first + size - 1 }
}

/** The text of a block that starts at `first`. */
export function cidrOf(first: number, prefix: number): string {
  return `${addressOf(first)}/${prefix}`
}

export function addressOf(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join(".")
}

/** @returns the prefix of a block's text */
export function prefixOf(text: string): number {
  return Number(text.slice(text.indexOf("/") + 1))
}

export function overlap(one: Block, other: Block): boolean {
  return one.first <= other.last && other.first <= one.last
}

export function contains(outer: Block, inner: Block): boolean {
  return outer.first <= inner.first && inner.last <= outer.last
}

/**
 * The `index`-th of the equal parts that a block falls into.
 * @param bits how much longer the part's prefix is
 */
export function part(block: string, bits: number, index: number): string {
  const prefix = prefixOf(block) + bits
  return cidrOf(blockOf(block).first + index * 2 ** (32 - prefix), prefix)
}

/** All of IPv4. */
export const ALL_ADDRESSES: Block = { first: 0, last: 2 ** 32 - 1 }

/**
 * What is nobody's address on the internet: private, shared, link-local, loopback, multicast, reserved.
 * Source: RFC 6890 and IANA's IPv4 special-purpose address registry.
 */
export const NOT_ON_THE_INTERNET = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.168.0.0/16",
  "224.0.0.0/3",
] as const

/** The text of an interval: as a block where it is one, else its first and last address. */
export function blockText({ first, last }: Block): string {
  const prefix = 32 - Math.log2(last - first + 1)
  return Number.isInteger(prefix) && first % (last - first + 1) === 0
    ? cidrOf(first, prefix)
    : `${addressOf(first)}–${addressOf(last)}`
}
