/** What platforms an image in ECR is for, read by the registry's API: nothing is pulled but its small configuration. */
import { createHash } from "node:crypto"
import { BatchGetImageCommand, ECRClient, GetDownloadUrlForLayerCommand } from "@aws-sdk/client-ecr"
import type { ImagePlace } from "./images.ts"
import { EXIT, Refusal } from "./refusal.ts"
import type { Session } from "./session.ts"

/** Source: OCI image specification, “Media types”; Docker's image manifest V2, schema 2. */
const INDEXES = ["application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"]
const MANIFESTS = ["application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json"]
/** Bytes of a configuration at most: ours have two thousand. */
const LARGEST = 4 * 1024 * 1024

interface Manifest {
  readonly mediaType?: string
  readonly manifests?: readonly { readonly platform?: { readonly os?: string; readonly architecture?: string } }[]
  readonly config?: { readonly digest?: string }
}

/**
 * @returns such as `linux/amd64`, one for each that it has; undefined where the repository has no image of that digest
 * @throws Refusal the manifest or the configuration is not what its digest says
 */
export async function platformsOf(
  { aws }: Session,
  { registry, repository, digest }: ImagePlace,
  signal: AbortSignal,
): Promise<readonly string[] | undefined> {
  const ecr = aws.client(ECRClient)
  const registryId = /^\d{12}(?=\.)/.exec(registry)?.[0]
  const where = { repositoryName: repository, ...(registryId !== undefined && { registryId }) }
  const { images = [] } = await ecr
    .send(
      new BatchGetImageCommand({
        ...where,
        imageIds: [{ imageDigest: digest }],
        acceptedMediaTypes: [...INDEXES, ...MANIFESTS],
      }),
      { abortSignal: signal },
    )
    .catch((error) => {
      if (error instanceof Error && error.name === "RepositoryNotFoundException") return { images: [] }
      throw error
    })
  const text = images[0]?.imageManifest
  if (text === undefined) return undefined
  const manifest = parsed(text, `the manifest of ${repository}@${digest}`) as Manifest
  if (manifest.manifests !== undefined) {
    // An index names attestations too, for the platform unknown/unknown.
    return manifest.manifests.map(({ platform }) => platformText(platform)).filter((one) => !one.includes("unknown"))
  }
  const layerDigest = manifest.config?.digest
  if (layerDigest === undefined) throw new Refusal(EXIT.failed, `the manifest of ${repository}@${digest} has no config`)
  const { downloadUrl } = await ecr.send(new GetDownloadUrlForLayerCommand({ ...where, layerDigest }), {
    abortSignal: signal,
  })
  const config = await download(downloadUrl ?? "", layerDigest, signal)
  return [platformText(parsed(config, `the configuration of ${repository}@${digest}`) as object)]
}

/** The address is signed: it is never told. */
async function download(url: string, digest: string, signal: AbortSignal): Promise<string> {
  const response = await fetch(url, { signal })
  if (!response.ok) throw new Refusal(EXIT.unreachable, `the registry answers ${response.status} for blob ${digest}`)
  const bytes: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    if (size > LARGEST) throw new Refusal(EXIT.failed, `blob ${digest} is larger than ${LARGEST} bytes`)
    bytes.push(chunk)
  }
  const whole = Buffer.concat(bytes)
  const found = `sha256:${createHash("sha256").update(whole).digest("hex")}`
  if (found !== digest) throw new Refusal(EXIT.failed, `blob ${digest} has the digest ${found}`)
  return whole.toString()
}

function parsed(text: string, what: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new Refusal(EXIT.failed, `${what} is no JSON`, { cause })
  }
}

function platformText({
  os = "unknown",
  architecture = "unknown",
}: {
  os?: string
  architecture?: string
} = {}): string {
  return `${os}/${architecture}`
}
