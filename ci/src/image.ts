/** Images from Dockerfiles, with arguments for base images and for where they come from. */
import type { BuildArg, Container, Directory, Platform } from "@dagger.io/dagger"

export interface Bases {
  readonly nodeImage: string
  readonly runtimeImage: string
  readonly platform: Platform | undefined
}

/** Builds `dockerfile` of `source`; empty arguments keep the Dockerfile's own defaults. */
export function image(
  source: Directory,
  dockerfile: string,
  bases: Bases,
  labels: readonly BuildArg[] = [],
): Container {
  const bound = [
    { name: "NODE_IMAGE", value: bases.nodeImage },
    { name: "RUNTIME_IMAGE", value: bases.runtimeImage },
  ]
  const buildArgs = [...bound, ...labels].filter(({ value }) => value !== "")
  return source.dockerBuild({ dockerfile, buildArgs, ...(bases.platform ? { platform: bases.platform } : {}) })
}
