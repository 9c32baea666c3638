/** The service `user_metadata`: who the users of the platform are. */
import { join } from "node:path"
import type { ServiceDefinition } from "@perigee/platform/service"
import { registerUserRoutes } from "./routes.ts"

export const userMetadata: ServiceDefinition<Record<never, never>> = {
  name: "user_metadata",
  title: "user_metadata",
  description: "Users: each sees and changes only their own record, operators all.",
  port: 1010,
  schema: "users",
  role: "user_metadata",
  migrations: join(import.meta.dirname, "../migrations"),
  records: {},
  routes: registerUserRoutes,
  tasks: () => [],
}
