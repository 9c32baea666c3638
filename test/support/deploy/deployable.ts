/**
 * An account that is bootstrapped, and nothing more: what `deploy` finds at first. An emulator of AWS, an ECS that really
 * rolls out before it, and services that answer where the load balancer would lead; the program runs as a process.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer, type IncomingMessage, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { DynamoDBClient, UpdateItemCommand } from "@aws-sdk/client-dynamodb"
import { DescribeServicesCommand, DescribeTaskDefinitionCommand, ECSClient } from "@aws-sdk/client-ecs"
import { GetAliasCommand, LambdaClient } from "@aws-sdk/client-lambda"
import { GetParametersCommand, SSMClient } from "@aws-sdk/client-ssm"
import { execa } from "execa"
import type { Command } from "../../../deploy/src/command.ts"
import type { Release } from "../../../deploy/src/releases.ts"
import { Releases } from "../../../deploy/src/releases.ts"
import { oneOffFamily } from "../../../deploy/src/targets/ecs/run-task.ts"
import {
  clusterName,
  functionName,
  imageParameter,
  ROLLED_OUT,
  releasesTable,
  repositoryName,
} from "../../../infra/src/names.ts"
import { SERVICES, type Stage } from "../../../infra/src/stage.ts"
import { AwsProxy, type Reply } from "../aws-proxy.ts"
import { Ecs } from "../ecs/ecs.ts"
import { ROOT } from "../get-data.ts"
import { type Json, stage } from "../infra/assembly.ts"
import { type Ministack, startMinistack } from "../ministack.ts"
import type { Ran } from "./program.ts"
import { environment } from "./program.ts"
import { type Outcome, type Recorded, run, sessionOf } from "./session.ts"
import { account, type StandingAccount, settings, stand } from "./standing.ts"

const MAIN = resolve(ROOT, "deploy/src/main.ts")
const ACCOUNT = "111111111111"
/** Seconds, so that a suite need not wait. */
const QUICK = ["--poll=0.05", "--smoke-seconds=1", "--keep=100"]
const PROBLEM = "application/problem+json; charset=utf-8"

export interface SmokeAnswer {
  readonly status: number
  readonly type: string
  readonly body: string
}

/** As a service answers whoever has no token (docs/services.md). */
export const UNAUTHENTICATED: SmokeAnswer = {
  status: 401,
  type: PROBLEM,
  body: JSON.stringify({
    type: "urn:problem-type:perigee:unauthenticated",
    title: "The request needs a valid bearer token",
    status: 401,
  }),
}

export class Deployable {
  readonly stage: Stage
  readonly account: StandingAccount
  readonly ministack: Ministack
  readonly proxy: AwsProxy
  readonly ecs: Ecs
  /** Of the templates as synthesized. */
  readonly assembly: string
  /** What came where the load balancer would lead. */
  readonly asked: Pick<IncomingMessage, "url" | "headers">[] = []
  /** All that processes wrote. */
  readonly outputs: string[] = []
  /** By path; undefined answers as a service does. */
  smoke: (path: string) => SmokeAnswer | undefined = () => undefined
  /** Of the function, whatever version is invoked. */
  functionAnswers: Reply | undefined
  readonly #server: Server
  readonly #folder = mkdtempSync(join(tmpdir(), "perigee-deployable-"))

  private constructor(
    made: Pick<Deployable, "stage" | "account" | "ministack" | "proxy" | "ecs" | "assembly">,
    server: Server,
  ) {
    this.stage = made.stage
    this.account = made.account
    this.ministack = made.ministack
    this.proxy = made.proxy
    this.ecs = made.ecs
    this.assembly = made.assembly
    this.#server = server
    server.on("request", (request, response) => {
      const { status, type, body } = this.#serve(request.url ?? "", request.headers)
      response.writeHead(status, { "content-type": type })
      response.end(body)
    })
    made.proxy.on(undefined, ({ method, path }) => {
      if (method !== "POST" || !/\/functions\/[^/]+\/invocations/.test(path)) return undefined
      const version = new URL(path, "http://host").searchParams.get("Qualifier") ?? "$LATEST"
      return this.functionAnswers ?? invoked(version)
    })
  }

