/** The picture's page in a real browser: by keyboard, by mouse, in light and dark. */
import { mkdtempSync, writeFileSync } from "node:fs"
import { rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { expect } from "chai"
import type { Browser, Page } from "playwright-core"
import { PAGE_FILE, picturesOf } from "../../infra/src/diagram/pictures.ts"
import { chromium, launchChromium } from "../support/chromium.ts"
import { describeWith } from "../support/needs.ts"
import { subjectOfStage } from "../unit/infra/diagram/stages.ts"

describeWith([chromium], "diagram: the page in a browser", function () {
  this.timeout(60_000)
  let folder: string
  let url: string
  let browser: Browser
  let page: Page
  const told: string[] = []
  const requests: string[] = []

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "perigee-page-"))
    const file = join(folder, PAGE_FILE)
    writeFileSync(file, picturesOf(await subjectOfStage("production")).texts[PAGE_FILE])
    url = pathToFileURL(file).href
    browser = await launchChromium()
  })

  after(async () => {
    await browser?.close()
    await rm(folder, { recursive: true })
  })

  beforeEach(async () => {
    page = await browser.newPage({ viewport: { width: 1600, height: 1000 }, colorScheme: "light" })
    page.on("console", (message) => told.push(message.text()))
    page.on("pageerror", (error) => told.push(error.message))
    page.on("request", (request) => requests.push(request.url()))
    await page.goto(url)
  })

  afterEach(async () => {
    await page.close()
  })

  interface View {
    readonly x: number
    readonly y: number
    readonly width: number
  }

  const view = async (): Promise<View> => {
    const text = await page.locator("#stage svg").getAttribute("viewBox")
    const [x = 0, y = 0, width = 0] = (text ?? "").split(" ").map(Number)
    return { x, y, width }
  }
  const focused = () => page.evaluate(`document.activeElement?.dataset?.resource ?? document.activeElement?.id ?? ""`)
  const panel = () => page.locator("#panel")

  it("loads without a word on the console, and asks nobody for anything", async () => {
    await page.locator("[data-resource^='data/Database']").first().click()
    expect(told).to.deep.equal([])
    expect(new Set(requests)).to.deep.equal(new Set([url]))
  })

  it("Tab goes to the buttons and then from resource to resource, and shows where it is", async () => {
    const visited: unknown[] = []
    for (let step = 0; step < 12; step += 1) {
      await page.keyboard.press("Tab")
      visited.push(await focused())
    }
    expect(visited.slice(0, 3)).to.deep.equal(["out", "in", "whole"])
    expect(visited[3]).to.equal("network/Vpc")
    expect(new Set(visited).size).to.equal(visited.length)
    const width = await page.evaluate(`getComputedStyle(document.activeElement.querySelector("rect")).strokeWidth`)
    expect(width).to.equal("4px")
  })

  it("Enter opens the resource that has the focus, with its properties; Esc closes and gives the focus back", async () => {
    const service = page.locator("[data-resource^='platform/usermetadataService'][tabindex]")
    await service.focus()
    const before = await focused()
    expect(await panel().isVisible()).to.equal(false)
    await page.keyboard.press("Enter")
    expect(await panel().isVisible()).to.equal(true)
    expect(await page.locator("#panel-title").textContent()).to.equal("user_metadata")
    expect(await focused()).to.equal("panel-title")
    const text = (await panel().textContent()) ?? ""
    expect(text).to.include("load balancer on 1010")
    expect(text).to.include("outbound: 5432 to database")
    expect(text).to.match(/"AssignPublicIp": "DISABLED"/)
    expect(text).to.match(/✓ No task is given a public address/)
    await page.keyboard.press("Escape")
    expect(await panel().isVisible()).to.equal(false)
    expect(await focused()).to.equal(before)
  })

  it("every resource that Tab reaches has a name and the role of a button", async () => {
    const resources = page.locator("#stage [tabindex='0']")
    const count = await resources.count()
    expect(count).to.be.greaterThan(50)
    for (const one of await resources.all()) {
      expect(await one.getAttribute("role")).to.equal("button")
      expect(await one.getAttribute("aria-label")).to.match(/\w/)
    }
  })

  it("a click opens a resource and lights up its own lines alone", async () => {
    await page.locator("[data-resource^='data/Database']").first().click()
    expect(await page.locator("#panel-title").textContent()).to.equal("perigee-production")
    expect(await panel().textContent()).to.match(/"StorageEncrypted": true/)
    const lit = await page.locator(".flow.own").all()
    expect(lit.length).to.be.greaterThan(3)
    for (const one of lit) expect(await one.getAttribute("data-to")).to.match(/^data\/Database/)
  })

  it("+, − and 0 zoom, arrows move, the wheel zooms at the pointer and a drag moves the picture", async () => {
    const whole = await view()
    await page.keyboard.press("+")
    await page.keyboard.press("+")
    const closer = await view()
    expect(closer.width).to.be.closeTo(whole.width / 1.25 ** 2, 0.1)
    await page.keyboard.press("-")
    expect((await view()).width).to.be.closeTo(whole.width / 1.25, 0.1)
    const before = await view()
    await page.keyboard.press("ArrowRight")
    await page.keyboard.press("ArrowDown")
    const moved = await view()
    expect(moved.x).to.be.greaterThan(before.x)
    expect(moved.y).to.be.greaterThan(before.y)
    await page.keyboard.press("0")
    expect(await view()).to.deep.equal(whole)
    await page.mouse.move(400, 500)
    await page.mouse.wheel(0, -400)
    await page.waitForFunction(`document.querySelector("#stage svg").viewBox.baseVal.width < ${whole.width}`)
    const wheeled = await view()
    await page.mouse.down()
    await page.mouse.move(500, 560, { steps: 4 })
    await page.mouse.up()
    const dragged = await view()
    expect(dragged.x).to.be.lessThan(wheeled.x)
    expect(dragged.width).to.equal(wheeled.width)
    expect(await panel().isVisible(), "the end of a drag is no click").to.equal(false)
  })

  for (const colorScheme of ["light", "dark"] as const) {
    it(`${colorScheme}: all texts have 4.5 : 1 on what is behind them, and none overlap in this machine's font`, async () => {
      await page.emulateMedia({ colorScheme })
      const texts = (await page.evaluate(READ_TEXTS)) as { text: string; ratio: number; box: Box }[]
      expect(texts.length).to.be.greaterThan(150)
      expect(texts.filter(({ ratio }) => !(ratio >= 4.5))).to.deep.equal([])
      const overlapping = texts.flatMap((one, at) =>
        texts
          .slice(at + 1)
          .filter((other) => meet(one.box, other.box))
          .map((other) => `${one.text} / ${other.text}`),
      )
      expect(overlapping).to.deep.equal([])
    })
  }

  it("dark is dark: the paper's luminance is under a tenth", async () => {
    const paper = () => page.evaluate(`getComputedStyle(document.querySelector("#stage svg .f-paper")).fill`)
    expect(await paper()).to.equal("rgb(255, 255, 255)")
    await page.emulateMedia({ colorScheme: "dark" })
    const [r = 255, g = 255, b = 255] =
      String(await paper())
        .match(/\d+/g)
        ?.map(Number) ?? []
    expect(Math.max(r, g, b)).to.be.lessThan(40)
  })
})

