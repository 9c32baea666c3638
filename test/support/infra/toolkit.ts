/** The CDK toolkit as a process of its own, against ministack: an account there is a 12-digit access key. */
import { resolve } from "node:path"
import { execa } from "execa"
import { ROOT } from "../get-data.ts"

const CDK = resolve(ROOT, "node_modules/aws-cdk/bin/cdk")

export interface Account {
  /** 12 digits. */
  readonly id: string
  readonly region: string
  /** Of ministack. */
  readonly endpoint: string
  /** A folder for what programs keep of their own. */
  readonly home: string
}

export interface Ran {
  readonly exitCode: number | undefined
  /** Both streams, as they came. */
  readonly output: string
}

/** What a program needs to see the account and nothing else of AWS: no file, no metadata service, no telemetry. */
export function environmentOf({ id, region, endpoint, home }: Account): Record<string, string> {
  return {
    PATH: process.env["PATH"] ?? "",
    HOME: home,
    AWS_ACCESS_KEY_ID: id,
    AWS_SECRET_ACCESS_KEY: "any",
    AWS_REGION: region,
    AWS_ENDPOINT_URL: endpoint,
    AWS_EC2_METADATA_DISABLED: "true",
  }
}

export async function cdk(account: Account, args: readonly string[]): Promise<Ran> {
  const { exitCode, all } = await execa(process.execPath, [CDK, ...args, "--no-notices", "--no-color", "--ci"], {
    extendEnv: false,
    env: { ...environmentOf(account), CDK_DISABLE_CLI_TELEMETRY: "true", CDK_DISABLE_VERSION_CHECK: "true" },
    reject: false,
    stdin: "ignore",
    all: true,
  })
  return { exitCode, output: all }
}

export function clientOf({ id, region, endpoint }: Account) {
  return { endpoint, region, credentials: { accessKeyId: id, secretAccessKey: "any" } }
}
