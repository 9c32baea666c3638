/** What the instances of the service do on the side: give back seats of lapsed holds, forget what is old. */
import type { Context, Task } from "@perigee/platform/service"
import { Gauge } from "prom-client"
import type { HOLDS } from "./hold.ts"
import { SeatStore } from "./store.ts"

export function sweeping({ database, configs, metrics }: Context<{ readonly holds: typeof HOLDS }>): readonly Task[] {
  const seats = new SeatStore(database)
  const swept = new Gauge({
    name: "sweep_last_success_timestamp_seconds",
    help: "When this instance last swept lapsed holds",
    registers: [metrics.registry],
  })
  return [
    {
      name: "sweep",
      every: () => configs.get("holds").sweepSeconds * 1000,
      run: async () => {
        await seats.sweep()
        swept.setToCurrentTime()
      },
    },
  ]
}
