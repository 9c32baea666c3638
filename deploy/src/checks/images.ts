/** Images that are to run are in ECR, for the stage's platform. */

import { type ImageName, NOTHING_ROLLED_OUT, repositoryName } from "../../../infra/src/names.ts"
import { type Check, type Finding, failed, ok, unknown } from "../check.ts"
import { platformsOf } from "../image-platform.ts"
import { type PublishedImages, placeOf, runningImages } from "../images.ts"
import type { Session } from "../session.ts"

const PLATFORMS = { X86_64: "linux/amd64", ARM64: "linux/arm64" } as const

/** @param published what `publish` made; what is not in it stays, so the running image of that name is looked at */
export function images(published: PublishedImages | undefined): Check {
  return {
    name: "images",
    async findings(session, signal) {
      const wanted = { ...(await runningImages(session, signal)), ...published }
      return await Promise.all(
        Object.entries(wanted).map(([name, uri]) => finding(session, name as ImageName, uri, signal)),
      )
    },
  }
}

async function finding(
  session: Session,
  name: ImageName,
  uri: string | undefined,
  signal: AbortSignal,
): Promise<Finding> {
  const { stage } = session
  if (uri === undefined)
    return failed(`image ${name}: its parameter is not there`, `npm run deploy -- bootstrap --stage=${stage.name}`)
  if (uri === NOTHING_ROLLED_OUT) {
    return unknown(
      `image ${name} could not be checked: none was rolled out yet`,
      "npm run deploy -- publish, then verify --images=output/publish/digests.json",
    )
  }
  const publish = `npm run deploy -- publish --stage=${stage.name}`
  const place = placeOf(uri)
  if (place === undefined) return failed(`image ${name}: ${uri} names no digest`, `${publish}, then roll it out`)
  const repository = repositoryName(stage.name, name)
  if (place.repository !== repository)
    return failed(`image ${name}: it is of ${place.repository}, and the stage's is ${repository}`, publish)
  const found = await platformsOf(session, place, signal)
  const digest = place.digest.slice(0, 19)
  if (found === undefined) return failed(`image ${name}: ${repository} has no ${place.digest}`, publish)
  const wanted = PLATFORMS[stage.architecture]
  return found.includes(wanted)
    ? ok(`image ${name}: ${digest} is there, for ${wanted}`)
    : failed(
        `image ${name}: ${digest} is for ${found.join(", ")}, and the stage runs ${wanted}`,
        `build it for ${wanted}, or mend architecture in infra/config/${stage.name}.ts`,
      )
}
