/** The picture as PNG, without a browser: the same pixels everywhere, since the font is a dependency. */
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { Resvg } from "@resvg/resvg-js"

/** Pixels a px of the scene: production has about 180 dots an inch on A3, and less than a megabyte. */
const SCALE = 1.25

const fonts = dirname(createRequire(import.meta.url).resolve("@expo-google-fonts/inter/package.json"))
export const FONT_FILES = ["400Regular/Inter_400Regular.ttf", "600SemiBold/Inter_600SemiBold.ttf"].map((file) =>
  join(fonts, file),
)

/** @param svg of one theme: resvg knows no media queries */
export function png(svg: string): Uint8Array {
  return new Resvg(svg, {
    fitTo: { mode: "zoom", value: SCALE },
    font: { loadSystemFonts: false, fontFiles: FONT_FILES, defaultFontFamily: "Inter", sansSerifFamily: "Inter" },
  })
    .render()
    .asPng()
}