  static async open(name = "development"): Promise<Deployable> {
    const of = stage(name)
    const { certificate } = of.entry
    const ministack = await startMinistack({ ...("zoneId" in certificate && { hostedZone: certificate.zoneId }) })
    const standing = account(ACCOUNT, ministack.url, of.region)
    const proxy = await AwsProxy.open(ministack.url)
    const assembly = await stand(of, standing, 32, ["delivery"])
    const ecs = await Ecs.open(proxy, settings(standing), { secondMs: 1 })
    const server = createServer()
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening))
    return new Deployable({ stage: of, account: standing, ministack, proxy, ecs, assembly }, server)
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await this.ecs.close()
    await this.proxy.close()
    await this.ministack.close()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  /** Services answer at the emulator's own address too, for a program that reaches no other. */
  serveAtProxy(): void {
    const paths = new Set<string>(SERVICES.map((service) => this.stage.services[service].path))
    this.proxy.on(undefined, ({ path, headers }) => (paths.has(path) ? this.#serve(path, headers) : undefined))
  }

  #serve(path: string, headers: IncomingMessage["headers"]): SmokeAnswer {
    this.asked.push({ url: path, headers })
    return this.smoke(path) ?? UNAUTHENTICATED
  }

  file(name: string): string {
    return join(this.#folder, name)
  }

  /** The reference of an image with a digest of one digit. */
  image(name: (typeof ROLLED_OUT)[number], digit: string): string {
    const repository = repositoryName(this.stage.name, name)
    return `${ACCOUNT}.dkr.ecr.${this.stage.region}.amazonaws.com/${repository}@sha256:${digit.repeat(64)}`
  }

  /** A digests file as publish writes it. @param digit of every image, or by name */
  digests(digit: string, others: Partial<Record<(typeof ROLLED_OUT)[number], string>> = {}): string {
    const images = ROLLED_OUT.map((name) => {
      const [repository, digest] = this.image(name, others[name] ?? digit).split("@")
      return [name, { repository, digest }]
    })
    const path = this.file(`digests-${digit}${Object.values(others).join("")}.json`)
    writeFileSync(path, JSON.stringify({ stage: this.stage.name, images: Object.fromEntries(images) }))
    return path
  }

  /** A copy of the assembly with one template changed. */
  changed(name: string, stack: string, change: (template: Json) => void): string {
    const folder = this.file(name)
    cpSync(this.assembly, folder, { recursive: true })
    const path = join(folder, `${stack}.template.json`)
    const template = JSON.parse(readFileSync(path, "utf8"))
    change(template)
    writeFileSync(path, JSON.stringify(template))
    const { files } = JSON.parse(readFileSync(join(folder, `${stack}.assets.json`), "utf8"))
    const [old = ""] = Object.keys(files).filter((id) => files[id].source.path === `${stack}.template.json`)
    // The bucket knows a template by its content's name.
    const fresh = Buffer.from(name.padEnd(32)).toString("hex").slice(0, 64)
    for (const file of ["manifest.json", `${stack}.assets.json`]) {
      writeFileSync(join(folder, file), readFileSync(join(folder, file), "utf8").replaceAll(old, fresh))
    }
    return folder
  }

  /** A process of the program; it has no git, so a commit is given. */
  start(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const changes = ["deploy", "rollback"].includes(args[0] ?? "")
    const quick = changes ? [...QUICK, `--smoke-url=${this.#url}`] : []
    const keys = this.account.root
    const [command = "", ...flags] = args
    return execa(process.execPath, [MAIN, command, `--stage=${this.stage.name}`, ...quick, ...flags], {
      extendEnv: false,
      env: { ...environment(this.proxy.url, keys), PATH: "/nonexistent", CDK_DISABLE_CLI_TELEMETRY: "true", ...env },
      reject: false,
      stdin: "ignore",
    })
  }

  async run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> {
    const { exitCode, stdout, stderr } = await this.start(args, env)
    this.outputs.push(stdout, stderr)
    return { code: exitCode, stdout, stderr }
  }

  /** Arguments of a deploy that needs nobody's approval. */
  deployArgs(
    digit: string,
    commit: string,
    {
      assembly = this.assembly,
      others = {},
    }: { assembly?: string; others?: Parameters<Deployable["digests"]>[1] } = {},
  ): string[] {
    return [
      "deploy",
      `--assembly=${assembly}`,
      `--images=${this.digests(digit, others)}`,
      `--commit=${commitOf(commit)}`,
      "--auto-approve=non-destructive",
    ]
  }

  async deploy(digit: string, commit: string, ...more: string[]): Promise<Ran> {
    return await this.run([...this.deployArgs(digit, commit), ...more])
  }

  /** The same command in the test's own process, which need not start another. */
  async inProcess(
    command: Command,
    args: readonly string[],
    { signal, endpoint = this.proxy.url }: { readonly signal?: AbortSignal; readonly endpoint?: string } = {},
  ): Promise<Outcome & Recorded> {
    const session = sessionOf(this.stage, { endpoint, keys: this.account.root, ...(signal && { signal }) })
    const flags = [...QUICK, `--smoke-url=${this.#url}`, ...args.filter((one) => one.startsWith("--"))]
    const values = flags.map((one) => one.slice("--".length).split(/=(.*)/s))
    const quiet = { ...session, root: this.#folder }
    // For the CDK's toolkit, which makes clients of its own.
    process.env["AWS_ENDPOINT_URL"] = endpoint
    const outcome = await run(
      command,
      quiet,
      Object.fromEntries(values.map(([name = "", value]) => [name, value ?? true])),
    )
    delete process.env["AWS_ENDPOINT_URL"]
    return { ...quiet, ...outcome }
  }

  /** One-off tasks end well, whatever becomes of services with their image. */
  migrationsEndWell(): void {
    for (const service of SERVICES) {
      this.ecs.family(oneOffFamily(this.stage, service, "migrate"), { kind: "exits", code: 0 })
    }
  }

  /** A holder that died long ago: as if its lease had run out. */
  async expireLock(): Promise<void> {
    const client = new DynamoDBClient(settings(this.account))
    await client.send(
      new UpdateItemCommand({
        TableName: releasesTable(this.stage.name),
        Key: { kind: { S: "lock" }, id: { S: "deployment" } },
        UpdateExpression: "SET leaseUntil = :past",
        ConditionExpression: "attribute_exists(holder)",
        ExpressionAttributeValues: { ":past": { S: new Date(0).toISOString() } },
      }),
    )
    client.destroy()
  }

  get #url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** What each service runs: the digit of its image's digest, its copies, and its deployments. */
  async running(): Promise<Record<string, string>> {
    const client = new ECSClient({ ...settings(this.account), endpoint: this.proxy.url })
    try {
      const cluster = clusterName(this.stage.name, "platform")
      const { services = [] } = await client.send(new DescribeServicesCommand({ cluster, services: [...SERVICES] }))
      const found = await Promise.all(
        services.map(
          async ({ serviceName = "", taskDefinition = "", runningCount, desiredCount, deployments = [] }) => {
            const { taskDefinition: described } = await client.send(
              new DescribeTaskDefinitionCommand({ taskDefinition }),
            )
            const image = described?.containerDefinitions?.[0]?.image ?? ""
            const at = `${image.at(-1)} ${runningCount}/${desiredCount} ${deployments.length}`
            return [serviceName, at] as const
          },
        ),
      )
      return Object.fromEntries(found)
    } finally {
      client.destroy()
    }
  }

  /** The digits of what the image parameters hold. */
  async parameters(): Promise<string> {
    const client = new SSMClient(settings(this.account))
    const Names = ROLLED_OUT.map((name) => imageParameter(this.stage.name, name))
    const { Parameters = [] } = await client.send(new GetParametersCommand({ Names }))
    client.destroy()
    const values = new Map(Parameters.map(({ Name, Value = "" }) => [Name, Value]))
    return Names.map((name) => values.get(name))
      .map((value) => (value === "none" ? "–" : value?.at(-1)))
      .join("")
  }

  /** Of the alias; undefined where there is none. */
  async functionVersion(): Promise<string | undefined> {
    const client = new LambdaClient(settings(this.account))
    const name = { FunctionName: functionName(this.stage.name), Name: "live" }
    try {
      return (await client.send(new GetAliasCommand(name))).FunctionVersion
    } catch (error) {
      if (error instanceof Error && error.name === "ResourceNotFoundException") return undefined
      throw error
    } finally {
      client.destroy()
    }
  }

  /** The record, the newest first. */
  async releases(): Promise<readonly Release[]> {
    const session = sessionOf(this.stage, { endpoint: this.ministack.url, keys: this.account.root })
    try {
      return await new Releases(session).newest(50)
    } finally {
      session.aws.client(DynamoDBClient).destroy()
    }
  }

  /** `outcome commit` of the newest. */
  async newest(): Promise<string> {
    const [release] = await this.releases()
    return `${release?.outcome} ${release?.commit[0]}`
  }
}

/** All digits of a commit, of one. */
export function commitOf(digit: string): string {
  return digit.repeat(40)
}

/** The handler's own refusal of the probe's event. */
function invoked(version: string): Reply {
  return {
    status: 200,
    type: "application/json",
    headers: { "x-amz-function-error": "Unhandled", "x-amz-executed-version": version },
    body: JSON.stringify({ errorType: "InvalidPage", errorMessage: "the page must be a whole number" }),
  }
}
