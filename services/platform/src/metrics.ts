/** Metrics in Prometheus' text format: the process, the requests by route, the pool, the settings in use. */
import { collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client"

/** Seconds; the services answer in milliseconds, and give up after some seconds. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

export class Metrics {
  readonly registry = new Registry()
  readonly #requests: Histogram<"method" | "route" | "status">

  /**
   * @param service label of every metric
   * @param connections of the pool, now
   * @param versions of the settings, now
   */
  constructor(
    service: string,
    connections: () => { total: number; idle: number; waiting: number },
    versions: () => Readonly<Record<string, number>>,
  ) {
    const registers = [this.registry]
    this.registry.setDefaultLabels({ service })
    collectDefaultMetrics({ register: this.registry })
    this.#requests = new Histogram({
      name: "http_request_duration_seconds",
      help: "From the first byte of a request's head to the end of its answer",
      labelNames: ["method", "route", "status"],
      buckets: BUCKETS,
      registers,
    })
    new Gauge({
      name: "database_connections",
      help: "Connections of the pool by state; waiting counts requests without one",
      labelNames: ["state"],
      registers,
      collect() {
        for (const [state, count] of Object.entries(connections())) this.set({ state }, count)
      },
    })
    new Gauge({
      name: "service_config_version",
      help: "Version of each settings record in use; 0 is the built-in one",
      labelNames: ["record"],
      registers,
      collect() {
        for (const [record, version] of Object.entries(versions())) this.set({ record }, version)
      },
    })
  }

  /**
   * @param route its pattern, never the path itself: a path may name somebody, and each one would be a series
   * @param seconds it took
   */
  request(method: string, route: string, status: number, seconds: number): void {
    this.#requests.observe({ method, route, status }, seconds)
  }
}
