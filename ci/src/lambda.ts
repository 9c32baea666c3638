/** The Lambda's part of the pipeline: its zip, its image, and the image run with the invocation endpoint it has. */
import {
  type Container,
  type Directory,
  dag,
  type File,
  func,
  object,
  type Platform,
  type Secret,
  type Service,
} from "@dagger.io/dagger"
import { bindNeows } from "./fetch.ts"
import { image } from "./image.ts"

const DOCKERFILE = "lambda/Dockerfile"
/** Where AWS' base images listen when they run outside of Lambda, and the path they take events on. */
const PORT = 8080
const INVOCATIONS = "/2015-03-31/functions/function/invocations"

/** Sends the event and prints the answer; an error's name and message are the command's own error. */
const INVOKE = `
const [url, event] = process.argv.slice(1)
const answer = await (await fetch(url, { method: "POST", body: event })).text()
const { errorType, errorMessage } = Object(JSON.parse(answer))
if (errorType !== undefined) {
  process.stderr.write(errorType + ": " + errorMessage + "\\n")
  process.exit(1)
}
process.stdout.write(answer)
`

/** The Lambda: the fetcher's page as an invocation's answer */
@object()
export class Lambda {
  private readonly source: Directory
  private readonly nodeImage: string
  private readonly platform: Platform | undefined

  constructor(source: Directory, nodeImage: string, platform?: Platform) {
    this.source = source
    this.nodeImage = nodeImage
    this.platform = platform
  }

  /** The zip to deploy, for nodejs24.x on arm64 and x86_64: the same bytes for the same tree */
  @func()
  package(): File {
    const buildArgs = [{ name: "NODE_IMAGE", value: this.nodeImage }]
    return this.source
      .dockerBuild({ dockerfile: DOCKERFILE, target: "build", buildArgs })
      .file("/src/lambda/dist/lambda.zip")
  }

  /**
   * The image flavour
   *
   * @param lambdaImage base image to run on: AWS' for Node 24, or one that keeps to its places
   */
  @func()
  async image(lambdaImage: string = "public.ecr.aws/lambda/nodejs:24"): Promise<Container> {
    const bases = { nodeImage: this.nodeImage, runtimeImage: "", platform: this.platform }
    return await image(this.source, DOCKERFILE, bases, [{ name: "LAMBDA_IMAGE", value: lambdaImage }])
  }

  /**
   * What an invocation of its own answers: the page, or the error's name and message
   *
   * @param page zero-based page of the catalogue
   * @param size objects a page, 1 to 20
   * @param apiKey NASA's API key; default: DEMO_KEY, 30 requests an hour
   * @param neows a NeoWs to ask, such as the function neows or tcp://localhost:8080; default: NASA's
   * @param lambdaImage base image to run on: AWS' for Node 24, or one that keeps to its places
   */
  @func({ cache: "never" })
  async invoke(
    page: number = 1755,
    size: number = 20,
    apiKey?: Secret,
    neows?: Service,
    lambdaImage: string = "public.ecr.aws/lambda/nodejs:24",
  ): Promise<string> {
    // Another environment at every call, and another call: neither has an answer from before.
    const call = crypto.randomUUID()
    const environment = (await this.environment(lambdaImage, apiKey, neows)).withEnvVariable("PERIGEE_CALL", call)
    return await dag
      .container()
      .from(this.nodeImage)
      .withServiceBinding("lambda", listening(environment))
      .withEnvVariable("PERIGEE_CALL", call)
      .withExec([
        "node",
        "--input-type=module",
        "-e",
        INVOKE,
        `http://lambda:${PORT}${INVOCATIONS}`,
        JSON.stringify({ page, size }),
      ])
      .stdout()
  }

  /**
   * The endpoint /2015-03-31/functions/function/invocations on port 8080: dagger -m . call lambda service up
   *
   * @param apiKey NASA's API key; default: DEMO_KEY, 30 requests an hour
   * @param neows a NeoWs to ask, such as the function neows or tcp://localhost:8080; default: NASA's
   * @param lambdaImage base image to run on: AWS' for Node 24, or one that keeps to its places
   */
  @func()
  async service(
    apiKey?: Secret,
    neows?: Service,
    lambdaImage: string = "public.ecr.aws/lambda/nodejs:24",
  ): Promise<Service> {
    return listening(await this.environment(lambdaImage, apiKey, neows))
  }

  private async environment(
    lambdaImage: string,
    apiKey: Secret | undefined,
    neows: Service | undefined,
  ): Promise<Container> {
    const container = await bindNeows(await this.image(lambdaImage), neows, "")
    return apiKey ? container.withSecretVariable("NASA_API_KEY", apiKey) : container
  }
}

function listening(container: Container): Service {
  return container.withExposedPort(PORT).asService({ useEntrypoint: true, args: ["handler.lambdaHandler"] })
}
