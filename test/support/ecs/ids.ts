/** Identifiers in the forms that ECS gives them. */
import { randomBytes, randomInt, randomUUID } from "node:crypto"

/** 19 digits, after `ecs-svc/`: of deployments, and of revisions. */
export function number19(): string {
  return `${randomInt(1, 10)}${Array.from({ length: 18 }, () => randomInt(10)).join("")}`
}

/** 32 hexadecimal digits: of tasks. */
export function hex32(): string {
  return randomUUID().replaceAll("-", "")
}

/** 21 characters: of service deployments. */
export function opaque21(): string {
  return randomBytes(16).toString("base64url").slice(0, 21)
}

/** `arn:aws:ecs:region:account:<path>` in the place of another ARN of ECS. */
export function arnBeside(arn: string, path: string): string {
  return [...arn.split(":").slice(0, 5), path].join(":")
}

/** What follows the last slash. */
export function nameIn(arn: string): string {
  return arn.split("/").at(-1) as string
}
