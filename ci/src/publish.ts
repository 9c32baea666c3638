/** The images as tarballs beside the deploy program, which pushes them: no registry's token leaves its container. */
import type { Container, Directory } from "@dagger.io/dagger"
import { deployed, type Identity } from "./deploy.ts"
import { type Bases, image } from "./image.ts"
import { commitOf, labels } from "./revision.ts"

const SERVICES = ["user_metadata", "flight_metadata", "flights_availability"] as const
/** Outside of the repository. */
const IMAGES = "/images"
const OUT = "output/publish"

export interface Publication {
  readonly stage: string
  readonly source: Directory
  readonly bases: Bases
  readonly lambdaImage: string
  /** As `revisionOf` tells it; `-dirty` at its end where the tree is not the commit's. */
  readonly revision: string
  readonly identity: Identity
}

/** digests.json, the SBOMs and lambda.zip, after everything in them was pushed. */
export async function published(workspace: Container, publication: Publication): Promise<Directory> {
  const { stage, source, bases, lambdaImage, revision, identity } = publication
  const commit = commitOf(revision, "publish")
  let container = workspace
  for (const [name, built] of Object.entries(await builds(source, bases, lambdaImage, revision))) {
    container = container.withMountedFile(`${IMAGES}/${name}.tar`, built.asTarball())
  }
  const flags = [
    `--images=${IMAGES}`,
    `--out=${OUT}`,
    `--commit=${commit}`,
    ...(revision === commit ? [] : [`--changes=${await source.digest()}`]),
    `--node-image=${bases.nodeImage}`,
    `--runtime-image=${bases.runtimeImage}`,
    `--lambda-image=${lambdaImage}`,
  ]
  const ran = await deployed(container, identity, { command: "publish", stage, flags })
  return await ran.directory(OUT).sync()
}

async function builds(
  source: Directory,
  bases: Bases,
  lambdaImage: string,
  revision: string,
): Promise<Record<string, Container>> {
  const args = labels(revision, "", 0)
  const lambdaArgs = [...args, { name: "LAMBDA_IMAGE", value: lambdaImage }]
  const services = SERVICES.map(
    async (name) =>
      [name, await image(source, "services/Dockerfile", bases, [{ name: "SERVICE", value: name }])] as const,
  )
  return {
    get_data: await image(source, "app/Dockerfile", bases, args),
    neows_lambda: await image(source, "lambda/Dockerfile", { ...bases, runtimeImage: "" }, lambdaArgs),
    ...Object.fromEntries(await Promise.all(services)),
  }
}
