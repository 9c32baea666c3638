/**
 * Perigee's pipeline: builds the fetcher's image, runs it, takes out what it wrote and shows it; runs every check. The
 * same functions on a laptop and in CI.
 */
import {
  argument,
  type Container,
  check,
  type Directory,
  type File,
  func,
  object,
  type Platform,
  type Secret,
  type Service,
} from "@dagger.io/dagger"
import { reportsOf, type Suite, script, suiteVerdict, workspace } from "./checks.ts"
import { flagsOf, told } from "./deploy.ts"
import { fetched, responseOf } from "./fetch.ts"
import { IGNORED } from "./ignored.ts"
import { type Bases, image } from "./image.ts"
import { assembly, drawing, proofs } from "./infra.ts"
import { Lambda } from "./lambda.ts"
import { standIn } from "./neows.ts"
import { planned } from "./plan.ts"
import { platform } from "./platform.ts"
import { published } from "./publish.ts"
import { commitOf, labels, revisionOf } from "./revision.ts"
import { summaryOf } from "./summary.ts"

const SUITES: readonly Suite[] = ["unit", "integration"]

/** The pipeline, on one source tree and one pair of base images. */
@object()
export class Perigee {
  private readonly source: Directory
  private readonly nodeImage: string
  private readonly runtimeImage: string
  private readonly imagePlatform: Platform | undefined
  private readonly again: string

  /**
   * @param source the repository; default: the one this module is in
   * @param nodeImage Debian-based image with Node 24 and npm, to build and test in
   * @param runtimeImage image to run on: glibc and libstdc++, without a Node of its own
   * @param platform platform of the image, such as linux/arm64; default: the engine's
   * @param again any new text runs the checks anew, which otherwise come from the cache while nothing has changed
   */
  constructor(
    @argument({ defaultPath: "/", ignore: IGNORED }) source: Directory,
    nodeImage: string = "node:24-trixie-slim",
    runtimeImage: string = "gcr.io/distroless/cc-debian13:nonroot",
    platform?: Platform,
    again: string = "",
  ) {
    this.source = source
    this.nodeImage = nodeImage
    this.runtimeImage = runtimeImage
    this.imagePlatform = platform
    this.again = again
  }

  /**
   * The fetcher's image, labelled with the commit it was built from
   *
   * @param context folder to build from, with a Dockerfile; default: the repository
   * @param dockerfile the Dockerfile's path in that folder
   * @param git folder whose .git tells the commit for the image's label; none is needed
   * @param repository the repository's address for the image's label
   * @param sourceDateEpoch seconds since 1970 for the image's label “created”, such as the commit's time
   */
  @func()
  async build(
    @argument({ defaultPath: "/", ignore: ["*", "!.git"] }) git: Directory,
    context?: Directory,
    dockerfile: string = "app/Dockerfile",
    repository: string = "",
    sourceDateEpoch: number = 0,
  ): Promise<Container> {
    // Another folder is not this repository's commit.
    const revision = context ? "" : await revisionOf(this.source, git)
    const args = labels(revision, repository, sourceDateEpoch)
    return await image(context ?? this.source, dockerfile, this.bases(), args)
  }

  /**
   * The fetcher's image after it ran: always a fetch of its own, never an earlier call's
   *
   * @param apiKey NASA's API key; default: DEMO_KEY, 30 requests an hour
   * @param page zero-based page of the catalogue
   * @param size objects a page, 1 to 20
   * @param neows a NeoWs to ask, such as the function neows or tcp://localhost:8080; default: NASA's
   * @param baseUrl where the API is, with a path prefix or not; default: the service neows, or else https://api.nasa.gov
   */
  @func({ cache: "never" })
  async run(
    apiKey?: Secret,
    page: number = 1755,
    size: number = 20,
    neows?: Service,
    baseUrl: string = "",
  ): Promise<Container> {
    return await fetched(await this.fetcher(), { apiKey, page, size, neows, baseUrl })
  }

