/** What is in an image, as a CycloneDX document: npm packages by the lock file, base images, Node. */
import { createReadStream } from "node:fs"
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { createGunzip, createZstdDecompress } from "node:zlib"
import type { ImageArchive } from "./image-archive.ts"
import { outputOf, ProgramError } from "./program.ts"
import type { BaseImages, Build } from "./publish-builds.ts"
import { EXIT, Refusal } from "./refusal.ts"

/** What of CycloneDX 1.5 is read or written here. Source: cyclonedx.org/docs/1.5/json. */
interface Component {
  readonly "bom-ref": string
  readonly type: string
  readonly name: string
  readonly version?: string
  readonly purl?: string
}

export interface Bom {
  readonly bomFormat: "CycloneDX"
  readonly specVersion: string
  readonly metadata: { readonly component: Component; readonly [more: string]: unknown }
  readonly components: readonly Component[]
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[]
}

export interface Contents {
  readonly image: string
  readonly tag: string
  /** The image's, in its repository. */
  readonly digest: string
  readonly repository: string
  readonly build: Build
  readonly bases: BaseImages
  /** Such as 24.1.0; unknown where the image was there already and nothing was read of it. */
  readonly node: string | undefined
}

/**
 * The production dependencies of an image's workspace, for all platforms. `npm sbom --omit=dev` would leave out what is a
 * workspace's dependency and the root's devDependency too, so the graph is walked here.
 *
 * @param all of the whole lock file
 */
export function sbomOf({ bom: all, workspaces }: Locked, contents: Contents): Bom {
  const { image, tag, digest, repository, build, bases, node } = contents
  const first = workspaces.get(build.workspace)?.ref ?? ""
  const kept = closure(all, [...workspaces.values()], first)
  const container: Component = {
    "bom-ref": image,
    type: "container",
    name: image,
    version: tag,
    purl: `pkg:oci/${image}@${encodeURIComponent(digest)}?repository_url=${encodeURIComponent(repository)}&tag=${tag}`,
  }
  const around: Component[] = [
    ...Object.entries(bases).map(([name, reference = ""]) => ({
      "bom-ref": name,
      type: "container",
      name: reference,
      description: `Base image (build argument ${name})`,
    })),
    {
      "bom-ref": "node",
      type: "platform",
      name: "node",
      ...(node ? { version: node, purl: `pkg:generic/node@${node}` } : {}),
    },
  ]
  return {
    ...all,
    metadata: { ...all.metadata, component: container },
    components: [...around, ...all.components.filter((component) => kept.has(component["bom-ref"]))],
    dependencies: [
      { ref: image, dependsOn: [...around.map((component) => component["bom-ref"]), first] },
      ...all.dependencies
        .filter(({ ref }) => kept.has(ref))
        .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((on) => kept.has(on)) })),
    ],
  }
}

/** A workspace as the lock file has it. */
interface Workspace {
  /** `<name>@<version>`. */
  readonly ref: string
  /** Names of what it needs when it runs. */
  readonly needs: ReadonlySet<string>
}

export interface Locked {
  readonly bom: Bom
  /** By folder. */
  readonly workspaces: ReadonlyMap<string, Workspace>
}

/**
 * All that the lock file names; nothing needs to be installed.
 *
 * @throws Refusal npm can't tell
 */
export async function lockedIn(root: string, signal: AbortSignal): Promise<Locked> {
  try {
    const args = ["sbom", "--sbom-format=cyclonedx", "--package-lock-only"]
    const bom = JSON.parse(await outputOf("npm", args, { cwd: root, signal })) as Bom
    const lock = JSON.parse(await readFile(join(root, "package-lock.json"), "utf8")) as { packages: Packages }
    const own = Object.entries(lock.packages).filter(([path]) => path !== "" && !path.includes("node_modules/"))
    const workspaces = own.map(([path, { name, version, dependencies, optionalDependencies }]) => {
      const needs = new Set(Object.keys({ ...dependencies, ...optionalDependencies }))
      return [path, { ref: `${name}@${version}`, needs }] as const
    })
    return { bom, workspaces: new Map(workspaces) }
  } catch (cause) {
    if (!(cause instanceof ProgramError)) throw cause
    throw new Refusal(EXIT.configuration, `npm can't tell what the images are made of: ${cause.message}`, { cause })
  }
}

type Packages = Readonly<
  Record<
    string,
    {
      readonly name?: string
      readonly version?: string
      readonly dependencies?: Readonly<Record<string, string>>
      readonly optionalDependencies?: Readonly<Record<string, string>>
    }
  >
>

/**
 * References that `first` needs. Of a workspace only what its manifest calls a dependency; other packages have no
 * development dependencies in a lock file.
 */
function closure({ dependencies }: Bom, workspaces: readonly Workspace[], first: string): Set<string> {
  const graph = new Map(dependencies.map(({ ref, dependsOn }) => [ref, dependsOn]))
  const kept = new Set<string>()
  const waiting = [first]
  for (let ref = waiting.pop(); ref !== undefined; ref = waiting.pop()) {
    if (kept.has(ref)) continue
    kept.add(ref)
    const needs = workspaces.find((workspace) => workspace.ref === ref)?.needs
    // A reference is <name>@<version>, and a name may begin with @.
    const isNeeded = (on: string) => needs?.has(on.slice(0, on.lastIndexOf("@"))) ?? true
    waiting.push(...(graph.get(ref) ?? []).filter(isNeeded))
  }
  return kept
}

/** Where a release of Node says it is from; it is in the program itself, as `process.release.sourceUrl`. */
const NODE_SOURCE = /\/node-v(\d+\.\d+\.\d+)(?:-headers)?\.tar\.gz/
/** The longest text that is looked for, so that one across two chunks is found. */
const OVERLAP = 64

/** The version of the Node in an image's layers, where one says so. */
export async function nodeVersionIn({ blobs }: ImageArchive, signal: AbortSignal): Promise<string | undefined> {
  const layers = blobs.filter(({ mediaType }) => /[.+]tar|diff\.tar/.test(mediaType))
  for (const { path, mediaType } of layers) {
    const file = createReadStream(path)
    const unpacked = /gzip$/.test(mediaType)
      ? file.pipe(createGunzip())
      : /zstd$/.test(mediaType)
        ? file.pipe(createZstdDecompress())
        : file
    let before = ""
    try {
      for await (const chunk of unpacked) {
        signal.throwIfAborted()
        const text = before + (chunk as Buffer).toString("latin1")
        const found = NODE_SOURCE.exec(text)?.[1]
        if (found !== undefined) return found
        before = text.slice(-OVERLAP)
      }
    } catch {
      signal.throwIfAborted()
      // A layer that is no archive of its kind has no Node; the registry or the runtime will tell more of it.
    } finally {
      file.destroy()
      unpacked.destroy()
    }
  }
  return undefined
}
