/** Runs in the page: pan and zoom by the SVG's viewBox, and the panel that tells of the resource that is opened. */
;(() => {
  const element = (id) => document.getElementById(id)
  const stage = element("stage")
  const panel = element("panel")
  const picture = stage.querySelector("svg")
  const details = JSON.parse(element("details").textContent)
  const whole = picture.viewBox.baseVal
  const full = { x: whole.x, y: whole.y, width: whole.width, height: whole.height }
  const view = { ...full }
  /** The closest is a tenth of the picture's width. */
  const CLOSEST = full.width / 10
  const STEP = 1.25
  /** What an arrow key moves by, as a part of what is seen. */
  const STRIDE = 0.1

  picture.removeAttribute("width")
  picture.removeAttribute("height")

  const show = () => {
    const margin = 0.5
    view.x = Math.min(Math.max(view.x, full.x - view.width * margin), full.x + full.width - view.width * margin)
    view.y = Math.min(Math.max(view.y, full.y - view.height * margin), full.y + full.height - view.height * margin)
    picture.setAttribute("viewBox", [view.x, view.y, view.width, view.height].map((one) => one.toFixed(2)).join(" "))
  }

  /** A place on the screen as one of the picture. */
  const placeOf = (clientX, clientY) => {
    const { x, y } = new DOMPoint(clientX, clientY).matrixTransform(picture.getScreenCTM().inverse())
    return { x, y }
  }

  const zoom = (by, at = { x: view.x + view.width / 2, y: view.y + view.height / 2 }) => {
    const width = Math.min(Math.max(view.width / by, CLOSEST), full.width)
    const scale = width / view.width
    view.x = at.x - (at.x - view.x) * scale
    view.y = at.y - (at.y - view.y) * scale
    view.width = width
    view.height *= scale
    show()
  }

  const move = (x, y) => {
    view.x += x
    view.y += y
    show()
  }

  const showWhole = () => {
    Object.assign(view, full)
    show()
  }

  /** Into sight, where the focus left what is seen. */
  const reveal = (resource) => {
    const box = resource.getBBox()
    const outside =
      box.x < view.x ||
      box.y < view.y ||
      box.x + Math.min(box.width, view.width) > view.x + view.width ||
      box.y + Math.min(box.height, view.height) > view.y + view.height
    if (!outside || view.width === full.width) return
    view.x = box.x + box.width / 2 - view.width / 2
    view.y = box.y + box.height / 2 - view.height / 2
    show()
  }

  let opened

  /** The list below an item, which opens by its first line. */
  const below = (item) => {
    const known = item.querySelector("ul")
    if (known !== null) return known
    const group = document.createElement("details")
    const summary = document.createElement("summary")
    summary.textContent = item.textContent
    const list = document.createElement("ul")
    group.append(summary, list)
    item.replaceChildren(group)
    return list
  }

  const listOf = (lines) => {
    const list = document.createElement("ul")
    let last
    for (const line of lines) {
      const item = document.createElement("li")
      item.textContent = line.trimStart()
      if (line.startsWith("\t") && last !== undefined) {
        below(last).append(item)
      } else {
        list.append(item)
        last = item
      }
    }
    return list
  }

  const sectionOf = ({ heading, lines, code }) => {
    const section = document.createElement("section")
    const title = document.createElement("h3")
    title.textContent = heading
    section.append(title)
    if (lines !== undefined) section.append(listOf(lines))
    if (code !== undefined) {
      const text = document.createElement("pre")
      text.textContent = code
      section.append(text)
    }
    return section
  }

  const open = (resource) => {
    const id = resource.dataset.resource
    const detail = details[id]
    if (detail === undefined) return
    opened?.classList.remove("open")
    opened = resource
    resource.classList.add("open")
    element("panel-title").textContent = detail.title
    element("panel-about").textContent = detail.about
    element("panel-sections").replaceChildren(...detail.sections.map(sectionOf))
    panel.hidden = false
    panel.scrollTop = 0
    let own = 0
    for (const flow of picture.querySelectorAll(".flow[data-kind]")) {
      const mine = flow.dataset.from === id || flow.dataset.to === id
      flow.classList.toggle("own", mine)
      if (mine) own += 1
    }
    picture.classList.toggle("chosen", own > 0)
    element("panel-title").focus()
    history.replaceState(undefined, "", `#${encodeURIComponent(id)}`)
  }

  const close = () => {
    if (panel.hidden) return
    panel.hidden = true
    picture.classList.remove("chosen")
    opened?.classList.remove("open")
    focusable(opened)?.focus()
    opened = undefined
    history.replaceState(undefined, "", location.pathname)
  }

  /** A resource may be drawn in several parts, of which the first takes the focus. */
  const focusable = (resource) =>
    resource &&
    [...picture.querySelectorAll("[tabindex='0']")].find((one) => one.dataset.resource === resource.dataset.resource)

  // By keyboard alone: under the mouse the picture stands still.
  picture.addEventListener("focusin", ({ target }) => {
    if (target !== picture && target.matches(":focus-visible")) reveal(target)
  })
  element("in").addEventListener("click", () => zoom(STEP))
  element("out").addEventListener("click", () => zoom(1 / STEP))
  element("whole").addEventListener("click", showWhole)
  element("close").addEventListener("click", close)

  const keys = {
    Escape: close,
    "+": () => zoom(STEP),
    "=": () => zoom(STEP),
    "-": () => zoom(1 / STEP),
    0: showWhole,
    ArrowLeft: () => move(-view.width * STRIDE, 0),
    ArrowRight: () => move(view.width * STRIDE, 0),
    ArrowUp: () => move(0, -view.height * STRIDE),
    ArrowDown: () => move(0, view.height * STRIDE),
  }
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const resource = event.target.closest?.(".resource")
    if (resource !== null && resource !== undefined && (event.key === "Enter" || event.key === " ")) {
      event.preventDefault()
      open(resource)
      return
    }
    // In the panel the arrows scroll, as everywhere.
    if (event.key.startsWith("Arrow") && panel.contains(event.target)) return
    const act = keys[event.key]
    if (act === undefined) return
    event.preventDefault()
    act()
  })

  stage.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault()
      zoom(Math.exp(-event.deltaY / 400), placeOf(event.clientX, event.clientY))
    },
    { passive: false },
  )

  /** Fingers and buttons that are down: one moves the picture, two zoom it as well. */
  const pointers = new Map()
  let travelled = 0
  const between = () => {
    const [one, other] = [...pointers.values()]
    return Math.hypot(one.x - other.x, one.y - other.y)
  }
  stage.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return
    pointers.set(event.pointerId, { x: event.clientX, y: event.clientY })
    travelled = 0
  })
  window.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId)
    if (before === undefined) return
    const apart = pointers.size === 2 ? between() : 0
    const from = placeOf(before.x, before.y)
    const to = placeOf(event.clientX, event.clientY)
    travelled += Math.hypot(event.clientX - before.x, event.clientY - before.y)
    pointers.set(event.pointerId, { x: event.clientX, y: event.clientY })
    if (pointers.size === 2 && apart > 0) zoom(between() / apart, to)
    else move(from.x - to.x, from.y - to.y)
    stage.classList.add("moving")
  })
  const released = ({ pointerId }) => {
    pointers.delete(pointerId)
    stage.classList.remove("moving")
  }
  window.addEventListener("pointerup", released)
  window.addEventListener("pointercancel", released)
  stage.addEventListener("click", ({ target }) => {
    // The end of a drag is no click.
    if (travelled > 4) return
    const resource = target.closest(".resource")
    if (resource !== null) open(resource)
  })

  const asked = decodeURIComponent(location.hash.slice(1))
  const first = [...picture.querySelectorAll("[tabindex='0']")].find(({ dataset }) => dataset.resource === asked)
  if (first !== undefined) open(first)
})()
