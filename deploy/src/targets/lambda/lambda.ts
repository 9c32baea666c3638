/** AWS Lambda as a target: the NeoWs function, which callers reach by one alias. */
import { createHash } from "node:crypto"
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { functionName } from "../../../../infra/src/names.ts"
import { type Check, failed, ok, unknown } from "../../check.ts"
import { identityOf } from "../../identity.ts"
import { readable } from "../../secret-access.ts"
import type { Session } from "../../session.ts"
import { resources } from "../../stacks.ts"
import { assumable } from "../../trust-policy.ts"
import type { Target, UnitDifference } from "../target.ts"
import { ALIAS, aliasOf, configurationOf } from "./alias.ts"
import { lambdaRolling } from "./rolling.ts"

const PRINCIPAL = "lambda.amazonaws.com"
const FIRST = "it comes with the first deployment of the stack neo"

const role: Check = {
  name: "role of the function",
  async findings(session, signal) {
    const [{ account }, found] = await Promise.all([identityOf(session, signal), configurationOf(session, signal)])
    if (found?.Role === undefined) return [unknown("role of the function: it is not deployed yet", FIRST)]
    return [await assumable(session, found.Role, PRINCIPAL, account, signal)]
  },
}

const secret: Check = {
  name: "secret of the function",
  async findings(session, signal) {
    const [found, made] = await Promise.all([configurationOf(session, signal), resources(session, "neo", signal)])
    // The function's environment names it too, but is encrypted with a key that nobody else needs.
    const secretArn = made.find(
      ({ ResourceType }) => ResourceType === "AWS::SecretsManager::Secret",
    )?.PhysicalResourceId
    if (found?.Role === undefined || secretArn === undefined)
      return [unknown("secret of the function: it is not deployed yet", FIRST)]
    return [await readable(session, { roleArn: found.Role, secretArn }, signal)]
  },
}

const state: Check = {
  name: "state of the function",
  async findings(session, signal) {
    const found = await configurationOf(session, signal)
    if (found === undefined) return [ok("the function: no update runs, there is none yet")]
    const { State: current, LastUpdateStatus: update, LastUpdateStatusReason: why, StateReason: reason } = found
    if (update === "InProgress" || current === "Pending")
      return [failed("the function: an update of it runs", "wait until it is over: npm run deploy -- status tells")]
    if (update === "Failed" || current === "Failed")
      return [
        failed(`the function: its last update failed: ${why ?? reason ?? "AWS tells no reason"}`, "deploy neo again"),
      ]
    return [ok("the function: no update runs")]
  },
}

/** Code and version; what the template says of the function CloudFormation's own change set tells. */
async function differences(
  session: Session,
  { assembly }: { readonly assembly: string },
  signal: AbortSignal,
): Promise<readonly UnitDifference[]> {
  const name = functionName(session.stage.name)
  const [live, planned] = await Promise.all([aliasOf(session, signal), plannedCode(assembly)])
  const running = await configurationOf(session, signal, live?.FunctionVersion)
  const code = running?.CodeSha256
  return [
    {
      target: "lambda",
      name,
      revision: running === undefined ? undefined : `${name}:${running.Version}`,
      differences: code === planned ? [] : [{ field: "code.sha256", running: code, planned }],
    },
  ]
}

interface AssetsFile {
  readonly files: Readonly<Record<string, { readonly source: { readonly path: string; readonly packaging: string } }>>
}

/** Base64 of the SHA-256 of the function's zip, as Lambda tells it. */
async function plannedCode(assembly: string): Promise<string | undefined> {
  const { files } = JSON.parse(await readFile(join(assembly, "neo.assets.json"), "utf8")) as AssetsFile
  const zip = Object.values(files).find(({ source }) => source.path.endsWith(".zip"))
  if (zip === undefined) return undefined
  return createHash("sha256")
    .update(await readFile(join(assembly, zip.source.path)))
    .digest("base64")
}

export const lambda: Target = {
  name: "lambda",
  revised: ["AWS::Lambda::Version"],
  // A version has nothing but the function's own fields, which are told with its stack.
  revisions: () => [],
  checks: [role, secret, state],
  async units(session, signal) {
    const live = await aliasOf(session, signal)
    const found = await configurationOf(session, signal, live?.FunctionVersion)
    if (found === undefined) return []
    const weights = Object.entries(live?.RoutingConfig?.AdditionalVersionWeights ?? {})
    return [
      {
        target: "lambda",
        name: functionName(session.stage.name),
        revision: live === undefined ? `${found.Version} (no alias ${ALIAS} yet)` : `${ALIAS} → ${found.Version}`,
        rollouts: [
          {
            id: found.Version ?? "",
            status: found.State ?? "",
            state: found.LastUpdateStatus ?? "",
            ...(found.LastUpdateStatusReason && { reason: found.LastUpdateStatusReason }),
          },
          ...weights.map(([version, weight]) => ({
            id: version,
            status: "CANARY",
            state: `${Math.round(weight * 100)} %`,
          })),
        ],
        events: [],
      },
    ]
  },
  differences,
  rolling: lambdaRolling(),
}
