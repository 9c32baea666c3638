/** One stage that stands in one emulator that enforces IAM, for every suite of a mocha process: it takes its time. */
import { PutParameterCommand, SSMClient } from "@aws-sdk/client-ssm"
import { imageParameter, ROLLED_OUT } from "../../../infra/src/names.ts"
import type { Stage } from "../../../infra/src/stage.ts"
import { AwsProxy, type Call, type Reply } from "../aws-proxy.ts"
import { stage } from "../infra/assembly.ts"
import { type Ministack, startMinistack } from "../ministack.ts"
import { account, pushImage, type StandingAccount, settings, stand } from "./standing.ts"

export interface Shared {
  readonly ministack: Ministack
  readonly proxy: AwsProxy
  readonly stage: Stage
  readonly account: StandingAccount
  /** Folder of the templates that stand. */
  readonly assembly: string
  /** What runs: an image by its digest for each name. */
  readonly images: Readonly<Record<string, string>>
  /** Configurations of images by their digests. */
  readonly blobs: Map<string, string>
  /** Actions that the services which the emulator lacks refuse. */
  readonly denied: Set<string>
  /** Values of quotas by their codes. */
  readonly quotas: Map<string, number>
}

let made: Promise<Shared> | undefined

export function shared(): Promise<Shared> {
  made ??= make()
  return made
}

after(async () => {
  const { proxy, ministack } = (await made) ?? {}
  await proxy?.close()
  await ministack?.close()
})

async function make(): Promise<Shared> {
  const of = stage("development")
  const { certificate } = of.entry
  if (!("zoneId" in certificate)) throw new TypeError("development's certificate is of a zone")
  const ministack = await startMinistack({ hostedZone: certificate.zoneId, permissions: true })
  const proxy = await AwsProxy.open(ministack.url)
  const standing = account("111111111111", ministack.url, of.region)
  const assembly = await stand(of, standing)
  const blobs = new Map<string, string>()
  const images: Record<string, string> = {}
  for (const name of ROLLED_OUT) {
    images[name] = await pushImage(of, standing, name, "amd64", blobs)
    const parameter = { Name: imageParameter(of.name, name), Value: images[name], Overwrite: true }
    await new SSMClient(settings(standing)).send(new PutParameterCommand(parameter))
  }
  const denied = new Set<string>()
  const quotas = new Map([
    ["L-0263D0A3", 5],
    ["L-3032A538", 1000],
  ])
  registry(proxy, blobs)
  serviceQuotas(proxy, quotas, denied)
  return { ministack, proxy, stage: of, account: standing, assembly, images, blobs, denied, quotas }
}

/** The emulator allows the download or not, and names an address of AWS: here it is the proxy's, which has the blob. */
function registry(proxy: AwsProxy, blobs: Map<string, string>): void {
  proxy.on("ecr:GetDownloadUrlForLayer", async (call) => {
    const { status, body } = await proxy.pass(call)
    if (status !== 200) return { status, body }
    const { layerDigest } = JSON.parse(body.toString()) as { layerDigest: string }
    return {
      status,
      body: JSON.stringify({ layerDigest, downloadUrl: `${proxy.url}/blobs/${layerDigest}?signature=x` }),
    }
  })
  proxy.on(undefined, ({ path }) => {
    const digest = /^\/blobs\/(sha256:[0-9a-f]+)\?/.exec(path)?.[1]
    if (digest === undefined) return undefined
    const blob = blobs.get(digest)
    return blob === undefined
      ? { status: 404, body: "" }
      : { status: 200, type: "application/octet-stream", body: blob }
  })
}

/** Service Quotas, which the emulator lacks. Source: its API reference, GetServiceQuota and GetAWSDefaultServiceQuota. */
function serviceQuotas(proxy: AwsProxy, quotas: Map<string, number>, denied: Set<string>): void {
  const answer = (call: Call): Reply => {
    if (denied.has(call.action)) return accessDenied(call.action)
    const { QuotaCode } = JSON.parse(call.body) as { QuotaCode: string }
    const Value = quotas.get(QuotaCode)
    // The account has one of its own only where somebody asked for it.
    if (call.action.endsWith("GetServiceQuota") && QuotaCode === "L-3032A538") {
      return { status: 400, body: JSON.stringify({ __type: "NoSuchResourceException", Message: "no such quota" }) }
    }
    return { status: 200, body: JSON.stringify({ Quota: { QuotaCode, Value } }) }
  }
  proxy.on("servicequotas:GetServiceQuota", answer)
  proxy.on("servicequotas:GetAWSDefaultServiceQuota", answer)
}

/** As AWS words it. Source: IAM user guide, “Troubleshoot access denied error messages”. */
export function accessDenied(action: string): Reply {
  const message = `User: arn:aws:iam::111111111111:user/caller is not authorized to perform: ${action} because no identity-based policy allows the ${action} action`
  return { status: 400, body: JSON.stringify({ __type: "AccessDeniedException", Message: message, message }) }
}