  /**
   * The file output/response.json of a run of its own; an error unless it holds the page asked for
   *
   * @param apiKey NASA's API key; default: DEMO_KEY, 30 requests an hour
   * @param page zero-based page of the catalogue
   * @param size objects a page, 1 to 20
   * @param neows a NeoWs to ask, such as the function neows or tcp://localhost:8080; default: NASA's
   * @param baseUrl where the API is, with a path prefix or not; default: the service neows, or else https://api.nasa.gov
   */
  @func({ cache: "never" })
  async extractOutput(
    apiKey?: Secret,
    page: number = 1755,
    size: number = 20,
    neows?: Service,
    baseUrl: string = "",
  ): Promise<File> {
    return await responseOf(await this.run(apiKey, page, size, neows, baseUrl), page)
  }

  /**
   * The content of that file
   *
   * @param apiKey NASA's API key; default: DEMO_KEY, 30 requests an hour
   * @param page zero-based page of the catalogue
   * @param size objects a page, 1 to 20
   * @param neows a NeoWs to ask, such as the function neows or tcp://localhost:8080; default: NASA's
   * @param baseUrl where the API is, with a path prefix or not; default: the service neows, or else https://api.nasa.gov
   */
  @func({ cache: "never" })
  async echo(
    apiKey?: Secret,
    page: number = 1755,
    size: number = 20,
    neows?: Service,
    baseUrl: string = "",
  ): Promise<string> {
    const file = await this.extractOutput(apiKey, page, size, neows, baseUrl)
    return await file.contents()
  }

  /** The same against the stand-in: no key, nothing of NASA's, synthetic data */
  @func({ cache: "never" })
  async demo(): Promise<string> {
    return await this.echo(undefined, 1755, 20, this.neows())
  }

  /** The stand-in NeoWs, with synthetic data: dagger -m . call neows up */
  @func()
  neows(): Service {
    return standIn(this.source, this.nodeImage)
  }

  /** The Lambda: its zip, its image, and invocations of it */
  @func()
  lambda(): Lambda {
    return new Lambda(this.source, this.nodeImage, this.imagePlatform)
  }

  /**
   * The image of one of the flights platform's services, or of any folder with a Dockerfile
   *
   * @param name user_metadata, flight_metadata or flights_availability: the Dockerfile's argument SERVICE
   * @param context folder to build from; default: the repository
   * @param dockerfile the Dockerfile's path in that folder
   */
  @func()
  async buildService(
    name: string,
    context?: Directory,
    dockerfile: string = "services/Dockerfile",
  ): Promise<Container> {
    return await image(context ?? this.source, dockerfile, this.bases(), [{ name: "SERVICE", value: name }])
  }

  /**
   * The flights platform from its images, with stores and seed data, on port 8080; its log shows tokens to try with:
   * dagger --progress=plain -m . call platform up
   */
  @func({ cache: "never" })
  async platform(): Promise<Service> {
    return await platform(this.workspace(), (name) => this.buildService(name))
  }

  /**
   * CloudFormation templates and assets of a stage; needs no account
   *
   * @param stage one of infra/config: development or production
   */
  @func()
  synth(stage: string): Directory {
    return assembly(this.workspace(), stage)
  }

  /**
   * The picture of a stage, drawn from its templates: architecture.svg, .png and .html
   *
   * @param stage one of infra/config: development or production
   */
  @func()
  diagram(stage: string = "production"): Directory {
    return drawing(this.workspace(), stage)
  }

