/** What `publish` and `plan` need beside a standing stage: a registry behind its ECR, images, and the role that writes assets. */
import { randomBytes } from "node:crypto"
import { mkdir, mkdtemp } from "node:fs/promises"
import { join } from "node:path"
import { CreateRoleCommand, IAMClient, PutRolePolicyCommand } from "@aws-sdk/client-iam"
import type { Values } from "../../../deploy/src/command.ts"
import { openArchive } from "../../../deploy/src/image-archive.ts"
import { connections, Registry } from "../../../deploy/src/registry.ts"
import { IMAGES } from "../../../infra/src/names.ts"
import { registryActions, registryDenied } from "../registry/ecr-actions.ts"
import { ociTarball } from "../registry/image-tarball.ts"
import type { Shared } from "./shared.ts"
import { settings } from "./standing.ts"

/** Mocha's process has one stage for all suites: what is made for one is there for the other. */
const fronted = new WeakSet<Shared>()
const roles = new WeakSet<Shared>()

/** ECR says that repositories are at the proxy, whose registry refuses what is denied. */
export async function registryBehind(at: Shared): Promise<void> {
  if (fronted.has(at)) return
  fronted.add(at)
  const { proxy, denied, account } = at
  const host = new URL(proxy.url).host
  proxy.on("ecr:DescribeRepositories", async (call) => {
    const { status: code, body } = await proxy.pass(call)
    return { status: code, body: body.toString().replaceAll(/\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com/g, host) }
  })
  proxy.on(undefined, (call) => {
    const actions = registryActions(call)
    if (actions.length === 0) return undefined
    const refused = actions.find((action) => denied.has(action))
    if (refused !== undefined) return registryDenied(refused)
    // Whose registry it is would be told by the host that ECR names.
    const ns = `ns=${account.id}.dkr.ecr.${account.region}.amazonaws.com`
    return proxy.pass({ ...call, path: `${call.path}${call.path.includes("?") ? "&" : "?"}${ns}` })
  })
}

/** Images of a new commit, of which the registry has one already: it is read, the others are pushed. */
export async function unpublished({ proxy }: Shared, within: string): Promise<Values> {
  const folder = await mkdtemp(join(within, "unpublished-"))
  const commit = randomBytes(20).toString("hex")
  for (const image of IMAGES) await ociTarball(join(folder, `${image}.tar`))
  await mkdir(join(folder, "get_data"))
  const there = await openArchive(join(folder, "get_data.tar"), join(folder, "get_data"))
  const dispatcher = connections()
  const registry = new Registry(`${new URL(proxy.url).host}/perigee-development/get_data`, dispatcher, {
    authorization: "Basic x",
    signal: new AbortController().signal,
    say() {},
    pause: async () => {},
  })
  for (const blob of there.blobs) await registry.push(blob)
  await registry.put(there.root, commit.slice(0, 12))
  await dispatcher.close()
  return { images: folder, commit, out: join(folder, "out") }
}

/** The bootstrap stack's role that writes assets, for whoever of the account may take it. */
export async function assetsRole(at: Shared): Promise<void> {
  if (roles.has(at)) return
  roles.add(at)
  const { account } = at
  const iam = new IAMClient(settings(account))
  const RoleName = `cdk-hnb659fds-file-publishing-role-${account.id}-${account.region}`
  const policy = (Action: string, more: object) =>
    JSON.stringify({ Version: "2012-10-17", Statement: [{ Effect: "Allow", Action, ...more }] })
  const trust = policy("sts:AssumeRole", { Principal: { AWS: `arn:aws:iam::${account.id}:root` } })
  await iam.send(new CreateRoleCommand({ RoleName, AssumeRolePolicyDocument: trust }))
  const PolicyDocument = policy("s3:*", { Resource: "*" })
  await iam.send(new PutRolePolicyCommand({ RoleName, PolicyName: "assets", PolicyDocument }))
}
