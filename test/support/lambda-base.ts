/** A base image for `dagger call lambda`: the one that is named, or ours where there is a registry to put it in. */
import { resolve } from "node:path"
import { execa } from "execa"
import { ROOT } from "./get-data.ts"
import type { Need } from "./needs.ts"

const NAMED = process.env["PERIGEE_LAMBDA_IMAGE"]
/** A registry that this machine and the engine reach, such as 127.0.0.1:5000. */
const REGISTRY = process.env["PERIGEE_REGISTRY"]

export const lambdaBase: Need = {
  name: "lambda-base",
  missing: NAMED || REGISTRY ? undefined : "no base image: neither PERIGEE_LAMBDA_IMAGE nor PERIGEE_REGISTRY",
}

/** Builds test/support/lambda-base and pushes it. @returns the image's address */
export async function lambdaBaseImage(): Promise<string> {
  if (NAMED) return NAMED
  const node = process.env["PERIGEE_NODE_IMAGE"] ?? "node:24-trixie-slim"
  const buildArgs = `[{ name: "NODE_IMAGE", value: ${JSON.stringify(node)} }]`
  const folder = JSON.stringify(resolve(ROOT, "test/support/lambda-base"))
  const address = JSON.stringify(`${REGISTRY}/perigee/lambda-base:test`)
  const query = `{ host { directory(path: ${folder}) { dockerBuild(buildArgs: ${buildArgs}) { publish(address: ${address}) } } } }`
  const { stdout } = await execa("dagger", ["query"], {
    input: query,
    env: { DAGGER_NO_NAG: "1", DAGGER_NO_UPDATE_CHECK: "1", DO_NOT_TRACK: "1", NO_COLOR: "1" },
  })
  return JSON.parse(stdout).host.directory.dockerBuild.publish
}