  /**
   * Makes what all else needs, once an account and stage: CDK's bootstrap stack, repositories, pipeline roles, releases
   *
   * @param stage one of infra/config: development or production
   * @param asJson the result as JSON
   * @param accessKeyId AWS access key id
   * @param secretAccessKey its secret
   * @param sessionToken its session token, where it has one
   * @param profileFile AWS credentials file, whose default profile is taken
   * @param oidcToken OIDC token to take a role with, such as env://CIRCLE_OIDC_TOKEN_V2
   * @param roleArn the role to take with the token
   * @param aws what to ask in AWS' place, such as an emulator at tcp://localhost:4566
   */
  @func({ cache: "never" })
  async bootstrap(
    stage: string,
    asJson: boolean = false,
    accessKeyId?: Secret,
    secretAccessKey?: Secret,
    sessionToken?: Secret,
    profileFile?: Secret,
    oidcToken?: Secret,
    roleArn: string = "",
    aws?: Service,
  ): Promise<string> {
    const identity = { accessKeyId, secretAccessKey, sessionToken, profileFile, oidcToken, roleArn, aws }
    return await told(this.workspace(), identity, { command: "bootstrap", stage, json: asJson })
  }

  /**
   * Pushes images to a stage's repositories in ECR, but those that are there, and gives digests.json, an SBOM for each image
   * (CycloneDX JSON) and lambda.zip: dagger -m . call publish --stage=development … export --path=output/publish
   *
   * @param git folder whose .git tells the commit
   * @param stage one of infra/config: development or production, which takes no tree with changes
   * @param lambdaImage base image of the Lambda: AWS' for Node 24, or one that keeps to its places
   * @param commit the commit in full, where there is no .git to tell it
   * @param accessKeyId AWS access key id
   * @param secretAccessKey its secret
   * @param sessionToken its session token, where it has one
   * @param profileFile AWS credentials file, whose default profile is taken
   * @param oidcToken OIDC token to take a role with, such as env://CIRCLE_OIDC_TOKEN_V2
   * @param roleArn the role to take with the token
   * @param aws what to ask in AWS' place, such as an emulator at tcp://localhost:4566
   */
  @func({ cache: "never" })
  async publish(
    @argument({ defaultPath: "/", ignore: ["*", "!.git"] }) git: Directory,
    stage: string,
    lambdaImage: string = "public.ecr.aws/lambda/nodejs:24",
    commit: string = "",
    accessKeyId?: Secret,
    secretAccessKey?: Secret,
    sessionToken?: Secret,
    profileFile?: Secret,
    oidcToken?: Secret,
    roleArn: string = "",
    aws?: Service,
  ): Promise<Directory> {
    const revision = (await revisionOf(this.source, git)) || commit
    const identity = { accessKeyId, secretAccessKey, sessionToken, profileFile, oidcToken, roleArn, aws }
    const publication = { stage, source: this.source, bases: this.bases(), lambdaImage, revision, identity }
    return await published(this.workspace(), publication)
  }

  /**
   * Whether the account is ready for a deployment: a line ✓, ✗ or – each; fails unless all are ✓
   *
   * @param stage one of infra/config: development or production
   * @param images digests.json as publish gives it; without it the images that run
   * @param seconds time for each check, 1 to 600
   * @param asJson the result as JSON
   * @param accessKeyId AWS access key id
   * @param secretAccessKey its secret
   * @param sessionToken its session token, where it has one
   * @param profileFile AWS credentials file, whose default profile is taken
   * @param oidcToken OIDC token to take a role with, such as env://CIRCLE_OIDC_TOKEN_V2
   * @param roleArn the role to take with the token
   * @param aws what to ask in AWS' place, such as an emulator at tcp://localhost:4566
   */
  @func({ cache: "never" })
  async verify(
    stage: string,
    images?: File,
    seconds: number = 30,
    asJson: boolean = false,
    accessKeyId?: Secret,
    secretAccessKey?: Secret,
    sessionToken?: Secret,
    profileFile?: Secret,
    oidcToken?: Secret,
    roleArn: string = "",
    aws?: Service,
  ): Promise<string> {
    const identity = { accessKeyId, secretAccessKey, sessionToken, profileFile, oidcToken, roleArn, aws }
    return await told(this.workspace(), identity, {
      command: "verify",
      stage,
      files: { images },
      json: asJson,
      flags: [`--seconds=${seconds}`],
    })
  }

