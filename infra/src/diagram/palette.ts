/** Colours, for light and for dark: the AWS icons' own hues for lines, lightened in the dark; all text has 4.5 : 1 and more. */

export type Theme = "light" | "dark"

/** What a text, a line or a face may be coloured with. */
export interface Palette {
  readonly ink: string
  readonly muted: string
  readonly paper: string
  /** Faces of nodes and tables. */
  readonly card: string
  readonly line: string
  readonly account: string
  readonly region: string
  readonly vpc: string
  readonly zone: string
  readonly public: string
  readonly publicFace: string
  readonly private: string
  readonly privateFace: string
  readonly workload: string
  readonly database: string
  readonly security: string
  readonly storage: string
  readonly management: string
  readonly ingress: string
  readonly request: string
  readonly data: string
  readonly endpoint: string
  readonly egress: string
  readonly entrance: string
  readonly other: string
}

export type Colour = keyof Palette

export const PALETTES: Readonly<Record<Theme, Palette>> = {
  light: {
    ink: "#1b2530",
    muted: "#566370",
    paper: "#ffffff",
    card: "#ffffff",
    line: "#cfd6dd",
    account: "#1b2530",
    region: "#007a7c",
    vpc: "#7334e0",
    zone: "#007a7c",
    public: "#4c7209",
    publicFace: "#f3f7e9",
    private: "#00757a",
    privateFace: "#eaf6f6",
    workload: "#b45200",
    database: "#a31aad",
    security: "#c1213c",
    storage: "#4c7209",
    management: "#c7095c",
    ingress: "#15803d",
    request: "#15803d",
    data: "#1d4ed8",
    endpoint: "#7334e0",
    egress: "#c2280b",
    entrance: "#66717d",
    other: "#b8006e",
  },
  dark: {
    ink: "#e8edf2",
    muted: "#a3b0bd",
    paper: "#0e141b",
    card: "#161f29",
    line: "#384654",
    account: "#c9d3dc",
    region: "#3fc1c0",
    vpc: "#b48cff",
    zone: "#3fc1c0",
    public: "#a3cf57",
    publicFace: "#151f12",
    private: "#4cc9cb",
    privateFace: "#0f2023",
    workload: "#ff9d4d",
    database: "#ee83f5",
    security: "#ff7d8e",
    storage: "#a3cf57",
    management: "#ff72ae",
    ingress: "#4ade80",
    request: "#4ade80",
    data: "#8ab4ff",
    endpoint: "#b48cff",
    egress: "#ff8a65",
    entrance: "#9aa7b4",
    other: "#ff7ac6",
  },
}

export const COLOURS = Object.keys(PALETTES.light) as readonly Colour[]
