/** The file of digests that publish writes, as every command reads it. */
import { expect } from "chai"
import { publishedImages, publishedImagesOf } from "../../../deploy/src/images.ts"
import { Refusal } from "../../../deploy/src/refusal.ts"
import { digest } from "../../support/deploy/plan.ts"

const repository = "111111111111.dkr.ecr.eu-central-1.amazonaws.com/perigee-production/get_data"

async function refusal(run: () => unknown): Promise<Refusal> {
  try {
    await run()
  } catch (error) {
    if (error instanceof Refusal) return error
    throw error
  }
  throw new Error("nothing was refused")
}

describe("the file of digests", () => {
  it("names each image by repository and digest", () => {
    const images = { get_data: { repository, digest: digest("b"), tag: "0123456789ab", skipped: false } }
    const expected = { get_data: `${repository}@${digest("b")}` }
    expect(publishedImagesOf({ stage: "production", images }, "x", "production")).to.deep.equal(expected)
    expect(publishedImagesOf({ images }, "x", "development"), "where it names no stage").to.deep.equal(expected)
  })

  for (const [read, what] of [
    [{}, "there are no images in it"],
    [[], "there are no images in it"],
    [{ images: {} }, "there are no images in it"],
    [{ images: { users: {} } }, 'there is no image "users"; there are get_data, neows_lambda, user_metadata'],
    [{ images: { get_data: digest("a") } }, "get_data has no repository with a digest: sha256: and 64 hexadecimal"],
    [{ images: { get_data: { digest: digest("a") } } }, "get_data has no repository with a digest"],
    [{ images: { get_data: { repository, digest: `${digest("a")}0` } } }, "get_data has no repository with a digest"],
    [{ images: { get_data: null } }, "get_data has no repository with a digest"],
    [{ stage: "development", images: {} }, 'it is of the stage "development", and this is production'],
  ] as const) {
    it(`is refused in one line: ${JSON.stringify(read).slice(0, 60)}`, async () => {
      const { exitCode, message } = await refusal(() => publishedImagesOf(read, "digests.json", "production"))
      expect(exitCode).to.equal(65)
      expect(message).to.contain(`--images: digests.json: ${what}`).and.not.contain("\n")
    })
  }

  it("is refused where it is missing (66), or not JSON (65)", async () => {
    const missing = await refusal(() => publishedImages("/nonexistent.json", "production"))
    expect(missing.exitCode).to.equal(66)
    expect(missing.message).to.equal("--images: /nonexistent.json can't be read; npm run deploy -- publish writes it")
    const { exitCode, message } = await refusal(() => publishedImages(import.meta.filename, "production"))
    expect(exitCode).to.equal(65)
    expect(message).to.match(/^--images: \S+ is not JSON; npm run deploy -- publish writes it$/)
  })
})