  /**
   * What a deploy would change, and nothing changed: plan.json, which somebody approves; its words are in the call's log
   *
   * @param stage one of infra/config: development or production
   * @param images digests.json as publish gives it; without it the images that run stay
   * @param accessKeyId AWS access key id
   * @param secretAccessKey its secret
   * @param sessionToken its session token, where it has one
   * @param profileFile AWS credentials file, whose default profile is taken
   * @param oidcToken OIDC token to take a role with, such as env://CIRCLE_OIDC_TOKEN_V2
   * @param roleArn the role to take with the token
   * @param aws what to ask in AWS' place, such as an emulator at tcp://localhost:4566
   */
  @func({ cache: "never" })
  async plan(
    stage: string,
    images?: File,
    accessKeyId?: Secret,
    secretAccessKey?: Secret,
    sessionToken?: Secret,
    profileFile?: Secret,
    oidcToken?: Secret,
    roleArn: string = "",
    aws?: Service,
  ): Promise<File> {
    const identity = { accessKeyId, secretAccessKey, sessionToken, profileFile, oidcToken, roleArn, aws }
    return await planned(this.packaged(), identity, stage, images)
  }

  /**
   * What runs against what is planned: images, every field of the task definitions, the Lambda's code
   *
   * @param stage one of infra/config: development or production
   * @param images digests.json as publish gives it; without it the images that run
   * @param asJson the result as JSON
   * @param accessKeyId AWS access key id
   * @param secretAccessKey its secret
   * @param sessionToken its session token, where it has one
   * @param profileFile AWS credentials file, whose default profile is taken
   * @param oidcToken OIDC token to take a role with, such as env://CIRCLE_OIDC_TOKEN_V2
   * @param roleArn the role to take with the token
   * @param aws what to ask in AWS' place, such as an emulator at tcp://localhost:4566
   */
  @func({ cache: "never" })
  async diff(
    stage: string,
    images?: File,
    asJson: boolean = false,
    accessKeyId?: Secret,
    secretAccessKey?: Secret,
    sessionToken?: Secret,
    profileFile?: Secret,
    oidcToken?: Secret,
    roleArn: string = "",
    aws?: Service,
  ): Promise<string> {
    const identity = { accessKeyId, secretAccessKey, sessionToken, profileFile, oidcToken, roleArn, aws }
    return await told(this.packaged(), identity, { command: "diff", stage, files: { images }, json: asJson })
  }

  /**
   * What runs: services, deployments, events, the Lambda's alias, image parameters, who holds the lock
   *
   * @param stage one of infra/config: development or production
   * @param asJson the result as JSON
   * @param accessKeyId AWS access key id
   * @param secretAccessKey its secret
   * @param sessionToken its session token, where it has one
   * @param profileFile AWS credentials file, whose default profile is taken
   * @param oidcToken OIDC token to take a role with, such as env://CIRCLE_OIDC_TOKEN_V2
   * @param roleArn the role to take with the token
   * @param aws what to ask in AWS' place, such as an emulator at tcp://localhost:4566
   */
  @func({ cache: "never" })
  async status(
    stage: string,
    asJson: boolean = false,
    accessKeyId?: Secret,
    secretAccessKey?: Secret,
    sessionToken?: Secret,
    profileFile?: Secret,
    oidcToken?: Secret,
    roleArn: string = "",
    aws?: Service,
  ): Promise<string> {
    const identity = { accessKeyId, secretAccessKey, sessionToken, profileFile, oidcToken, roleArn, aws }
    return await told(this.workspace(), identity, { command: "status", stage, json: asJson })
  }

