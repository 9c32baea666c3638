/** The plan of a deploy, made now and never an earlier one's: the file that somebody approves. */
import type { Container, File } from "@dagger.io/dagger"
import { deployed, type Identity } from "./deploy.ts"

const DIGESTS = "/images/digests.json"
const PLAN = "/perigee/plan.json"

/** @param digests as publish gives them; without it the images that run stay */
export async function planned(
  workspace: Container,
  identity: Identity,
  stage: string,
  digests: File | undefined,
): Promise<File> {
  const container = digests ? workspace.withMountedFile(DIGESTS, digests) : workspace
  const images = digests ? [`--images=${DIGESTS}`] : []
  const ran = await deployed(container, identity, ["plan", `--stage=${stage}`, ...images, `--out=${PLAN}`])
  return await ran.file(PLAN).sync()
}
