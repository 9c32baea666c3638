/** What differs between two values of templates, leaf by leaf, with a path that a person can follow. */
import { isProperties, textOf, type Value } from "../../../infra/src/templates/value.ts"

export interface Field {
  /** Such as `ContainerDefinitions[user_metadata].Environment[PORT]`. */
  readonly path: string
  /** Undefined where there was nothing. */
  readonly before?: string
  readonly after?: string
}

/** What members of a list are known by, where each has it. Name and Key before anything else. */
const KEYS = ["Name", "Key", "Id", "Sid", "AttributeName", "Namespace", "ContainerPort", "SourceVolume"]

export function differences(before: Value | undefined, after: Value | undefined, path = ""): Field[] {
  if (isProperties(before) && isProperties(after)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])]
    return keys.flatMap((key) => differences(before[key], after[key], path === "" ? key : `${path}.${key}`))
  }
  if (Array.isArray(before) && Array.isArray(after)) return listDifferences(before, after, path)
  const [was, is] = [shown(before), shown(after)]
  if (was === is) return []
  return [{ path, ...(was !== undefined && { before: was }), ...(is !== undefined && { after: is }) }]
}

function listDifferences(before: readonly Value[], after: readonly Value[], path: string): Field[] {
  const key = KEYS.find((one) =>
    [...before, ...after].every((member) => isProperties(member) && member[one] !== undefined),
  )
  if (key !== undefined) {
    const byKey = (members: readonly Value[]) =>
      new Map(members.map((member) => [textOf(isProperties(member) ? member[key] : member) ?? "", member]))
    const [was, is] = [byKey(before), byKey(after)]
    if (was.size === before.length && is.size === after.length) {
      return [...new Set([...was.keys(), ...is.keys()])].flatMap((name) => {
        const [one, other] = [was.get(name), is.get(name)]
        const at = `${path}[${name}]`
        const plain = (member: Value | undefined) => valueOfPair(member, key)
        return differences(plain(one), plain(other), at)
      })
    }
  }
  const texts = (members: readonly Value[]) => members.map((member) => shown(member) ?? "")
  const [was, is] = [texts(before), texts(after)]
  const gone = was.filter((text) => !is.includes(text)).map((text): Field => ({ path: `${path}[]`, before: text }))
  const come = is.filter((text) => !was.includes(text)).map((text): Field => ({ path: `${path}[]`, after: text }))
  if (gone.length + come.length > 0) return [...gone, ...come]
  return was.join() === is.join() ? [] : [{ path, before: was.join(", "), after: is.join(", ") }]
}

/** `{Name, Value}` is its value. */
function valueOfPair(member: Value | undefined, key: string): Value | undefined {
  if (!isProperties(member)) return member
  const others = Object.keys(member).filter((one) => one !== key)
  return others.length === 1 && (others[0] === "Value" || others[0] === "ValueFrom") ? member[others[0]] : member
}

function shown(value: Value | undefined): string | undefined {
  // CloudFormation takes 512 and "512" for the same.
  return textOf(value)
}