  /**
   * Releases, the newest first: commit, who, when, what came of it
   *
   * @param stage one of infra/config: development or production
   * @param limit how many, 1 to 100
   * @param asJson the result as JSON
   * @param accessKeyId AWS access key id
   * @param secretAccessKey its secret
   * @param sessionToken its session token, where it has one
   * @param profileFile AWS credentials file, whose default profile is taken
   * @param oidcToken OIDC token to take a role with, such as env://CIRCLE_OIDC_TOKEN_V2
   * @param roleArn the role to take with the token
   * @param aws what to ask in AWS' place, such as an emulator at tcp://localhost:4566
   */
  @func({ cache: "never" })
  async history(
    stage: string,
    limit: number = 20,
    asJson: boolean = false,
    accessKeyId?: Secret,
    secretAccessKey?: Secret,
    sessionToken?: Secret,
    profileFile?: Secret,
    oidcToken?: Secret,
    roleArn: string = "",
    aws?: Service,
  ): Promise<string> {
    const identity = { accessKeyId, secretAccessKey, sessionToken, profileFile, oidcToken, roleArn, aws }
    return await told(this.workspace(), identity, {
      command: "history",
      stage,
      json: asJson,
      flags: [`--limit=${limit}`],
    })
  }

  /**
   * Applies the approved plan: stacks, migrations, rollout, smoke tests, record; what does not last is taken back, and the
   * call fails. Gives the report in Markdown
   *
   * @param git folder whose .git tells the commit
   * @param stage one of infra/config: development or production
   * @param approvedPlan plan.json as plan gave it, which somebody approved
   * @param approve or its digest, all 64 digits
   * @param autoApprove or non-destructive: in development, what destroys and widens nothing
   * @param images digests.json as publish gives it; without it the images that run stay
   * @param commit the commit in full, where there is no .git to tell it
   * @param wait seconds to wait for another who changes the stage, 0 to 7200
   * @param timeout seconds for the rollout, and as long again for the way back, 1 to 7200
   * @param smokeUrl where the services answer; default: the load balancer's address
   * @param asJson the report as JSON
   * @param accessKeyId AWS access key id
   * @param secretAccessKey its secret
   * @param sessionToken its session token, where it has one
   * @param profileFile AWS credentials file, whose default profile is taken
   * @param oidcToken OIDC token to take a role with, such as env://CIRCLE_OIDC_TOKEN_V2
   * @param roleArn the role to take with the token
   * @param aws what to ask in AWS' place, such as an emulator at tcp://localhost:4566
   */
  @func({ cache: "never" })
  async deploy(
    @argument({ defaultPath: "/", ignore: ["*", "!.git"] }) git: Directory,
    stage: string,
    approvedPlan?: File,
    approve: string = "",
    autoApprove: string = "",
    images?: File,
    commit: string = "",
    wait: number = 0,
    timeout: number = 900,
    smokeUrl: string = "",
    asJson: boolean = false,
    accessKeyId?: Secret,
    secretAccessKey?: Secret,
    sessionToken?: Secret,
    profileFile?: Secret,
    oidcToken?: Secret,
    roleArn: string = "",
    aws?: Service,
  ): Promise<string> {
    const identity = { accessKeyId, secretAccessKey, sessionToken, profileFile, oidcToken, roleArn, aws }
    const revision = commitOf((await revisionOf(this.source, git)) || commit, "deploy")
    return await told(this.packaged(), identity, {
      command: "deploy",
      stage,
      files: { "approved-plan": approvedPlan, images },
      json: asJson,
      flags: [
        ...flagsOf({ approve, "auto-approve": autoApprove, "smoke-url": smokeUrl }),
        `--commit=${revision}`,
        `--wait=${wait}`,
        `--timeout=${timeout}`,
      ],
    })
  }