interface Box {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

/** Lines of a text are nearer to each other than their fonts' whole height. */
function meet(one: Box, other: Box): boolean {
  const slack = 2
  return (
    one.x < other.x + other.width &&
    other.x < one.x + one.width &&
    one.y < other.y + other.height - slack &&
    other.y < one.y + one.height - slack
  )
}

/** In the page: every text of the picture, its place, and its contrast with the last filled box below it (WCAG 2.2). */
const READ_TEXTS = `(() => {
  const luminance = (colour) => {
    const [r, g, b] = colour.match(/\\d+/g).map((one) => {
      const part = Number(one) / 255
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
    })
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const fill = (element) => getComputedStyle(element).fill
  const faces = [...document.querySelectorAll("#stage svg > rect, #stage svg rect.box")]
    .filter((face) => fill(face) !== "none")
    .map((face) => ({ face, box: face.getBBox() }))
  return [...document.querySelectorAll("#stage svg text")].map((text) => {
    const { x, y, width, height } = text.getBBox()
    const below = faces.findLast(
      ({ face, box }) =>
        face.compareDocumentPosition(text) & Node.DOCUMENT_POSITION_FOLLOWING &&
        box.x <= x && box.y <= y && box.x + box.width >= x + width && box.y + box.height >= y + height,
    )
    const [low, high] = [luminance(fill(text)), luminance(fill(below.face))].sort((a, b) => a - b)
    return { text: text.textContent, ratio: (high + 0.05) / (low + 0.05), box: { x, y, width, height } }
  })
})()`
