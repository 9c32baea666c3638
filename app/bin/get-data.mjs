#!/usr/bin/env node
/** `npx get-data` from a checkout: the TypeScript entry, run as it is by the project's own Node 24. */
import "../../scripts/require-node24.mjs"

await import("../src/get-data.ts")