  /**
   * Back to the last good release, or to a commit's: services, Lambda, image parameters, watched as a deploy is. Gives the
   * report in Markdown
   *
   * @param stage one of infra/config: development or production
   * @param to commit of a release that succeeded, 7 digits or more; default: the last good one that does not run
   * @param wait seconds to wait for another who changes the stage, 0 to 7200
   * @param timeout seconds for the rollout, and as long again for the way back, 1 to 7200
   * @param smokeUrl where the services answer; default: the load balancer's address
   * @param asJson the report as JSON
   * @param accessKeyId AWS access key id
   * @param secretAccessKey its secret
   * @param sessionToken its session token, where it has one
   * @param profileFile AWS credentials file, whose default profile is taken
   * @param oidcToken OIDC token to take a role with, such as env://CIRCLE_OIDC_TOKEN_V2
   * @param roleArn the role to take with the token
   * @param aws what to ask in AWS' place, such as an emulator at tcp://localhost:4566
   */
  @func({ cache: "never" })
  async rollback(
    stage: string,
    to: string = "",
    wait: number = 0,
    timeout: number = 900,
    smokeUrl: string = "",
    asJson: boolean = false,
    accessKeyId?: Secret,
    secretAccessKey?: Secret,
    sessionToken?: Secret,
    profileFile?: Secret,
    oidcToken?: Secret,
    roleArn: string = "",
    aws?: Service,
  ): Promise<string> {
    const identity = { accessKeyId, secretAccessKey, sessionToken, profileFile, oidcToken, roleArn, aws }
    return await told(this.workspace(), identity, {
      command: "rollback",
      stage,
      json: asJson,
      flags: [...flagsOf({ to, "smoke-url": smokeUrl }), `--wait=${wait}`, `--timeout=${timeout}`],
    })
  }

  /**
   * The last lines that a service, a task or the Lambda wrote
   *
   * @param stage one of infra/config: development or production
   * @param service user_metadata, flight_metadata, flights_availability, get_data, function, or a task such as
   * user_metadata-migrate
   * @param lines how many, 1 to 10000
   * @param asJson the result as JSON
   * @param accessKeyId AWS access key id
   * @param secretAccessKey its secret
   * @param sessionToken its session token, where it has one
   * @param profileFile AWS credentials file, whose default profile is taken
   * @param oidcToken OIDC token to take a role with, such as env://CIRCLE_OIDC_TOKEN_V2
   * @param roleArn the role to take with the token
   * @param aws what to ask in AWS' place, such as an emulator at tcp://localhost:4566
   */
  @func({ cache: "never" })
  async logs(
    stage: string,
    service: string,
    lines: number = 100,
    asJson: boolean = false,
    accessKeyId?: Secret,
    secretAccessKey?: Secret,
    sessionToken?: Secret,
    profileFile?: Secret,
    oidcToken?: Secret,
    roleArn: string = "",
    aws?: Service,
  ): Promise<string> {
    const identity = { accessKeyId, secretAccessKey, sessionToken, profileFile, oidcToken, roleArn, aws }
    return await told(this.workspace(), identity, {
      command: "logs",
      stage,
      json: asJson,
      flags: [`--service=${service}`, `--lines=${lines}`],
    })
  }

  /**
   * The one static address moves to a NAT gateway in another zone; tells the seconds without a way out
   *
   * @param stage one of infra/config: development or production
   * @param toZone letter of one of the stage's zones
   * @param wait seconds to wait for another who changes the stage, 0 to 7200
   * @param asJson the result as JSON
   * @param accessKeyId AWS access key id
   * @param secretAccessKey its secret
   * @param sessionToken its session token, where it has one
   * @param profileFile AWS credentials file, whose default profile is taken
   * @param oidcToken OIDC token to take a role with, such as env://CIRCLE_OIDC_TOKEN_V2
   * @param roleArn the role to take with the token
   * @param aws what to ask in AWS' place, such as an emulator at tcp://localhost:4566
   */
  @func({ cache: "never" })
  async moveEgress(
    stage: string,
    toZone: string,
    wait: number = 0,
    asJson: boolean = false,
    accessKeyId?: Secret,
    secretAccessKey?: Secret,
    sessionToken?: Secret,
    profileFile?: Secret,
    oidcToken?: Secret,
    roleArn: string = "",
    aws?: Service,
  ): Promise<string> {
    const identity = { accessKeyId, secretAccessKey, sessionToken, profileFile, oidcToken, roleArn, aws }
    return await told(this.workspace(), identity, {
      command: "move-egress",
      stage,
      json: asJson,
      flags: [`--to-zone=${toZone}`, `--wait=${wait}`],
    })
  }

