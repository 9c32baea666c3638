/** One action of ECS' API: what came in, and what is answered; errors are thrown. */
import type { Fleet } from "../fleet.ts"

export interface Asking {
  readonly fleet: Fleet
  /** The emulator's own answer to the very call, which was allowed there. */
  readonly passed: { readonly status: number; readonly body: Readonly<Record<string, unknown>> }
}

/** @throws EcsError */
export type Action<Input> = (input: Input, asking: Asking) => Promise<object>
