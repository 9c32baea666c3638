/** A stage that stands in an emulator of AWS, put there by CloudFormation's API from the templates as synthesized. */
import { createHash, randomBytes } from "node:crypto"
import { mkdtempSync, readFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { CloudFormationClient, CreateStackCommand, DescribeStacksCommand } from "@aws-sdk/client-cloudformation"
import { ECRClient, PutImageCommand } from "@aws-sdk/client-ecr"
import { AttachUserPolicyCommand, CreateAccessKeyCommand, CreateUserCommand, IAMClient } from "@aws-sdk/client-iam"
import { CreateBucketCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3"
import { PutParameterCommand, SSMClient } from "@aws-sdk/client-ssm"
import { plannedStacks } from "../../../deploy/src/plan/stacks.ts"
import { stageApp } from "../../../infra/src/app.ts"
import { type ImageName, repositoryName, STACKS, type StackName, stackName } from "../../../infra/src/names.ts"
import type { Stage } from "../../../infra/src/stage.ts"
import { someZip } from "../infra/assembly.ts"

export interface Keys {
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

export interface StandingAccount {
  /** 12 digits. */
  readonly id: string
  /** Of the emulator itself, for what prepares a test. */
  readonly endpoint: string
  readonly region: string
  /** May do everything. */
  readonly root: Keys
}

export function account(id: string, endpoint: string, region: string): StandingAccount {
  return { id, endpoint, region, root: { accessKeyId: id, secretAccessKey: "test" } }
}

export function settings({ endpoint, region, root }: StandingAccount) {
  return { endpoint, region, credentials: root, forcePathStyle: true }
}

/** A hosted zone is there before any stack: the templates name it. */
export async function makeZone(of: StandingAccount): Promise<void> {
  const zone = { Type: "AWS::Route53::HostedZone", Properties: { Name: "flights.example.com" } }
  await create(of, "zone", { TemplateBody: JSON.stringify({ Resources: { Zone: zone } }) })
}

/**
 * What CDK's bootstrap would have made, and the stage's stacks on it.
 *
 * @param stacks which of them; all, unless told
 * @returns the folder of the templates
 */
export async function stand(
  stage: Stage,
  of: StandingAccount,
  version = 32,
  stacks: readonly StackName[] = STACKS,
): Promise<string> {
  const assembly = mkdtempSync(join(tmpdir(), "perigee-standing-"))
  stageApp(stage, { outdir: assembly, functionZip: someZip(), validate: false }).app.synth()
  const s3 = new S3Client(settings(of))
  const bucket = `cdk-hnb659fds-assets-${of.id}-${of.region}`
  const parameter = { Name: "/cdk-bootstrap/hnb659fds/version", Value: `${version}`, Type: "String" as const }
  await new SSMClient(settings(of)).send(new PutParameterCommand(parameter))
  await s3.send(new CreateBucketCommand({ Bucket: bucket }))
  await makeZone(of)
  const tags = new Map(plannedStacks(assembly).map((stack) => [stack.name, stack.tags]))
  for (const stack of stacks) {
    const { files } = JSON.parse(readFileSync(join(assembly, `${stack}.assets.json`), "utf8")) as {
      files: Record<string, { source: { path: string }; destinations: Record<string, { objectKey: string }> }>
    }
    let url = ""
    for (const { source, destinations } of Object.values(files)) {
      const Key = Object.values(destinations)[0]?.objectKey ?? ""
      await s3.send(new PutObjectCommand({ Bucket: bucket, Key, Body: readFileSync(join(assembly, source.path)) }))
      if (source.path === `${stack}.template.json`) url = `${of.endpoint}/${bucket}/${Key}`
    }
    const Tags = Object.entries(tags.get(stack) ?? {}).map(([Key, Value]) => ({ Key, Value }))
    await create(of, stackName(stage.name, stack), { TemplateURL: url, Tags })
  }
  return assembly
}

async function create(of: StandingAccount, StackName: string, template: object): Promise<void> {
  const client = new CloudFormationClient(settings(of))
  await client.send(new CreateStackCommand({ StackName, Capabilities: ["CAPABILITY_NAMED_IAM"], ...template }))
  for (;;) {
    const { Stacks } = await client.send(new DescribeStacksCommand({ StackName }))
    const status = Stacks?.[0]?.StackStatus ?? ""
    if (status === "CREATE_COMPLETE") return
    if (!status.endsWith("_IN_PROGRESS")) throw new Error(`${StackName}: ${status} ${Stacks?.[0]?.StackStatusReason}`)
    await new Promise((again) => setTimeout(again, 20))
  }
}

/** An image of one platform, whose configuration the registry's blob endpoint gives: the key of `blobs`. */
export async function pushImage(
  stage: Stage,
  of: StandingAccount,
  image: ImageName,
  architecture: "amd64" | "arm64",
  blobs: Map<string, string>,
): Promise<string> {
  const config = JSON.stringify({ os: "linux", architecture, created: randomBytes(8).toString("hex") })
  const digest = sha256(config)
  blobs.set(digest, config)
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: { mediaType: "application/vnd.oci.image.config.v1+json", digest, size: config.length },
    layers: [],
  })
  const repository = repositoryName(stage.name, image)
  await new ECRClient(settings(of)).send(
    new PutImageCommand({
      repositoryName: repository,
      imageManifest: manifest,
      imageManifestMediaType: "application/vnd.oci.image.manifest.v1+json",
      imageTag: randomBytes(4).toString("hex"),
    }),
  )
  return `${of.id}.dkr.ecr.${of.region}.amazonaws.com/${repository}@${sha256(manifest)}`
}

export function sha256(text: string): string {
  return `sha256:${createHash("sha256").update(text).digest("hex")}`
}

/** A user whose only policy is this one. */
export async function userWith(of: StandingAccount, name: string, policyArn?: string): Promise<Keys> {
  const iam = new IAMClient(settings(of))
  await iam.send(new CreateUserCommand({ UserName: name }))
  if (policyArn !== undefined) await iam.send(new AttachUserPolicyCommand({ UserName: name, PolicyArn: policyArn }))
  const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName: name }))
  return { accessKeyId: AccessKey?.AccessKeyId ?? "", secretAccessKey: AccessKey?.SecretAccessKey ?? "" }
}