  /**
   * Deletes a stage with its data; a protected one is refused
   *
   * @param stage one of infra/config: development or production
   * @param confirm the stage's name again
   * @param asJson the result as JSON
   * @param accessKeyId AWS access key id
   * @param secretAccessKey its secret
   * @param sessionToken its session token, where it has one
   * @param profileFile AWS credentials file, whose default profile is taken
   * @param oidcToken OIDC token to take a role with, such as env://CIRCLE_OIDC_TOKEN_V2
   * @param roleArn the role to take with the token
   * @param aws what to ask in AWS' place, such as an emulator at tcp://localhost:4566
   */
  @func({ cache: "never" })
  async destroy(
    stage: string,
    confirm: string,
    asJson: boolean = false,
    accessKeyId?: Secret,
    secretAccessKey?: Secret,
    sessionToken?: Secret,
    profileFile?: Secret,
    oidcToken?: Secret,
    roleArn: string = "",
    aws?: Service,
  ): Promise<string> {
    const identity = { accessKeyId, secretAccessKey, sessionToken, profileFile, oidcToken, roleArn, aws }
    return await told(this.workspace(), identity, {
      command: "destroy",
      stage,
      json: asJson,
      flags: [`--confirm=${confirm}`],
    })
  }

  /** Formatting and lint of every file */
  @check()
  @func()
  async lint(): Promise<void> {
    await script(this.workspace(), "lint")
  }

  /** Type check of every workspace and of this module */
  @check()
  @func()
  async typeCheck(): Promise<void> {
    await script(this.workspace(), "type-check")
  }

  /** Unit tests */
  @check()
  @func()
  async unitTests(): Promise<void> {
    await suiteVerdict(this.workspace(), "unit")
  }

  /** Integration tests: real HTTP, TLS and processes */
  @check()
  @func()
  async integrationTests(): Promise<void> {
    await suiteVerdict(this.workspace(), "integration")
  }

  /**
   * What must be true of a stage, computed from its templates: who reaches whom, who may do what, one address out
   *
   * @param stage one of infra/config: development or production
   */
  @check()
  @func()
  async prove(stage: string = "production"): Promise<string> {
    return await proofs(this.workspace(), stage)
  }

  /** JUnit files (junit/), coverage (coverage/), logs and exit codes of the tests' same executions, passed or failed */
  @func()
  testReport(): Directory {
    return reportsOf(this.workspace(), SUITES)
  }

  /** Every check, then the demo; a table of what passed and how long it took */
  @func({ cache: "never" })
  async ci(): Promise<string> {
    const checks = await summaryOf([
      ["lint", () => this.lint()],
      ["type-check", () => this.typeCheck()],
      ["unit-tests", () => this.unitTests()],
      ["integration-tests", () => this.integrationTests()],
      ["prove", async () => void (await this.prove())],
    ])
    return checks + (await summaryOf([["demo", () => this.demo()]]))
  }

  private fetcher(): Promise<Container> {
    return image(this.source, "app/Dockerfile", this.bases())
  }

  private bases(): Bases {
    return { nodeImage: this.nodeImage, runtimeImage: this.runtimeImage, platform: this.imagePlatform }
  }

  private workspace(): Container {
    return workspace(this.source, this.nodeImage, this.again)
  }

  /** The repository with the Lambda's package as its build gives it, which synthesis takes. */
  private packaged(): Container {
    return this.workspace().withExec(["npm", "run", "--silent", "build", "-w", "lambda"])
  }
}
