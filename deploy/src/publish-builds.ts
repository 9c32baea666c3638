/** The images to publish: what each is built from, and its archive, made by whoever called or here by Docker. */
import { access, readFile } from "node:fs/promises"
import { join } from "node:path"
import { IMAGES, type ImageName } from "../../infra/src/names.ts"
import { SERVICES, type Stage } from "../../infra/src/stage.ts"
import { outputOf, ProgramError } from "./program.ts"
import { EXIT, Refusal } from "./refusal.ts"

export interface Build {
  /** Below the root. */
  readonly dockerfile: string
  readonly args: Readonly<Record<string, string>>
  /** Whose production dependencies are in the image. */
  readonly workspace: string
}

export const BUILDS = {
  get_data: { dockerfile: "app/Dockerfile", args: {}, workspace: "app" },
  neows_lambda: { dockerfile: "lambda/Dockerfile", args: {}, workspace: "lambda" },
  ...Object.fromEntries(
    SERVICES.map((name) => [
      name,
      { dockerfile: "services/Dockerfile", args: { SERVICE: name }, workspace: `services/${name}` },
    ]),
  ),
} as Readonly<Record<ImageName, Build>>

/** Build arguments that name a base image. */
export const BASES = ["NODE_IMAGE", "RUNTIME_IMAGE", "LAMBDA_IMAGE"] as const
export type BaseImages = Readonly<Partial<Record<(typeof BASES)[number], string>>>

/** What a stage's tasks and functions run on, as images name it. */
export function platformOf({ architecture }: Stage): string {
  return architecture === "ARM64" ? "linux/arm64" : "linux/amd64"
}

/** The base images of a build: the caller's, else the Dockerfile's own. */
export async function basesOf(root: string, { dockerfile }: Build, given: BaseImages): Promise<BaseImages> {
  const defaults = await argumentsOf(join(root, dockerfile))
  return Object.fromEntries(
    BASES.flatMap((name) => (defaults.has(name) ? [[name, given[name] ?? defaults.get(name) ?? ""]] : [])),
  )
}

/** What a Dockerfile takes, with its defaults. */
async function argumentsOf(path: string): Promise<Map<string, string>> {
  const lines = (await readFile(path, "utf8")).matchAll(/^ARG (\w+)(?:=(\S*))?$/gm)
  return new Map([...lines].map(([, name = "", value = ""]) => [name, value]))
}

/** Gives the path of an image's archive. */
export type Archives = (image: ImageName) => Promise<string>

/** @param folder with `<image>.tar` for each */
export function archivesIn(folder: string): Archives {
  return async (image) => {
    const path = join(folder, `${image}.tar`)
    await access(path).catch((cause: unknown) => {
      const names = IMAGES.map((name) => `${name}.tar`).join(", ")
      throw new Refusal(EXIT.usage, `--images=${folder} has no ${image}.tar; it takes ${names}`, { cause })
    })
    return path
  }
}

export interface DockerBuild {
  readonly root: string
  readonly platform: string
  readonly bases: BaseImages
  /** The label `org.opencontainers.image.revision`. */
  readonly revision: string
  /** Where archives are written. */
  readonly folder: string
  readonly signal: AbortSignal
  readonly say: (line: string) => void
}

export function archivesByDocker({ root, platform, bases, revision, folder, signal, say }: DockerBuild): Archives {
  return async (image) => {
    const { dockerfile, args } = BUILDS[image]
    const path = join(folder, `${image}.tar`)
    const taken = await argumentsOf(join(root, dockerfile))
    const given = Object.entries({ ...bases, ...args, REVISION: revision }).filter(([name]) => taken.has(name))
    say(`${image}: docker buildx build --file=${dockerfile} --platform=${platform}`)
    try {
      await outputOf(
        "docker",
        [
          "buildx",
          "build",
          `--file=${dockerfile}`,
          `--platform=${platform}`,
          ...given.map(([name, value]) => `--build-arg=${name}=${value}`),
          // Lambda runs no index, which an attestation would make of the image.
          "--provenance=false",
          "--sbom=false",
          "--progress=plain",
          `--output=type=oci,dest=${path}`,
          ".",
        ],
        { cwd: root, signal },
      )
    } catch (cause) {
      if (!(cause instanceof ProgramError)) throw cause
      const either = "with BuildKit (docker buildx), or give --images=<folder>, or call dagger -m . call publish"
      throw new Refusal(
        EXIT.configuration,
        cause.there
          ? `${image} is not built: ${cause.message}; mend Docker ${either}`
          : `there is no docker to build ${image}: install it ${either}`,
        { cause },
      )
    }
    return path
  }
}
